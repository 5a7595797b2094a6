"""One tenant's connections, credentials and numbers in memory.

What each method promises is said in `port.StoreTransaction`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Unpack

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
from voipkit.store.memory_records import Reading, changed, in_use, newest
from voipkit.store.memory_work import Work
from voipkit.store.port import StoreTransaction

__all__ = ["MemoryTransaction"]


class _Connections(Reading):
    """Connections and their sealed credentials."""

    def add_connection(self, new: NewConnection) -> Connection:
        if new.default_outbound and any(c.default_outbound for c in self._own(Connection)):
            raise StoreConflict("The tenant has a default connection for outbound calls already.")
        return self._add(Connection, new)

    def connection(self, connection_id: int, *, lock: bool = False) -> Connection:  # noqa: ARG002 - all are locked
        return self._counted(self._one(Connection, connection_id, f"connection {connection_id}"))

    def _counted(self, connection: Connection) -> Connection:
        statuses = [n.status for n in self._own(PhoneNumber) if n.voip_connection_id == connection.id]
        counts = {
            "numbers_imported": len(statuses) - statuses.count("released"),
            "capacity": statuses.count("active"),
        }
        return connection.model_copy(update=counts)

    def connections(self, *, limit: int = 100, cursor: str | None = None) -> Page[Connection]:
        page = newest("connections", self._own(Connection), limit, cursor)
        return page.model_copy(update={"items": tuple(map(self._counted, page.items))})

    def update_connection(self, connection_id: int, **changes: Unpack[ConnectionChanges]) -> Connection:
        found = self._one(Connection, connection_id, f"connection {connection_id}")
        return self._counted(self._put(found.id, changed(found, changes)))

    def set_default_outbound(self, connection_id: int | None) -> None:
        if connection_id is not None:
            self._one(Connection, connection_id, f"connection {connection_id}")
        for each in list(self._own(Connection)):
            if each.default_outbound != (each.id == connection_id):
                self._put(each.id, each.model_copy(update={"default_outbound": each.id == connection_id}))

    def delete_connection(self, connection_id: int) -> int:
        self._one(Connection, connection_id, f"connection {connection_id}")
        linked = [n for n in self._own(PhoneNumber) if n.voip_connection_id == connection_id]
        for number in linked:
            self._put(number.id, number.model_copy(update={"voip_connection_id": None}))
        for sealed in self.generations(connection_id):
            self._remove(SealedCredentials, (connection_id, sealed.generation))
        self._remove(Connection, connection_id)
        return len(linked)

    def add_credentials(self, sealed: SealedCredentials) -> None:
        if sealed.org_id != self._org_id:
            raise StoreNotFound(f"There is no connection {sealed.connection_id}.")
        self._one(Connection, sealed.connection_id, f"connection {sealed.connection_id}")
        there = self.generations(sealed.connection_id)
        if any(each.generation == sealed.generation for each in there):
            raise StoreConflict(f"Connection {sealed.connection_id} has generation {sealed.generation} already.")
        self._check_single(there, sealed.state)
        self._put((sealed.connection_id, sealed.generation), sealed)

    def credentials(self, connection_id: int, generation: int) -> SealedCredentials:
        name = f"generation {generation} of connection {connection_id}"
        return self._one(SealedCredentials, (connection_id, generation), name)

    def generations(self, connection_id: int) -> tuple[SealedCredentials, ...]:
        found = (s for s in self._own(SealedCredentials) if s.connection_id == connection_id)
        return tuple(sorted(found, key=lambda sealed: sealed.generation))

    def set_generation(
        self, connection_id: int, generation: int, state: GenerationState, *, retire_at: datetime | None = None
    ) -> None:
        found = self.credentials(connection_id, generation)
        others = [s for s in self.generations(connection_id) if s.generation != generation]
        self._check_single(others, state)
        changed = found.model_copy(update={"state": state, "retire_at": retire_at})
        self._put((connection_id, generation), changed)

    @staticmethod
    def _check_single(there: Iterable[SealedCredentials], state: GenerationState) -> None:
        if state != "former" and any(each.state == state for each in there):
            raise StoreConflict(f"The connection has {state} credentials already.")

    def destroy_generation(self, connection_id: int, generation: int) -> bool:
        there = any(s.generation == generation for s in self.generations(connection_id))
        if there:
            self._remove(SealedCredentials, (connection_id, generation))
        return there


class _Numbers(Reading):
    """Phone numbers and their history."""

    def add_numbers(self, new: Sequence[NewPhoneNumber]) -> tuple[PhoneNumber, ...]:
        self._check_writable()
        for connection_id in {n.voip_connection_id for n in new} - {None}:
            self._one(Connection, connection_id or 0, f"connection {connection_id}")
        taken = set(in_use(self._records))
        added = []
        for each in new:
            if each.status == "released" or each.number not in taken:
                taken.add(each.number)
                added.append(self._add(PhoneNumber, each))
        return tuple(added)

    def number(self, number_id: int, *, lock: bool = False) -> PhoneNumber:  # noqa: ARG002 - all are locked
        return self._one(PhoneNumber, number_id, f"number {number_id}")

    def numbers(
        self,
        *,
        connection_id: int | None = None,
        statuses: Collection[NumberStatus] = (),
        verification: VerificationStatus | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page[PhoneNumber]:
        found = (
            n
            for n in self._own(PhoneNumber)
            if connection_id in (None, n.voip_connection_id)
            and (not statuses or n.status in statuses)
            and verification in (None, n.voip_verification_status)
        )
        return newest("numbers", found, limit, cursor)

    def numbers_named(
        self,
        numbers: Collection[str],
        *,
        lock: bool = False,  # noqa: ARG002 - all are locked
    ) -> tuple[PhoneNumber, ...]:
        wanted = set(numbers)
        return tuple(n for n in self._own(PhoneNumber) if n.status != "released" and n.number in wanted)

    def number_counts(self) -> tuple[NumberCount, ...]:
        counts = Counter((n.voip_connection_id, n.status, n.voip_verification_status) for n in self._own(PhoneNumber))
        return tuple(
            NumberCount(connection_id=connection_id, status=status, voip_verification_status=verified, count=count)
            for (connection_id, status, verified), count in counts.items()
        )

    def update_number(self, number_id: int, **changes: Unpack[NumberChanges]) -> PhoneNumber:
        found = self.number(number_id)
        self._check_change(found, changes)
        return self._put(found.id, changed(found, changes))

    def update_numbers(self, changes: Mapping[int, NumberChanges]) -> None:
        self._check_writable()
        own = [n for n in self._own(PhoneNumber) if n.id in changes]
        for number in own:
            self._check_change(number, changes[number.id])
        for number in own:
            self._put(number.id, changed(number, changes[number.id]))

    def _check_change(self, number: PhoneNumber, changes: NumberChanges) -> None:
        revived = number.status == "released" and changes.get("status", "released") != "released"
        if revived and number.number in in_use(self._records):
            raise StoreConflict(f"Number {number.number} is in use.")
        connection_id = changes.get("voip_connection_id")
        if connection_id is not None:
            self._one(Connection, connection_id, f"connection {connection_id}")

    def delete_numbers(self, number_ids: Collection[int]) -> int:
        own = [n.id for n in self._own(PhoneNumber) if n.id in number_ids]
        for version in [v for v in self._own(NumberVersion) if v.number_id in own]:
            self._remove(NumberVersion, version.id)
        for number_id in own:
            self._remove(PhoneNumber, number_id)
        return len(own)

    def give_number(self, number_id: int, taker: StoreTransaction, *, updated_at: datetime) -> PhoneNumber:
        given = self.number(number_id)
        if given.status == "released":
            raise StoreConflict(f"Number {given.number} is released, so there is nothing to hand over.")
        kept = {"number", "source", "provider_number_id", "created_at", "id"}
        values = {**given.model_dump(include=kept), "org_id": taker.org_id, "updated_at": updated_at}
        return self._put(number_id, PhoneNumber.model_validate(values))

    def add_versions(self, new: Sequence[NewNumberVersion]) -> None:
        self._check_writable()
        for each in new:
            self._add(NumberVersion, each)

    def versions(self, number_id: int, *, limit: int = 100, cursor: str | None = None) -> Page[NumberVersion]:
        found = (v for v in self._own(NumberVersion) if v.number_id == number_id)
        return newest("versions", found, limit, cursor)


class MemoryTransaction(_Connections, _Numbers, Work):
    """What `port.StoreTransaction` says, on records in memory."""
