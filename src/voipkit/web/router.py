"""`create_router`: the routes of `voipkit.service.ConnectionService`, for a FastAPI application of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from voipkit.errors import ConfigurationError, VoipkitError
from voipkit.service import ConnectionService
from voipkit.web import connections, examples, numbers, overview
from voipkit.web.calls import Call, Threads

__all__ = ["MOST_BYTES", "create_router"]

MOST_BYTES = 4 * 1024 * 1024
"""Longest body, in bytes, unless the host says otherwise."""
_STORE_THREADS = 12  # fewer than the 15 connections that SQLAlchemy keeps for a database
_CARRIER_THREADS = 40  # AnyIO's own default
_LONGEST_TENANT = 200  # characters, as in the store

Dependency = Callable[..., Any]
"""A FastAPI dependency: a function, async or not, or a class, whose own parameters FastAPI fills in."""


def create_router(
    service: ConnectionService,
    *,
    authenticate: Dependency | None = None,
    tenant: Dependency | None = None,
    most_bytes: int = MOST_BYTES,
    store_threads: int = _STORE_THREADS,
    carrier_threads: int = _CARRIER_THREADS,
) -> APIRouter:
    """Return a router with the operations of docs/coverage.md; include it in an application, with a prefix if you like.

    Errors are answered as problem details (RFC 9457) by the routes themselves. What the host's own dependencies raise,
    such as an `HTTPException` with status 401, is left to the host.

    Args:
        service: What does the work.
        authenticate: The host's dependency that lets a request in or raises. What it returns, where that is text, is
            who asks (``actor``) in the audit log and in version histories.
        tenant: The host's dependency that says whose request it is: an opaque text of 1 to 200 characters. It runs
            after ``authenticate``.
        most_bytes: Longest body that is read.
        store_threads: How many requests work on the store at once, in one process; the others queue.
        carrier_threads: How many wait for carriers at once.

    Raises:
        ConfigurationError: One of the two dependencies is missing: no router is open to everybody by accident.
    """
    missing = [name for name, given in (("authenticate", authenticate), ("tenant", tenant)) if given is None]
    if missing or authenticate is None or tenant is None:
        raise ConfigurationError(
            f"create_router was given no {' and no '.join(missing)}.",
            fix="Pass your FastAPI dependencies: authenticate= lets a request in, tenant= says whose it is.",
        )
    store, carriers = Threads(store_threads), Threads(carrier_threads)

    async def identify(
        request: Request,
        actor: Any = Depends(authenticate),  # noqa: B008 - an annotation could not name what create_router was given
        org_id: Any = Depends(tenant),  # noqa: B008
    ) -> None:
        who = actor if isinstance(actor, str) else None
        request.state.voipkit = Call(service, _tenant(org_id), who, store, carriers, most_bytes)

    router = APIRouter(dependencies=[Depends(identify)], responses=examples.problems(422, 503))
    for routes in (connections.routes, numbers.routes, overview.routes):
        router.include_router(routes)
    return router


def _tenant(org_id: object) -> str:
    if isinstance(org_id, str) and 1 <= len(org_id) <= _LONGEST_TENANT:
        return org_id
    raise VoipkitError(
        "The host's tenant dependency did not return a tenant.",
        fix=f"Return a text of 1 to {_LONGEST_TENANT} characters, or raise an HTTPException.",
    )
