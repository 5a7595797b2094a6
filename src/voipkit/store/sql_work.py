"""One tenant's journal and jobs in SQL; every statement names the tenant.

What each method promises is said in `port.StoreTransaction`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, bindparam, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from voipkit.errors import StoreConflict, StoreNotFound
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
from voipkit.store.sql_rows import Asking, values_of
from voipkit.store.sql_tables import audit, evidence, job_items, jobs, operations, reservations, spent

__all__ = ["Work", "free_items", "tallied"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OPEN = ("pending", "claimed")


def free_items(at: datetime) -> Any:
    """Return the condition on an item that nobody is at: pending, or its claim has run out."""
    ran_out = (job_items.c.status == "claimed") & (job_items.c.lease_until <= at)
    return or_(job_items.c.status == "pending", ran_out)


def tallied(asking: Asking, rows: Sequence[Mapping[Any, Any]]) -> tuple[Job, ...]:
    """Make jobs of rows, with the counts of their items, which one further statement finds for all of them."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    if rows:
        alike = job_items.c.job_id, job_items.c.status
        query = select(*alike, func.count().label("count")).where(job_items.c.job_id.in_([row["id"] for row in rows]))
        tenants = job_items.c.org_id.in_({row["org_id"] for row in rows})
        for row in asking._rows(query.where(tenants).group_by(*alike)):
            counts[row["job_id"]][row["status"]] = row["count"]
    return tuple(Job.model_validate({**row, "counts": dict(counts[row["id"]])}) for row in rows)


class _Journal(Asking):
    """The audit log, evidence, reserved answers and operations in progress."""

    def add_audit(self, new: Sequence[NewAuditEntry]) -> None:
        if new:
            self._count(insert(audit), [values_of(each, org_id=self.org_id) for each in new])

    def audit(
        self,
        *,
        object_type: str | None = None,
        object_id: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        query: Select[Any] = select(audit).where(audit.c.org_id == self.org_id)
        if object_type is not None:
            query = query.where(audit.c.object_type == object_type)
        if object_id is not None:
            query = query.where(audit.c.object_id == object_id)
        items, following = self._newest("audit", AuditEntry, audit, query, limit, cursor)
        return Page(items=items, next_cursor=following)

    def add_evidence(self, evidence: IssuedEvidence) -> None:
        self._count(insert(_EVIDENCE).values({**values_of(evidence), "org_id": self.org_id}))

    def evidence(self, evidence_id: str) -> IssuedEvidence:
        row = self._row(select(evidence).where(evidence.c.org_id == self.org_id, evidence.c.id == evidence_id))
        if row is None:
            raise StoreNotFound("There is no evidence of that id.")
        return IssuedEvidence.model_validate(dict(row))

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        until = datetime.fromtimestamp(expires_at, UTC)
        values = {"id": evidence_id, "org_id": self.org_id, "expires_at": until}
        return self._count(self._insert(spent).values(values).on_conflict_do_nothing()) == 1

    def reserve(self, reservation: Reservation) -> Reservation:
        values = {**values_of(reservation), "org_id": self.org_id}
        if self._count(self._insert(reservations).values(values).on_conflict_do_nothing()) == 1:
            return reservation
        row = self._row(select(reservations).where(*self._reserved(reservation.operation, reservation.key)))
        if row is None:  # whoever had it gave it back in between
            raise StoreConflict("The idempotency key was freed by another request just now.", fix="Try again.")
        return Reservation.model_validate(dict(row))

    def answer(self, operation: str, key: str, answer: Mapping[str, Any]) -> None:
        if not self._count(update(reservations).where(*self._reserved(operation, key)).values(answer=answer)):
            raise StoreNotFound(f"There is no reservation of that key for {operation}.")

    def forget_reservation(self, operation: str, key: str) -> None:
        unanswered = reservations.c.answer.is_(None)
        self._count(delete(reservations).where(*self._reserved(operation, key), unanswered))

    def begin_operation(self, new: NewOperation) -> Operation:
        row = self._row(insert(operations).values(values_of(new, org_id=self.org_id)).returning(operations))
        return Operation.model_validate(dict(row or {}))

    def advance_operation(
        self, operation_id: int, *, worker: str, step: str, data: Mapping[str, Any], lease_until: datetime
    ) -> None:
        statement = update(operations).where(*self._held(operation_id, worker))
        if not self._count(statement.values(step=step, data=data, lease_until=lease_until)):
            self._explain_lost(operation_id)

    def finish_operation(self, operation_id: int, *, worker: str) -> None:
        if not self._count(delete(operations).where(*self._held(operation_id, worker))):
            self._explain_lost(operation_id)

    def operations(self) -> tuple[Operation, ...]:
        query = select(operations).where(operations.c.org_id == self.org_id).order_by(operations.c.id)
        return tuple(Operation.model_validate(dict(row)) for row in self._rows(query))

    def _insert(self, table: Any) -> Any:
        # Both dialects write ON CONFLICT in the same way; each compiles its own class only.
        return (postgresql if self._database.dialect.name == "postgresql" else sqlite).insert(table)

    def _reserved(self, operation: str, key: str) -> tuple[Any, ...]:
        named = reservations.c.operation == operation, reservations.c.key == key
        return reservations.c.org_id == self.org_id, *named

    def _held(self, operation_id: int, worker: str) -> tuple[Any, ...]:
        own = operations.c.org_id == self.org_id, operations.c.id == operation_id
        return *own, operations.c.worker == worker

    def _explain_lost(self, operation_id: int) -> None:
        own = operations.c.org_id == self.org_id, operations.c.id == operation_id
        if self._row(select(operations.c.id).where(*own)) is None:
            raise StoreNotFound(f"There is no operation {operation_id} in progress.")
        raise StoreConflict(f"Operation {operation_id} was taken over by another worker.")


class _Jobs(Asking):
    """Work on many numbers."""

    def add_job(self, new: NewJob, numbers: Sequence[str]) -> Job:
        settled = ("running", None) if numbers else ("done", new.created_at)
        values = values_of(new, org_id=self.org_id, status=settled[0], finished_at=settled[1])
        row = dict(self._row(insert(jobs).values(values).returning(jobs)) or {})
        item = {"org_id": self.org_id, "job_id": row["id"], "status": "pending"}
        if numbers:
            self._count(insert(job_items), [{**item, "number": number} for number in numbers])
        return Job.model_validate({**row, "counts": {"pending": len(numbers)} if numbers else {}})

    def job(self, job_id: int) -> Job:
        return self._job(select(jobs).where(*self._job_of(job_id)), job_id)

    def jobs(self, *, limit: int = 100, cursor: str | None = None) -> Page[Job]:
        query = select(jobs).where(jobs.c.org_id == self.org_id)
        items, following = self._newest("jobs", Job, jobs, query, limit, cursor)
        return Page(items=tallied(self, [dict(job) for job in items]), next_cursor=following)

    def job_items(
        self, job_id: int, *, statuses: Collection[ItemStatus] = (), limit: int = 100, cursor: str | None = None
    ) -> Page[JobItem]:
        place, size = place_of("items", cursor), page_size(limit)
        query = select(job_items).where(*self._items(job_id), job_items.c.id > (place[1] if place else 0))
        if statuses:
            query = query.where(job_items.c.status.in_(statuses))
        rows = self._rows(query.order_by(job_items.c.id).limit(size + 1))
        following = cursor_after("items", _EPOCH, rows[size - 1]["id"]) if len(rows) > size else None
        return Page(items=tuple(JobItem.model_validate(dict(row)) for row in rows[:size]), next_cursor=following)

    def claim_items(
        self, job_id: int, worker: str, *, limit: int, at: datetime, lease_until: datetime
    ) -> tuple[JobItem, ...]:
        own = (job_items.c.status == "claimed") & (job_items.c.worker == worker)
        free = select(job_items.c.id).where(*self._items(job_id), or_(free_items(at), own)).order_by(job_items.c.id)
        chosen = (
            free.limit(limit).with_for_update(skip_locked=True).cte("chosen")
        )  # PostgreSQL would run a subquery again
        statement = update(job_items).where(job_items.c.org_id == self.org_id, job_items.c.id.in_(select(chosen.c.id)))
        taken = statement.values(status="claimed", worker=worker, lease_until=lease_until).returning(job_items)
        found = (JobItem.model_validate(dict(row)) for row in self._rows(taken))
        return tuple(sorted(found, key=lambda item: item.id))

    def settle_items(self, job_id: int, worker: str, results: Sequence[ItemResult], *, at: datetime) -> int:
        self._lock(job_id)
        held = job_items.c.status == "claimed", job_items.c.worker == worker
        statement = update(job_items).where(*self._items(job_id), *held, job_items.c.id == bindparam("item_id"))
        rows = [{**dict(result), "lease_until": None} for result in sorted(results, key=lambda r: r.item_id)]
        counted = self._count(statement, rows) if rows else 0
        self._finish(job_id, at)
        return counted

    def cancel_job(self, job_id: int, *, at: datetime) -> Job:
        self._lock(job_id)
        running = update(jobs).where(*self._job_of(job_id), jobs.c.status == "running").values(status="cancelled")
        if self._count(running):
            pending = update(job_items).where(*self._items(job_id), job_items.c.status == "pending")
            self._count(pending.values(status="cancelled"))
            self._finish(job_id, at)
        return self.job(job_id)

    def _lock(self, job_id: int) -> None:
        # Two workers that settle the last items at once would each see the other's as open: one waits for the other.
        self._job(select(jobs).where(*self._job_of(job_id)).with_for_update(), job_id, tally=False)

    def _job(self, query: Any, job_id: int, *, tally: bool = True) -> Job:
        row = self._row(query)
        if row is None:
            raise StoreNotFound(f"There is no job {job_id}.")
        return tallied(self, [row])[0] if tally else Job.model_validate(dict(row))

    def _finish(self, job_id: int, at: datetime) -> None:
        is_open = exists().where(*self._items(job_id), job_items.c.status.in_(_OPEN))
        statement = update(jobs).where(*self._job_of(job_id), jobs.c.finished_at.is_(None), ~is_open)
        status = case((jobs.c.status == "running", "done"), else_=jobs.c.status)
        self._count(statement.values(status=status, finished_at=at))

    def _job_of(self, job_id: int) -> tuple[Any, ...]:
        return jobs.c.org_id == self.org_id, jobs.c.id == job_id

    def _items(self, job_id: int) -> tuple[Any, ...]:
        return job_items.c.org_id == self.org_id, job_items.c.job_id == job_id


class Work(_Journal, _Jobs):
    """Journal and jobs of one tenant."""


_EVIDENCE = evidence  # inside `add_evidence` the word means its argument
