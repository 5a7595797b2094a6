"""The half of `ConnectionService` that is about phone numbers, and about jobs on many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from voipkit.models import (
    AgentId,
    Job,
    JobItem,
    NumberVersion,
    OnConflict,
    Page,
    PhoneNumber,
    ProviderNumber,
    Route,
)
from voipkit.protocols import InboundWitness
from voipkit.service import importing, jobs, numbers, verifying
from voipkit.service.results import NumbersImport, NumberVerified
from voipkit.service.shop import UNSET, Shop, Unset

if TYPE_CHECKING:
    from voipkit.service.facade import ConnectionService

__all__ = ["NumberOperations"]

_PAGE = 100


class NumberOperations:
    """Phone numbers of a tenant; part of `ConnectionService`."""

    _shop: Shop

    # --- numbers of the carrier's account (importing, verifying) --------------------------------------------------

    def available_numbers(self, org_id: str, connection_id: int) -> tuple[ProviderNumber, ...]:
        """List the account's numbers that can take calls and that no tenant has imported.

        Args:
            org_id: The tenant.
            connection_id: The connection.

        Returns:
            All of them, in the carrier's order. A number whose voice capability the carrier does not tell is there,
            with ``capabilities`` None.

        Raises:
            ProviderError: The carrier could not be asked.
        """
        return importing.available(self._shop, org_id, connection_id)

    def import_numbers(
        self,
        org_id: str,
        connection_id: int,
        numbers: Iterable[str],
        *,
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        dry_run: bool = False,
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> NumbersImport:
        """Route numbers of the account to the tenant, and record them as ``provisioning``.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            numbers: E.164, each once, at most 10,000; more belong in `start_import`.
            route: Where calls shall go; None takes what the credentials or the SIP configuration name.
            on_conflict: ``overwrite`` takes over a number that is routed elsewhere.
            dry_run: Plan only; nothing is written, here or at the carrier.
            idempotency_key: The same key again gets the same answer.
            actor: Who asks, for the audit log.

        Returns:
            What happened to each number; one bad number never stops the others.

        Raises:
            InvalidField: A number is not E.164 or is given twice; nothing was done.
            ProviderError: The account could not be listed; nothing was done.
            OperationInProgress: Another operation of this connection has not ended.
        """
        return importing.import_numbers(
            self._shop, org_id, connection_id, numbers, route, on_conflict, dry_run, idempotency_key, actor
        )

    def verify_number(
        self, org_id: str, number_id: int, *, witness: InboundWitness | None = None, actor: str | None = None
    ) -> NumberVerified:
        """Find out whether calls flow to and from a number, and record it.

        A pass makes it ``active`` and ``verified``; a fail makes it ``provisioning`` and ``failed``; where the carrier
        does not tell, its status stays as it is, and the checks say so.

        Args:
            org_id: The tenant.
            number_id: The number's record.
            witness: Has the number called, and sees the call arrive; ask `SupportsDialIn.dial_in_cost` before. None
                takes the service's witness at a SIP trunk, and places no call elsewhere.
            actor: Who asks, for the audit log.

        Raises:
            StateConflict: It is released, or has no connection.
            Unsupported: A witness was given, and the carrier cannot have a call placed.
            ProviderError: The carrier could not be asked; nothing was changed.
            ObjectNotFound: This tenant has none of that id.
        """
        return verifying.verify_number(self._shop, org_id, number_id, witness, actor)

    # --- jobs (jobs) ------------------------------------------------------------------------------------------------

    def start_import(
        self,
        org_id: str,
        connection_id: int,
        numbers: Iterable[str],
        *,
        route: Route | None = None,
        on_conflict: OnConflict = "refuse",
        idempotency_key: str | None = None,
        actor: str | None = None,
    ) -> Job:
        """Record a bulk import, to be done by `run_job`. No limit on the numbers; arguments as for `import_numbers`.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            numbers: E.164, each once.
            route: Where calls shall go; None takes what the credentials or the SIP configuration name.
            on_conflict: ``overwrite`` takes over a number that is routed elsewhere.
            idempotency_key: The same key again gets the same answer.
            actor: Who asks, for the audit log.
        """
        return jobs.start_import(self._shop, org_id, connection_id, numbers, route, on_conflict, idempotency_key, actor)

    def start_verification(
        self, org_id: str, connection_id: int, *, number_ids: Iterable[int] | None = None, actor: str | None = None
    ) -> Job:
        """Record a bulk verification, to be done by `run_job`.

        Args:
            org_id: The tenant.
            connection_id: The connection.
            number_ids: Numbers of this connection; None takes all that are not released.
            actor: Who asks, for the audit log.
        """
        return jobs.start_verification(self._shop, org_id, connection_id, number_ids, actor)

    def run_job(
        self,
        org_id: str,
        job_id: int,
        executor: Executor | None = None,
        *,
        reopen: Callable[[], ConnectionService] | None = None,
    ) -> Job:
        """Do a job, or what is left of it, and return when it has ended. One process at a time runs a job.

        Args:
            org_id: The tenant.
            job_id: The job.
            executor: Any executor; None works in this thread. What is submitted holds ids only.
            reopen: Makes a service in a worker process: a picklable callable without secrets, such as a function that
                reads them from the environment. Needed unless the executor's workers are threads of this process.

        Returns:
            The job as it is now, ``done`` or ``cancelled``.

        Raises:
            OperationInProgress: Another process runs it.
        """
        return jobs.run_job(self._shop, org_id, job_id, executor, reopen)

    def job(self, org_id: str, job_id: int) -> Job:
        """Return a job with its progress.

        Args:
            org_id: The tenant.
            job_id: The job.
        """
        return jobs.get(self._shop, org_id, job_id)

    def jobs(self, org_id: str, *, limit: int = _PAGE, cursor: str | None = None) -> Page[Job]:
        """Return a page of the tenant's jobs, newest first.

        Args:
            org_id: The tenant.
            limit: 1 to 1000.
            cursor: ``next_cursor`` of the page before.
        """
        return jobs.listed(self._shop, org_id, limit, cursor)

    def job_items(self, org_id: str, job_id: int, *, limit: int = _PAGE, cursor: str | None = None) -> Page[JobItem]:
        """Return what came of each number of a job, in the order in which they were given.

        Args:
            org_id: The tenant.
            job_id: The job.
            limit: 1 to 1000.
            cursor: ``next_cursor`` of the page before.
        """
        return jobs.items(self._shop, org_id, job_id, limit, cursor)

    def cancel_job(self, org_id: str, job_id: int, *, actor: str | None = None) -> Job:
        """Give up what a job has not begun; a batch that a worker is at ends by itself.

        Where that worker is dead, `recover` settles its batch once the claim has run out: what an import did counts,
        and the rest is cancelled.

        Args:
            org_id: The tenant.
            job_id: The job.
            actor: Who asks, for the audit log.
        """
        return jobs.cancel(self._shop, org_id, job_id, actor)

    # --- numbers (numbers) ------------------------------------------------------------------------------------------

    def numbers(
        self, org_id: str, *, connection_id: int | None = None, limit: int = _PAGE, cursor: str | None = None
    ) -> Page[PhoneNumber]:
        """Return a page of the tenant's numbers, newest first.

        Args:
            org_id: The tenant.
            connection_id: Only those of this connection.
            limit: 1 to 1000.
            cursor: ``next_cursor`` of the page before.
        """
        return numbers.listed(self._shop, org_id, connection_id, limit, cursor)

    def number(self, org_id: str, number_id: int) -> PhoneNumber:
        """Return a number.

        Args:
            org_id: The tenant.
            number_id: The number's record.

        Raises:
            ObjectNotFound: This tenant has none of that id.
        """
        return numbers.get(self._shop, org_id, number_id)

    def update_number(
        self,
        org_id: str,
        number_id: int,
        *,
        inbound_agent_id: AgentId | Unset | None = UNSET,
        outbound_agent_id: AgentId | Unset | None = UNSET,
        status: str | Unset = UNSET,
        label: str | Unset | None = UNSET,
        actor: str | None = None,
    ) -> PhoneNumber:
        """Assign agents (None clears), label a number, or move it between ``active`` and ``released``.

        The carrier is never asked.

        Args:
            org_id: The tenant.
            number_id: The number's record.
            inbound_agent_id: The agent that answers; None clears it.
            outbound_agent_id: The agent that calls; None clears it.
            status: ``active`` or ``released``.
            label: A note for people; None clears it.
            actor: Who asks, for the audit log.

        Raises:
            StateConflict: The number is neither active nor released, was not verified when it was released, or is in
                use elsewhere since.
        """
        return numbers.update(self._shop, org_id, number_id, inbound_agent_id, outbound_agent_id, status, label, actor)

    def release_number(self, org_id: str, number_id: int, *, actor: str | None = None) -> PhoneNumber:
        """Give a number up here. It stays in the carrier's account, routed as it is.

        Args:
            org_id: The tenant.
            number_id: The number's record.
            actor: Who asks, for the audit log.
        """
        return numbers.release(self._shop, org_id, number_id, actor)

    def transfer_number(self, org_id: str, number_id: int, to_org_id: str, *, actor: str | None = None) -> PhoneNumber:
        """Move a number to another tenant, at once or not at all; its agents and its connection are cleared.

        Args:
            org_id: The tenant.
            number_id: The number's record.
            to_org_id: The tenant that gets it.
            actor: Who asks, for the audit log.

        Raises:
            TransferRefused: The host did not authorise it for both tenants.
            OperationInProgress: An import of the number has not ended.
        """
        return numbers.transfer(self._shop, org_id, number_id, to_org_id, actor)

    def number_versions(
        self, org_id: str, number_id: int, *, limit: int = _PAGE, cursor: str | None = None
    ) -> Page[NumberVersion]:
        """Return who changed what of a number, newest first.

        Args:
            org_id: The tenant.
            number_id: The number's record.
            limit: 1 to 1000.
            cursor: ``next_cursor`` of the page before.
        """
        return numbers.versions(self._shop, org_id, number_id, limit, cursor)
