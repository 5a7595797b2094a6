"""What a store is: a transaction bound to one tenant, and the few things that go across tenants.

Any class with these members will do; `voipkit.testing.StoreTests` says in tests what each promises. Every method
raises a `voipkit.errors.StoreError` and never a driver's own exception. Times are given by the caller and never asked
of a clock, so that every record of one piece of work carries the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Literal, Protocol, Unpack, runtime_checkable

from voipkit.models import (
    AuditEntry,
    Connection,
    ConnectionChanges,
    GenerationState,
    IssuedEvidence,
    ItemResult,
    ItemStatus,
    Job,
    JobItem,
    NewAuditEntry,
    NewConnection,
    NewJob,
    NewNumberVersion,
    NewOperation,
    NewPhoneNumber,
    NumberChanges,
    NumberCount,
    NumberStatus,
    NumberVersion,
    Operation,
    Page,
    PhoneNumber,
    Reservation,
    SealedCredentials,
    VerificationStatus,
)

__all__ = ["HoldsUrls", "Store", "StoreTransaction"]

HoldsUrls = Literal["numbers", "operations", "jobs"]
"""Records whose JSON values hold URLs with sealed secrets: ``route`` and ``snapshot``; ``data``; ``request``."""


class _Connections(Protocol):
    """Connections and their sealed credentials."""

    def add_connection(self, new: NewConnection) -> Connection:
        """Store a connection.

        Raises:
            StoreConflict: It is to be the default for outbound calls, and the tenant has one.
        """

    def connection(self, connection_id: int, *, lock: bool = False) -> Connection:
        """Return a connection.

        Args:
            connection_id: Its id.
            lock: Keep others from changing it until the transaction ends.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """

    def connections(self, *, limit: int = 100, cursor: str | None = None) -> Page[Connection]:
        """Return the tenant's connections, newest first.

        Raises:
            StoreRefused: The cursor is not one of a page of connections.
        """

    def update_connection(self, connection_id: int, **changes: Unpack[ConnectionChanges]) -> Connection:
        """Change what is named and nothing else.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """

    def set_default_outbound(self, connection_id: int | None) -> None:
        """Make one connection the tenant's default for outbound calls, and no other; None leaves none.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """

    def delete_connection(self, connection_id: int) -> int:
        """Delete a connection with all its sealed credentials; its numbers stay, with the link cleared.

        Returns:
            How many numbers were linked to it.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """

    def add_credentials(self, sealed: SealedCredentials) -> None:
        """Store one generation of a connection's credentials.

        Raises:
            StoreConflict: The generation is there, or another one is in the same state, ``staged`` or ``active``.
            StoreNotFound: The tenant has no such connection.
        """

    def credentials(self, connection_id: int, generation: int) -> SealedCredentials:
        """Return one generation.

        Raises:
            StoreNotFound: The tenant has none.
        """

    def generations(self, connection_id: int) -> tuple[SealedCredentials, ...]:
        """Return every generation of a connection, oldest first."""

    def set_generation(
        self, connection_id: int, generation: int, state: GenerationState, *, retire_at: datetime | None = None
    ) -> None:
        """Change a generation's state.

        Args:
            connection_id: The connection.
            generation: The generation.
            state: The new state; make the active one ``former`` before the staged one ``active``.
            retire_at: When a former one is to be destroyed.

        Raises:
            StoreConflict: Another generation is in that state, ``staged`` or ``active``.
            StoreNotFound: The tenant has none.
        """

    def destroy_generation(self, connection_id: int, generation: int) -> bool:
        """Destroy a generation; False when there was none."""


class _Numbers(Protocol):
    """Phone numbers and their history."""

    def add_numbers(self, new: Sequence[NewPhoneNumber]) -> tuple[PhoneNumber, ...]:
        """Store numbers; one that is taken, in whichever tenant, is left out of the answer and nothing else happens.

        Raises:
            StoreNotFound: The tenant has no such connection.
        """

    def number(self, number_id: int, *, lock: bool = False) -> PhoneNumber:
        """Return a number.

        Args:
            number_id: Its id.
            lock: Keep others from changing it until the transaction ends.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """

    def numbers(
        self,
        *,
        connection_id: int | None = None,
        statuses: Collection[NumberStatus] = (),
        verification: VerificationStatus | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[PhoneNumber]:
        """Return the tenant's numbers, newest first (``created_at``, then id, descending).

        Args:
            connection_id: Only this connection's; None for all.
            statuses: Only these; empty for all.
            verification: Only these; None for all.
            limit: At most so many.
            cursor: `Page.next_cursor` of the page before.

        Raises:
            StoreRefused: The cursor is not one of a page of numbers.
        """

    def numbers_named(self, numbers: Collection[str], *, lock: bool = False) -> tuple[PhoneNumber, ...]:
        """Return those of the tenant's numbers that are not released, by their E.164 text, in no order.

        Args:
            numbers: Their E.164 texts.
            lock: Keep others from changing them until the transaction ends.
        """

    def number_counts(self) -> tuple[NumberCount, ...]:
        """Count the tenant's numbers by connection, status and verification."""

    def update_number(self, number_id: int, **changes: Unpack[NumberChanges]) -> PhoneNumber:
        """Change what is named and nothing else.

        Raises:
            StoreConflict: A released number is to be used again and is taken; by whom is not said.
            StoreNotFound: The tenant has none of that id, or no such connection.
        """

    def update_numbers(self, changes: Mapping[int, NumberChanges]) -> None:
        """Change many numbers; ids that the tenant does not have are passed over.

        Raises:
            StoreConflict: As for `update_number`; then nothing is changed.
        """

    def delete_numbers(self, number_ids: Collection[int]) -> int:
        """Delete numbers for good, with their versions: of an import that came to nothing, never of a release.

        Returns:
            How many there were; ids that the tenant does not have are passed over.
        """

    def give_number(self, number_id: int, taker: StoreTransaction, *, updated_at: datetime) -> PhoneNumber:
        """Hand a number over to the other tenant of `Store.transfer`.

        What belongs to the giver is cleared: agents, connection, label, snapshot and checks. It is ``provisioning`` and
        ``unverified`` until the taker reaches it by a connection of its own. The giver keeps its versions.

        Raises:
            StoreConflict: The number is released.
            StoreNotFound: The giver has none of that id.
        """

    def add_versions(self, new: Sequence[NewNumberVersion]) -> None:
        """Add to the history of numbers."""

    def versions(self, number_id: int, *, limit: int = 100, cursor: str | None = None) -> Page[NumberVersion]:
        """Return a number's history as the tenant saw it, newest first.

        Raises:
            StoreRefused: The cursor is not one of a page of versions.
        """


class _Journal(Protocol):
    """The audit log, evidence, reserved answers and operations in progress."""

    def add_audit(self, new: Sequence[NewAuditEntry]) -> None:
        """Add to the audit log."""

    def audit(
        self,
        *,
        object_type: str | None = None,
        object_id: int | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """Return the audit log, newest first.

        Args:
            object_type: Only entries on this kind of object; None for all.
            object_id: Only entries on this object; None for all.
            limit: At most so many.
            cursor: `Page.next_cursor` of the page before.

        Raises:
            StoreRefused: The cursor is not one of a page of the audit log.
        """

    def add_evidence(self, evidence: IssuedEvidence) -> None:
        """Keep evidence that was handed out by its id.

        Raises:
            StoreConflict: That id is there.
        """

    def evidence(self, evidence_id: str) -> IssuedEvidence:
        """Return evidence by its id, spent or not, expired or not.

        Raises:
            StoreNotFound: The tenant was given none of that id, or it was purged.
        """

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used, as part of this transaction; see `voipkit.protocols.SpentEvidence`.

        Of two transactions with the same id exactly one gets True. The list is one for all tenants and is never
        forgotten, so no clock that is set back revives an entry.
        """

    def reserve(self, reservation: Reservation) -> Reservation:
        """Use an idempotency key.

        Returns:
            What was given when the key was free, else what is stored under it: compare the fingerprint, and look
            whether there is an answer yet. The two are told apart by ``is``.
        """

    def answer(self, operation: str, key: str, answer: Mapping[str, Any]) -> None:
        """Keep the answer of a reserved key.

        Raises:
            StoreNotFound: The key was not reserved.
        """

    def forget_reservation(self, operation: str, key: str) -> None:
        """Free a key whose request came to nothing; an answered one stays."""

    def begin_operation(self, new: NewOperation) -> Operation:
        """Write down what is about to be done."""

    def advance_operation(
        self, operation_id: int, *, worker: str, step: str, data: Mapping[str, Any], lease_until: datetime
    ) -> None:
        """Write down the step that comes next, and hold the operation for longer.

        Raises:
            StoreConflict: Another worker has taken it over.
            StoreNotFound: There is none of that id, or it is finished.
        """

    def finish_operation(self, operation_id: int, *, worker: str) -> None:
        """Forget an operation: it is done, or was undone.

        Raises:
            StoreConflict: Another worker has taken it over.
            StoreNotFound: There is none of that id, or it is finished.
        """

    def operations(self) -> tuple[Operation, ...]:
        """Return the tenant's operations in progress, oldest first."""


class _Jobs(Protocol):
    """Work on many numbers."""

    def add_job(self, new: NewJob, numbers: Sequence[str]) -> Job:
        """Store a job with one item for each number, in that order."""

    def job(self, job_id: int) -> Job:
        """Return a job.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """

    def jobs(self, *, limit: int = 100, cursor: str | None = None) -> Page[Job]:
        """Return the tenant's jobs, newest first.

        Raises:
            StoreRefused: The cursor is not one of a page of jobs.
        """

    def job_items(
        self, job_id: int, *, statuses: Collection[ItemStatus] = (), limit: int = 100, cursor: str | None = None
    ) -> Page[JobItem]:
        """Return a job's items in the order in which they were given.

        Raises:
            StoreRefused: The cursor is not one of a page of items.
        """

    def claim_items(
        self, job_id: int, worker: str, *, limit: int, at: datetime, lease_until: datetime
    ) -> tuple[JobItem, ...]:
        """Take items to work on: pending ones, ones whose claim has run out, and ones that the worker holds already.

        No two workers get the same. Settle what was taken before taking more.

        Args:
            job_id: The job.
            worker: A name that no other worker has, at no time.
            limit: At most so many.
            at: This moment; claims until then, or earlier, have run out.
            lease_until: Until when the claim counts.

        Returns:
            The items, in order; empty when there is nothing left to take.
        """

    def settle_items(self, job_id: int, worker: str, results: Sequence[ItemResult], *, at: datetime) -> int:
        """Say what came of claimed items; the job is finished with the last of them.

        Returns:
            How many counted; an item that another worker has taken over, or that was cancelled, does not.

        Raises:
            StoreNotFound: The tenant has no such job.
        """

    def cancel_job(self, job_id: int, *, at: datetime) -> Job:
        """Cancel what is pending; what is claimed can still be claimed anew and settled. A finished job stays as it is.

        Raises:
            StoreNotFound: The tenant has none of that id.
        """


class StoreTransaction(_Connections, _Numbers, _Journal, _Jobs, Protocol):
    """One tenant's records, seen and changed as one unit of work.

    It ends with the ``with`` block: completed when the block ends well, undone when it raises. It belongs to one
    thread. Let a `StoreError` of a write leave the block: PostgreSQL takes nothing more after one, so a block that
    swallowed it raises it again at its end.
    """

    @property
    def org_id(self) -> str:
        """The tenant."""


@runtime_checkable
class Store(Protocol):
    """Where records are kept. It may be used from several threads."""

    def transaction(self, org_id: str, *, read_only: bool = False) -> AbstractContextManager[StoreTransaction]:
        """Begin a unit of work for one tenant.

        Args:
            org_id: The tenant: 1 to 200 printable characters.
            read_only: Nothing will be changed; such a transaction waits for no writer.

        Raises:
            ConfigurationError: ``org_id`` is none, or something was to be changed in a read-only transaction.
            StoreError: The database cannot be asked.
        """

    # --- across tenants, each for one purpose ---

    def transfer(
        self, org_id: str, to_org_id: str
    ) -> AbstractContextManager[tuple[StoreTransaction, StoreTransaction]]:
        """Begin one unit of work for two tenants, giver and taker; see `StoreTransaction.give_number`."""

    def taken(self, numbers: Collection[str]) -> frozenset[str]:
        """Return which numbers (E.164) are in use, in whichever tenant; whose they are is not said."""

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used, in a unit of work of its own; see `voipkit.protocols.SpentEvidence`."""

    def claim_operations(
        self, worker: str, *, at: datetime, lease_until: datetime, limit: int = 100
    ) -> tuple[Operation, ...]:
        """Take over operations that nobody is at any more, oldest first. No two workers get the same.

        Args:
            worker: Who takes over.
            at: This moment; leases until then, or earlier, have run out.
            lease_until: The new lease.
            limit: At most so many.
        """

    def unfinished_jobs(self, *, at: datetime, limit: int = 100) -> tuple[Job, ...]:
        """Return jobs with items that nobody is at, oldest first."""

    def retire_generations(self, *, at: datetime) -> int:
        """Destroy former credentials whose time has come, and return how many."""

    def purge(self, *, before: datetime) -> int:
        """Delete evidence that expired, and answers that were reserved, before a moment; return how many.

        Spent evidence stays, so what is purged cannot come back to life.
        """

    def sealed_elsewhere(
        self, kid: str, *, limit: int = 100, after: int = 0
    ) -> tuple[tuple[int, SealedCredentials], ...]:
        """Return credentials that another key than ``kid`` sealed, with places to continue ``after``."""

    def replace_sealed(self, changed: Sequence[tuple[SealedCredentials, SealedCredentials]]) -> int:
        """Put one ciphertext in the place of another, in one unit of work.

        Args:
            changed: Pairs of what was read and what replaces it.

        Returns:
            How many were replaced; what somebody else has changed or destroyed since is passed over.
        """

    def rewrite_urls(
        self, kind: HoldsUrls, change: Callable[[str, int, Any], Any], *, limit: int = 100, after: int = 0
    ) -> int | None:
        """Change the values of records that hold sealed secrets (the text ``sealed.``), of all tenants, in order.

        It is one unit of work: nobody else changes these records between the look at them and the change.

        Args:
            kind: Which records.
            change: Given the tenant, the record's id and its values by their names, as JSON values; returns the values
                to keep, equal ones to leave the record as it is.
            limit: At most so many records.
            after: Where to go on: the answer to the call before.

        Returns:
            Where to go on, or None when there are no more.
        """

    def check(self) -> None:
        """Look whether the database is there and of this version.

        Raises:
            StoreSchema: Its tables are absent, older or newer.
            StoreUnavailable: It cannot be reached.
        """

    def close(self) -> None:
        """Let go of the database; the store must not be used afterwards."""
