"""A store in this process's memory: for tests, and to try things out. Everything is gone with the process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from operator import attrgetter
from threading import Lock
from typing import Any

from voipkit.errors import StoreBusy, StoreUnavailable
from voipkit.models import IssuedEvidence, Job, JobItem, Operation, PhoneNumber, Reservation, SealedCredentials
from voipkit.store.cursors import check_tenant
from voipkit.store.memory_records import Records, changed, in_use, is_free, tallied
from voipkit.store.memory_transaction import MemoryTransaction
from voipkit.store.port import HoldsUrls

__all__ = ["MemoryStore"]

_PATIENCE = 5.0  # seconds that a transaction waits for the one before; SQLite's busy timeout is the same
_HOLDS_URLS: dict[HoldsUrls, tuple[type[PhoneNumber | Operation | Job], set[str]]] = {
    "numbers": (PhoneNumber, {"route", "snapshot"}),
    "operations": (Operation, {"data"}),
    "jobs": (Job, {"request"}),
}


class MemoryStore:
    """A store in this process's memory; safe for threads, not shared with other processes.

    One transaction runs at a time; another waits 5 s for it and then raises `StoreBusy`.
    """

    def __init__(self) -> None:
        self._records = Records()
        self._lock = Lock()
        self._closed = False

    def __repr__(self) -> str:
        return "MemoryStore()"

    @contextmanager
    def _exclusive(self) -> Iterator[Records]:
        if self._closed:
            raise StoreUnavailable("The store is closed.")
        if not self._lock.acquire(timeout=_PATIENCE):
            raise StoreBusy(f"Another transaction has held the store for {_PATIENCE:g} s.")
        try:
            yield self._records
        except BaseException:
            for step in reversed(self._records.undo):
                step()
            raise
        finally:
            self._records.undo.clear()
            self._lock.release()

    @contextmanager
    def transaction(self, org_id: str, *, read_only: bool = False) -> Iterator[MemoryTransaction]:
        """Begin a unit of work for one tenant; see `port.Store.transaction`."""
        org_id = check_tenant(org_id)
        with self._exclusive() as records:
            tx = MemoryTransaction(records, org_id, read_only=read_only)
            try:
                yield tx
            finally:
                tx.end()

    @contextmanager
    def transfer(self, org_id: str, to_org_id: str) -> Iterator[tuple[MemoryTransaction, MemoryTransaction]]:
        """Begin one unit of work for two tenants; see `port.Store.transfer`."""
        org_id, to_org_id = check_tenant(org_id), check_tenant(to_org_id)
        with self._exclusive() as records:
            pair = (
                MemoryTransaction(records, org_id, read_only=False),
                MemoryTransaction(records, to_org_id, read_only=False),
            )
            try:
                yield pair
            finally:
                for tx in pair:
                    tx.end()

    def taken(self, numbers: Collection[str]) -> frozenset[str]:
        """Return which numbers are in use; see `port.Store.taken`."""
        with self._exclusive() as records:
            return frozenset(numbers) & frozenset(in_use(records))

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used; see `port.Store.spend`."""
        with self._exclusive() as records:
            return MemoryTransaction(records, "", read_only=False).spend(evidence_id, expires_at)

    def claim_operations(
        self, worker: str, *, at: datetime, lease_until: datetime, limit: int = 100
    ) -> tuple[Operation, ...]:
        """Take over operations that nobody is at; see `port.Store.claim_operations`."""
        with self._exclusive() as records:
            left = sorted((o for o in records.all(Operation).values() if o.lease_until <= at), key=attrgetter("id"))
            taken = [o.model_copy(update={"worker": worker, "lease_until": lease_until}) for o in left[:limit]]
            for operation in taken:
                records.put(operation.id, operation)
            return tuple(taken)

    def unfinished_jobs(self, *, at: datetime, limit: int = 100) -> tuple[Job, ...]:
        """Return jobs with items that nobody is at; see `port.Store.unfinished_jobs`."""
        with self._exclusive() as records:
            waiting = {i.job_id for i in records.all(JobItem).values() if is_free(i, at)}
            found = (job for job in records.all(Job).values() if job.id in waiting)
            return tuple(tallied(records, job) for job in islice(found, limit))

    def retire_generations(self, *, at: datetime) -> int:
        """Destroy former credentials whose time has come; see `port.Store.retire_generations`."""
        with self._exclusive() as records:
            sealed = records.all(SealedCredentials)
            due = [k for k, s in sealed.items() if s.state == "former" and s.retire_at and s.retire_at <= at]
            for key in due:
                records.remove(SealedCredentials, key)
            return len(due)

    def purge(self, *, before: datetime) -> int:
        """Delete what is of no more use; see `port.Store.purge`."""
        with self._exclusive() as records:
            evidence = [k for k, e in records.all(IssuedEvidence).items() if e.expires_at < before]
            answers = [k for k, r in records.all(Reservation).items() if r.created_at < before]
            for key in evidence:
                records.remove(IssuedEvidence, key)
            for key in answers:
                records.remove(Reservation, key)
            return len(evidence) + len(answers)

    def sealed_elsewhere(
        self, kid: str, *, limit: int = 100, after: int = 0
    ) -> tuple[tuple[int, SealedCredentials], ...]:
        """Return credentials that another key sealed; see `port.Store.sealed_elsewhere`."""
        with self._exclusive() as records:
            # A place is the position in the order of keys, which no re-sealing changes.
            ordered = enumerate((s for _, s in sorted(records.all(SealedCredentials).items())), start=1)
            return tuple(islice(((n, s) for n, s in ordered if n > after and s.kid != kid), limit))

    def replace_sealed(self, changed: Sequence[tuple[SealedCredentials, SealedCredentials]]) -> int:
        """Put one ciphertext in the place of another; see `port.Store.replace_sealed`."""
        with self._exclusive() as records:
            counted = 0
            for old, new in changed:
                key = (old.connection_id, old.generation)
                there = records.all(SealedCredentials).get(key)
                if there is not None and (there.org_id, there.sealed) == (old.org_id, old.sealed):
                    records.put(key, there.model_copy(update={"kid": new.kid, "sealed": new.sealed}))
                    counted += 1
            return counted

    def rewrite_urls(
        self, kind: HoldsUrls, change: Callable[[str, int, Any], Any], *, limit: int = 100, after: int = 0
    ) -> int | None:
        """Change the values of records that hold sealed secrets; see `port.Store.rewrite_urls`."""
        model, names = _HOLDS_URLS[kind]
        with self._exclusive() as records:
            later = sorted((r for r in records.all(model).values() if r.id > after), key=attrgetter("id"))
            found = [record for record in later if "sealed." in record.model_dump_json(include=names)][:limit]
            for record in found:
                before = record.model_dump(mode="json", include=names)
                now = change(record.org_id, record.id, before)
                if now != before:
                    records.put(record.id, changed(record, now))
        return found[-1].id if len(found) == limit else None

    def check(self) -> None:
        """Look whether the store is there; see `port.Store.check`."""
        if self._closed:
            raise StoreUnavailable("The store is closed.")

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._records = Records()
