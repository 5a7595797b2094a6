"""A backend of a voice product that lets its customers bring their own carrier, with voipkit's router inside.

    export VOIPKIT_SECRET_KEY=$(voipkit evidence keygen)
    export VOIPKIT_DATABASE_URL=postgresql://host/name    # left out: SQLite in your data folder
    voipkit db upgrade
    uvicorn --factory examples.fastapi_host:host

The host's part is three functions: who is calling (`signed_in`), for which organization (`organization`), and who may
move a number between two of them (`may_transfer`). What is kept in dictionaries here is in your own tables there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from anyio import create_task_group, sleep, to_thread
from fastapi import Depends, FastAPI, Header, HTTPException

from voipkit import HttpOptions
from voipkit.errors import VoipkitError
from voipkit.evidence import KeyRing
from voipkit.models import Event
from voipkit.service import ConnectionService, Transfer
from voipkit.store import SqlStore
from voipkit.web import create_router

log = logging.getLogger("host")

SESSIONS = {"token-of-ada": "ada", "token-of-grace": "grace"}
ADMINS = {"acme": {"ada"}, "globex": {"ada", "grace"}}


# --- the host's part -------------------------------------------------------------------------------------------------


async def signed_in(authorization: Annotated[str, Header()] = "") -> str:
    """Let a request in, and say who it is: that name stands in the audit log."""
    user = SESSIONS.get(authorization.removeprefix("Bearer "))
    if user is None:
        raise HTTPException(401, "Sign in first.", headers={"WWW-Authenticate": "Bearer"})
    return user


async def organization(user: Annotated[str, Depends(signed_in)], x_organization: Annotated[str, Header()]) -> str:
    """Say whose request it is; never believe the header alone."""
    if user not in ADMINS.get(x_organization, ()):
        raise HTTPException(403, "You are no administrator of that organization.")
    return x_organization


def may_transfer(transfer: Transfer) -> bool:
    """Allow moving a number only to who administers both sides; asked once for each."""
    return transfer.actor in ADMINS.get(transfer.org_id, ())


def happened(event: Event) -> None:
    """Hear of everything, after it was saved: refresh a dashboard, write to a customer."""
    log.info("%s in %s by %s", event.type, event.org_id, event.actor)


# --- putting it together ---------------------------------------------------------------------------------------------


def make_service() -> ConnectionService:
    """Build the service from the environment; one for the whole process."""
    return ConnectionService(
        SqlStore(os.environ.get("VOIPKIT_DATABASE_URL")),
        KeyRing.from_env(),
        http=HttpOptions(base_url=os.environ.get("VOIPKIT_BASE_URL")),  # None: the real carriers
        authorize_transfer=may_transfer,
        on_event=happened,
    )


def host() -> FastAPI:
    """Include the router beside the host's own routes."""
    service = make_service()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with create_task_group() as tasks:
            tasks.start_soon(look_after, service)
            yield
            tasks.cancel_scope.cancel()

    app = FastAPI(title="A voice product", lifespan=lifespan)
    app.include_router(create_router(service, authenticate=signed_in, tenant=organization), prefix="/telephony")

    @app.get("/agents")
    def agents() -> list[str]:
        return ["front desk", "support"]

    return app


async def look_after(service: ConnectionService) -> None:
    """Finish what a crash left, and destroy credentials past their grace time: at the start, then every minute."""
    while True:
        try:
            await to_thread.run_sync(service.recover)
            await to_thread.run_sync(service.maintain)
        except VoipkitError as error:
            log.warning("The next round may be luckier: %s", error)
        await sleep(60)
