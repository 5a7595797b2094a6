"""What the service answers, where no record of the store says it already."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voipkit.models import (
    CredentialTest,
    ImportStatus,
    NumberStatus,
    NumberVerification,
    PhoneNumber,
    Route,
    Routing,
    Warning_,
)
from voipkit.models.base import Model

__all__ = [
    "Capacity",
    "ConnectionCapacity",
    "ConnectionTest",
    "DeletionReport",
    "LeftAtCarrier",
    "NumberOutcome",
    "NumberResult",
    "NumberVerified",
    "NumbersImport",
    "Recovery",
    "Warnings",
]

NumberOutcome = ImportStatus | Literal["taken"]
"""What an import did to a number; ``taken`` when it is in use already, here or elsewhere."""


class ConnectionTest(Model):
    """A test of credentials, and the evidence of it where they are not saved yet.

    Attributes:
        status: ``pass`` or ``fail``, as of ``test``.
        test: What was found out.
        evidence: The signed token; None when the test did not pass, and of `ConnectionService.retest`.
        verification_evidence_id: The token's UUID, which `ConnectionService.create` takes in its place.
        suggested_connection_name: Such as "Telnyx: Acme Main (+15550001234)"; None in the same cases.
        suggested_connection_name_inferred: True when the name was read from the account.
    """

    status: Literal["pass", "fail"]
    test: CredentialTest
    evidence: str | None = Field(default=None, repr=False)
    verification_evidence_id: str | None = None
    suggested_connection_name: str | None = None
    suggested_connection_name_inferred: bool = False


class NumberResult(Model):
    """What an import did to one number.

    Attributes:
        number: E.164.
        id: The record's id; None when there is none, such as on a dry run.
        status: The record's status; None when there is none.
        outcome: What happened.
        code: Stable and dotted, such as ``import.conflict``.
        message: What happened, in words.
        fix: What to do next, or None.
        before: The routing that was found, in the carrier's words; None when it was not looked at.
        after: The routing that is there now or, on a dry run, would be.
        notes: Things to know that did not stop the import.
    """

    number: str
    id: int | None = None
    status: NumberStatus | None = None
    outcome: NumberOutcome
    code: str
    message: str
    fix: str | None = None
    before: Routing | None = None
    after: Routing | None = None
    notes: tuple[str, ...] = ()


class NumbersImport(Model):
    """What an import did.

    Attributes:
        provider: The carrier's id.
        connection_id: The connection that was used.
        route: Where calls go now; None when numbers were recorded and their routing was left alone, or when the
            carrier's own credentials name it.
        dry_run: True when nothing was written, here or at the carrier.
        imported_count: Numbers that this call, or an earlier one, imported.
        provider_charge_estimate_cents: What it costs at the carrier, in minor units of the account's currency.
        provider_charge_note: The same in words.
        results: One entry for each number given, in that order.
    """

    provider: str
    connection_id: int
    route: Route | None = None
    dry_run: bool = False
    imported_count: int
    provider_charge_estimate_cents: int
    provider_charge_note: str
    results: tuple[NumberResult, ...]


class NumberVerified(Model):
    """A verification, and the record as it is after it.

    Attributes:
        number: The record.
        verification: What was found out.
    """

    number: PhoneNumber
    verification: NumberVerification


class LeftAtCarrier(Model):
    """A number whose routing stays as the import left it.

    Attributes:
        number: E.164.
        id: The record's id.
        routing: The routing fields that the import wrote, in the carrier's words.
        reason: Why it was left: not asked for, changed by somebody else since, ...
    """

    number: str
    id: int
    routing: Routing = Field(default_factory=dict)
    reason: str


class DeletionReport(Model):
    """What deleting a connection did, and what it left.

    Attributes:
        connection_id: The connection that is gone; its credentials were destroyed.
        numbers_kept: Numbers that stay as records, with their link cleared.
        restored: Numbers whose routing is as it was before their import.
        left: Numbers that the carrier still routes as the import left them.
    """

    connection_id: int
    numbers_kept: int
    restored: tuple[str, ...] = ()
    left: tuple[LeftAtCarrier, ...] = ()


class ConnectionCapacity(Model):
    """How many calls at once a connection can place.

    Attributes:
        connection_id: The connection; None gathers active numbers whose connection was deleted.
        active_numbers: Its active numbers.
        concurrent_calls: The same: one call for each caller ID.
    """

    connection_id: int | None
    active_numbers: int
    concurrent_calls: int


class Capacity(Model):
    """How many calls at once a tenant can place: one for each active number.

    Attributes:
        active_numbers: Active numbers that have a connection.
        concurrent_calls: The same.
        connections: Each connection's share; those without active numbers are left out.
    """

    active_numbers: int
    concurrent_calls: int
    connections: tuple[ConnectionCapacity, ...] = ()


class Warnings(Model):
    """What somebody should look at.

    Attributes:
        warnings: Connections first, then numbers.
        counts: How many there are of each kind; always complete.
        left_out: How many were left out of ``warnings``, which is capped.
    """

    warnings: tuple[Warning_, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    left_out: int = 0


class Recovery(Model):
    """What `ConnectionService.recover` did.

    Attributes:
        finished: Operations that a crash had left and that are complete now.
        undone: Operations that were taken back, because they could not be completed.
        postponed: Operations whose carrier could not be asked; call again later.
        jobs: Jobs that had work left that nobody was at: tenant and id of each.
    """

    finished: tuple[int, ...] = ()
    undone: tuple[int, ...] = ()
    postponed: tuple[int, ...] = ()
    jobs: tuple[tuple[str, int], ...] = ()
