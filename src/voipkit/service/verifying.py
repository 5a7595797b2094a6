"""Whether calls flow to and from a number, and what that makes of its record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from voipkit.adapting.dialin import verify_watched
from voipkit.errors import SealBroken, SealKeyMissing, StateConflict
from voipkit.models import Event, EventType, NumberChanges, NumberStatus, NumberVerification, PhoneNumber, Route
from voipkit.protocols import InboundWitness, Provider
from voipkit.service import arguments, connections
from voipkit.service.events import audited, event, version
from voipkit.service.results import NumberVerified
from voipkit.service.shop import Shop
from voipkit.service.veiling import shown, shown_number, unveiled
from voipkit.store import StoreTransaction

__all__ = ["asked", "changes", "events_of", "linked", "record", "verify_number"]

LIVE: tuple[NumberStatus, ...] = ("provisioning", "active", "failed")
_BATCH = 1000


def verify_number(
    shop: Shop, org_id: str, number_id: int, witness: InboundWitness | None, actor: str | None
) -> NumberVerified:
    """See `ConnectionService.verify_number`. One transaction at the end, so there is nothing to resume."""
    org_id, actor = arguments.tenant(org_id), arguments.opaque(actor, "actor")
    with shop.store.transaction(org_id, read_only=True) as tx:
        number = _verifiable(arguments.number(tx, number_id))
        connection = connections.found(tx, number.voip_connection_id or 0)
        sealed = connections.in_use(tx, connection)
    route = _opened_route(shop, number)
    with connections.noted(shop, connection), shop.opened(connection, sealed) as carrier:
        watching = witness or shop.witness_for(carrier)
        seen = shown(verify_watched(carrier, number.number, route, watching))
    connections.accepted(shop, connection)
    with shop.store.transaction(org_id) as tx:
        after = record(shop, tx, [(number, seen)], actor).get(number_id)
    if after is None:
        raise StateConflict(
            f"{number.number} was changed while it was being verified, so nothing was recorded.",
            fix="Look at it, and verify it again.",
        )
    shop.tell(*events_of(shop, [(number, seen)], actor))
    return NumberVerified(number=shown_number(after), verification=seen)


def _verifiable(number: PhoneNumber) -> PhoneNumber:
    if number.status == "released":
        raise StateConflict(f"{number.number} is released.", fix="Make it active again first.")
    if number.voip_connection_id is None:
        raise StateConflict(f"{number.number} has no connection.", fix="Import it through a connection.")
    return number


def linked(tx: StoreTransaction, connection_id: int, statuses: tuple[NumberStatus, ...] = LIVE) -> list[PhoneNumber]:
    """Return every number of a connection that has one of the statuses; empty means all."""
    found: list[PhoneNumber] = []
    cursor: str | None = None
    while True:
        page = tx.numbers(connection_id=connection_id, statuses=statuses, limit=_BATCH, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def asked(
    shop: Shop, carrier: Provider, numbers: Iterable[PhoneNumber]
) -> Iterator[tuple[PhoneNumber, NumberVerification]]:
    """Ask a carrier about many numbers: one listing for each route that they were imported with.

    Where the host's witness is used, each number is called instead, one after another.

    Raises:
        SealKeyMissing: A number's route does not open, because the ring does not have its key.
        SealBroken: A number's route does not open.
    """
    routed = [(_opened_route(shop, number), number) for number in numbers]
    for _, alike in groupby(sorted(routed, key=_route_of), key=_route_of):
        routes, group = zip(*alike, strict=True)
        yield from zip(group, map(shown, _asked_alike(shop, carrier, group, routes[0])), strict=True)


def _asked_alike(
    shop: Shop, carrier: Provider, numbers: Iterable[PhoneNumber], route: Route | None
) -> Iterable[NumberVerification]:
    witness, named = shop.witness_for(carrier), [number.number for number in numbers]
    if witness is None:
        return carrier.verify_numbers(named, route)
    return (verify_watched(carrier, each, route, witness) for each in named)


def _opened_route(shop: Shop, number: PhoneNumber) -> Route | None:
    """Return the route that a number was imported with; where it does not open, the error names the number."""
    try:
        return unveiled(shop, number.org_id, number.route)
    except (SealBroken, SealKeyMissing) as error:
        instead = f"Or release {number.number}, and import it again."
        raise type(error)(f"{number.number}: {error.message}", fix=f"{error.fix} {instead}") from error


def _route_of(routed: tuple[Route | None, PhoneNumber]) -> str:
    return str(routed[0] or "")


# --- what comes of it -------------------------------------------------------------------------------------------------


def changes(number: PhoneNumber, seen: NumberVerification, moment: datetime) -> NumberChanges:
    """Return what a verification makes of a record.

    Where the carrier does not tell, only the checks change: a status that was proven before is not given up for an
    answer that is not known, and none is given for one.
    """
    if seen.status == "pass":
        return NumberChanges(
            status="active",
            voip_verification_status="verified",
            voip_last_verified_at=moment,
            provider_number_id=seen.id or number.provider_number_id,
            checks=seen.checks,
            updated_at=moment,
        )
    if seen.status == "fail":
        return NumberChanges(
            status="provisioning", voip_verification_status="failed", checks=seen.checks, updated_at=moment
        )
    return NumberChanges(checks=seen.checks, updated_at=moment)


def record(
    shop: Shop,
    tx: StoreTransaction,
    seen: Sequence[tuple[PhoneNumber, NumberVerification]],
    actor: str | None,
) -> dict[int, PhoneNumber]:
    """Write verifications down: the records, the history where a status changed, and one entry in the audit log.

    Returns:
        The records as they are now, by id. A number that was released, moved or handed over since it was asked about
        is left alone and left out.
    """
    moment = shop.now()
    present = {number.id: number for number in tx.numbers_named([n.number for n, _ in seen], lock=True)}
    still = [
        (present[number.id], found)
        for number, found in seen
        if number.id in present and present[number.id].voip_connection_id == number.voip_connection_id
    ]
    decided = {number.id: changes(number, found, moment) for number, found in still}
    if not decided:
        return {}
    tx.update_numbers(decided)
    after = {number.id: number.model_copy(update=dict(decided[number.id])) for number, _ in still}
    moved = [after[before.id] for before, _ in still if after[before.id].status != before.status]
    if moved:
        tx.add_versions([version(shop, number, f"number.{number.status}", actor) for number in moved])
    only = still[0][0].id if len(still) == 1 else None
    audited(shop, tx, "number.verified", actor, "number", only, None, {n.number: found.status for n, found in still})
    return after


_EVENTS: dict[str, EventType] = {
    "pass": "number.verified",
    "fail": "number.verification_failed",
    "unknown": "number.verification_unknown",
}


def events_of(shop: Shop, seen: Iterable[tuple[PhoneNumber, NumberVerification]], actor: str | None) -> Iterator[Event]:
    """Make one event of each verification."""
    for number, found in seen:
        yield event(
            shop,
            number.org_id,
            _EVENTS[found.status],
            connection_id=number.voip_connection_id,
            number_id=number.id,
            actor=actor,
            number=number.number,
            failures=[check.code for check in found.failures],
        )
