"""An application that runs by itself, for one tenant and with one token: what `voipkit serve` runs."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Annotated

from anyio import create_task_group, sleep, to_thread
from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr
from starlette.exceptions import HTTPException

import voipkit
from voipkit.errors import ConfigurationError, VoipkitError
from voipkit.service import ConnectionService
from voipkit.web import examples
from voipkit.web.problem import Refused, made, respond
from voipkit.web.router import MOST_BYTES, create_router

__all__ = ["SHORTEST_TOKEN", "create_app"]

SHORTEST_TOKEN = 16
"""Characters that a token has at least."""
_ROUND = 60.0  # seconds between two rounds of recovery
_BEARER = HTTPBearer(auto_error=False, description="The token that `voipkit serve` was given, or printed.")
_LOG = logging.getLogger("voipkit.web")


def create_app(
    service: ConnectionService,
    *,
    token: SecretStr,
    org_id: str = "default",
    most_bytes: int = MOST_BYTES,
) -> FastAPI:
    """Return an application with every route of `create_router`, behind one bearer token (RFC 6750).

    Args:
        service: What does the work.
        token: What clients send as ``Authorization: Bearer <token>``.
        org_id: The tenant that everything belongs to.
        most_bytes: Longest body that is read.

    Raises:
        ConfigurationError: The token is too short.
    """
    if len(token.get_secret_value()) < SHORTEST_TOKEN:
        raise ConfigurationError(
            f"The token has fewer than {SHORTEST_TOKEN} characters.", fix="Choose a longer one, at random."
        )
    app = FastAPI(
        title="voipkit",
        version=voipkit.__version__,
        summary="Let your customers bring their own phone carrier.",
        lifespan=_looked_after(service),
        docs_url=None,  # FastAPI's pages load scripts from elsewhere, and people type the token into them
        redoc_url=None,
    )

    async def authenticate(bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> str:
        given = bearer.credentials if bearer else ""
        if not hmac.compare_digest(given.encode(), token.get_secret_value().encode()):
            raise Refused(
                401,
                "unauthenticated",
                "The request has no valid bearer token.",
                fix="Send Authorization: Bearer <token>.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return "token"

    async def tenant() -> str:
        return org_id

    router = create_router(service, authenticate=authenticate, tenant=tenant, most_bytes=most_bytes)
    app.include_router(router, responses=examples.problems(401))
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    return app


# --- looking after what a crash left ---------------------------------------------------------------------------------


def _looked_after(service: ConnectionService) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with create_task_group() as tasks:
            tasks.start_soon(_look_after, service)
            yield
            tasks.cancel_scope.cancel()

    return lifespan


async def _look_after(service: ConnectionService) -> None:
    """Finish what a crash left and destroy credentials past their grace time, now and every minute."""
    while True:
        for work in (service.recover, service.maintain):
            try:
                await to_thread.run_sync(work)
            except VoipkitError as error:  # such as a store that cannot be asked now: the next round may be luckier
                _LOG.warning("%s did not end: %s", work.__name__, error)
            except Exception:  # a mistake of ours there must not end the server
                _LOG.exception("%s failed", work.__name__)
        await sleep(_ROUND)


# --- what is not a route's error -------------------------------------------------------------------------------------


async def _refused(_request: Request, error: Exception) -> Response:
    """Answer an unknown path or method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    return respond(made(status, status.name.lower(), f"{status.phrase}."), dict(error.headers or {}))


async def _failed(_request: Request, _error: Exception) -> Response:
    """Answer a mistake of ours; the server logs it, and the client learns nothing of it."""
    return respond(made(500, "internal_error", "Something went wrong in this server; its log says what."))
