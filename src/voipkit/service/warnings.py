"""What somebody should look at, and how many calls at once there can be. All of it is read from the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from voipkit.models import Connection, NumberCount, PhoneNumber, SealedCredentials, Warning_
from voipkit.service import arguments, connections
from voipkit.service.results import Capacity, ConnectionCapacity, Warnings
from voipkit.service.shop import Shop
from voipkit.store import StoreTransaction

__all__ = ["CODES", "Told", "capacity", "warnings"]

_STALE = timedelta(days=30)
_NEAR = timedelta(hours=6)
_PAGE = 1000
_BY_THE_CHECK = "Look the check up on the carrier's page."


class Told(NamedTuple):
    """What a warning says, unless it knows better: a check that failed has words of its own."""

    message: str
    fix: str


CODES = {
    "tenant.no_default_outbound": Told(
        "No connection is the default for outbound calls.", "Choose one with set_default_outbound."
    ),
    "connection.error": Told(
        "Its last test failed, or the carrier has refused its credentials since.",
        "Put the account in order and test it again, or rotate its credentials.",
    ),
    "connection.test_stale": Told(
        f"Its credentials were not tested for more than {_STALE.days} days.", "Test it again."
    ),
    "connection.check_fail": Told("A check of its last test failed.", _BY_THE_CHECK),
    "connection.check_warn": Told("A check of its last test found something to look at.", _BY_THE_CHECK),
    "connection.trial": Told("It is a trial account.", _BY_THE_CHECK),
    "connection.no_numbers": Told("No number was imported through it.", "Import some, or delete it."),
    "connection.former_key_ends": Told(
        f"The former credentials are destroyed within {_NEAR // timedelta(hours=1)} hours.",
        "See that calls work with the new ones, then revoke the former key at the carrier.",
    ),
    "number.import_failed": Told("It is not known whether the carrier routes it here.", "Import it again."),
    "number.verification_failed": Told("Its last verification failed.", "Look at its checks, and verify it again."),
    "number.unverified": Told("It is not verified.", "Verify it; one without a connection has to be imported first."),
}
"""Every code that a warning can have; docs/service.md shows them."""


def capacity(shop: Shop, org_id: str) -> Capacity:
    """See `ConnectionService.capacity`."""
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        counts = tx.number_counts()
    active = Counter[int | None]()
    for entry in counts:
        if entry.status == "active":
            active[entry.connection_id] += entry.count
    shares = tuple(
        ConnectionCapacity(connection_id=connection_id, active_numbers=count, concurrent_calls=count)
        for connection_id, count in sorted(active.items(), key=lambda share: share[0] or 0)
    )
    usable = sum(count for connection_id, count in active.items() if connection_id is not None)
    return Capacity(active_numbers=usable, concurrent_calls=usable, connections=shares)


def warnings(shop: Shop, org_id: str, connection_id: int | None, limit: int) -> Warnings:
    """See `ConnectionService.warnings`."""
    size = arguments.page_size(limit)
    with shop.store.transaction(arguments.tenant(org_id), read_only=True) as tx:
        every = _all_connections(tx) if connection_id is None else [connections.found(tx, connection_id)]
        counts = tx.number_counts()
        found = [warning for each in every for warning in _of_connection(shop, tx, each)]
        if connection_id is None:
            found += _of_tenant(every)
        left = max(0, size - len(found))
        about = [warning for number in _suspects(tx, connection_id, left) for warning in _of_number(number)]
    tally = Counter(warning.code for warning in found) + _tally(counts, connection_id)
    shown = tuple((found + about)[:size])
    return Warnings(warnings=shown, counts=dict(tally), left_out=tally.total() - len(shown))


# --- connections ------------------------------------------------------------------------------------------------------


def _all_connections(tx: StoreTransaction) -> list[Connection]:
    found: list[Connection] = []
    cursor: str | None = None
    while True:
        page = tx.connections(limit=_PAGE, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def _of_tenant(every: Iterable[Connection]) -> Iterator[Warning_]:
    listed = list(every)
    if listed and not any(connection.default_outbound for connection in listed):
        code = "tenant.no_default_outbound"
        yield Warning_(code=code, message=CODES[code].message, fix=CODES[code].fix)


def _of_connection(shop: Shop, tx: StoreTransaction, connection: Connection) -> Iterator[Warning_]:
    if connection.status == "error":
        yield _about(connection, "connection.error")
    elif connection.last_tested_at is None or shop.now() - connection.last_tested_at > _STALE:
        yield _about(connection, "connection.test_stale")
    for check in connection.checks:
        if check.status in ("fail", "warn"):
            trial = check.code.endswith(".trial")
            code = "connection.trial" if trial else f"connection.check_{check.status}"
            yield _about(connection, code, f"{check.code}: {check.message or check.name}", check.fix)
    if connection.numbers_imported == 0:
        yield _about(connection, "connection.no_numbers")
    for former in tx.generations(connection.id):
        if _near_end(former, shop.now()):
            until = f"The former credentials are destroyed at {former.retire_at:%Y-%m-%d %H:%M} UTC."
            yield _about(connection, "connection.former_key_ends", until)


def _near_end(sealed: SealedCredentials, moment: datetime) -> bool:
    return sealed.state == "former" and sealed.retire_at is not None and sealed.retire_at - moment <= _NEAR


def _about(connection: Connection, code: str, message: str | None = None, fix: str | None = None) -> Warning_:
    told = CODES[code]
    return Warning_(code=code, message=message or told.message, fix=fix or told.fix, connection_id=connection.id)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _code(number: PhoneNumber | NumberCount) -> str | None:
    """Return what is wrong with a number, of what its record says; None when nothing is."""
    if number.status == "released":
        return None
    if number.status == "failed":
        return "number.import_failed"
    if number.voip_verification_status == "failed":
        return "number.verification_failed"
    return "number.unverified" if number.voip_verification_status == "unverified" else None


def _tally(counts: Iterable[NumberCount], connection_id: int | None) -> Counter[str]:
    tally = Counter[str]()
    for entry in counts:
        code = _code(entry)
        if code is not None and connection_id in (None, entry.connection_id):
            tally[code] += entry.count
    return tally


def _suspects(tx: StoreTransaction, connection_id: int | None, limit: int) -> Iterator[PhoneNumber]:
    """Yield at most so many numbers with something wrong: failed verifications first, as they are the more urgent."""
    for status in ("failed", "unverified"):
        if limit > 0:
            page = tx.numbers(
                connection_id=connection_id,
                statuses=("provisioning", "active", "failed"),
                verification=status,
                limit=limit,
            )
            yield from page.items
            limit -= len(page.items)


def _of_number(number: PhoneNumber) -> Iterator[Warning_]:
    code = _code(number)
    if code is not None:
        told = CODES[code]
        failed = next((check for check in number.checks if check.status == "fail"), None)
        yield Warning_(
            code=code,
            message=f"{number.number}: {failed.message if failed else told.message}",
            fix=(failed.fix if failed else None) or told.fix,
            connection_id=number.voip_connection_id,
            number_id=number.id,
        )
