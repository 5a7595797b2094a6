"""One tenant's journal and jobs in memory.

What each method promises is said in `port.StoreTransaction`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from voipkit.errors import StoreConflict
from voipkit.models import (
    AuditEntry,
    IssuedEvidence,
    ItemResult,
    ItemStatus,
    Job,
    JobItem,
    NewAuditEntry,
    NewJob,
    NewOperation,
    Operation,
    Page,
    Reservation,
)
from voipkit.store.cursors import cursor_after, page_size, place_of
from voipkit.store.memory_records import Reading, Spent, is_free, newest, tallied

__all__ = ["Work"]


class _Journal(Reading):
    """The audit log, evidence, reserved answers and operations in progress."""

    def add_audit(self, new: Sequence[NewAuditEntry]) -> None:
        self._check_writable()
        for each in new:
            self._add(AuditEntry, each)

    def audit(
        self,
        *,
        object_type: str | None = None,
        object_id: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        found = (
            a
            for a in self._own(AuditEntry)
            if object_type in (None, a.object_type) and object_id in (None, a.object_id)
        )
        return newest("audit", found, limit, cursor)

    def add_evidence(self, evidence: IssuedEvidence) -> None:
        if evidence.id in self._records.all(IssuedEvidence):
            raise StoreConflict(f"Evidence {evidence.id} is there already.")
        self._put(evidence.id, evidence.model_copy(update={"org_id": self._org_id}))

    def evidence(self, evidence_id: str) -> IssuedEvidence:
        return self._one(IssuedEvidence, evidence_id, "evidence of that id")

    def spend(self, evidence_id: str, expires_at: float) -> bool:  # noqa: ARG002 - nothing is ever forgotten
        self._check_writable()
        fresh = evidence_id not in self._records.all(Spent)
        if fresh:
            self._put(evidence_id, Spent(id=evidence_id))
        return fresh

    def reserve(self, reservation: Reservation) -> Reservation:
        self._check_writable()
        key = (self._org_id, reservation.operation, reservation.key)
        there = self._records.all(Reservation).get(key)
        if there is None:
            self._put(key, reservation.model_copy(update={"org_id": self._org_id}))
        return there or reservation

    def answer(self, operation: str, key: str, answer: Mapping[str, Any]) -> None:
        place = (self._org_id, operation, key)
        found = self._one(Reservation, place, f"reservation of that key for {operation}")
        self._put(place, found.model_copy(update={"answer": answer}))

    def forget_reservation(self, operation: str, key: str) -> None:
        place = (self._org_id, operation, key)
        found = self._records.all(Reservation).get(place)
        if found is not None and found.answer is None:
            self._remove(Reservation, place)

    def begin_operation(self, new: NewOperation) -> Operation:
        return self._add(Operation, new)

    def advance_operation(
        self, operation_id: int, *, worker: str, step: str, data: Mapping[str, Any], lease_until: datetime
    ) -> None:
        found = self._held(operation_id, worker)
        changes = {"step": step, "data": data, "lease_until": lease_until}
        self._put(operation_id, found.model_copy(update=changes))

    def finish_operation(self, operation_id: int, *, worker: str) -> None:
        self._held(operation_id, worker)
        self._remove(Operation, operation_id)

    def _held(self, operation_id: int, worker: str) -> Operation:
        found = self._one(Operation, operation_id, f"operation {operation_id} in progress")
        if found.worker != worker:
            raise StoreConflict(f"Operation {operation_id} was taken over by another worker.")
        return found

    def operations(self) -> tuple[Operation, ...]:
        return tuple(sorted(self._own(Operation), key=attrgetter("id")))


class _Jobs(Reading):
    """Work on many numbers."""

    def add_job(self, new: NewJob, numbers: Sequence[str]) -> Job:
        settled: dict[str, object] = {} if numbers else {"status": "done", "finished_at": new.created_at}
        job = self._add(Job, new, **settled)
        for number in numbers:
            self._add(JobItem, JobItem(id=0, org_id=self._org_id, job_id=job.id, number=number))
        return self.job(job.id)

    def job(self, job_id: int) -> Job:
        return tallied(self._records, self._one(Job, job_id, f"job {job_id}"))

    def jobs(self, *, limit: int = 100, cursor: str | None = None) -> Page[Job]:
        page = newest("jobs", self._own(Job), limit, cursor)
        return page.model_copy(update={"items": tuple(tallied(self._records, job) for job in page.items)})

    def job_items(
        self, job_id: int, *, statuses: Collection[ItemStatus] = (), limit: int = 100, cursor: str | None = None
    ) -> Page[JobItem]:
        place, size = place_of("items", cursor), page_size(limit)
        after = place[1] if place else 0
        found = [i for i in self._items(job_id) if i.id > after and (not statuses or i.status in statuses)]
        more = len(found) > size
        epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        cursor = cursor_after("items", epoch, found[size - 1].id) if more else None
        return Page[JobItem](items=tuple(found[:size]), next_cursor=cursor)

    def _items(self, job_id: int) -> list[JobItem]:
        return sorted((i for i in self._own(JobItem) if i.job_id == job_id), key=attrgetter("id"))

    def claim_items(
        self, job_id: int, worker: str, *, limit: int, at: datetime, lease_until: datetime
    ) -> tuple[JobItem, ...]:
        self._check_writable()
        free = [i for i in self._items(job_id) if is_free(i, at) or (i.status, i.worker) == ("claimed", worker)]
        taken = {"status": "claimed", "worker": worker, "lease_until": lease_until}
        return tuple(self._put(item.id, item.model_copy(update=taken)) for item in free[:limit])

    def settle_items(self, job_id: int, worker: str, results: Sequence[ItemResult], *, at: datetime) -> int:
        self.job(job_id)
        counted = 0
        for result in results:
            item = self._records.all(JobItem).get(result.item_id)
            if item is None or (item.org_id, item.job_id) != (self._org_id, job_id):
                continue
            if (item.status, item.worker) == ("claimed", worker):
                changes = {"status": result.status, "result": result.result, "lease_until": None}
                self._put(item.id, item.model_copy(update=changes))
                counted += 1
        self._finish(job_id, at)
        return counted

    def cancel_job(self, job_id: int, *, at: datetime) -> Job:
        job = self.job(job_id)
        if job.status == "running":
            self._put(job_id, job.model_copy(update={"status": "cancelled"}))
            for item in self._items(job_id):
                if item.status == "pending":
                    self._put(item.id, item.model_copy(update={"status": "cancelled"}))
            self._finish(job_id, at)
        return self.job(job_id)

    def _finish(self, job_id: int, at: datetime) -> None:
        job = self.job(job_id)
        if job.finished_at is None and job.settled == job.total:
            status = "done" if job.status == "running" else job.status
            self._put(job_id, job.model_copy(update={"status": status, "finished_at": at}))


class Work(_Journal, _Jobs):
    """Journal and jobs of one tenant."""
