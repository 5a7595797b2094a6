"""New credentials: proved on every number before they are used; the former ones kept for a while, then destroyed."""

from __future__ import annotations

import pytest

from voipkit.errors import (
    EvidenceCredentialsMismatch,
    EvidenceMissing,
    EvidenceReused,
    IdempotencyConflict,
    InvalidField,
    ProviderUnavailable,
    RotationRefused,
    VerificationFailed,
)
from voipkit.sandbox import Fault


@pytest.fixture
def connection(desk):
    return desk.connect()


def generations(desk, connection):
    with desk.store.transaction("acme") as tx:
        return [(sealed.generation, sealed.state) for sealed in tx.generations(connection.id)]


def elsewhere(desk):
    """Credentials of the same account that name another connection, which no number uses."""
    other = desk.box.telnyx.add_connection(name="Another")
    mine = next(c for c in desk.box.telnyx.connections if c.id == desk.box.credentials("telnyx")["connection_id"])
    other.outbound_voice_profile_id = mine.outbound_voice_profile_id
    desk.box.telnyx.add_ip(other, "192.0.2.7") if other.kind == "ip_connection" else None
    return {**desk.box.credentials("telnyx"), "connection_id": other.id}


def test_new_credentials_are_used_and_the_former_ones_kept_then_destroyed(desk, service, connection, clock):
    credentials = desk.box.credentials("telnyx")
    numbers = desk.imported(connection, desk.bought(3))

    after = service.update("acme", connection.id, credentials=credentials, evidence=desk.evidence(), actor="ann")

    assert generations(desk, connection) == [(1, "former"), (2, "active")]
    changed = {name for name, value in after if getattr(connection, name) != value}
    assert changed <= {"generation", "last_tested_at", "updated_at", "numbers_imported", "capacity", "checks"}
    assert {service.number("acme", number.id).status for number in numbers} == {"active"}
    assert service.maintain() == 0
    clock.turn(hours=25)
    assert service.maintain() == 1
    assert generations(desk, connection) == [(2, "active")]
    assert service.verify_number("acme", numbers[0].id).verification.status == "pass"


def test_nothing_is_written_at_the_carrier(desk, service, connection):
    desk.imported(connection, desk.bought(3))
    evidence = desk.evidence()
    desk.box.clear()

    service.update("acme", connection.id, **desk.account(), evidence=evidence)

    assert desk.box.requests
    assert desk.box.writes == []


def test_it_is_refused_with_the_numbers_that_would_be_lost_and_the_evidence_stays_good(desk, service, connection):
    numbers = desk.imported(connection, desk.bought(2))
    for number in numbers:
        service.verify_number("acme", number.id)
    before = service.get("acme", connection.id)
    credentials = elsewhere(desk)
    evidence = desk.evidence(credentials=credentials)

    with pytest.raises(RotationRefused) as caught:
        service.update("acme", connection.id, credentials=credentials, evidence=evidence)

    assert set(caught.value.numbers) == {number.number for number in numbers}
    assert service.get("acme", connection.id) == before
    assert generations(desk, connection) == [(1, "active")]
    assert {service.number("acme", number.id).status for number in numbers} == {"active"}

    after = service.update("acme", connection.id, credentials=credentials, evidence=evidence, force=True)
    assert after.generation == 2
    lost = [service.number("acme", number.id) for number in numbers]
    assert {(number.status, number.voip_verification_status) for number in lost} == {("provisioning", "failed")}


def test_a_number_that_failed_before_stops_no_rotation(desk, service, connection):
    number = desk.imported(connection, desk.bought(1))[0]
    mine = next(n for n in desk.box.telnyx.numbers if n.phone_number == number.number)
    mine.connection_id = desk.box.telnyx.add_connection(name="Elsewhere").id
    assert service.verify_number("acme", number.id).verification.status == "fail"

    assert service.update("acme", connection.id, **desk.account(), evidence=desk.evidence()).generation == 2


def test_a_number_that_left_the_account_does_even_if_it_failed_before(desk, service, connection):
    number = desk.imported(connection, desk.bought(1))[0]
    mine = next(n for n in desk.box.telnyx.numbers if n.phone_number == number.number)
    desk.box.telnyx.numbers.remove(mine.id)
    assert service.verify_number("acme", number.id).verification.status == "fail"

    with pytest.raises(RotationRefused):
        service.update("acme", connection.id, **desk.account(), evidence=desk.evidence())


def test_a_carrier_that_cannot_be_asked_changes_nothing(desk, service, connection):
    desk.imported(connection, desk.bought(1))
    evidence = desk.evidence()
    desk.box.fail("telnyx", "*", Fault.status(500))

    with pytest.raises(ProviderUnavailable):
        service.update("acme", connection.id, **desk.account(), evidence=evidence)
    assert generations(desk, connection) == [(1, "active")]

    desk.box.heal()
    assert service.update("acme", connection.id, **desk.account(), evidence=evidence).generation == 2


def test_evidence_is_exact_and_used_once(desk, service, connection):
    with pytest.raises(EvidenceMissing):
        service.update("acme", connection.id, **desk.account())
    evidence = desk.evidence()
    with pytest.raises(EvidenceCredentialsMismatch):
        service.update("acme", connection.id, credentials=elsewhere(desk), evidence=evidence)
    service.update("acme", connection.id, **desk.account(), evidence=evidence)
    desk.box.clear()

    with pytest.raises(EvidenceReused):
        service.update("acme", connection.id, **desk.account(), evidence=evidence)

    assert desk.box.requests == []
    assert generations(desk, connection) == [(1, "former"), (2, "active")]


def test_what_is_not_sent_stays(desk, service):
    sip = {"destinations": ["US", "CA"]}
    evidence = desk.evidence(sip_config=sip)
    connection = service.create(
        "acme", provider="telnyx", credentials=desk.box.credentials("telnyx"), sip_config=sip, evidence=evidence
    )

    again = desk.evidence(sip_config=sip)
    after = service.update("acme", connection.id, credentials=desk.box.credentials("telnyx"), evidence=again)

    assert after.sip_config == connection.sip_config == sip
    assert after.name == connection.name


def test_a_sip_configuration_alone_is_tested_here(desk, service, connection):
    desk.box.clear()
    after = service.update("acme", connection.id, sip_config={"destinations": ["US"]})

    assert after.sip_config == {"destinations": ["US"]}
    assert after.generation == 2
    assert desk.box.requests
    with pytest.raises(VerificationFailed):
        desk.box.fail("telnyx", "*", Fault.status(401))
        service.update("acme", connection.id, sip_config={"destinations": ["CA"]})
    assert service.get("acme", connection.id).sip_config == {"destinations": ["US"]}


def test_a_name_goes_with_the_rotation_or_not_at_all(desk, service, connection):
    desk.imported(connection, desk.bought(1))
    credentials = elsewhere(desk)
    evidence = desk.evidence(credentials=credentials)
    with pytest.raises(RotationRefused):
        service.update("acme", connection.id, credentials=credentials, evidence=evidence, name="New")
    assert service.get("acme", connection.id).name == connection.name

    after = service.update("acme", connection.id, **desk.account(), evidence=desk.evidence(), name="New")
    assert (after.name, after.inferred_name) == ("New", False)


def test_a_name_cannot_be_cleared(service, connection):
    with pytest.raises(InvalidField):
        service.update("acme", connection.id, name=None)


def test_the_same_key_gives_the_same_answer(desk, service, connection):
    evidence = desk.evidence()
    first = service.update("acme", connection.id, **desk.account(), evidence=evidence, idempotency_key="r1")

    again = service.update("acme", connection.id, **desk.account(), evidence=evidence, idempotency_key="r1")

    assert again == first
    assert generations(desk, connection) == [(1, "former"), (2, "active")]
    with pytest.raises(IdempotencyConflict):
        service.update("acme", connection.id, name="Another body", idempotency_key="r1")


def test_the_former_key_is_announced_before_it_goes(desk, service, connection, clock):
    service.update("acme", connection.id, **desk.account(), evidence=desk.evidence())
    assert "connection.former_key_ends" not in service.warnings("acme").counts

    clock.turn(hours=20)
    assert service.warnings("acme").counts["connection.former_key_ends"] == 1


def test_rotating_again_within_the_grace_time_keeps_both_former_ones_until_theirs_ends(
    desk, service, connection, clock
):
    for _ in range(2):
        service.update("acme", connection.id, **desk.account(), evidence=desk.evidence())
        clock.turn(hours=20)

    assert service.maintain() == 1
    assert generations(desk, connection) == [(2, "former"), (3, "active")]


def test_the_audit_log_tells_what_was_rotated_and_no_secret(desk, service, connection):
    service.update("acme", connection.id, **desk.account(), evidence=desk.evidence(), actor="ann", force=True)

    entry = service.audit("acme", object_type="connection", object_id=connection.id).items[0]

    assert (entry.action, entry.actor) == ("connection.rotated", "ann")
    assert entry.after["forced"] is True
    assert desk.box.credentials("telnyx")["api_key"] not in entry.model_dump_json()
