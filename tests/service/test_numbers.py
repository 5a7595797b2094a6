"""Numbers as records: verified, assigned, labelled, released, handed over; and what is said of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.service.conftest import Desk
from voipkit.errors import (
    InvalidField,
    ObjectNotFound,
    ProviderUnavailable,
    StateConflict,
    TransferRefused,
)
from voipkit.models import Check, NewPhoneNumber
from voipkit.sandbox import Fault
from voipkit.service.warnings import CODES


@pytest.fixture
def connection(desk):
    return desk.connect()


@pytest.fixture
def number(desk, connection):
    return desk.imported(connection, desk.bought(1))[0]


def carriers(desk, number):
    return next(n for n in desk.box.telnyx.numbers if n.phone_number == number.number)


# --- verification -----------------------------------------------------------------------------------------------------


def test_a_pass_makes_it_active_and_verified(desk, service, number, events):
    verified = service.verify_number("acme", number.id, actor="ann")

    assert verified.verification.status == "pass"
    after = verified.number
    assert after == service.number("acme", number.id)
    assert (after.status, after.voip_verification_status) == ("active", "verified")
    assert after.voip_last_verified_at is not None
    assert after.checks == verified.verification.checks
    assert events[-1].type == "number.verified"
    assert events[-1].number_id == number.id


def test_a_fail_takes_it_back_and_keeps_the_last_good_time(desk, service, number):
    good = service.verify_number("acme", number.id).number
    carriers(desk, number).connection_id = desk.box.telnyx.add_connection(name="Elsewhere").id

    bad = service.verify_number("acme", number.id)

    assert bad.verification.status == "fail"
    assert (bad.number.status, bad.number.voip_verification_status) == ("provisioning", "failed")
    assert bad.number.voip_last_verified_at == good.voip_last_verified_at
    assert any(check.status == "fail" and check.fix for check in bad.number.checks)


def test_what_the_carrier_does_not_tell_is_never_a_pass(desk, service, number):
    desk.box.fail("telnyx", "connection", Fault.status(500))

    unknown = service.verify_number("acme", number.id)

    assert unknown.verification.status == "unknown"
    assert (unknown.number.status, unknown.number.voip_verification_status) == ("provisioning", "unverified")
    assert unknown.number.checks == unknown.verification.checks


def test_what_was_proven_is_not_given_up_for_an_answer_that_is_not_known(desk, service, number):
    service.verify_number("acme", number.id)
    desk.box.fail("telnyx", "connection", Fault.status(500))

    assert service.verify_number("acme", number.id).number.voip_verification_status == "verified"


def test_a_carrier_that_cannot_be_asked_changes_nothing(desk, service, number):
    before = service.number("acme", number.id)
    desk.box.fail("telnyx", "*", Fault.status(500))

    with pytest.raises(ProviderUnavailable):
        service.verify_number("acme", number.id)

    assert service.number("acme", number.id) == before


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_agents_are_opaque_and_fields_not_sent_stay(service, number):
    service.update_number("acme", number.id, inbound_agent_id="agent-7", outbound_agent_id=8, label="Desk")

    after = service.update_number("acme", number.id, inbound_agent_id=None)

    assert (after.inbound_agent_id, after.outbound_agent_id, after.label) == (None, 8, "Desk")
    assert after.number == number.number
    assert service.number("acme", number.id) == after


def test_a_number_and_its_text_are_two_agents(service, number):
    service.update_number("acme", number.id, inbound_agent_id=7)

    assert service.update_number("acme", number.id, inbound_agent_id="7").inbound_agent_id == "7"
    assert service.number_versions("acme", number.id).items[0].inbound_agent_id == "7"


def test_nothing_changed_is_nothing_written(service, number):
    before = service.update_number("acme", number.id, label="Desk")
    versions = service.number_versions("acme", number.id)

    assert service.update_number("acme", number.id, label="Desk") == before
    assert service.number_versions("acme", number.id) == versions


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("label", "x" * 101), ("label", "a\0b"), ("inbound_agent_id", ""), ("outbound_agent_id", True),
        ("inbound_agent_id", "a\0b"), ("status", "provisioning"), ("status", None), ("inbound_agent_id", 1.5),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_and_nothing_changes(service, number, field, value):
    with pytest.raises(InvalidField) as caught:
        service.update_number("acme", number.id, **{field: value})

    assert caught.value.field == field
    assert service.number("acme", number.id) == number


def test_only_active_and_released_change_by_hand(service, number):
    with pytest.raises(StateConflict):
        service.update_number("acme", number.id, status="active")
    service.verify_number("acme", number.id)

    assert service.update_number("acme", number.id, status="released").status == "released"
    assert service.update_number("acme", number.id, status="active").status == "active"


def test_a_number_that_was_never_verified_does_not_become_active_through_a_release(service, number):
    service.release_number("acme", number.id)

    with pytest.raises(StateConflict, match="not verified"):
        service.update_number("acme", number.id, status="active")

    assert service.number("acme", number.id).status == "released"


def test_a_release_is_of_the_record_only(desk, service, number):
    routed = carriers(desk, number).connection_id
    desk.box.clear()

    assert service.release_number("acme", number.id).status == "released"

    assert desk.box.requests == []
    assert carriers(desk, number).connection_id == routed
    assert service.number("acme", number.id).status == "released"
    with pytest.raises(StateConflict):
        service.verify_number("acme", number.id)


def test_versions_say_who_changed_what(service, number):
    service.update_number("acme", number.id, inbound_agent_id=1, actor="ann")
    service.update_number("acme", number.id, inbound_agent_id=2, actor="bob")

    newest, older, first = service.number_versions("acme", number.id).items

    assert (newest.actor, newest.inbound_agent_id, newest.action) == ("bob", 2, "number.assigned")
    assert (older.actor, older.inbound_agent_id) == ("ann", 1)
    assert first.action == "number.imported"


def test_listing_is_newest_first_and_complete(desk, service, connection):
    for fresh in desk.bought(7):
        desk.imported(connection, [fresh])

    page, seen = service.numbers("acme", connection_id=connection.id, limit=3), []
    while True:
        seen += page.items
        if page.next_cursor is None:
            break
        page = service.numbers("acme", connection_id=connection.id, limit=3, cursor=page.next_cursor)

    assert len(seen) == len({number.id for number in seen}) == 7
    assert [number.created_at for number in seen] == sorted((n.created_at for n in seen), reverse=True)


def test_another_tenants_number_is_as_absent_as_none(service, number):
    for number_id in (number.id, number.id + 1, 0, "1", None):
        for call in (service.number, service.verify_number, service.release_number, service.number_versions):
            with pytest.raises(ObjectNotFound):
                call("other", number_id)
        with pytest.raises(ObjectNotFound):
            service.update_number("other", number_id, label="Mine")
        with pytest.raises(ObjectNotFound):
            service.transfer_number("other", number_id, "third")
    assert service.numbers("other").items == ()


# --- hand-over --------------------------------------------------------------------------------------------------------


def test_a_transfer_clears_what_belongs_to_the_giver(desk, service, number):
    service.verify_number("acme", number.id)
    service.update_number("acme", number.id, inbound_agent_id=1, outbound_agent_id=2)
    desk.box.clear()

    moved = service.transfer_number("acme", number.id, "other", actor="ann")

    assert moved.id == number.id
    assert moved.org_id == "other"
    assert (moved.inbound_agent_id, moved.outbound_agent_id, moved.voip_connection_id) == (None, None, None)
    assert (moved.status, moved.voip_verification_status) == ("provisioning", "unverified")
    assert desk.box.requests == []
    with pytest.raises(ObjectNotFound):
        service.number("acme", number.id)
    assert [entry.action for entry in service.number_versions("other", number.id).items] == ["number.received"]
    said = service.audit("other").model_dump_json() + service.audit("acme").model_dump_json()
    assert '"other"' not in service.audit("acme", object_type="number").items[0].model_dump_json(exclude={"org_id"})
    assert "number.given" in said
    assert "number.received" in said


def test_the_receiver_takes_it_in_by_a_connection_of_its_own(desk, service, number):
    service.transfer_number("acme", number.id, "other")
    connection = desk.connect("other")

    report = service.import_numbers("other", connection.id, [number.number])

    assert report.results[0].id == number.id
    assert service.verify_number("other", number.id).number.status == "active"


@pytest.mark.parametrize("refusing", ["from", "to"])
def test_both_sides_have_to_be_authorised(store, desk, key, clock, number, refusing):
    asked = []

    def authorise(transfer):
        asked.append((transfer.side, transfer.org_id, transfer.actor))
        return transfer.side != refusing

    strict = Desk(store, desk.box, key, clock, [], authorize_transfer=authorise).service
    with pytest.raises(TransferRefused):
        strict.transfer_number("acme", number.id, "other", actor="ann")

    assert asked == [("from", "acme", "ann"), ("to", "other", "ann")][: 1 if refusing == "from" else 2]
    assert strict.number("acme", number.id) == number


def test_without_a_callback_nothing_is_transferred(store, desk, key, clock, number):
    closed = Desk(store, desk.box, key, clock, [], authorize_transfer=None).service

    with pytest.raises(TransferRefused):
        closed.transfer_number("acme", number.id, "other")


def test_a_released_number_and_oneself_are_no_transfer(service, number):
    with pytest.raises(InvalidField):
        service.transfer_number("acme", number.id, "acme")
    service.release_number("acme", number.id)
    with pytest.raises(StateConflict):
        service.transfer_number("acme", number.id, "other")


# --- capacity and warnings --------------------------------------------------------------------------------------------


def test_capacity_is_the_active_numbers(desk, service, connection):
    numbers = desk.imported(connection, desk.bought(3))
    for number in numbers[:2]:
        service.verify_number("acme", number.id)

    capacity = service.capacity("acme")

    assert (capacity.active_numbers, capacity.concurrent_calls) == (2, 2)
    assert [(share.connection_id, share.active_numbers) for share in capacity.connections] == [(connection.id, 2)]
    assert service.get("acme", connection.id).capacity == 2
    assert service.capacity("other").active_numbers == 0


def test_warnings_name_what_wants_attention(desk, service, connection, clock):
    assert service.warnings("acme").counts == {"connection.no_numbers": 1, "tenant.no_default_outbound": 1}
    good, bad, new = desk.imported(connection, desk.bought(3))
    service.set_default_outbound("acme", connection.id)
    service.verify_number("acme", good.id)
    carriers(desk, bad).connection_id = desk.box.telnyx.add_connection(name="Elsewhere").id
    service.verify_number("acme", bad.id)

    found = service.warnings("acme")

    assert found.counts == {"number.verification_failed": 1, "number.unverified": 1}
    assert [warning.number_id for warning in found.warnings] == [bad.id, new.id]
    assert all(warning.fix for warning in found.warnings)
    clock.turn(days=31)
    assert service.warnings("acme", connection.id).counts["connection.test_stale"] == 1
    assert service.warnings("other").counts == {}


def test_a_long_list_of_warnings_says_what_it_leaves_out(desk, service, connection):
    desk.imported(connection, desk.bought(5))

    found = service.warnings("acme", limit=3)

    assert len(found.warnings) == 3
    assert sum(found.counts.values()) == 3 + found.left_out == 6


def test_a_trial_account_is_told(desk, service):
    desk.box.incident("trial-account")
    twilio = desk.connect(carrier="twilio")

    assert service.warnings("acme", twilio.id).counts.get("connection.trial") == 1


def test_every_code_of_the_table_is_given_by_something(desk, service, connection, clock):
    """And nothing else: docs/service.md shows the table."""
    moment = clock()
    checks = [
        Check(name="Any", direction="account", status=status, code=code, message="Look.")
        for status, code in (("fail", "x.a"), ("warn", "x.b"), ("warn", "x.trial"))
    ]
    service.update("acme", connection.id, **desk.account(), evidence=desk.evidence())
    clock.turn(hours=20)
    stale = desk.connect()
    wrong = {"verification_failed": "failed", "import_failed": "unverified", "unverified": "unverified"}
    with desk.store.transaction("acme") as tx:
        tx.update_connection(connection.id, status="error", checks=tuple(checks))
        tx.update_connection(stale.id, last_tested_at=moment - timedelta(days=31))
        tx.add_numbers([
            NewPhoneNumber(
                number=f"+1212555010{n}", voip_connection_id=stale.id, voip_verification_status=status,
                status="failed" if name == "import_failed" else "provisioning", created_at=moment, updated_at=moment,
            )
            for n, (name, status) in enumerate(wrong.items())
        ])  # fmt: skip

    found = service.warnings("acme")

    assert {warning.code for warning in found.warnings} == set(CODES) == set(found.counts)
    assert all(warning.message and warning.fix for warning in found.warnings)
