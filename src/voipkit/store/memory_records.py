"""Every record of a store in memory, how one tenant's are found, and how changes are undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from voipkit.errors import ConfigurationError, StoreNotFound
from voipkit.models import Job, JobItem, Page, PhoneNumber
from voipkit.models.base import Model
from voipkit.store.cursors import Listing, cursor_after, page_size, place_of

__all__ = ["Reading", "Records", "Spent", "changed", "in_use", "is_free", "newest", "tallied"]

R = TypeVar("R", bound=Model)
Key = int | str | tuple[str, str, str] | tuple[int, int]


class Records:
    """Every record of every tenant, by kind and key; all writing goes through it and can be undone."""

    def __init__(self) -> None:
        self.tables: dict[type, dict[Key, Any]] = {}
        self.undo: list[Callable[[], object]] = []
        self.last_id = 0

    def all(self, kind: type[R]) -> dict[Key, R]:
        """Return the records of one kind, of every tenant."""
        return self.tables.setdefault(kind, {})

    def next_id(self) -> int:
        """Return an id that nothing had before."""
        self.last_id += 1  # never given twice, not even when the transaction is undone
        return self.last_id

    def put(self, key: Key, record: Model) -> None:
        """Store a record, in the place of the one of the same key."""
        table = self.tables.setdefault(type(record), {})
        before = table.get(key)
        self.undo.append(lambda: table.pop(key, None) if before is None else table.__setitem__(key, before))
        table[key] = record

    def remove(self, kind: type[Model], key: Key) -> None:
        """Forget a record, if it is there."""
        table = self.tables.setdefault(kind, {})
        if key in table:
            before = table.pop(key)
            self.undo.append(lambda: table.__setitem__(key, before))


class Spent(Model):
    """One entry of the list of used evidence."""

    id: str


class Reading:
    """Finds and puts the records of one tenant; the base of the parts of `MemoryTransaction`."""

    def __init__(self, records: Records, org_id: str, *, read_only: bool) -> None:
        self._records = records
        self._org_id = org_id
        self._read_only = read_only
        self._open = True

    @property
    def org_id(self) -> str:
        """The tenant."""
        return self._org_id

    def end(self) -> None:
        """Refuse everything from now on."""
        self._open = False

    def _own(self, kind: type[R]) -> Iterator[R]:
        self._check_open()
        return (r for r in self._records.all(kind).values() if r.org_id == self._org_id)  # type: ignore[attr-defined]

    def _one(self, kind: type[R], key: Key, name: str) -> R:
        self._check_open()
        record = self._records.all(kind).get(key)
        if record is None or record.org_id != self._org_id:  # type: ignore[attr-defined]
            raise StoreNotFound(f"There is no {name}.")
        return record

    def _put(self, key: Key, record: R) -> R:
        self._check_writable()
        self._records.put(key, record)
        return record

    def _add(self, kind: type[R], new: Model, **more: object) -> R:
        record = kind.model_validate({**dict(new), "id": self._records.next_id(), "org_id": self._org_id, **more})
        return self._put(record.id, record)  # type: ignore[attr-defined]

    def _remove(self, kind: type[Model], key: Key) -> None:
        self._check_writable()
        self._records.remove(kind, key)

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigurationError("This transaction has ended.", fix="Use it inside its with block only.")

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ConfigurationError("This transaction is read-only.", fix="Begin one without read_only=True.")


def in_use(records: Records) -> Iterator[str]:
    """Yield every number that is not released, of every tenant."""
    return (n.number for n in records.all(PhoneNumber).values() if n.status != "released")


def is_free(item: JobItem, at: datetime) -> bool:
    """Say whether nobody is at an item: it is pending, or its claim has run out."""
    ran_out = item.status == "claimed" and item.lease_until is not None and item.lease_until <= at
    return ran_out or item.status == "pending"


def tallied(records: Records, job: Job) -> Job:
    """Return a job with the counts of its items."""
    counts = Counter(item.status for item in records.all(JobItem).values() if item.job_id == job.id)
    return job.model_copy(update={"counts": dict(counts)})


def changed(record: R, changes: Mapping[str, Any]) -> R:
    """Apply changes, validated as a database would."""
    return type(record).model_validate({**dict(record), **changes})


def newest(listing: Listing, records: Iterable[R], limit: int, cursor: str | None) -> Page[R]:
    """Return one page of records, newest first."""
    place, size = place_of(listing, cursor), page_size(limit)
    position = attrgetter("created_at", "id")
    ordered = sorted(records, key=position, reverse=True)
    rest = [r for r in ordered if place is None or position(r) < place]
    last = rest[size - 1] if len(rest) > size else None
    following = cursor_after(listing, *position(last)) if last else None
    return Page(items=tuple(rest[:size]), next_cursor=following)
