"""Numbers of the account become the tenant's: claimed first, written, settled; one bad number never stops the rest."""

from __future__ import annotations

import pytest

import voipkit
from voipkit.errors import IdempotencyConflict, InvalidField, ProviderUnavailable, Unsupported
from voipkit.models import Route
from voipkit.sandbox import Fault


@pytest.fixture
def connection(desk):
    return desk.connect()


def outcomes(report):
    return {result.number: result.outcome for result in report.results}


def test_available_numbers_take_calls_and_are_imported_nowhere(desk, service, connection):
    fresh = desk.bought(3)
    silent = desk.box.telnyx.seed_numbers(1, features=["sms"])[0].phone_number
    other = desk.connect("other")
    desk.imported(other, fresh[:1], org="other")

    available = {number.number for number in service.available_numbers("acme", connection.id)}

    assert set(fresh[1:]) <= available
    assert fresh[0] not in available
    owned = {number.phone_number for number in desk.box.telnyx.numbers}
    assert available <= owned
    assert silent in owned


def test_an_import_routes_and_records(desk, service, connection):
    fresh = desk.bought(2)

    report = service.import_numbers("acme", connection.id, fresh, actor="ann")

    assert outcomes(report) == dict.fromkeys(fresh, "imported")
    assert report.imported_count == 2
    assert report.provider_charge_estimate_cents == 0
    assert report.provider_charge_note
    for result in report.results:
        record = service.number("acme", result.id)
        assert (record.status, record.voip_verification_status) == ("provisioning", "unverified")
        assert record.voip_connection_id == connection.id
        assert record.source == "voip"
    routed = {n.phone_number: n.connection_id for n in desk.box.telnyx.numbers}
    assert {routed[number] for number in fresh} == {desk.box.credentials("telnyx")["connection_id"]}
    assert service.get("acme", connection.id).numbers_imported == 2
    assert service.audit("acme").items[0].action == "connection.numbers_imported"


def test_a_dry_run_writes_nothing_anywhere(desk, service, connection):
    fresh = desk.bought(2)
    logged = len(service.audit("acme").items)

    report = service.import_numbers("acme", connection.id, fresh, dry_run=True)

    assert report.dry_run
    assert outcomes(report) == dict.fromkeys(fresh, "imported")
    assert {(result.id, result.status) for result in report.results} == {(None, None)}
    assert all(result.after != result.before for result in report.results)
    assert desk.box.writes == []
    assert service.numbers("acme").items == ()
    assert len(service.audit("acme").items) == logged


def test_each_bad_number_is_named_and_the_good_one_goes_on(desk, service, connection):
    desk.box.incident("number-on-foreign-trunk")
    foreign = next(iter(desk.box.telnyx.numbers)).phone_number
    good, taken = desk.bought(2)
    desk.imported(desk.connect("other"), [taken], org="other")
    silent = desk.box.telnyx.seed_numbers(1, features=["sms"])[0].phone_number

    report = service.import_numbers("acme", connection.id, [foreign, good, taken, silent, "+14155550123"])

    assert outcomes(report) == {
        foreign: "conflict", good: "imported", taken: "taken", silent: "not_voice", "+14155550123": "not_owned",
    }  # fmt: skip
    assert [number.number for number in service.numbers("acme").items] == [good]
    assert "other" not in report.model_dump_json()
    assert all(result.message and result.fix for result in report.results if result.outcome != "imported")


def test_a_foreign_route_is_taken_over_only_on_purpose(desk, service, connection):
    desk.box.incident("number-on-foreign-trunk")
    foreign = next(iter(desk.box.telnyx.numbers)).phone_number

    report = service.import_numbers("acme", connection.id, [foreign], on_conflict="overwrite")

    assert outcomes(report) == {foreign: "imported"}


def test_importing_again_changes_nothing_and_gives_the_same_record(desk, service, connection):
    fresh = desk.bought(2)
    first = service.import_numbers("acme", connection.id, fresh)
    desk.box.clear()

    again = service.import_numbers("acme", connection.id, fresh)

    assert outcomes(again) == dict.fromkeys(fresh, "unchanged")
    assert [result.id for result in again.results] == [result.id for result in first.results]
    assert again.imported_count == 2
    assert desk.box.writes == []


def test_a_number_of_a_deleted_connection_is_taken_in_again(desk, service, connection):
    number = desk.imported(connection, desk.bought(1))[0]
    service.update_number("acme", number.id, label="Desk")
    service.delete("acme", connection.id)
    again = desk.connect()

    report = service.import_numbers("acme", again.id, [number.number])

    assert report.results[0].id == number.id
    record = service.number("acme", number.id)
    assert (record.voip_connection_id, record.label) == (again.id, "Desk")


def test_a_number_of_another_connection_of_the_tenant_is_taken(desk, service, connection):
    number = desk.imported(connection, desk.bought(1))[0]

    report = service.import_numbers("acme", desk.connect().id, [number.number])

    assert outcomes(report) == {number.number: "taken"}


def test_a_number_that_left_here_may_be_imported_elsewhere(desk, service, connection):
    number = desk.imported(connection, desk.bought(1))[0]
    service.verify_number("acme", number.id)
    service.release_number("acme", number.id)

    report = service.import_numbers("other", desk.connect("other").id, [number.number])

    assert report.imported_count == 1
    with pytest.raises(voipkit.errors.NumberTaken):
        service.update_number("acme", number.id, status="active")


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        (["+14155550100", "04155550101"], "numbers[1]"),
        (["+14155550100", "+1 415 555 0100"], "numbers[1]"),
        (["+14155550100", None], "numbers[1]"),
        (["+1415555\x000100"], "numbers[0]"),
        ([], "numbers"),
        ("+14155550100", "numbers"),
        ((f"+1415{n:07d}" for n in range(2_000_000, 2_010_001)), "numbers"),
    ],
    ids=["national", "twice", "null", "NUL", "none", "a text", "too many"],
)
def test_what_is_no_list_of_numbers_is_refused_as_a_whole(desk, service, connection, numbers, field):
    desk.box.clear()
    with pytest.raises(InvalidField) as caught:
        service.import_numbers("acme", connection.id, numbers)

    assert caught.value.field == field
    assert desk.box.requests == []
    assert service.numbers("acme").items == ()


def test_a_route_that_the_carrier_lacks_leaves_nothing_behind(desk, service, connection):
    fresh = desk.bought(1)
    with pytest.raises(Unsupported):
        service.import_numbers("acme", connection.id, fresh, route=Route.webhook("https://example.org"))

    assert service.numbers("acme").items == ()
    assert service.import_numbers("acme", connection.id, fresh).imported_count == 1


def test_a_carrier_that_cannot_be_asked_leaves_nothing_behind(desk, service, connection):
    fresh = desk.bought(1)
    desk.box.fail("telnyx", "*", Fault.status(500))
    with pytest.raises(ProviderUnavailable):
        service.import_numbers("acme", connection.id, fresh, idempotency_key="i1")

    desk.box.heal()
    assert service.numbers("acme").items == ()
    assert service.import_numbers("acme", connection.id, fresh, idempotency_key="i1").imported_count == 1


def test_a_number_that_the_carrier_refuses_is_not_left_in_the_listing(desk, service, connection):
    fresh = desk.bought(3)
    desk.box.fail("telnyx", "update_number", Fault.status(422), times=1)

    report = service.import_numbers("acme", connection.id, fresh)

    assert sorted(outcomes(report).values()) == ["failed", "imported", "imported"]
    assert len(service.numbers("acme").items) == 2
    failed = next(result.number for result in report.results if result.outcome == "failed")
    assert failed in {number.number for number in service.available_numbers("acme", connection.id)}


def test_a_number_of_which_nobody_knows_whether_it_was_written_is_recorded_as_failed(desk, service, connection):
    fresh = desk.bought(1)
    desk.box.fail("telnyx", "update_number", Fault.reset(applied=True))
    desk.box.fail("telnyx", "number", Fault.status(500))

    report = service.import_numbers("acme", connection.id, fresh)

    assert report.results[0].outcome == "failed"
    record = service.number("acme", report.results[0].id)
    assert record.status == "failed"
    assert record.snapshot is not None
    desk.box.heal()
    desk.box.clear()
    assert service.import_numbers("acme", connection.id, fresh).results[0].status == "provisioning"
    assert desk.box.writes == []


def test_the_same_key_gives_the_same_answer(desk, service, connection):
    fresh = desk.bought(2)
    first = service.import_numbers("acme", connection.id, fresh, idempotency_key="i1")
    desk.box.clear()

    assert service.import_numbers("acme", connection.id, fresh, idempotency_key="i1") == first
    assert desk.box.requests == []
    with pytest.raises(IdempotencyConflict):
        service.import_numbers("acme", connection.id, fresh[:1], idempotency_key="i1")


def test_the_history_of_two_imports_restores_to_the_first(desk, service, connection):
    number = desk.bought(1)[0]
    before = {n.phone_number: n.connection_id for n in desk.box.telnyx.numbers}[number]
    record = desk.imported(connection, [number])[0]
    other = desk.box.telnyx.add_connection(name="Second target")

    service.import_numbers("acme", connection.id, [number], route=Route.trunk(other.id), on_conflict="overwrite")

    record = service.number("acme", record.id)
    assert record.route == Route.trunk(other.id)
    assert record.snapshot.before["connection_id"] == before
    assert record.snapshot.after["connection_id"] == other.id
    service.delete("acme", connection.id, restore_routing=True)
    assert {n.phone_number: n.connection_id for n in desk.box.telnyx.numbers}[number] == before
