"""Every page of a listing, lazily, and none of them twice.

Two kinds of paging exist: a cursor leads from page to page (`by_cursor`), or pages have numbers and the first one says
how many there are (`by_number`, which fetches the rest in parallel). Both keep one page in memory, drop what a page
repeats of the one before it (a number bought meanwhile shifts the edge), and end in an error where a carrier would
have them run for ever or stop too early.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from voipkit.errors import UnexpectedResponse

__all__ = ["Page", "by_cursor", "by_number"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page.

    Attributes:
        items: What it holds.
        next: The next page's cursor, for `by_cursor`; None on the last page.
        pages: How many pages there are, for `by_number`; None where the carrier does not say.
        total: How many items there are, where the carrier says so.
    """

    items: Sequence[T]
    next: str | None = None
    pages: int | None = None
    total: int | None = None


class _Walk(Generic[T]):
    """Remembers just enough of a listing to notice repetition and loss."""

    def __init__(self, provider: str, key: Callable[[T], Hashable]) -> None:
        self._provider = provider
        self._key = key
        self._previous: set[Hashable] = set()
        self._starts: set[Hashable] = set()
        self._yielded = 0

    def fresh(self, page: Page[T]) -> Iterator[T]:
        keys = [self._key(item) for item in page.items]
        if keys and (keys[0] in self._starts or self._previous.issuperset(keys)):
            raise self._error("a page of the listing was given twice")
        if keys:
            self._starts.add(keys[0])
        seen = self._previous
        self._previous = set(keys)
        for item, item_key in zip(page.items, keys, strict=True):
            if item_key not in seen:
                self._yielded += 1
                yield item

    def finish(self, total: int | None) -> None:
        if total is not None and self._yielded < total:
            raise self._error(f"the listing ended after {self._yielded} of {total} items")

    def _error(self, what: str) -> UnexpectedResponse:
        return UnexpectedResponse(
            f"The carrier's paging cannot be trusted: {what}.",
            provider=self._provider,
            operation="list_numbers",
            retryable=True,
            fix="List again: the account may have changed meanwhile. If it lasts, report it to the carrier.",
        )


def by_cursor(provider: str, fetch: Callable[[str | None], Page[T]], *, key: Callable[[T], Hashable]) -> Iterator[T]:
    """Yield every item of a listing whose pages name their successor.

    Args:
        provider: The carrier's id, for errors.
        fetch: Gets the page of a cursor; None is the first page.
        key: What tells two items apart.

    Yields:
        Each item once.

    Raises:
        UnexpectedResponse: A page or a cursor was given twice, or items are missing.
    """
    walk = _Walk(provider, key)
    cursors: set[str] = set()
    page = fetch(None)
    while True:
        yield from walk.fresh(page)
        if page.next is None:
            walk.finish(page.total)
            return
        if page.next in cursors:
            raise UnexpectedResponse(
                "The carrier's paging runs in a circle: it named the same next page twice.",
                provider=provider,
                operation="list_numbers",
                fix="Report it to the carrier.",
            )
        cursors.add(page.next)
        page = fetch(page.next)


def by_number(
    provider: str, fetch: Callable[[int], Page[T]], *, size: int, key: Callable[[T], Hashable], workers: int
) -> Iterator[T]:
    """Yield every item of a listing whose pages are numbered from 1.

    Args:
        provider: The carrier's id, for errors.
        fetch: Gets the page of a number; called from several threads once page 1 has said how many there are.
        size: Items asked for on each page; a shorter page is the last one where the carrier does not count pages.
        key: What tells two items apart.
        workers: Pages in flight at once, and so at most that many in memory.

    Yields:
        Each item once, in the carrier's order.

    Raises:
        UnexpectedResponse: A page was given twice, or items are missing.
    """
    walk = _Walk(provider, key)
    page = fetch(1)
    if page.pages is None:
        number = 1
        while True:
            yield from walk.fresh(page)
            if len(page.items) < size:
                return walk.finish(page.total)
            number += 1
            page = fetch(number)
    total = page.total
    rest = _ahead(fetch, range(2, page.pages + 1), workers)
    try:
        yield from walk.fresh(page)
        for later in rest:
            yield from walk.fresh(later)
            # The smallest count seen: a number bought meanwhile may sit on a page that was read before.
            total = min((count for count in (total, later.total) if count is not None), default=None)
    finally:
        rest.close()
    return walk.finish(total)


def _ahead(fetch: Callable[[int], Page[T]], numbers: range, workers: int) -> Generator[Page[T]]:
    """Yield pages in order while up to ``workers`` later ones are being fetched."""
    if not numbers:
        return
    pool = ThreadPoolExecutor(max_workers=min(workers, len(numbers)), thread_name_prefix="voipkit-page")
    waiting: deque[Future[Page[T]]] = deque()
    todo = iter(numbers)
    try:
        for number in todo:
            waiting.append(pool.submit(fetch, number))
            if len(waiting) >= workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
