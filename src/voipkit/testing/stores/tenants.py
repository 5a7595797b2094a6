"""No method crosses a tenant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from voipkit.errors import StoreError
from voipkit.models import (
    IssuedEvidence,
    ItemResult,
    NewAuditEntry,
    NewJob,
    PhoneNumber,
    Reservation,
)
from voipkit.store.port import Store, StoreTransaction
from voipkit.testing.stores.base import (
    EVIDENCE,
    MINUTE,
    T0,
    StoreTestsBase,
    Undo,
    connection,
    number,
    operation,
    sealed,
    version,
)


class TenantsTests(StoreTestsBase):
    """No method crosses a tenant."""

    def test_no_method_crosses_a_tenant(self, store: Store) -> None:
        """Another tenant's records are as absent as ones that never were, to every method that reads or writes."""
        made = furnished(store)
        before = seen(store, "a", made)
        absent = calls_with(999_999, "nobody's", EVIDENCE.replace("b9", "c0"))
        foreign = calls_with(made["id"], "k", EVIDENCE, **made)

        assert set(foreign) == set(absent) == set(methods())
        for name, call in foreign.items():
            with rolled_back(store, "b") as tx:
                ours = outcome(lambda call=call, tx=tx: call(tx))
            with rolled_back(store, "b") as tx:
                nobodys = outcome(lambda call=absent[name], tx=tx: call(tx))
            assert ours == nobodys, name
        for name, call in foreign.items():
            with suppress(StoreError), store.transaction("b") as tx:
                outcome(lambda call=call, tx=tx: call(tx))
            assert seen(store, "a", made) == before, name

    def test_every_method_finds_what_is_its_own(self, store: Store) -> None:
        """So that the test before this one could fail."""
        made = furnished(store)
        absent = calls_with(999_999, "nobody's", EVIDENCE.replace("b9", "c0"))
        own = calls_with(made["id"], "k", EVIDENCE, **made)
        same = []
        for name, call in own.items():
            with rolled_back(store, "a") as tx:
                ours = outcome(lambda call=call, tx=tx: call(tx))
            with rolled_back(store, "a") as tx:
                nobodys = outcome(lambda call=absent[name], tx=tx: call(tx))
            if ours == nobodys:
                same.append(name)

        assert same == ["forget_reservation", "update_numbers"]  # they answer nothing; the state is looked at above


def furnished(store: Store) -> dict[str, Any]:
    """Give tenant a one of everything."""
    with store.transaction("a") as tx:
        made = tx.add_connection(connection())
        tx.add_credentials(sealed("a", made.id))
        (own,) = tx.add_numbers([number("+15550000001", voip_connection_id=made.id)])
        tx.add_versions([version(own)])
        tx.add_audit([NewAuditEntry(action="x", object_type="connection", object_id=made.id, created_at=T0)])
        tx.add_evidence(IssuedEvidence(id=EVIDENCE, org_id="a", token="t", expires_at=T0, created_at=T0))
        tx.reserve(Reservation(org_id="a", operation="create", key="k", fingerprint="f", created_at=T0))
        begun = tx.begin_operation(operation())
        job = tx.add_job(NewJob(kind="verify", created_at=T0), ["+15550000001"])
        (item,) = tx.claim_items(job.id, "w1", limit=1, at=T0, lease_until=T0 + MINUTE)
    return {"id": made.id, "number": own, "operation": begun.id, "job": job.id, "item": item.id}


@contextmanager
def rolled_back(store: Store, org_id: str) -> Iterator[StoreTransaction]:
    """Begin a unit of work that is undone at its end."""
    with pytest.raises(Undo), store.transaction(org_id) as tx:
        yield tx
        raise Undo


# --- every method, tried with ids that may be somebody else's ---


def methods() -> list[str]:
    """Return the names of every method of a transaction that takes an id, a key or a listing."""
    new = {"add_connection", "add_versions", "add_audit", "begin_operation", "add_job"}  # they name nothing that exists
    once = {"spend", "add_evidence", "org_id"}  # unique over all tenants on purpose, and the tenant itself
    return [name for name in dir(StoreTransaction) if not name.startswith("_") and name not in new | once]


def calls_with(record_id: int, key: str, evidence_id: str, **other: Any) -> dict[str, Any]:
    """Return every such method, called with the ids given."""
    own: PhoneNumber | None = other.get("number")
    number_id, text = (own.id, own.number) if own else (record_id, "+15559999999")
    begun, job = other.get("operation", record_id), other.get("job", record_id)
    result = [ItemResult(item_id=other.get("item", record_id), status="done")]
    reserved = Reservation(org_id="x", operation="create", key=key, fingerprint="mine", created_at=T0)
    return {
        "add_credentials": lambda tx: tx.add_credentials(sealed(tx.org_id, record_id, 2, state="former")),
        "add_numbers": lambda tx: tx.add_numbers([number("+15558888888", voip_connection_id=record_id)]),
        "advance_operation": lambda tx: tx.advance_operation(begun, worker="w1", step="x", data={}, lease_until=T0),
        "answer": lambda tx: tx.answer("create", key, {"stolen": True}),
        "audit": lambda tx: tx.audit(object_id=record_id),
        "cancel_job": lambda tx: tx.cancel_job(job, at=T0),
        "claim_items": lambda tx: tx.claim_items(job, "w1", limit=9, at=T0 + MINUTE * 9, lease_until=T0),
        "connection": lambda tx: tx.connection(record_id, lock=True),
        "connections": lambda tx: [c for c in tx.connections().items if c.id == record_id],
        "credentials": lambda tx: tx.credentials(record_id, 1),
        "delete_connection": lambda tx: tx.delete_connection(record_id),
        "delete_numbers": lambda tx: tx.delete_numbers([number_id]),
        "destroy_generation": lambda tx: tx.destroy_generation(record_id, 1),
        "evidence": lambda tx: tx.evidence(evidence_id),
        "finish_operation": lambda tx: tx.finish_operation(begun, worker="w1"),
        "forget_reservation": lambda tx: tx.forget_reservation("create", key),
        "generations": lambda tx: tx.generations(record_id),
        "give_number": lambda tx: tx.give_number(number_id, tx, updated_at=T0),
        "job": lambda tx: tx.job(job),
        "job_items": lambda tx: tx.job_items(job),
        "jobs": lambda tx: [j for j in tx.jobs().items if j.id == job],
        "number": lambda tx: tx.number(number_id, lock=True),
        "number_counts": lambda tx: [c for c in tx.number_counts() if c.connection_id == record_id],
        "numbers": lambda tx: tx.numbers(connection_id=record_id),
        "numbers_named": lambda tx: tx.numbers_named([text]),
        "operations": lambda tx: [o for o in tx.operations() if o.id == begun],
        "reserve": lambda tx: tx.reserve(reserved) is reserved,
        "set_default_outbound": lambda tx: tx.set_default_outbound(record_id),
        "set_generation": lambda tx: tx.set_generation(record_id, 1, "former"),
        "settle_items": lambda tx: tx.settle_items(job, "w1", result, at=T0),
        "update_connection": lambda tx: tx.update_connection(record_id, name="stolen"),
        "update_number": lambda tx: tx.update_number(number_id, label="stolen"),
        "update_numbers": lambda tx: tx.update_numbers({number_id: {"label": "stolen"}}),
        "versions": lambda tx: tx.versions(number_id),
    }


def outcome(call: Any) -> Any:
    """Return what a call returned, or the type of the `StoreError` that it raised."""
    try:
        return call()
    except StoreError as error:
        return type(error)


def seen(store: Store, org_id: str, made: dict[str, Any]) -> tuple[object, ...]:
    """Return everything that a tenant has."""
    with store.transaction(org_id) as tx:
        return (
            tx.connections().items, tx.generations(made["id"]), tx.numbers().items,
            tx.versions(made["number"].id).items,
            tx.audit().items, tx.evidence(EVIDENCE), tx.operations(), tx.jobs().items, tx.job_items(made["job"]).items,
            tx.reserve(Reservation(org_id=org_id, operation="create", key="k", fingerprint="look", created_at=T0)),
        )  # fmt: skip
