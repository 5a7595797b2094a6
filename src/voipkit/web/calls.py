"""One request as the routes see it: whose it is, and the threads that its work runs in.

The service blocks: on the database for milliseconds, on a carrier for up to a minute. Neither happens on the event
loop. Work that asks a carrier has threads of its own, so that a slow carrier does not keep listings waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from fastapi import Depends, Request

from voipkit.service import ConnectionService

__all__ = ["Asked", "Call", "Threads"]

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A number of threads; what finds none free queues."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._limiter: RunVar[CapacityLimiter] = RunVar("voipkit.web.threads")  # a limiter is one event loop's

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work."""
        try:
            limiter = self._limiter.get()
        except LookupError:
            limiter = CapacityLimiter(self._size)
            self._limiter.set(limiter)
        return await to_thread.run_sync(work, limiter=limiter)


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a tenant.

    Attributes:
        service: What does the work.
        org_id: The tenant, as the host says.
        actor: Who asks, as the host says, or None.
        store_threads: For work on the store.
        carrier_threads: For work that waits for a carrier.
        most_bytes: Longest body that is read.
    """

    service: ConnectionService
    org_id: str
    actor: str | None
    store_threads: Threads
    carrier_threads: Threads
    most_bytes: int

    async def stored(self, work: Callable[Concatenate[str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what needs the store alone, for this tenant, in a thread."""
        return await self.store_threads.run(partial(work, self.org_id, *args, **kwargs))

    async def carried(self, work: Callable[Concatenate[str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what asks a carrier, for this tenant, in a thread."""
        return await self.carrier_threads.run(partial(work, self.org_id, *args, **kwargs))


async def _call(request: Request) -> Call:
    call: Call = request.state.voipkit
    return call


Asked = Annotated[Call, Depends(_call)]
"""The request at hand; a dependency of the whole router has identified it before any endpoint runs."""
