"""What an import is about to do: asked of the carrier and of the store, and kept as JSON until it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from voipkit.models import (
    Connection,
    ImportReport,
    NewPhoneNumber,
    NumberImport,
    NumberSnapshot,
    OnConflict,
    Operation,
    PhoneNumber,
    Route,
)
from voipkit.models.base import Model
from voipkit.protocols import Provider
from voipkit.service.results import NumberResult
from voipkit.service.shop import Shop
from voipkit.service.veiling import shown, unveiled, veiled

__all__ = ["Plan", "Wanted", "claim", "make_plan", "plan_of", "refused", "result_of", "taken", "written"]

_LOOKED_UP = 1000  # numbers looked up in the store at once
_TAKEN = "The number is in use already, so it cannot be imported."
_TAKEN_FIX = "Release it where it is in use, or transfer it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller asked for; checked."""

    numbers: tuple[str, ...]
    route: Route | None
    on_conflict: OnConflict
    key: str | None = None
    actor: str | None = None


class Plan(Model):
    """What an import is about to do; the operation keeps it as JSON, see `written`.

    Attributes:
        numbers: All that were asked for, in order.
        route: As asked for; None leaves it to the credentials.
        on_conflict: As asked for.
        key: The idempotency key.
        actor: Who asked.
        decided: What became of numbers that are not imported, by number; for people.
        kept: The carrier's answer on numbers that are routed as wanted already, by number; for people.
        planned: Present and future routing of the numbers to write, by number.
        claimed: Ids of the records that were made for this import, by number.
        existing: Those that had records before.
        shown_route: Where calls will go, as the carrier's module says; for people.
        charge_estimate: In minor units.
        charge_note: In words.
    """

    numbers: tuple[str, ...]
    route: Route | None
    on_conflict: OnConflict
    key: str | None
    actor: str | None
    decided: dict[str, NumberResult]
    kept: dict[str, NumberImport]
    planned: dict[str, NumberSnapshot]
    claimed: dict[str, int] = Field(default_factory=dict)
    existing: tuple[str, ...]
    shown_route: Route | None
    charge_estimate: int
    charge_note: str


def make_plan(
    shop: Shop,
    carrier: Provider,
    connection: Connection,
    wanted: Wanted,
    own: Mapping[str, PhoneNumber],
    under_way: frozenset[str],
) -> tuple[Plan, ImportReport]:
    """Find out what is free here, and what the carrier would do."""
    usable = {n: r for n, r in own.items() if r.voip_connection_id in (None, connection.id) and n not in under_way}
    for record in usable.values():
        unveiled(shop, connection.org_id, record.snapshot)  # what does not open is told before anything is written
    elsewhere = taken(shop, [number for number in wanted.numbers if number not in own])
    decided = {number: refused(number, under_way=number in under_way) for number in wanted.numbers
               if number in under_way or number in elsewhere or (number in own and number not in usable)}  # fmt: skip
    asked = [number for number in wanted.numbers if number not in decided]
    report = carrier.import_numbers(asked, wanted.route, wanted.on_conflict, dry_run=True)
    would = {snapshot.number: snapshot for snapshot in report.snapshot.numbers}
    kept = {result.number: shown(result) for result in report.results if result.status == "unchanged"}
    decided |= {r.number: result_of(r, usable.get(r.number)) for r in report.results if r.number not in would | kept}
    plan = Plan(
        numbers=wanted.numbers,
        route=wanted.route,
        on_conflict=wanted.on_conflict,
        key=wanted.key,
        actor=wanted.actor,
        decided=decided,
        kept=kept,
        planned=would,
        existing=tuple(number for number in usable if number in would or number in kept),
        shown_route=shown(report.route),
        charge_estimate=report.charge_estimate,
        charge_note=report.charge_note,
    )
    return plan, report


def written(shop: Shop, operation: Operation, plan: Plan) -> dict[str, Any]:
    """Return a plan as the operation keeps it: no secret of a URL lies readable in it."""
    org_id = operation.org_id
    planned = {number: veiled(shop, org_id, snapshot) for number, snapshot in plan.planned.items()}
    kept = plan.model_copy(update={"route": veiled(shop, org_id, plan.route), "planned": planned})
    return kept.model_dump(mode="json")


def plan_of(shop: Shop, operation: Operation) -> Plan:
    """Return the plan that an operation keeps.

    Raises:
        SealKeyMissing: The ring does not have the key of a secret in it.
        SealBroken: A secret in it does not open.
    """
    kept, org_id = Plan.model_validate(operation.data), operation.org_id
    planned = {number: unveiled(shop, org_id, snapshot) for number, snapshot in kept.planned.items()}
    return kept.model_copy(update={"route": unveiled(shop, org_id, kept.route), "planned": planned})


def taken(shop: Shop, numbers: Sequence[str]) -> set[str]:
    """Return which numbers are in use, in whichever tenant."""
    found: set[str] = set()
    for start in range(0, len(numbers), _LOOKED_UP):
        found |= shop.store.taken(numbers[start : start + _LOOKED_UP])
    return found


def claim(shop: Shop, connection: Connection, plan: Plan, number: str) -> NewPhoneNumber:
    """Return the record by which an import claims a number before the carrier is written to."""
    snapshot = plan.planned.get(number)
    moment = shop.now()
    return NewPhoneNumber(
        number=number,
        voip_connection_id=connection.id,
        provider_number_id=snapshot.id if snapshot else plan.kept[number].id,
        route=veiled(shop, connection.org_id, plan.route),
        snapshot=veiled(shop, connection.org_id, snapshot),
        created_at=moment,
        updated_at=moment,
    )


# --- in words ---------------------------------------------------------------------------------------------------------


def refused(number: str, *, under_way: bool) -> NumberResult:
    """Say that a number is another import's, or in use."""
    if under_way:
        return NumberResult(
            number=number,
            outcome="failed",
            code="import.in_progress",
            message="Another import of this number has not ended.",
            fix="Try again when it has.",
        )
    return NumberResult(number=number, outcome="taken", code="import.taken", message=_TAKEN, fix=_TAKEN_FIX)


def result_of(result: NumberImport, record: PhoneNumber | None) -> NumberResult:
    """Return the carrier's answer on a number, for people, with the record that it has here."""
    return shown(
        NumberResult(
            number=result.number,
            id=record.id if record else None,
            status=record.status if record else None,
            outcome=result.status,
            code=result.code,
            message=result.message,
            fix=result.fix,
            before=result.before,
            after=result.after,
            notes=result.notes,
        )
    )
