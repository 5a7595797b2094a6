"""One tenant's connections, credentials and numbers in SQL; every statement names the tenant.

What each method promises is said in `port.StoreTransaction`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from sqlalchemy import RowMapping, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from voipkit.errors import StoreConflict, StoreNotFound
from voipkit.models import (
    Connection,
    ConnectionChanges,
    GenerationState,
    NewConnection,
    NewNumberVersion,
    NewPhoneNumber,
    NumberChanges,
    NumberCount,
    NumberStatus,
    NumberVersion,
    Page,
    PhoneNumber,
    SealedCredentials,
    VerificationStatus,
)
from voipkit.store.port import StoreTransaction
from voipkit.store.sql_rows import Asking, batches, values_of
from voipkit.store.sql_tables import connections, credentials, numbers, versions
from voipkit.store.sql_work import Work

__all__ = ["SqlTransaction"]

_LINKED = numbers.c.org_id == connections.c.org_id, numbers.c.voip_connection_id == connections.c.id
_COUNTS = (
    select(func.count()).where(*_LINKED, numbers.c.status != "released").scalar_subquery().label("numbers_imported"),
    select(func.count()).where(*_LINKED, numbers.c.status == "active").scalar_subquery().label("capacity"),
)
_CONNECTION = (*connections.c, *_COUNTS)
_SEALED = tuple(column for column in credentials.c if column.name != "id")


class _Connections(Asking):
    """Connections and their sealed credentials."""

    def add_connection(self, new: NewConnection) -> Connection:
        row = self._row(insert(connections).values(values_of(new, org_id=self.org_id)).returning(*connections.c))
        return Connection.model_validate(dict(row or {}))

    def connection(self, connection_id: int, *, lock: bool = False) -> Connection:
        query = select(*_CONNECTION).where(*self._this(connection_id))
        row = self._row(query.with_for_update(of=connections) if lock else query)
        return _connection(row, connection_id)

    def connections(self, *, limit: int = 100, cursor: str | None = None) -> Page[Connection]:
        query = select(*_CONNECTION).where(connections.c.org_id == self.org_id)
        items, following = self._newest("connections", Connection, connections, query, limit, cursor)
        return Page(items=items, next_cursor=following)

    def update_connection(self, connection_id: int, **changes: Unpack[ConnectionChanges]) -> Connection:
        # Not by RETURNING: SQLite takes an outer column's name there for one of the counting subquery.
        if changes:
            self._count(update(connections).where(*self._this(connection_id)).values(dict(changes)))
        return self.connection(connection_id)

    def set_default_outbound(self, connection_id: int | None) -> None:
        own = connections.c.org_id == self.org_id
        # Two at once would each clear the same default and then set their own: the second waits here for the first.
        self._lock_rows(connections, own)
        others = update(connections).where(
            own, connections.c.default_outbound, connections.c.id != (connection_id or 0)
        )
        self._count(others.values(default_outbound=False))
        if connection_id is not None:
            chosen = update(connections).where(*self._this(connection_id)).values(default_outbound=True)
            if not self._count(chosen):
                raise _absent(connection_id)

    def delete_connection(self, connection_id: int) -> int:
        locked = select(connections.c.id).where(*self._this(connection_id)).with_for_update()
        if self._row(locked) is None:
            raise _absent(connection_id)
        linked = numbers.c.org_id == self.org_id, numbers.c.voip_connection_id == connection_id
        self._lock_rows(numbers, *linked)
        count = self._count(update(numbers).where(*linked).values(voip_connection_id=None))
        self._count(delete(credentials).where(*self._of(connection_id)))
        self._count(delete(connections).where(*self._this(connection_id)))
        return count

    def add_credentials(self, sealed: SealedCredentials) -> None:
        if sealed.org_id != self.org_id:
            raise _absent(sealed.connection_id)
        self._count(insert(credentials).values(values_of(sealed)))

    def credentials(self, connection_id: int, generation: int) -> SealedCredentials:
        row = self._row(select(*_SEALED).where(*self._of(connection_id, generation)))
        if row is None:
            raise StoreNotFound(f"There is no generation {generation} of connection {connection_id}.")
        return SealedCredentials.model_validate(dict(row))

    def generations(self, connection_id: int) -> tuple[SealedCredentials, ...]:
        query = select(*_SEALED).where(*self._of(connection_id)).order_by(credentials.c.generation)
        return tuple(SealedCredentials.model_validate(dict(row)) for row in self._rows(query))

    def set_generation(
        self, connection_id: int, generation: int, state: GenerationState, *, retire_at: datetime | None = None
    ) -> None:
        statement = update(credentials).where(*self._of(connection_id, generation))
        if not self._count(statement.values(state=state, retire_at=retire_at)):
            raise StoreNotFound(f"There is no generation {generation} of connection {connection_id}.")

    def destroy_generation(self, connection_id: int, generation: int) -> bool:
        return self._count(delete(credentials).where(*self._of(connection_id, generation))) == 1

    def _this(self, connection_id: int) -> tuple[Any, ...]:
        return connections.c.org_id == self.org_id, connections.c.id == connection_id

    def _of(self, connection_id: int, generation: int | None = None) -> tuple[Any, ...]:
        own = credentials.c.org_id == self.org_id, credentials.c.connection_id == connection_id
        return own if generation is None else (*own, credentials.c.generation == generation)


class _Numbers(Asking):
    """Phone numbers and their history."""

    def add_numbers(self, new: Sequence[NewPhoneNumber]) -> tuple[PhoneNumber, ...]:
        if not new:
            return ()
        # Both dialects write it in the same way; each compiles its own class only.
        dialect = postgresql if self._database.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(numbers).on_conflict_do_nothing().returning(*numbers.c)
        # In one order: two at once that each wait for a number of the other's would wait for ever.
        ordered = sorted(new, key=lambda number: number.number)
        rows = self._rows(statement, [values_of(each, org_id=self.org_id) for each in ordered])
        return tuple(sorted((PhoneNumber.model_validate(dict(row)) for row in rows), key=lambda number: number.id))

    def number(self, number_id: int, *, lock: bool = False) -> PhoneNumber:
        query = select(numbers).where(*self._one(number_id))
        return _number(self._row(query.with_for_update() if lock else query), number_id)

    def numbers(
        self,
        *,
        connection_id: int | None = None,
        statuses: Collection[NumberStatus] = (),
        verification: VerificationStatus | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[PhoneNumber]:
        query: Select[Any] = select(numbers).where(numbers.c.org_id == self.org_id)
        if connection_id is not None:
            query = query.where(numbers.c.voip_connection_id == connection_id)
        if statuses:
            query = query.where(numbers.c.status.in_(statuses))
        if verification is not None:
            query = query.where(numbers.c.voip_verification_status == verification)
        items, following = self._newest("numbers", PhoneNumber, numbers, query, limit, cursor)
        return Page(items=items, next_cursor=following)

    def numbers_named(self, numbers: Collection[str], *, lock: bool = False) -> tuple[PhoneNumber, ...]:
        found: list[RowMapping] = []
        for batch in batches(numbers):
            query = _named(batch).where(_NUMBERS.c.org_id == self.org_id)
            found += self._rows(query.order_by(_NUMBERS.c.id).with_for_update() if lock else query)
        return tuple(PhoneNumber.model_validate(dict(row)) for row in found)

    def number_counts(self) -> tuple[NumberCount, ...]:
        alike = numbers.c.voip_connection_id, numbers.c.status, numbers.c.voip_verification_status
        query = select(alike[0].label("connection_id"), *alike[1:], func.count().label("count"))
        rows = self._rows(query.where(numbers.c.org_id == self.org_id).group_by(*alike))
        return tuple(NumberCount.model_validate(dict(row)) for row in rows)

    def update_number(self, number_id: int, **changes: Unpack[NumberChanges]) -> PhoneNumber:
        if not changes:
            return self.number(number_id)
        statement = update(numbers).where(*self._one(number_id)).values(dict(changes)).returning(numbers)
        return _number(self._row(statement), number_id)

    def update_numbers(self, changes: Mapping[int, NumberChanges]) -> None:
        alike: dict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
        for number_id, fields in sorted(changes.items()):
            if fields:
                alike[frozenset(fields)].append({**fields, "number_id": number_id})
        if len(alike) > 1:  # otherwise the changes themselves are in the order of ids
            for batch in batches(sorted(changes)):
                self._lock_rows(numbers, numbers.c.org_id == self.org_id, numbers.c.id.in_(batch))
        for rows in alike.values():
            self._count(update(numbers).where(*self._one(bindparam("number_id"))), rows)

    def delete_numbers(self, number_ids: Collection[int]) -> int:
        count = 0
        for batch in batches(sorted(number_ids)):
            self._lock_rows(numbers, numbers.c.org_id == self.org_id, numbers.c.id.in_(batch))
            of_numbers = versions.c.org_id == self.org_id, versions.c.number_id.in_(batch)
            self._count(delete(versions).where(*of_numbers))
            count += self._count(delete(numbers).where(numbers.c.org_id == self.org_id, numbers.c.id.in_(batch)))
        return count

    def give_number(self, number_id: int, taker: StoreTransaction, *, updated_at: datetime) -> PhoneNumber:
        cleared = {
            "status": "provisioning", "voip_verification_status": "unverified", "voip_last_verified_at": None,
            "inbound_agent_id": None, "outbound_agent_id": None, "voip_connection_id": None, "label": None,
            "route": None, "snapshot": None, "checks": (), "updated_at": updated_at,
        }  # fmt: skip
        given = update(numbers).where(*self._one(number_id), numbers.c.status != "released")
        row = self._row(given.values(org_id=taker.org_id, **cleared).returning(numbers))
        if row is None:
            number = self.number(number_id).number
            raise StoreConflict(f"Number {number} is released, so there is nothing to hand over.")
        return PhoneNumber.model_validate(dict(row))

    def add_versions(self, new: Sequence[NewNumberVersion]) -> None:
        if new:
            self._count(insert(versions), [values_of(each, org_id=self.org_id) for each in new])

    def versions(self, number_id: int, *, limit: int = 100, cursor: str | None = None) -> Page[NumberVersion]:
        query = select(versions).where(versions.c.org_id == self.org_id, versions.c.number_id == number_id)
        items, following = self._newest("versions", NumberVersion, versions, query, limit, cursor)
        return Page(items=items, next_cursor=following)

    def _one(self, number_id: Any) -> tuple[Any, ...]:
        return numbers.c.org_id == self.org_id, numbers.c.id == number_id


class SqlTransaction(_Connections, _Numbers, Work):
    """What `port.StoreTransaction` says, on one database transaction."""


# --- helpers ---------------------------------------------------------------------------------------------------------

_NUMBERS = numbers  # inside `numbers_named` the word means its argument


def _named(batch: Sequence[str]) -> Select[Any]:
    return select(numbers).where(numbers.c.number.in_(batch), numbers.c.status != "released")


def _connection(row: Any, connection_id: int) -> Connection:
    if row is None:
        raise _absent(connection_id)
    return Connection.model_validate(dict(row))


def _absent(connection_id: int) -> StoreNotFound:
    return StoreNotFound(f"There is no connection {connection_id}.")


def _number(row: Any, number_id: int) -> PhoneNumber:
    if row is None:
        raise StoreNotFound(f"There is no number {number_id}.")
    return PhoneNumber.model_validate(dict(row))
