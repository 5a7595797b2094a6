"""The end of an import: the records say what the carrier did, and so does the answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from voipkit.models import (
    Connection,
    Event,
    ImportReport,
    NumberChanges,
    NumberImport,
    NumberSnapshot,
    Operation,
    PhoneNumber,
    Route,
)
from voipkit.service.events import audited, event, version
from voipkit.service.idempotency import keep
from voipkit.service.import_planning import Plan, result_of
from voipkit.service.results import NumberResult, NumbersImport
from voipkit.service.shop import Shop
from voipkit.service.veiling import unveiled, veiled

__all__ = ["answer_of", "settle"]

_UNSURE = ("import.unknown", "import.read_back")  # the carrier may route the number to us all the same


def settle(
    shop: Shop, operation: Operation, connection: Connection, plan: Plan, report: ImportReport | None
) -> NumbersImport:
    """Make the records say what the carrier did."""
    did = {result.number: result for result in report.results} if report else {}
    after = {snapshot.number: snapshot for snapshot in report.snapshot.numbers} if report else {}
    did |= {number: _unknown(number) for number in plan.planned if number not in did} | plan.kept
    gone = [plan.claimed[n] for n, r in did.items() if n in plan.claimed and not _stays(r)]
    with shop.store.transaction(operation.org_id) as tx:
        held = {record.number: record for record in tx.numbers_named(did, lock=True)}
        if gone:
            tx.delete_numbers(gone)
        present = {n: held[n] for n, r in did.items() if n in held and (_stays(r) or n in plan.existing)}
        changes = {
            present[number].id: change
            for number, result in did.items()
            if _stays(result) and number in present
            and (change := _changes(shop, connection, plan, present[number], result, after.get(number)))
        }  # fmt: skip
        if changes:
            tx.update_numbers(changes)
        records = {n: r.model_copy(update=dict(changes.get(r.id, {}))) for n, r in present.items()}
        touched = [r for r in records.values() if r.id in changes or r.number in plan.claimed]
        if touched:
            tx.add_versions([version(shop, record, "number.imported", plan.actor) for record in touched])
        results = tuple(
            plan.decided[n] if n in plan.decided else result_of(did[n], records.get(n)) for n in plan.numbers
        )
        answer = answer_of(connection, plan.shown_route, results, plan.charge_estimate, plan.charge_note, dry_run=False)
        outcome = {"imported": answer.imported_count, "numbers": [record.number for record in touched]}
        audited(shop, tx, "connection.numbers_imported", plan.actor, "connection", connection.id, None, outcome)
        keep(tx, "import", plan.key, answer)
        tx.finish_operation(operation.id, worker=operation.worker)
    shop.tell(*_events(shop, connection, plan, touched))
    return answer


def _stays(result: NumberImport) -> bool:
    """Say whether there is to be a record; also where it is not known whether the carrier took the change."""
    return result.status in ("imported", "unchanged") or result.code in _UNSURE


def _unknown(number: str) -> NumberImport:
    return NumberImport(
        number=number,
        status="failed",
        code="import.unknown",
        message="It is not known whether the number was changed.",
        fix="Import it again: only what is missing is written.",
    )


def _changes(
    shop: Shop,
    connection: Connection,
    plan: Plan,
    record: PhoneNumber,
    result: NumberImport,
    after: NumberSnapshot | None,
) -> NumberChanges | None:
    """Return what an import changes of a record that stays; None where the claim says it all."""
    planned = plan.planned.get(record.number)
    earliest = unveiled(shop, record.org_id, record.snapshot)
    merged = _merged(earliest, planned, after)
    snapshot = veiled(shop, record.org_id, merged)
    if result.code in _UNSURE:
        return NumberChanges(
            status="failed", voip_verification_status="unverified", snapshot=snapshot, updated_at=shop.now()
        )
    fresh = record.number in plan.claimed
    if fresh and merged == earliest:
        return None
    if fresh:
        return NumberChanges(snapshot=snapshot, updated_at=shop.now())
    if planned is None and record.voip_connection_id == connection.id and record.status != "failed":
        return None
    return NumberChanges(
        status="provisioning",
        voip_verification_status="unverified",
        voip_connection_id=connection.id,
        provider_number_id=result.id or record.provider_number_id,
        route=veiled(shop, record.org_id, plan.route),
        snapshot=snapshot,
        updated_at=shop.now(),
    )


def _merged(
    earliest: NumberSnapshot | None, planned: NumberSnapshot | None, after: NumberSnapshot | None
) -> NumberSnapshot | None:
    """Return what restores a number: its routing before the first of several imports, and as the last one left it."""
    if planned is None:
        return earliest
    latest = planned.model_copy(update={"after": after.after}) if after else planned
    if earliest is None or earliest.before == planned.before or earliest.after != planned.before:
        return latest
    return latest.model_copy(update={"before": earliest.before})


# --- told -------------------------------------------------------------------------------------------------------------


def answer_of(
    connection: Connection,
    route: Route | None,
    results: tuple[NumberResult, ...],
    charge: int,
    note: str,
    *,
    dry_run: bool,
) -> NumbersImport:
    """Return what the caller is told of an import."""
    return NumbersImport(
        provider=connection.provider,
        connection_id=connection.id,
        route=route,
        dry_run=dry_run,
        imported_count=sum(result.outcome in ("imported", "unchanged") for result in results),
        provider_charge_estimate_cents=charge,
        provider_charge_note=note,
        results=results,
    )


def _events(shop: Shop, connection: Connection, plan: Plan, touched: Iterable[PhoneNumber]) -> Iterator[Event]:
    for record in touched:
        yield event(
            shop, record.org_id, "number.import_failed" if record.status == "failed" else "number.imported",
            connection_id=connection.id, number_id=record.id, actor=plan.actor, number=record.number,
        )  # fmt: skip
