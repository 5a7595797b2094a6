"""The same API, awaitable: every call runs in a thread, and there is no second implementation.

    async with await voipkit.aio.open_provider("telnyx", {...}) as carrier:
        test = await carrier.test_credentials()
        async for number in carrier.list_numbers():
            ...

It runs under asyncio and trio (anyio). A thread cannot be interrupted, so a cancelled call is waited for: a listing
until its present page has come, which `HttpOptions.deadline` bounds; an import until its last number is written, so
that no write is left half observed. Import in portions where that is too long. A listing that is left early is best
put in ``async with contextlib.aclosing(carrier.list_numbers()) as numbers``: trio insists on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar

from voipkit import registry
from voipkit.adapting.dialin import verify_watched
from voipkit.adapting.transport import HttpOptions
from voipkit.errors import MissingExtra, Unsupported
from voipkit.models import (
    CredentialTest,
    ImportReport,
    NameSuggestion,
    NumberVerification,
    OnConflict,
    ProviderInfo,
    ProviderNumber,
    Route,
    RoutingSnapshot,
)
from voipkit.protocols import InboundWitness, Provider, SupportsRestore

if TYPE_CHECKING:
    from voipkit.service import ConnectionService

__all__ = ["AsyncConnectionService", "AsyncProvider", "open_provider"]

P = ParamSpec("P")
T = TypeVar("T")

_BATCH = 250  # items carried over from the thread at once: a hop costs about 50 µs, an item far less
_GLANCE = 0.01  # seconds between two looks at whether a cancelled call's thread is done
_PATIENCE = 0.05  # seconds after which a batch is carried over as it is: slow items are passed on, and a cancel is seen


async def open_provider(
    name: str,
    credentials: Mapping[str, Any],
    *,
    sip_config: Mapping[str, Any] | None = None,
    setup_method: str | None = None,
    http: HttpOptions | None = None,
) -> AsyncProvider:
    """Open a carrier account; see `voipkit.open_provider`, whose arguments and errors these are."""
    masked, credentials = registry.masked(credentials), {}
    masked_sip, sip_config = registry.masked({} if sip_config is None else sip_config), None
    opened = await _in_thread(
        partial(registry.open_provider, name, masked, sip_config=masked_sip, setup_method=setup_method, http=http)
    )
    return AsyncProvider(opened)


class AsyncProvider:
    """An opened carrier whose methods are awaited.

    Attributes:
        sync: The carrier itself.
    """

    def __init__(self, sync: Provider) -> None:
        self.sync = sync

    @property
    def info(self) -> ProviderInfo:
        """What is known of the carrier."""
        return self.sync.info

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<async {self.sync!r}>"

    async def test_credentials(self) -> CredentialTest:
        """See `Provider.test_credentials`."""
        return await _in_thread(self.sync.test_credentials)

    async def suggest_name(self) -> NameSuggestion:
        """See `Provider.suggest_name`."""
        return await _in_thread(self.sync.suggest_name)

    def list_numbers(self) -> AsyncIterator[ProviderNumber]:
        """See `Provider.list_numbers`; pages are fetched while one iterates."""
        return _carried_over(self.sync.list_numbers)

    async def import_numbers(
        self,
        numbers: Iterable[str | ProviderNumber],
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
    ) -> ImportReport:
        """See `Provider.import_numbers`."""
        return await _in_thread(partial(self.sync.import_numbers, numbers, route, on_conflict, dry_run))

    async def verify_number(
        self, number: str, route: Route | None = None, *, witness: InboundWitness | None = None
    ) -> NumberVerification:
        """See `Provider.verify_number`, and with a witness `SupportsDialIn.verify_number`.

        Raises:
            Unsupported: A witness was given, and the carrier cannot have a call placed.
        """
        return await _in_thread(partial(verify_watched, self.sync, number, route, witness))

    def verify_numbers(
        self, numbers: Iterable[str | ProviderNumber], route: Route | None = None
    ) -> AsyncIterator[NumberVerification]:
        """See `Provider.verify_numbers`."""
        return _carried_over(partial(self.sync.verify_numbers, numbers, route))

    async def restore_numbers(self, snapshot: RoutingSnapshot) -> ImportReport:
        """See `SupportsRestore.restore_numbers`.

        Raises:
            Unsupported: The carrier cannot restore.
        """
        if not isinstance(self.sync, SupportsRestore):
            raise Unsupported(f"{self.info.label} cannot restore routing.", fix="Put it back in the carrier's console.")
        return await _in_thread(partial(self.sync.restore_numbers, snapshot))

    async def close(self) -> None:
        """Close the connections."""
        await _in_thread(self.sync.close)


class AsyncConnectionService:
    """A `voipkit.ConnectionService` whose methods are awaited; arguments, answers and errors are the same.

        service = voipkit.aio.AsyncConnectionService(ConnectionService(store, keys))
        page = await service.numbers("acme")

    A cancelled call is waited for, as everywhere in this module. ``run_job`` takes a thread for as long as it lasts.

    Attributes:
        sync: The service itself.
    """

    def __init__(self, sync: ConnectionService) -> None:
        self.sync = sync
        self.test = _awaitable(sync.test)
        self.suggest_name = _awaitable(sync.suggest_name)
        self.create = _awaitable(sync.create)
        self.get = _awaitable(sync.get)
        self.list = _awaitable(sync.list)
        self.update = _awaitable(sync.update)
        self.retest = _awaitable(sync.retest)
        self.delete = _awaitable(sync.delete)
        self.set_default_outbound = _awaitable(sync.set_default_outbound)
        self.provider_metadata = _awaitable(sync.provider_metadata)
        self.available_numbers = _awaitable(sync.available_numbers)
        self.import_numbers = _awaitable(sync.import_numbers)
        self.verify_number = _awaitable(sync.verify_number)
        self.start_import = _awaitable(sync.start_import)
        self.start_verification = _awaitable(sync.start_verification)
        self.run_job = _awaitable(sync.run_job)
        self.job = _awaitable(sync.job)
        self.jobs = _awaitable(sync.jobs)
        self.job_items = _awaitable(sync.job_items)
        self.cancel_job = _awaitable(sync.cancel_job)
        self.numbers = _awaitable(sync.numbers)
        self.number = _awaitable(sync.number)
        self.update_number = _awaitable(sync.update_number)
        self.release_number = _awaitable(sync.release_number)
        self.transfer_number = _awaitable(sync.transfer_number)
        self.number_versions = _awaitable(sync.number_versions)
        self.capacity = _awaitable(sync.capacity)
        self.warnings = _awaitable(sync.warnings)
        self.audit = _awaitable(sync.audit)
        self.recover = _awaitable(sync.recover)
        self.maintain = _awaitable(sync.maintain)
        self.close = _awaitable(sync.close)

    def __repr__(self) -> str:
        return f"<async {self.sync!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _awaitable(method: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """Return the same method, done in a thread; credentials among its arguments are hidden from every frame."""

    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        hidden = partial(method, *map(_hidden, args), **{name: _hidden(value) for name, value in kwargs.items()})
        del args, kwargs  # a traceback may show them
        return await _in_thread(hidden)

    return call


def _hidden(value: Any) -> Any:
    return registry.masked(value) if isinstance(value, Mapping) else value


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        from anyio import get_cancelled_exc_class, to_thread
    except ImportError as error:
        raise MissingExtra("voipkit.aio needs anyio.", fix="pip install anyio") from error
    job = _Job(work)
    try:
        return await to_thread.run_sync(job.run)
    except get_cancelled_exc_class():
        # anyio holds back its own cancellation until the thread is done, but not asyncio's (asyncio.timeout,
        # Task.cancel): that would leave an import writing unobserved, and close the carrier under its feet.
        await job.settled()
        raise


class _Job(Generic[T]):
    """Work for a thread, which either never begins or is waited for."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._claim = threading.Lock()
        self._done = threading.Event()

    def run(self) -> T:
        """Do the work."""
        if not self._claim.acquire(blocking=False):
            raise RuntimeError("cancelled before it began")  # nobody waits for it any more
        try:
            return self._work()
        finally:
            self._done.set()

    async def settled(self) -> None:
        """Wait until the work is done, or see to it that it never begins."""
        from anyio import CancelScope, get_cancelled_exc_class, sleep

        if self._claim.acquire(blocking=False):
            return
        while not self._done.is_set():
            with suppress(get_cancelled_exc_class()), CancelScope(shield=True):
                await sleep(_GLANCE)


async def _carried_over(start: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
    """Iterate in threads, a batch a hop; an error comes after the items that were fetched before it."""
    held = [await _in_thread(start)]  # in a list, so that a thread can drop the last reference: see `_let_go`
    try:
        while True:
            batch, error = await _in_thread(partial(_next_batch, held))
            for item in batch:
                yield item
            if error is not None:
                raise error
            if not batch:
                return
    finally:
        await _closed(held)


async def _closed(held: list[Iterator[T]]) -> None:
    """Close a generator that was left early in a thread too: it waits for the pages that it has asked for."""
    from anyio import CancelScope

    with CancelScope(shield=True):
        await _in_thread(partial(_let_go, held))


def _let_go(held: list[Iterator[T]]) -> None:
    """Close an iterator and drop it: one without ``close``, such as a ``map``, closes what it iterates over then."""
    iterator = held.pop()
    close = getattr(iterator, "close", None)
    if close is not None:
        close()


def _next_batch(held: list[Iterator[T]]) -> tuple[list[T], Exception | None]:
    (iterator,) = held
    batch: list[T] = []
    began = time.monotonic()
    try:
        for item in islice(iterator, _BATCH):
            batch.append(item)
            if time.monotonic() - began > _PATIENCE:
                break
    except Exception as error:
        return batch, error
    return batch, None
