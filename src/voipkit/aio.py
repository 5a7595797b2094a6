"""The same API, awaitable: every call runs in a thread, and there is no second implementation.

    async with await voipkit.aio.open_provider("telnyx", {...}) as carrier:
        test = await carrier.test_credentials()
        async for number in carrier.list_numbers():
            ...

It runs under asyncio and trio (anyio). A cancelled call ends when its present request ends, which
`HttpOptions.deadline` bounds; a cancelled import therefore never leaves a write half observed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Self, TypeVar

from voipkit import registry
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
from voipkit.protocols import Provider, SupportsRestore

__all__ = ["AsyncProvider", "open_provider"]

T = TypeVar("T")

_BATCH = 250  # items carried over from the thread at once: a hop costs about 50 µs, an item far less


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
    masked_sip, sip_config = registry.masked(sip_config or {}), None
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

    async def verify_number(self, number: str, route: Route | None = None) -> NumberVerification:
        """See `Provider.verify_number`."""
        return await _in_thread(partial(self.sync.verify_number, number, route))

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


async def _in_thread(work: Callable[[], T]) -> T:
    try:
        from anyio import to_thread
    except ImportError as error:
        raise MissingExtra("voipkit.aio needs anyio.", fix="pip install anyio") from error
    return await to_thread.run_sync(work)


async def _carried_over(start: Callable[[], Iterator[T]]) -> AsyncIterator[T]:
    """Iterate in threads, a batch a hop; an error comes after the items that were fetched before it."""
    iterator = await _in_thread(start)
    while True:
        batch, error = await _in_thread(partial(_next_batch, iterator))
        for item in batch:
            yield item
        if error is not None:
            raise error
        if not batch:
            return


def _next_batch(iterator: Iterator[T]) -> tuple[list[T], Exception | None]:
    batch: list[T] = []
    try:
        for item in islice(iterator, _BATCH):
            batch.append(item)  # noqa: PERF402 - what came before an error is kept
    except Exception as error:
        return batch, error
    return batch, None
