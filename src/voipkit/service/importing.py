"""Numbers of the carrier's account: which are free, and how they become the tenant's.

    import ── ask the carrier what it would do (a dry run)
           ── tx: claim the numbers by their records, and write down the plan with each number's present routing
           ── the carrier is written to
           ── tx: settle the records; what the carrier refused is unclaimed

The unique index on numbers is the claim, so no other tenant can be at the same number. A crash leaves the operation;
`recovery` goes on at the third line: what was written before is found ``unchanged`` then, and how it was routed before
is in the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from voipkit.errors import ProviderError
from voipkit.models import (
    Connection,
    ImportReport,
    OnConflict,
    Operation,
    PhoneNumber,
    ProviderNumber,
    Route,
    SealedCredentials,
)
from voipkit.protocols import Provider
from voipkit.service import arguments, connections, operations
from voipkit.service.idempotency import Keyed, free
from voipkit.service.import_planning import Plan, Wanted, claim, make_plan, plan_of, refused, result_of, taken, written
from voipkit.service.import_settling import answer_of, settle
from voipkit.service.results import NumbersImport
from voipkit.service.shop import Shop
from voipkit.service.veiling import given_route, shown
from voipkit.store import StoreTransaction

__all__ = ["KIND", "Wanted", "available", "import_numbers", "imported", "resume"]

KIND = "import"
MOST = 10_000


def available(shop: Shop, org_id: str, connection_id: int) -> tuple[ProviderNumber, ...]:
    """See `ConnectionService.available_numbers`."""
    org_id = arguments.tenant(org_id)
    with shop.store.transaction(org_id, read_only=True) as tx:
        connection = connections.found(tx, connection_id)
        sealed = connections.in_use(tx, connection)
    with connections.noted(shop, connection), shop.opened(connection, sealed) as carrier:
        owned = [number for number in carrier.list_numbers() if _carries_voice(number)]
    connections.accepted(shop, connection)
    elsewhere = taken(shop, [number.number for number in owned])
    return tuple(shown(number) for number in owned if number.number not in elsewhere)


def _carries_voice(number: ProviderNumber) -> bool:
    return number.capabilities is None or "voice" in number.capabilities


# --- asked for --------------------------------------------------------------------------------------------------------


def import_numbers(
    shop: Shop,
    org_id: str,
    connection_id: int,
    numbers: Iterable[str],
    route: Route | None,
    on_conflict: OnConflict,
    dry_run: bool,
    key: str | None,
    actor: str | None,
) -> NumbersImport:
    """See `ConnectionService.import_numbers`."""
    org_id = arguments.tenant(org_id)
    wanted = Wanted(
        numbers=arguments.numbers(numbers, MOST),
        route=given_route(shop, org_id, route),
        on_conflict=arguments.conflict_rule(on_conflict),
        key=arguments.opaque(key, "idempotency_key"),
        actor=arguments.opaque(actor, "actor"),
    )
    if dry_run:
        return _dry_run(shop, org_id, connection_id, wanted)
    return imported(shop, org_id, connection_id, wanted)


def _dry_run(shop: Shop, org_id: str, connection_id: int, wanted: Wanted) -> NumbersImport:
    with shop.store.transaction(org_id, read_only=True) as tx:
        connection = connections.found(tx, connection_id)
        sealed = connections.in_use(tx, connection)
        own = _own(tx, wanted.numbers)
    with connections.noted(shop, connection), shop.opened(connection, sealed) as carrier:
        plan, report = make_plan(shop, carrier, connection, wanted, own, frozenset())
    if report.results:
        connections.accepted(shop, connection)
    would = {result.number: result_of(result, None) for result in report.results} | plan.decided
    results = tuple(would[number] for number in wanted.numbers)
    return answer_of(connection, plan.shown_route, results, report.charge_estimate, report.charge_note, dry_run=True)


def imported(shop: Shop, org_id: str, connection_id: int, wanted: Wanted) -> NumbersImport:
    """Import numbers, of a caller or of a job."""
    keyed = Keyed(
        shop, KIND, wanted.key,
        {"connection": connection_id, "numbers": wanted.numbers, "route": wanted.route, "rule": wanted.on_conflict},
    )  # fmt: skip
    with shop.store.transaction(org_id) as tx:
        connection = connections.found(tx, connection_id, lock=True)
        earlier = keyed.earlier(shop, tx, NumbersImport)
        if earlier is not None:
            return earlier
        sealed = connections.in_use(tx, connection)
        busy = operations.require_free(tx, connection_id, KIND)
        own = _own(tx, wanted.numbers)
        data = {"numbers": wanted.numbers, "key": wanted.key, "actor": wanted.actor}
        operation = operations.begin(shop, tx, KIND, connection_id, data, step="plan")
    under_way = frozenset(number for other in busy for number in other.data["numbers"])
    with _opened(shop, operation, connection, sealed) as carrier:
        operation, plan = _planned(shop, operation, carrier, connection, wanted, own, under_way)
        report = _written(shop, operation, carrier, connection, plan)
    return settle(shop, operation, connection, plan, report)


@contextmanager
def _opened(shop: Shop, operation: Operation, connection: Connection, sealed: SealedCredentials) -> Iterator[Provider]:
    """Open the carrier of an import that was written down; one that does not open leaves nothing behind."""
    with ExitStack() as closing:
        try:
            carrier = closing.enter_context(shop.opened(connection, sealed))
        except Exception:
            _forget(shop, operation, ())
            raise
        yield carrier


def _own(tx: StoreTransaction, numbers: Sequence[str]) -> dict[str, PhoneNumber]:
    return {record.number: record for record in tx.numbers_named(numbers)}


# --- planned ----------------------------------------------------------------------------------------------------------


def _planned(
    shop: Shop,
    operation: Operation,
    carrier: Provider,
    connection: Connection,
    wanted: Wanted,
    own: Mapping[str, PhoneNumber],
    under_way: frozenset[str],
) -> tuple[Operation, Plan]:
    """Plan, claim the numbers, and write the plan down. When that fails nothing has happened."""
    try:
        with operations.held(shop, operation), connections.noted(shop, connection):
            plan, report = make_plan(shop, carrier, connection, wanted, own, under_way)
        if report.results:
            connections.accepted(shop, connection)
    except Exception:
        _forget(shop, operation, ())
        raise
    with shop.store.transaction(operation.org_id) as tx:
        fresh = [number for number in (*plan.planned, *plan.kept) if number not in plan.existing]
        claims = [claim(shop, connection, plan, number) for number in fresh]
        claimed = {record.number: record.id for record in (tx.add_numbers(claims) if claims else ())}
        lost = set(fresh) - set(claimed)
        plan = plan.model_copy(
            update={
                "claimed": claimed,
                "decided": plan.decided | {number: refused(number, under_way=False) for number in lost},
                "planned": {n: s for n, s in plan.planned.items() if n not in lost},
                "kept": {n: r for n, r in plan.kept.items() if n not in lost},
            }
        )
        operation = operations.advance(shop, tx, operation, "write", written(shop, operation, plan))
    return operation, plan


# --- written ----------------------------------------------------------------------------------------------------------


def _written(
    shop: Shop, operation: Operation, carrier: Provider, connection: Connection, plan: Plan
) -> ImportReport | None:
    """Write to the carrier what was planned; None where nothing was.

    Raises:
        ProviderError: The numbers could not be listed. Nothing was written, and the claims are given up.
    """
    if not plan.planned:
        return None
    try:
        with operations.held(shop, operation), connections.noted(shop, connection):
            return carrier.import_numbers(list(plan.planned), plan.route, plan.on_conflict)
    except ProviderError:
        _forget(shop, operation, plan.claimed.values())
        raise


def _forget(shop: Shop, operation: Operation, claimed: Collection[int]) -> None:
    """Take back what was recorded of an import that wrote nothing at the carrier."""
    with shop.store.transaction(operation.org_id) as tx:
        if claimed:
            tx.delete_numbers(claimed)
        free(tx, KIND, operation.data["key"])
        tx.finish_operation(operation.id, worker=operation.worker)


# --- resumed ----------------------------------------------------------------------------------------------------------


def resume(shop: Shop, operation: Operation) -> bool:
    """Go on with an import that a crash left.

    Returns:
        True when it is complete now; False when nothing had been written, and it was forgotten.

    Raises:
        ProviderError: The carrier could not be asked; try again later.
    """
    if operation.step == "plan":
        _forget(shop, operation, ())
        return False
    plan = plan_of(shop, operation)
    with shop.store.transaction(operation.org_id, read_only=True) as tx:
        connection = connections.found(tx, operation.connection_id or 0)
        sealed = connections.in_use(tx, connection)
    report = _resumed(shop, operation, connection, sealed, plan) if plan.planned else None
    settle(shop, operation, connection, plan, report)
    return True


def _resumed(
    shop: Shop, operation: Operation, connection: Connection, sealed: SealedCredentials, plan: Plan
) -> ImportReport | None:
    """Write again what was planned; None when the carrier refuses for good, so that nobody will ever know."""
    try:
        with operations.held(shop, operation), shop.opened(connection, sealed) as carrier:
            return carrier.import_numbers(list(plan.planned), plan.route, plan.on_conflict)
    except ProviderError as error:
        if error.retryable:
            raise
        return None
