"""What a host keeps of work that may be cut short: jobs, operations in progress, reserved answers, issued evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, computed_field

from voipkit.models.base import Model, UtcTime, now
from voipkit.models.checks import Check, NameSuggestion

__all__ = [
    "IssuedEvidence",
    "ItemResult",
    "ItemStatus",
    "Job",
    "JobItem",
    "JobKind",
    "JobStatus",
    "NewJob",
    "NewOperation",
    "Operation",
    "Reservation",
]

JobKind = Literal["import", "verify"]
JobStatus = Literal["running", "done", "cancelled"]
ItemStatus = Literal["pending", "claimed", "done", "failed", "cancelled"]


# --- jobs ------------------------------------------------------------------------------------------------------------


class NewJob(Model):
    """Work on many numbers that is about to be stored.

    Attributes:
        kind: ``import`` or ``verify``.
        connection_id: The connection that the numbers are reached by.
        request: How to do it (route, on_conflict, ...), as JSON values; never a secret.
        actor: Who asked for it, or None.
        created_at: When.
    """

    kind: JobKind
    connection_id: int | None = None
    request: Mapping[str, Any] = Field(default_factory=dict)
    actor: str | None = None
    created_at: UtcTime = Field(default_factory=now)


class Job(NewJob):
    """Work on many numbers, and how far it has come.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
        status: ``running`` until every item is settled; a job without items is ``done`` from the start.
        counts: How many items have each status; a status that no item has is absent.
        finished_at: When its last item was settled, or None.
    """

    id: int
    org_id: str
    status: JobStatus = "running"
    counts: Mapping[ItemStatus, int] = Field(default_factory=dict)
    finished_at: UtcTime | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:
        """How many items it has."""
        return sum(self.counts.values())

    @computed_field  # type: ignore[prop-decorator]
    @property
    def settled(self) -> int:
        """How many items are done, failed or cancelled."""
        return self.total - self.counts.get("pending", 0) - self.counts.get("claimed", 0)


class JobItem(Model):
    """One number of a job.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
        job_id: The job.
        number: E.164, or the text that was given in its place.
        status: ``pending``, ``claimed`` by a worker, ``done``, ``failed`` or ``cancelled``.
        worker: Who has claimed or settled it, or None.
        lease_until: Until when the claim counts; afterwards another worker may take it.
        result: What came of it, as JSON values, or None.
    """

    id: int
    org_id: str
    job_id: int
    number: str
    status: ItemStatus = "pending"
    worker: str | None = None
    lease_until: UtcTime | None = None
    result: Mapping[str, Any] | None = None


class ItemResult(Model):
    """What came of one item.

    Attributes:
        item_id: The item.
        status: ``done``, ``failed`` or ``cancelled``.
        result: As JSON values, never a secret; None of an item that was not begun.
    """

    item_id: int
    status: Literal["done", "failed", "cancelled"]
    result: Mapping[str, Any] | None = Field(default_factory=dict)


# --- operations ------------------------------------------------------------------------------------------------------


class NewOperation(Model):
    """The intention to do something that takes several steps, written down before the first.

    Attributes:
        kind: Such as ``rotate``.
        step: The step that comes next, in the service's words.
        connection_id: What it is about, or None.
        number_id: What it is about, or None.
        data: What the remaining steps need, as JSON values; never a secret.
        worker: Who is at it.
        lease_until: Until when nobody else may take it over.
        created_at: When.
    """

    kind: str
    step: str
    connection_id: int | None = None
    number_id: int | None = None
    data: Mapping[str, Any] = Field(default_factory=dict)
    worker: str
    lease_until: UtcTime
    created_at: UtcTime = Field(default_factory=now)


class Operation(NewOperation):
    """An operation in progress, or one that a crash left.

    Attributes:
        id: Given by the database.
        org_id: The tenant.
    """

    id: int
    org_id: str


# --- answers and proofs ----------------------------------------------------------------------------------------------


class Reservation(Model):
    """An idempotency key that somebody has used.

    Attributes:
        org_id: The tenant.
        operation: What the key was used for; keys of different operations are strangers.
        key: As the caller gave it.
        fingerprint: A keyed fingerprint of the request. Never a plain hash: the request holds credentials.
        answer: What the request was answered with, as JSON values; None while it is being worked on.
        created_at: When it was used first.
    """

    org_id: str
    operation: str
    key: str
    fingerprint: str
    answer: Mapping[str, Any] | None = None
    created_at: UtcTime = Field(default_factory=now)


class IssuedEvidence(Model):
    """Evidence that was handed out by its id, so that a caller need not carry the token.

    Attributes:
        id: The token's ``jti``, a UUID.
        org_id: The tenant that it was issued to.
        token: The token itself; it holds no secret.
        suggestion: The name that the account suggested when it was tested, or None.
        checks: Of the test, with their messages, which the token leaves out.
        expires_at: When it ends.
        created_at: When it was issued.
    """

    id: str
    org_id: str
    token: str = Field(repr=False)
    suggestion: NameSuggestion | None = None
    checks: tuple[Check, ...] = ()
    expires_at: UtcTime
    created_at: UtcTime = Field(default_factory=now)
