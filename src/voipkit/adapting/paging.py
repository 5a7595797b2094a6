"""Every page of a listing, lazily, and no item twice.

Two kinds of paging exist: a cursor leads from page to page (`by_cursor`), or pages have numbers and the first one says
how many there are (`by_number`, which fetches the rest in parallel). Both keep a few pages in memory, and end in an
error where a carrier would have them run for ever or stop too early.

What was yielded is remembered, about 20 bytes an item, and not only for the page before: when many numbers are bought
at once, or the carrier's order is not stable, an item comes back pages later; counted twice it would also hide that
another one is missing.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

from voipkit.errors import UnexpectedResponse

__all__ = ["Page", "by_cursor", "by_number"]

T = TypeVar("T")

_MOST_EMPTY = 20  # in a row; a filter may leave a page empty, but a pager that never ends gives nothing else


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


class _Seen:
    """A set of keys as 64-bit hashes in one array: 16 to 32 bytes each, where a set of texts takes 120.

    Two keys of 100,000 share a hash with a chance of 1 in 3 thousand million; the carrier's count would show it.
    """

    def __init__(self) -> None:
        self._table = array("q", [0]) * 1024  # open addressing; 0 is a free place
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: Hashable) -> bool:
        mark = _mark(key)
        return self._table[self._place(mark)] == mark

    def add(self, key: Hashable) -> bool:
        """Add a key; say whether it was not there before."""
        mark = hash(key) or 1 if type(key) is str else _mark(key)  # `_mark` and `_place`, in line: once an item
        table = self._table
        last = len(table) - 1
        place = mark & last
        while held := table[place]:
            if held == mark:
                return False
            place = (place + 1) & last
        table[place] = mark
        self._count += 1
        if 2 * self._count > last:
            self._grow()
        return True

    def _place(self, mark: int) -> int:
        table = self._table
        last = len(table) - 1
        place = mark & last
        while table[place] and table[place] != mark:
            place = (place + 1) & last
        return place

    def _grow(self) -> None:
        old, self._table = self._table, array("q", [0]) * (2 * len(self._table))
        for mark in old:
            if mark:
                self._table[self._place(mark)] = mark


def _mark(key: Hashable) -> int:
    return hash(key if isinstance(key, str) else repr(key)) or 1  # a text's hash is spread well; an int's is not


class _Walk(Generic[T]):
    """Remembers what a listing gave, to notice repetition and loss."""

    def __init__(self, provider: str, key: Callable[[T], Hashable]) -> None:
        self._provider = provider
        self._key = key
        self._seen = _Seen()
        self._starts: set[int] = set()
        self._longest = 0
        self._empty = 0

    def fresh(self, page: Page[T], *, again: bool = False) -> Iterator[T]:
        """Yield what no page has held so far.

        Args:
            page: The next page.
            again: Whether this is a second walk, in which old pages are no wonder.

        Raises:
            UnexpectedResponse: The page was given before, or too many empty ones came in a row.
        """
        keys = [self._key(item) for item in page.items]
        if not again:
            self._check(keys)
        for item, item_key in zip(page.items, keys, strict=True):
            if self._seen.add(item_key):
                yield item

    def lacks(self, total: int | None) -> bool:
        """Say whether fewer items came than the carrier counts."""
        return total is not None and len(self._seen) < total

    def finish(self, total: int | None) -> None:
        """Raise when fewer items came than the carrier counts."""
        if self.lacks(total):
            raise self._error(f"the listing ended after {len(self._seen)} of {total} items")

    def _check(self, keys: list[Hashable]) -> None:
        self._empty = 0 if keys else self._empty + 1
        if self._empty > _MOST_EMPTY:
            raise self._error(f"{self._empty} empty pages in a row, and more to come")
        # A short page of known items is a tail that numbers bought meanwhile have pushed down, unless it comes again.
        suspicious = keys and (len(keys) >= self._longest or _mark(keys[0]) in self._starts)
        if suspicious and all(key in self._seen for key in keys):
            raise self._error("a page of the listing was given twice")
        self._starts.update(map(_mark, keys[:1]))  # marks: a carrier may give a list for an id
        self._longest = max(self._longest, len(keys))

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
        cursor = str(page.next)  # a carrier may give anything
        if cursor in cursors:
            raise UnexpectedResponse(
                "The carrier's paging runs in a circle: it named the same next page twice.",
                provider=provider,
                operation="list_numbers",
                fix="Report it to the carrier.",
            )
        cursors.add(cursor)
        page = fetch(page.next)


def by_number(
    provider: str, fetch: Callable[[int], Page[T]], *, size: int, key: Callable[[T], Hashable], workers: int
) -> Iterator[T]:
    """Yield every item of a listing whose pages are numbered from 1.

    An item that is removed while one lists moves those behind it up, and one of them slips from a page that is still to
    come to a page that was read. So when the carrier's count fell, or is not reached, all pages are read once more for
    what is missing; that comes last.

    Args:
        provider: The carrier's id, for errors.
        fetch: Gets the page of a number; called from several threads once page 1 has said how many there are.
        size: Items asked for on each page; a shorter page is the last one where the carrier does not count pages.
        key: What tells two items apart.
        workers: Pages in flight at once; at most one more is in memory.

    Yields:
        Each item once, in the carrier's order.

    Raises:
        UnexpectedResponse: A page was given twice, or items are missing.
    """
    walk = _Walk(provider, key)
    total: int | None = None
    for again in (False, True):
        pages, fell = 0, False
        with closing(_numbered(fetch, size, workers)) as numbered:
            for page in numbered:
                pages += 1
                if page.total is not None:
                    # The smallest count seen: a number bought meanwhile may sit on a page that was read before.
                    fell = fell or (total is not None and page.total < total)
                    total = page.total if total is None else min(total, page.total)
                yield from walk.fresh(page, again=again)
        if pages == 1 or not (fell or walk.lacks(total)):
            break
    walk.finish(total)


def _numbered(fetch: Callable[[int], Page[T]], size: int, workers: int) -> Generator[Page[T]]:
    """Yield the pages in order, those too that are added meanwhile."""
    page = fetch(1)
    yield page
    fetched, last = 1, page.pages
    if last is None:
        while len(page.items) >= size:
            fetched += 1
            page = fetch(fetched)
            yield page
        return
    while fetched < last:
        with closing(_ahead(fetch, range(fetched + 1, last + 1), workers)) as ahead:
            fetched = last
            for page in ahead:
                last = max(last, page.pages or 0)
                yield page


def _ahead(fetch: Callable[[int], Page[T]], numbers: range, workers: int) -> Generator[Page[T]]:
    """Yield pages in order while up to ``workers`` later ones are being fetched."""
    if not numbers:
        return
    most = len(numbers[:workers])  # of a slice: a carrier may claim more pages than `len` can count
    pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="voipkit-page")
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
