"""Connections: tested, saved, named, redacted, deleted; evidence fresh, exact and used once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

import voipkit
from voipkit.errors import (
    CredentialsInvalid,
    EvidenceCredentialsMismatch,
    EvidenceExpired,
    EvidenceInvalid,
    EvidenceMissing,
    EvidenceProviderMismatch,
    EvidenceReused,
    IdempotencyConflict,
    InvalidField,
    ObjectNotFound,
    OperationInProgress,
    RestoreIncomplete,
    StateConflict,
)
from voipkit.models import NewOperation
from voipkit.sandbox import Fault
from voipkit.service import ConnectionService

# --- test and create --------------------------------------------------------------------------------------------------


def test_a_pass_comes_with_evidence_and_a_name(desk, service):
    tested = service.test("acme", "telnyx", desk.box.credentials("telnyx"))

    assert tested.status == "pass"
    assert tested.verification_evidence_id
    assert tested.suggested_connection_name.startswith("Telnyx: ")
    assert tested.suggested_connection_name_inferred
    assert tested.test.credentials_valid


def test_a_fail_is_an_answer_without_evidence(desk, service):
    tested = service.test("acme", "telnyx", {"apiKey": "KEY" + "0" * 32})

    assert tested.status == "fail"
    assert tested.evidence is None
    assert tested.verification_evidence_id is None


def test_a_name_is_suggested(desk, service):
    suggested = service.suggest_name("acme", "telnyx", desk.box.credentials("telnyx"))

    assert suggested.inferred
    assert suggested.name.startswith("Telnyx: ")


def test_a_connection_has_every_field_and_no_secret(desk, service, clock):
    created = desk.connect(name="Acme Main")

    assert created == service.get("acme", created.id)
    assert created.status == "connected"
    assert created.setup_method == "api_key"
    assert created.provider == "telnyx"
    assert (created.name, created.inferred_name) == ("Acme Main", False)
    assert created.numbers_imported == 0
    assert abs(created.last_tested_at - clock()) < timedelta(minutes=1)
    secret = desk.box.credentials("telnyx")["api_key"]
    assert created.key_hint == f"…{secret[-4:]}"
    assert secret not in created.model_dump_json()
    assert all(check.message for check in created.checks)


def test_without_a_name_it_takes_the_suggested_one_and_asks_nobody(desk, service):
    tested = service.test("acme", "telnyx", **desk.account())
    desk.box.clear()

    created = service.create("acme", provider="telnyx", **desk.account(), evidence=tested.evidence)

    assert created.name == tested.suggested_connection_name
    assert created.inferred_name
    assert desk.box.requests == []


@pytest.mark.parametrize("form", ["uuid", "UUID", "token"])
def test_evidence_is_taken_by_its_id_and_as_a_token(desk, service, form):
    tested = service.test("acme", "telnyx", **desk.account())
    given = {
        "uuid": tested.verification_evidence_id,
        "UUID": tested.verification_evidence_id.upper(),
        "token": tested.evidence,
    }

    assert desk.connect(evidence=given[form]).status == "connected"


def test_each_flaw_of_evidence_is_an_error_of_its_own_and_nothing_is_saved(desk, service, clock):
    good = desk.evidence()
    sip = {**desk.account()["sip_config"], "destinations": ["FR"]}

    def create(evidence, provider="telnyx", **changed):
        return service.create("acme", provider=provider, evidence=evidence, **{**desk.account(provider), **changed})

    with pytest.raises(EvidenceMissing):
        create(None)
    with pytest.raises(EvidenceInvalid):
        create(str(uuid4()))
    with pytest.raises(EvidenceInvalid):
        create("not.a.token")
    with pytest.raises(EvidenceProviderMismatch):
        create(good, "twilio")
    with pytest.raises(EvidenceCredentialsMismatch):
        create(good, credentials={**desk.account()["credentials"], "api_key": "KEY" + "0" * 32})
    with pytest.raises(EvidenceCredentialsMismatch):
        create(good, sip_config=sip)
    assert service.list("acme").items == ()

    create(good)
    with pytest.raises(EvidenceReused):
        create(good)
    assert len(service.list("acme").items) == 1


def test_another_tenants_evidence_is_as_if_it_were_not_there(desk, service):
    with pytest.raises(EvidenceInvalid):
        desk.connect("other", evidence=desk.evidence("acme"))


def test_expired_evidence_stays_expired_when_the_clock_goes_back(desk, service, clock):
    evidence = desk.evidence()
    clock.turn(minutes=20)
    with pytest.raises(EvidenceExpired):
        desk.connect(evidence=evidence)

    clock.turn(minutes=-20)
    with pytest.raises(EvidenceReused):
        desk.connect(evidence=evidence)


def test_a_policy_of_the_host_counts(store, desk, key, clock):
    strict = voipkit.evidence.Policy(required=("credentials_valid",), required_checks=("acme.never.seen",))
    from tests.service.conftest import Desk

    demanding = Desk(store, desk.box, key, clock, [], policy=strict)

    with pytest.raises(EvidenceMissing, match=r"acme\.never\.seen"):
        demanding.connect()


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "x" * 101), ("name", " "), ("name", "a\0b"), ("idempotency_key", "a\nb"), ("actor", "x" * 201)],
)
def test_a_wrong_argument_is_named_and_nothing_is_saved(desk, service, field, value):
    with pytest.raises(InvalidField) as caught:
        desk.connect(**{field: value})

    assert caught.value.field == field
    assert service.list("acme").items == ()


@pytest.mark.parametrize("org", ["", "x" * 201, "a\0b", None, 7])
def test_a_tenant_is_text(service, org):
    with pytest.raises(InvalidField, match="org_id"):
        service.list(org)


def test_a_wrong_credential_field_is_named(desk, service):
    with pytest.raises(CredentialsInvalid):
        service.create("acme", provider="telnyx", credentials={"apikey": "x"}, evidence=desk.evidence())


# --- idempotency ------------------------------------------------------------------------------------------------------


def test_the_same_key_gives_the_same_answer_also_when_the_evidence_is_stale(desk, service, clock):
    evidence = desk.evidence()
    first = desk.connect(evidence=evidence, idempotency_key="k1")
    clock.turn(hours=2)

    assert desk.connect(evidence=evidence, idempotency_key="k1") == first
    assert len(service.list("acme").items) == 1


def test_another_body_under_the_same_key_is_a_conflict(desk, service):
    desk.connect(name="One", idempotency_key="k1")

    with pytest.raises(IdempotencyConflict):
        desk.connect(name="Two", idempotency_key="k1")
    assert len(service.list("acme").items) == 1


def test_a_refused_request_frees_its_key(desk, service):
    with pytest.raises(EvidenceMissing):
        desk.connect(evidence=None, idempotency_key="k1")

    assert desk.connect(idempotency_key="k1").status == "connected"


def test_keys_of_two_tenants_are_strangers(desk, service):
    assert desk.connect("acme", idempotency_key="k1").id != desk.connect("other", idempotency_key="k1").id


# --- reading and changing ---------------------------------------------------------------------------------------------


def test_listing_pages_to_its_end_newest_first(desk, service):
    made = [desk.connect(name=f"c{n}").id for n in range(5)]

    page, seen = service.list("acme", limit=2), []
    while True:
        seen += [connection.id for connection in page.items]
        if page.next_cursor is None:
            break
        page = service.list("acme", limit=2, cursor=page.next_cursor)

    assert seen == made[::-1]


def test_another_tenants_connection_is_as_absent_as_none(desk, service):
    connection = desk.connect("acme")

    for connection_id in (connection.id, connection.id + 1, -1, 2**70, "1", True, None):
        for call in (
            service.get, service.available_numbers, service.retest, service.delete, service.set_default_outbound,
        ):  # fmt: skip
            with pytest.raises(ObjectNotFound):
                call("other", connection_id)
    assert service.get("acme", connection.id) == connection


def test_a_new_name_changes_nothing_else_and_never_asks_the_carrier(desk, service):
    before = desk.connect()
    desk.box.clear()

    after = service.update("acme", before.id, name="Renamed", actor="ann")

    changed = {name for name, value in after if getattr(before, name) != value}
    assert changed == {"name", "inferred_name", "updated_at"}
    assert desk.box.requests == []
    entry = service.audit("acme", object_type="connection", object_id=before.id).items[0]
    assert (entry.action, entry.actor) == ("connection.renamed", "ann")
    assert (entry.before, entry.after) == ({"name": before.name}, {"name": "Renamed"})


def test_nothing_sent_is_nothing_changed(desk, service):
    before = desk.connect()

    assert service.update("acme", before.id) == before


def test_a_retest_tells_connected_from_error_from_not_asked(desk, service):
    connection = desk.connect()
    desk.box.fail("telnyx", "*", Fault.status(401))
    assert service.retest("acme", connection.id).status == "fail"
    assert service.get("acme", connection.id).status == "error"

    desk.box.heal()
    assert service.retest("acme", connection.id).status == "pass"
    assert service.get("acme", connection.id).status == "connected"

    desk.box.fail("telnyx", "*", Fault.status(500))
    tested = service.retest("acme", connection.id)
    assert tested.test.credentials_valid is None
    assert service.get("acme", connection.id).status == "connected"


def test_a_retest_says_nothing_of_credentials_that_came_in_between(desk, service, store, key):
    connection = desk.connect()

    def rotated(*_request):
        service.update("acme", connection.id, credentials=desk.account()["credentials"], evidence=desk.evidence())
        return 401, {}, b"{}"

    tester = ConnectionService(store, service_keys(key), http=voipkit.HttpOptions(wire=once(rotated), retries=0))
    with pytest.raises(StateConflict, match="rotated"):
        tester.retest("acme", connection.id)

    after = service.get("acme", connection.id)
    assert (after.status, [check.status for check in after.checks if check.status == "fail"]) == ("connected", [])


def once(first):
    """Answer the first request with ``first``, and refuse the others."""
    answers = iter([first])

    def wire(*request):
        answer = next(answers, None)
        return answer(*request) if answer else (401, {}, b"{}")

    return wire


def test_a_test_that_a_crash_cut_short_does_not_last(desk, service, store):
    connection = desk.connect()
    with store.transaction("acme") as tx:
        tx.update_connection(connection.id, status="testing")
    desk.box.fail("telnyx", "*", Fault.status(500))

    service.retest("acme", connection.id)

    assert service.get("acme", connection.id).status == "connected"


def test_an_operation_of_a_later_version_holds_up_no_other(desk, service, store):
    connection, moment = desk.connect(), datetime.now(UTC) - timedelta(hours=1)
    common = {"connection_id": connection.id, "worker": "gone", "lease_until": moment, "created_at": moment}
    with store.transaction("acme") as tx:
        later = tx.begin_operation(NewOperation(kind="teleport", step="x", data={}, **common))
        ours = tx.begin_operation(NewOperation(kind="import", step="plan", data={"numbers": [], "key": None}, **common))

    done = service.recover()

    assert (done.postponed, done.undone) == ((later.id,), (ours.id,))


def test_a_key_that_is_refused_later_shows_in_the_status(desk, service):
    connection = desk.connect()
    desk.box.fail("telnyx", "*", Fault.status(401))

    with pytest.raises(voipkit.errors.CredentialsRejected):
        service.available_numbers("acme", connection.id)

    assert service.get("acme", connection.id).status == "error"


@pytest.mark.parametrize("operation", ["available", "verify", "verify_many", "plan", "import"])
def test_a_key_that_is_taken_again_shows_in_the_status_too(desk, service, operation):
    connection = desk.connect()
    (number,) = desk.imported(connection, desk.bought(1))
    fresh = desk.bought(1)
    desk.box.fail("telnyx", "*", Fault.status(401))
    with pytest.raises(voipkit.errors.CredentialsRejected):
        service.available_numbers("acme", connection.id)
    desk.box.heal()

    assert service.get("acme", connection.id).status == "error"
    OPERATIONS[operation](service, connection, number, fresh)

    assert service.get("acme", connection.id).status == "connected"
    assert "connection.error" not in {warning.code for warning in service.warnings("acme").warnings}


OPERATIONS = {
    "available": lambda service, connection, *_: service.available_numbers("acme", connection.id),
    "verify": lambda service, _, number, __: service.verify_number("acme", number.id),
    "verify_many": lambda service, connection, *_: service.run_job(
        "acme", service.start_verification("acme", connection.id).id
    ),
    "plan": lambda service, connection, _, fresh: service.import_numbers("acme", connection.id, fresh, dry_run=True),
    "import": lambda service, connection, _, fresh: service.import_numbers("acme", connection.id, fresh),
}


def test_a_failed_test_is_not_undone_by_what_the_carrier_still_answers(desk, service):
    connection = desk.connect()
    desk.box.fail("telnyx", "connection", Fault.status(404))
    assert service.retest("acme", connection.id).status == "fail"
    desk.box.heal()

    assert service.available_numbers("acme", connection.id) is not None

    assert service.get("acme", connection.id).status == "error"


def test_nothing_asked_proves_nothing(desk, service):
    connection = desk.connect()
    (number,) = desk.imported(connection, desk.bought(1))
    job = service.start_verification("acme", connection.id)
    service.release_number("acme", number.id)
    desk.box.fail("telnyx", "*", Fault.status(401))
    with pytest.raises(voipkit.errors.CredentialsRejected):
        service.available_numbers("acme", connection.id)

    desk.box.heal()
    service.run_job("acme", job.id)  # the only number is gone

    assert service.get("acme", connection.id).status == "error"


def test_one_default_a_tenant(desk, service):
    first, second = desk.connect(), desk.connect()
    service.set_default_outbound("acme", first.id)

    assert service.set_default_outbound("acme", second.id).default_outbound

    assert [c.id for c in service.list("acme").items if c.default_outbound] == [second.id]


# --- delete -----------------------------------------------------------------------------------------------------------


def test_deleting_keeps_numbers_and_says_what_is_left_at_the_carrier(desk, service):
    connection = desk.connect()
    numbers = desk.imported(connection, desk.bought(2))
    desk.box.clear()

    report = service.delete("acme", connection.id)

    assert report.numbers_kept == 2
    assert {left.number for left in report.left} == {number.number for number in numbers}
    assert all(left.routing for left in report.left)
    assert desk.box.requests == []
    kept = service.numbers("acme").items
    assert [number.voip_connection_id for number in kept] == [None, None]
    with pytest.raises(ObjectNotFound):
        service.get("acme", connection.id)
    with pytest.raises(StateConflict):
        service.verify_number("acme", numbers[0].id)


def test_restoring_puts_routing_back_as_it_was(desk, service):
    desk.box.incident("number-on-foreign-trunk")
    connection = desk.connect()
    before = {n.phone_number: n.connection_id for n in desk.box.telnyx.numbers}
    foreign = next(number for number, target in before.items() if target not in (None, "", connection_of(desk)))
    desk.imported(connection, [foreign, *desk.bought(1)], on_conflict="overwrite")
    assert routed(desk)[foreign] != before[foreign]

    report = service.delete("acme", connection.id, restore_routing=True)

    assert foreign in report.restored
    assert report.left == ()
    assert routed(desk)[foreign] == before[foreign]


def test_a_number_whose_routing_was_put_back_is_not_said_to_work(desk, service):
    connection = desk.connect()
    released, number = desk.imported(connection, desk.bought(2))
    for each in (released, number):
        service.verify_number("acme", each.id)
    service.release_number("acme", released.id)

    report = service.delete("acme", connection.id, restore_routing=True, actor="ann")

    after = service.number("acme", number.id)
    assert report.restored == (number.number,)
    assert [(left.number, left.reason) for left in report.left] == [(released.number, "It was released before.")]
    assert (after.status, after.voip_verification_status, after.snapshot) == ("provisioning", "unverified", None)
    assert service.number("acme", released.id).status == "released"
    entry = service.number_versions("acme", number.id).items[0]
    assert (entry.action, entry.status, entry.actor) == ("number.restored", "provisioning", "ann")


def connection_of(desk):
    return desk.box.credentials("telnyx")["connection_id"]


def routed(desk):
    return {n.phone_number: n.connection_id for n in desk.box.telnyx.numbers}


def test_what_somebody_else_changed_is_left_and_told(desk, service):
    connection = desk.connect()
    number = desk.imported(connection, desk.bought(1))[0]
    elsewhere = desk.box.telnyx.add_connection(name="Somebody else's")
    theirs = next(n for n in desk.box.telnyx.numbers if n.phone_number == number.number)
    theirs.connection_id = elsewhere.id

    report = service.delete("acme", connection.id, restore_routing=True)

    assert report.restored == ()
    assert [left.number for left in report.left] == [number.number]
    assert routed(desk)[number.number] == elsewhere.id


def test_a_carrier_that_cannot_be_asked_keeps_the_connection(desk, service):
    connection = desk.connect()
    desk.imported(connection, desk.bought(1))
    desk.box.fail("telnyx", "*", Fault.status(500))
    with pytest.raises(voipkit.errors.ProviderError):
        service.delete("acme", connection.id, restore_routing=True)
    assert service.get("acme", connection.id)

    desk.box.heal()
    assert service.delete("acme", connection.id, restore_routing=True).left == ()


def test_a_number_that_fails_to_be_restored_keeps_the_connection(desk, service):
    connection = desk.connect()
    numbers = desk.imported(connection, desk.bought(2))
    desk.box.fail("telnyx", "update_number", Fault.status(422), times=1)

    with pytest.raises(RestoreIncomplete) as caught:
        service.delete("acme", connection.id, restore_routing=True)

    assert set(caught.value.numbers) < {number.number for number in numbers}
    assert service.get("acme", connection.id)
    assert service.delete("acme", connection.id, restore_routing=True).left == ()


def test_an_operation_that_has_not_ended_is_not_disturbed(desk, service):
    connection = desk.connect()
    from voipkit.service import operations

    with desk.store.transaction("acme") as tx:
        operations.begin(service._shop, tx, "rotate", connection.id, {}, step="prove")

    with pytest.raises(OperationInProgress):
        service.delete("acme", connection.id)
    with pytest.raises(OperationInProgress):
        service.import_numbers("acme", connection.id, desk.bought(1))
    assert desk.box.writes == []


# --- what is told -----------------------------------------------------------------------------------------------------


def test_the_host_is_told_after_it_happened_and_its_errors_go_no_further(desk, store, key, caplog):
    def broken(event):
        raise RuntimeError("the host's own")

    service = ConnectionService(
        store, service_keys(key), http=voipkit.HttpOptions(wire=desk.box.wire, rate=10_000), on_event=broken
    )
    tested = service.test("acme", "telnyx", **desk.account())
    created = service.create("acme", provider="telnyx", **desk.account(), evidence=tested.verification_evidence_id)

    assert service.get("acme", created.id) == created
    assert "connection.created" in caplog.text


def service_keys(key):
    return voipkit.evidence.KeyRing.from_text(key)


def test_events_and_audit_hold_no_secret(desk, service, events):
    connection = desk.connect(actor="ann")
    desk.imported(connection, desk.bought(1))
    service.delete("acme", connection.id)
    secret = desk.box.credentials("telnyx")["api_key"]

    said = [event.model_dump_json() for event in events]
    said += [entry.model_dump_json() for entry in service.audit("acme").items]

    assert events[0].type == "connection.created"
    assert events[-1].type == "connection.deleted"
    assert not any(secret in text for text in said)


def test_a_service_shows_no_key_and_is_not_pickled(service, key):
    import pickle

    assert key not in repr(service) + repr(service._shop)
    with pytest.raises(TypeError, match="reopen"):
        pickle.dumps(service)
