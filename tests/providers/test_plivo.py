"""Plivo: the real SDK over the sandbox, and each trap of its API."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest

import voipkit
from tests.providers.answers import lacking, rewriting
from voipkit import Route
from voipkit.adapting.translation import rule_for
from voipkit.errors import (
    Conflict,
    CredentialsInvalid,
    CredentialsRejected,
    InvalidNumber,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.providers.plivo import RULES
from voipkit.sandbox import Fault

FIRST, SECOND, THIRD = "+14155550100", "+442079460018", "+35315250000"


def codes(checks, status=None):
    return {check.code for check in checks if status in (None, check.status)}


def works(verified):
    """Whether calls flow in both directions, as far as the API shows; which countries may be called it never does."""
    return (verified.failures, verified.inbound_reachable, verified.outbound_authorized) == ((), True, True)


def operations(box):
    return [request.operation for request in box.requests]


@pytest.fixture
def plivo(opened):
    return opened("plivo")


@pytest.fixture
def trunks(opened, box):
    """The carrier, opened for trunks in both directions."""
    inbound, outbound = box.plivo.trunks[0].trunk_id, box.plivo.trunks[1].trunk_id
    given = {name: value for name, value in box.plivo.credentials.items() if name != "application_id"}
    return opened("plivo", given, {"trunkId": inbound, "outboundTrunkId": outbound})


@pytest.fixture
def ours(box):
    return box.plivo.credentials["application_id"]


@pytest.fixture
def theirs(box):
    return box.plivo.add_application("Theirs", answer_url="https://theirs.example.net/live").app_id


# --- credentials -----------------------------------------------------------------------------------------------------


def test_working_account_passes_in_three_requests(plivo, box):
    test = plivo.test_credentials()

    assert (test.status, test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (
        "pass",
        True,
        True,
        True,
    )
    assert len(box.requests) == 3
    assert box.writes == []
    assert codes(test.checks, "unknown") == {"plivo.geo.unknown"}


def test_trunks_pass_in_five_requests(trunks, box):
    test = trunks.test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("pass", True, True)
    assert len(box.requests) == 5
    assert {"plivo.uri.set", "plivo.trunk.authentication", "plivo.trunk.enabled"} <= codes(test.checks, "pass")


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_trunk_is_read_flat_or_under_object(wrapped, trunks, box):
    box.plivo.wraps_trunk = wrapped

    assert trunks.test_credentials().status == "pass"


def test_name_costs_nothing_after_the_test(plivo, box):
    plivo.test_credentials()
    asked = len(box.requests)

    assert plivo.suggest_name().name == f"Plivo: Acme Voice ({FIRST})"
    assert len(box.requests) == asked


@pytest.mark.parametrize(
    ("name", "expected"),
    [("owner@example.com", (f"Plivo ({FIRST})", True)), ("", (f"Plivo ({FIRST})", True))],
)
def test_a_name_that_is_none_is_not_shown(name, expected, plivo, box):
    box.plivo.account.name = name
    suggested = plivo.suggest_name()

    assert (suggested.name, suggested.inferred) == expected
    assert len(box.requests) == 2


def test_wrong_token_is_rejected_although_plivo_says_so_in_plain_text(opened, box):
    test = opened("plivo", {**box.plivo.credentials, "auth_token": "0" * 40}).test_credentials()

    (failed,) = test.failures
    assert failed.code == "plivo.credentials.rejected"
    assert "access level" in failed.message
    assert (test.inbound_reachable, test.outbound_authorized) == (None, None)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "plivo.credentials.rejected"),
        (403, "plivo.credentials.permission_missing"),
        (404, "plivo.account.not_found"),
    ],
)
def test_key_wrong_permission_missing_and_account_gone_are_three_answers(status, code, opened, box):
    box.fail("plivo", "*", Fault.status(status))

    assert codes(opened("plivo").test_credentials().failures) == {code}


@pytest.mark.parametrize(
    "fault", [Fault.timeout(), Fault.reset(), Fault.status(500), Fault.status(429), Fault.html(502), Fault.html(200)]
)
def test_could_not_ask_is_neither_pass_nor_fail_of_the_key(fault, opened, box):
    box.fail("plivo", "*", fault)
    test = opened("plivo", retries=0).test_credentials()

    assert test.credentials_valid is None
    assert (test.status, test.failures) == ("fail", ())


@pytest.mark.parametrize("status", [None, 401, 403, 404])
def test_sub_account_is_proved_by_its_numbers(status, opened, box):
    """Whether a sub-account may read its own account object is not documented."""
    auth_id, token = box.plivo.add_subaccount()
    box.plivo.subaccount_account_status = status
    box.plivo.numbers[0].sub_account = auth_id
    carrier = opened("plivo", {**box.plivo.credentials, "auth_id": auth_id, "auth_token": token})
    test = carrier.test_credentials()

    assert test.credentials_valid is True
    assert test.failures == ()
    assert "plivo.account.unknown" in codes(test.checks, "unknown")
    assert [number.number for number in carrier.list_numbers()] == [FIRST]


def test_listing_that_is_not_permitted_is_told_from_a_wrong_key(plivo, box):
    box.plivo.forbidden.add("list_numbers")

    assert codes(plivo.test_credentials().failures) == {"plivo.numbers.not_permitted"}


def test_trial_account_is_named(plivo, box):
    box.plivo.account.account_type = "developer"
    test = plivo.test_credentials()

    assert test.status == "pass"
    assert "plivo.account.trial" in codes(test.checks, "warn")


@pytest.mark.parametrize(
    ("account", "code", "outbound"),
    [
        ({"cash_credits": "0.00000"}, "plivo.account.no_credit", False),
        ({"cash_credits": "-1.5"}, "plivo.account.no_credit", False),
        ({"cash_credits": "0.0", "auto_recharge": True}, "plivo.account.credit", True),
        ({"cash_credits": "0.0", "billing_mode": "postpaid"}, "plivo.account.credit", True),
        ({"cash_credits": "a lot"}, "plivo.account.credit.unknown", None),
    ],
)
def test_credit(account, code, outbound, plivo, box):
    for name, value in account.items():
        setattr(box.plivo.account, name, value)
    test = plivo.test_credentials()

    assert code in codes(test.checks)
    assert test.outbound_authorized is outbound


def test_credit_alone_lets_no_call_out(plivo, box):
    """An account without a number: not known whether it has a verified caller ID."""
    box.plivo.numbers.clear()
    test = plivo.test_credentials()

    assert test.credentials_valid is True
    assert test.outbound_authorized is None
    assert {"plivo.caller_id.none"} <= codes(test.checks, "unknown")


def test_without_a_target_inbound_is_unknown_and_the_one_in_use_is_offered(opened, box, ours):
    box.plivo.numbers[0].app_id = ours
    given = {name: value for name, value in box.plivo.credentials.items() if name != "application_id"}
    test = opened("plivo", given).test_credentials()

    assert test.status == "pass"
    assert test.inbound_reachable is None
    (skipped,) = [check for check in test.checks if check.code == "plivo.target.not_named"]
    assert ours in skipped.fix


def test_application_and_trunk_together_are_refused_before_any_request(opened, box):
    with pytest.raises(CredentialsInvalid, match="trunk_id") as caught:
        opened("plivo", sip_config={"trunkId": "1"})

    assert caught.value.problems[0].section == "sip_config"
    assert box.requests == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"auth_id": "MA_SYQRLN1K"}, "Vobiz"),
        ({"auth_id": "AC" + "0" * 32}, "Twilio"),
        ({"auth_id": "f" * 40}, "swapped"),
        ({"auth_id": "MA123"}, "18 letters"),
        ({"auth_id": "MAXXXXXXXXXXXX/../../"}, "wrong form"),
    ],
)
def test_another_carriers_id_is_recognised(given, says, opened, box):
    with pytest.raises(CredentialsInvalid, match=says):
        opened("plivo", {**box.plivo.credentials, **given})


# --- one broken edge at a time ---------------------------------------------------------------------------------------


def disabled_application(box):
    box.plivo.applications[0].enabled = False


def silent_application(box):
    box.plivo.applications[0].answer_url = ""


def gone_application(box):
    box.plivo.applications.remove(box.plivo.applications[0].app_id)


@pytest.mark.parametrize(
    ("breakage", "code"),
    [
        (disabled_application, "plivo.application.disabled"),
        (silent_application, "plivo.application.no_answer_url"),
        (gone_application, "plivo.application.not_found"),
    ],
)
def test_the_broken_application_and_nothing_else_is_named(breakage, code, plivo, box):
    breakage(box)
    test = plivo.test_credentials()

    (failed,) = test.failures
    assert (failed.code, failed.direction) == (code, "inbound")
    assert failed.fix
    assert failed.object.type == "application"
    assert (test.credentials_valid, test.outbound_authorized) == (True, True)


def test_answer_url_without_tls_is_a_warning_and_its_secrets_are_not_shown(plivo, box):
    box.plivo.applications[0].answer_url = "http://me:hush@voice.example.com/in?token=hush#hush"
    test = plivo.test_credentials()

    (warned,) = [check for check in test.checks if check.status == "warn"]
    assert warned.code == "plivo.application.answer_url_plain"
    assert "http://voice.example.com/in," in warned.message
    assert "hush" not in test.model_dump_json()


def inbound_trunk(box):
    return box.plivo.trunks[0]


def outbound_trunk(box):
    return box.plivo.trunks[1]


@pytest.mark.parametrize(
    ("trunk", "fields", "code", "direction"),
    [
        (inbound_trunk, {"trunk_direction": "outbound"}, "plivo.trunk.wrong_direction", "inbound"),
        (inbound_trunk, {"trunk_status": "disabled"}, "plivo.trunk.disabled", "inbound"),
        (inbound_trunk, {"primary_uri_uuid": None}, "plivo.trunk.no_uri", "inbound"),
        (inbound_trunk, {"primary_uri_uuid": "gone"}, "plivo.uri.not_found", "inbound"),
        (outbound_trunk, {"trunk_direction": "inbound"}, "plivo.trunk.wrong_direction", "outbound"),
        (outbound_trunk, {"trunk_status": "disabled"}, "plivo.trunk.disabled", "outbound"),
        (outbound_trunk, {"credential_uuid": None}, "plivo.trunk.no_authentication", "outbound"),
        (outbound_trunk, {"trunk_id": "elsewhere"}, None, None),
    ],
)
def test_the_broken_trunk_and_nothing_else_is_named(trunk, fields, code, direction, trunks, box):
    for name, value in fields.items():
        setattr(trunk(box), name, value)
    test = trunks.test_credentials()

    if code is None:  # Plivo answers with another trunk than the one asked for: that is no answer
        assert test.failures == ()
        assert "plivo.trunk.unknown" in codes(test.checks, "unknown")
        return
    (failed,) = test.failures
    assert (failed.code, failed.direction) == (code, direction)
    assert failed.fix


@pytest.fixture
def trunks_over(opened, box):
    """The carrier, opened for trunks in both directions, over another wire."""

    def make(wire):
        inbound, outbound = box.plivo.trunks[0].trunk_id, box.plivo.trunks[1].trunk_id
        given = {name: value for name, value in box.plivo.credentials.items() if name != "application_id"}
        return opened("plivo", given, {"trunkId": inbound, "outboundTrunkId": outbound}, wire=wire)

    return make


@pytest.mark.parametrize("wrapped", [True, False])
@pytest.mark.parametrize(
    ("names", "code", "direction"),
    [
        (["primary_uri_uuid"], "plivo.uri.unknown", "inbound_reachable"),
        (["credential_uuid"], "plivo.trunk.authentication.unknown", "outbound_authorized"),
        (["credential_uuid", "ipacl_uuid"], "plivo.trunk.authentication.unknown", "outbound_authorized"),
    ],
)
def test_what_plivo_does_not_say_of_a_trunk_is_unknown(names, code, direction, wrapped, trunks_over, box):
    box.plivo.wraps_trunk = wrapped
    test = trunks_over(lacking(box, "/Zentrunk/Trunk/", *names)).test_credentials()

    (check,) = [check for check in test.checks if check.code == code]
    assert (check.status, test.failures) == ("unknown", ())
    assert "does not say" in check.message
    assert check.fix
    assert getattr(test, direction) is None


def test_one_way_to_authenticate_is_enough_where_the_other_is_not_shown(trunks_over, box):
    test = trunks_over(lacking(box, "/Zentrunk/Trunk/", "ipacl_uuid")).test_credentials()

    assert "plivo.trunk.authentication" in codes(test.checks, "pass")


@pytest.mark.parametrize(
    ("which", "name", "code"),
    [
        (inbound_trunk, "primary_uri_uuid", "plivo.trunk.no_uri"),
        (outbound_trunk, "credential_uuid", "plivo.trunk.no_authentication"),
    ],
)
def test_a_trunk_that_is_shown_with_an_empty_id_is_broken(which, name, code, trunks_over, box):
    trunk_id = which(box).trunk_id

    def emptied(url, payload):
        if url.rstrip("/").endswith(trunk_id):
            payload.get("object", payload)[name] = ""
        return payload

    assert codes(trunks_over(rewriting(box, emptied)).test_credentials().failures) == {code}


def test_unknown_trunks_are_named(opened, box):
    given = {name: value for name, value in box.plivo.credentials.items() if name != "application_id"}
    test = opened("plivo", given, {"trunk_id": "404", "outbound_trunk_id": "405"}).test_credentials()

    assert [(failed.code, failed.direction) for failed in test.failures] == [
        ("plivo.trunk.not_found", "inbound"),
        ("plivo.trunk.not_found", "outbound"),
    ]


def test_trunks_that_may_not_be_asked_about_are_unknown_and_the_fix_says_why(trunks, box):
    box.plivo.zentrunk_enabled = False
    test = trunks.test_credentials()

    assert test.inbound_reachable is None
    assert test.failures == ()
    assert any("SIP trunking" in (check.fix or "") for check in test.checks if check.code == "plivo.trunk.unknown")


# --- listing ---------------------------------------------------------------------------------------------------------


def test_every_page_is_listed_twenty_at_a_time(plivo, box):
    box.plivo.seed_numbers(202)
    listed = [number.number for number in plivo.list_numbers()]

    assert len(listed) == len(set(listed)) == 205
    assert operations(box) == ["list_numbers"] * 11
    assert {parse_qs(urlsplit(request.url).query)["limit"][0] for request in box.requests} == {"20"}


def test_pages_are_fetched_in_parallel(opened, box):
    box.plivo.seed_numbers(400)
    most, now, lock = [0], [0], threading.Lock()

    def slow(method, url, headers, body):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1
        return box.wire(method, url, headers, body)

    assert len(list(opened("plivo", wire=slow).list_numbers())) == 403
    assert most[0] > 3


def test_numbers_come_in_e164_with_fee_in_cents(plivo, box):
    box.plivo.add_number("18005550199", number_type="tollfree", monthly_rental_rate="1.005", alias="Hotline")
    first, *_, last = plivo.list_numbers()

    assert (first.id, first.raw, first.number) == ("14155550100", "14155550100", FIRST)
    assert (first.country, first.region, first.monthly_fee, first.currency) == ("US", None, 80, "USD")
    assert (last.type, last.monthly_fee, last.friendly_name) == ("toll_free", 101, "Hotline")


def test_a_number_without_some_keys_is_listed(plivo, box):
    box.plivo.add_number("4930123456", left_out=frozenset({"active", "voice_enabled", "application", "alias"}))
    *_, last = plivo.list_numbers()

    assert (last.number, last.capabilities, last.status, last.active) == ("+4930123456", None, None, True)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequest),
        (401, CredentialsRejected),
        (402, PermissionDenied),
        (403, PermissionDenied),
        (404, NotFound),
        (409, Conflict),
        (422, InvalidRequest),
        (429, RateLimited),
        (500, ProviderUnavailable),
        (503, ProviderUnavailable),
    ],
)
def test_listing_errors_carry_what_the_sdk_loses(status, error, opened, box):
    """The SDK's own listing stops with AttributeError, or drops the status, the words and Retry-After."""
    box.fail("plivo", "list_numbers", Fault.status(status, retry_after=0.25))
    with pytest.raises(error) as caught:
        list(opened("plivo", retries=0).list_numbers())

    assert (caught.value.status, caught.value.retry_after) == (status, 0.25)
    assert caught.value.operation == "list_numbers"
    assert "It says:" in caught.value.message


def test_an_error_that_is_an_object_is_read(opened, box):
    body = {"api_id": "x", "error": {"error": "no such thing", "number": ["bad digits"]}}
    box.fail("plivo", "list_numbers", Fault.body(json.dumps(body).encode(), status=400))
    with pytest.raises(InvalidRequest, match="no such thing"):
        list(opened("plivo").list_numbers())


@pytest.mark.parametrize("page", [2, 7])
def test_error_on_a_later_page_is_translated_after_the_pages_before_it(page, opened, box):
    box.plivo.seed_numbers(157)
    box.fail("plivo", "list_numbers", Fault.timeout(), page=page)
    seen = []
    with pytest.raises(ProviderTimeout):
        seen.extend(number for number in opened("plivo", retries=0).list_numbers())

    assert len(seen) == 20 * (page - 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(200),
        Fault.truncated_json(),
        Fault.json_array(),
        Fault.empty_body(),
        Fault.body(b"{}"),
        Fault.body(b"null"),
        Fault.body(b'{"objects": null, "meta": null}'),
        Fault.body(b'{"objects": [[]]}'),
        Fault.body(b'{"objects": [{"number": null}]}'),
        Fault.body(b"", status=204),
        Fault.body(b"", status=302),
    ],
)
def test_nonsense_is_an_unexpected_response_and_never_an_empty_list(fault, opened, box):
    box.fail("plivo", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse):
        list(opened("plivo", retries=0).list_numbers())


@pytest.mark.parametrize("fault", [Fault.endless_pages(), Fault.repeat_page()])
def test_a_listing_that_never_ends_is_an_error(fault, opened, box):
    box.plivo.seed_numbers(100)
    box.fail("plivo", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse, match="paging"):
        list(opened("plivo", retries=0).list_numbers())

    assert len(box.requests) < 40


def test_a_number_repeated_at_the_page_edge_is_listed_once(opened, box):
    box.plivo.seed_numbers(60)
    box.fail("plivo", "list_numbers", Fault.duplicate_at_page_edge())
    listed = [number.id for number in opened("plivo").list_numbers()]

    assert len(listed) == len(set(listed)) == 63


def test_a_deployment_with_cursors_is_followed(opened, box):
    """plivo/base.py, 4.63: some ignore the offset, and then it must not be sent; the SDK's own walk dies there."""
    box.plivo.seed_numbers(50)
    asked = []

    def cursors(method, url, headers, body):
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked.append(query)
        start = int(query.get("cursor", "c0")[1:])
        plain = f"https://{parts.netloc}{parts.path}?limit=20&offset={start}"
        status, answer, content = box.wire(method, plain, headers, body)
        page = json.loads(content)
        if page["meta"]["next"]:
            page["meta"]["next"] = f"{parts.path}?limit=20&cursor=c{start + 20}"
        return status, answer, json.dumps(page).encode()

    assert len(list(opened("plivo", wire=cursors).list_numbers())) == 53
    assert len(asked) == 3
    assert "offset" not in asked[1]


def test_empty_account_is_an_answer(plivo, box):
    box.plivo.numbers.clear()

    assert list(plivo.list_numbers()) == []


# --- import ----------------------------------------------------------------------------------------------------------


def test_import_is_one_listing_and_a_write_and_a_read_each(plivo, box, ours):
    numbers = ["+" + number.number for number in box.plivo.numbers]
    report = plivo.import_numbers(numbers)

    assert report.counts == {"imported": 3}
    assert report.writes == len(box.writes) == 3
    assert sorted(operations(box)) == ["list_numbers"] + ["number"] * 3 + ["update_number"] * 3
    assert {number.app_id for number in box.plivo.numbers} == {ours}


def test_no_post_is_ever_without_its_application(plivo, trunks, box, theirs):
    """A POST to a number without app_id moves it to the account's default application."""
    box.plivo.numbers[1].app_id = theirs
    report = plivo.import_numbers([FIRST, SECOND], on_conflict="overwrite")
    plivo.restore_numbers(report.snapshot)
    trunks.import_numbers([THIRD])

    assert len(box.writes) == 4
    for request in box.writes:
        assert request.operation == "update_number"
        assert json.loads(request.request_body)["app_id"]


def test_import_to_a_trunk(trunks, box):
    report = trunks.import_numbers([FIRST])
    (listed, *_) = trunks.list_numbers()

    assert report.counts == {"imported": 1}
    assert box.plivo.numbers[0].app_id == box.plivo.trunks[0].trunk_id
    assert listed.route == Route.trunk(box.plivo.trunks[0].trunk_id)
    assert works(trunks.verify_number(FIRST))


def test_import_twice_writes_once(plivo, box):
    plivo.import_numbers([FIRST])
    box.clear()

    assert plivo.import_numbers([FIRST]).counts == {"unchanged": 1}
    assert box.writes == []


def test_dry_run_shows_the_change_and_writes_nothing(plivo, box, ours):
    before = copy.deepcopy(list(box.plivo.numbers))
    (result,) = plivo.import_numbers([FIRST], dry_run=True).results

    assert result.changes == {"application": (None, f"Application/{ours}")}
    assert any("no way to take a number off" in note for note in result.notes)
    assert box.writes == []
    assert list(box.plivo.numbers) == before


def test_without_a_route_numbers_are_recorded_only(opened, box):
    given = {name: value for name, value in box.plivo.credentials.items() if name != "application_id"}
    (result,) = opened("plivo", given).import_numbers([FIRST]).results

    assert (result.status, result.code, result.notes) == ("unchanged", "import.recorded", ())
    assert box.writes == []


@pytest.mark.parametrize("kind", ["application", "trunk"])
@pytest.mark.parametrize("busy", ["application", "trunk"])
def test_conflict_is_refused_then_overwritten_on_purpose_and_restored(busy, kind, plivo, box, ours, theirs):
    number, trunk = box.plivo.numbers[0], box.plivo.trunks[0].trunk_id
    foreign = box.plivo.add_trunk("inbound", "Foreign", primary_uri_uuid=box.plivo.origination_uris[0].uri_uuid)
    number.app_id = theirs if busy == "application" else foreign.trunk_id
    before = copy.deepcopy(number)
    route = Route.application(ours) if kind == "application" else Route.trunk(trunk)

    (refused,) = plivo.import_numbers([FIRST], route).results
    assert refused.status == "conflict"
    assert before.app_id in refused.message
    assert box.writes == []
    assert number == before

    report = plivo.import_numbers([FIRST], route, on_conflict="overwrite")
    assert report.counts == {"imported": 1}
    assert number.app_id == route.target
    snapshot = voipkit.RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json())
    assert plivo.restore_numbers(snapshot).counts == {"imported": 1}
    assert number == before


def test_a_phlo_is_a_conflict_that_says_it_cannot_be_put_back(plivo, box):
    number = box.plivo.numbers[0]
    number.other_route = f"/v1/Account/{box.plivo.account.auth_id}/Phlo/6f1c/"
    (result,) = plivo.import_numbers([FIRST]).results
    (listed, *_) = plivo.list_numbers()

    assert result.status == "conflict"
    assert "could not put that back" in result.message
    assert (listed.route, listed.routing) == (None, {"application": "Phlo/6f1c"})
    verified = plivo.verify_number(FIRST)
    assert "plivo.number.routed_elsewhere" in codes(verified.failures)


def test_a_number_that_had_no_application_cannot_be_taken_off_and_nothing_is_guessed(plivo, box, ours):
    report = plivo.import_numbers([FIRST])
    box.clear()
    (result,) = plivo.restore_numbers(report.snapshot).results

    assert (result.status, result.code) == ("failed", "import.unsupported")
    assert "console" in result.fix
    assert box.writes == []
    assert box.plivo.numbers[0].app_id == ours


def test_restore_leaves_alone_what_somebody_changed_since(plivo, box, theirs):
    number = box.plivo.numbers[0]
    number.app_id = theirs
    report = plivo.import_numbers([FIRST], on_conflict="overwrite")
    number.app_id = box.plivo.add_application("Newer").app_id
    box.clear()

    assert plivo.restore_numbers(report.snapshot).counts == {"conflict": 1}
    assert box.writes == []


def test_one_bad_number_never_stops_the_others(plivo, box):
    box.plivo.add_number("14155550111", voice_enabled=False)
    box.plivo.add_number("14155550112", active=False)
    box.fail("plivo", "update_number", Fault.status(400), calls=1)
    given = [FIRST, SECOND, "4155550100", "+14155550111", "+14155550112", FIRST, "+14155550142"]
    results = plivo.import_numbers(given).results

    assert sorted(result.status for result in results[:2]) == ["failed", "imported"]
    assert [result.code for result in results[2:]] == [
        "import.not_e164",
        "import.not_voice",
        "import.not_active",
        "import.duplicate",
        "import.not_owned",
    ]


def test_notes_name_a_sub_account_and_missing_compliance(plivo, box, ours):
    auth_id, _ = box.plivo.add_subaccount()
    box.plivo.add_number("918040001234", sub_account=auth_id, compliance_status="submitted")
    (result,) = plivo.import_numbers(["+918040001234"], Route.application(ours)).results

    assert any(auth_id in note for note in result.notes)
    assert any("'submitted'" in note for note in result.notes)


def test_few_numbers_of_a_large_account_are_asked_for_one_by_one(plivo, box):
    seeded = ["+" + number.number for number in box.plivo.seed_numbers(1000)]
    report = plivo.import_numbers(seeded[500:505], dry_run=True)

    assert report.counts == {"imported": 5}
    assert len(box.requests) == 6
    box.clear()
    assert plivo.import_numbers(seeded, dry_run=True).counts == {"imported": 1000}
    assert len(box.requests) == 51


def test_a_prefix_match_is_not_ownership(plivo, box):
    box.plivo.add_number("141555501001")

    assert plivo.verify_number(FIRST).id == "14155550100"
    box.plivo.numbers.remove("14155550100")
    assert codes(plivo.verify_number(FIRST).failures) == {"plivo.number.not_owned"}


@pytest.mark.parametrize("kind", ["sip", "webhook"])
def test_route_kind_that_plivo_lacks_is_refused_before_any_request(kind, plivo, box):
    route = Route.sip("sip:a@b.example") if kind == "sip" else Route.webhook("https://voice.example.org/")
    with pytest.raises(Unsupported, match="application, trunk"):
        plivo.import_numbers([FIRST], route)

    assert box.requests == []


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.reset(), Fault.status(503), Fault.html(502)])
def test_a_write_whose_answer_is_lost_is_sent_once_and_looked_up(fault, plivo, box):
    """The SDK would send POSTs of voice resources three times."""
    box.fail("plivo", "update_number", fault)
    (result,) = plivo.import_numbers([FIRST]).results

    assert operations(box).count("update_number") == 1
    assert result.status == "failed"
    assert "not changed" in result.message


@pytest.mark.parametrize("fault", [Fault.timeout(applied=True), Fault.reset(applied=True), Fault.empty_body()])
def test_a_write_that_happened_though_its_answer_was_lost_is_imported(fault, plivo, box):
    box.fail("plivo", "update_number", fault)
    (result,) = plivo.import_numbers([FIRST]).results

    assert operations(box).count("update_number") == 1
    assert result.status == "imported"


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_write_that_cannot_be_read_back_is_not_called_a_failure_of_the_write(status, opened, box):
    box.fail("plivo", "number", Fault.status(status))
    (result,) = opened("plivo", retries=0).import_numbers([FIRST]).results

    assert (result.status, result.code) == ("failed", "import.unknown")
    assert operations(box).count("update_number") == 1


def test_a_write_that_the_carrier_swallows_is_noticed(opened, box):
    def deaf(method, url, headers, body):
        return (202, {}, b'{"message": "changed"}') if method == "POST" else box.wire(method, url, headers, body)

    (result,) = opened("plivo", wire=deaf).import_numbers([FIRST]).results

    assert (result.status, result.code) == ("failed", "import.read_back")


def test_a_revoked_key_stops_the_writes(opened, box):
    numbers = ["+" + number.number for number in box.plivo.seed_numbers(40)]
    box.fail("plivo", "update_number", Fault.status(401))
    report = opened("plivo").import_numbers(numbers)

    assert report.counts == {"failed": 40}
    assert operations(box).count("update_number") < 10


def test_unlistable_account_writes_nothing(opened, box):
    box.fail("plivo", "list_numbers", Fault.status(500))
    with pytest.raises(ProviderUnavailable):
        opened("plivo", retries=0).import_numbers([FIRST, SECOND])

    assert box.writes == []


# --- verify ----------------------------------------------------------------------------------------------------------


def test_imported_number_is_verified_in_three_requests(plivo, box):
    plivo.import_numbers([FIRST])
    box.clear()
    verified = plivo.verify_number(FIRST)

    assert works(verified), verified.failures
    assert len(box.requests) == 3
    assert box.writes == []


def test_verify_of_many_is_one_listing_and_a_constant(plivo, box, ours):
    numbers = ["+" + number.number for number in box.plivo.seed_numbers(97, app_id=ours)]
    verified = list(plivo.verify_numbers(numbers))

    assert all(works(v) for v in verified)
    assert [v.number for v in verified] == numbers
    assert len(box.requests) == 5 + 2


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"app_id": None}, "plivo.number.not_routed"),
        ({"active": False}, "plivo.number.inactive"),
        ({"voice_enabled": False}, "plivo.number.no_voice"),
    ],
)
def test_the_broken_number_and_nothing_else_is_named(fields, code, plivo, box, ours):
    box.plivo.add_number("14155550133", **{"app_id": ours} | fields)

    assert codes(plivo.verify_number("+14155550133").failures) == {code}


@pytest.fixture
def unsaid(plivo, box):
    """A number whose record lacks what its calls go to."""
    box.plivo.add_number("14155550133", left_out=frozenset({"application"}))
    return "+14155550133"


def test_a_number_of_which_plivo_does_not_show_the_application_is_unknown(unsaid, plivo):
    verified = plivo.verify_number(unsaid)

    assert (verified.status, verified.failures, verified.inbound_reachable) == ("unknown", (), None)
    assert "plivo.number.application.unknown" in codes(verified.checks, "unknown")


def test_a_number_of_which_plivo_does_not_show_the_application_is_not_free(unsaid, plivo, box):
    (result,) = plivo.import_numbers([unsaid]).results

    assert (result.status, box.writes) == ("conflict", [])
    assert "does not show" in result.message


def test_number_on_another_application_fails_with_both_named(plivo, box, ours, theirs):
    box.plivo.numbers[0].app_id = theirs
    (failed,) = plivo.verify_number(FIRST).failures

    assert failed.code == "plivo.number.routed_elsewhere"
    assert theirs in failed.message
    assert ours in failed.message


@pytest.mark.parametrize(
    ("status", "code", "inbound"),
    [
        ("accepted", "plivo.number.compliant", True),
        ("rejected", "plivo.number.not_compliant", False),
        (None, "plivo.number.compliance.unknown", None),
    ],
)
def test_indian_number_needs_an_accepted_application(status, code, inbound, plivo, box, ours):
    box.plivo.add_number("918040001234", app_id=ours, compliance_status=status)
    verified = plivo.verify_number("+918040001234")

    assert code in codes(verified.checks)
    assert verified.inbound_reachable is inbound


def test_overdue_renewal_is_a_warning(plivo, box, ours):
    box.plivo.add_number("14155550134", app_id=ours, renewal_date="2020-01-05")

    assert "plivo.number.renewal_overdue" in codes(plivo.verify_number("+14155550134").checks, "warn")


def test_number_that_is_not_owned_is_an_answer(plivo):
    verified = plivo.verify_number("+14155550142")

    assert codes(verified.failures) == {"plivo.number.not_owned"}
    assert verified.id is None
    assert (verified.inbound_reachable, verified.outbound_authorized) == (None, None)


def test_account_that_is_gone_is_not_called_a_number_that_is_not_owned(opened, box):
    box.fail("plivo", "list_numbers", Fault.status(404))
    with pytest.raises(NotFound):
        opened("plivo").verify_number(FIRST)


def test_text_that_is_no_number_raises_for_one_and_fails_among_many(plivo):
    with pytest.raises(InvalidNumber):
        plivo.verify_number("0100")
    (bad, good) = plivo.verify_numbers(["0100", FIRST])

    assert (bad.number, codes(bad.failures)) == ("0100", {"plivo.number.not_e164"})
    assert good.id


def test_application_that_cannot_be_asked_about_is_unknown(opened, box, ours):
    box.plivo.numbers[0].app_id = ours
    box.fail("plivo", "application", Fault.status(503))
    verified = opened("plivo", retries=0).verify_number(FIRST)

    assert "plivo.application.unknown" in codes(verified.checks, "unknown")
    assert (verified.status, verified.failures, verified.inbound_reachable) == ("unknown", (), None)


def test_what_could_not_be_asked_is_never_called_good(opened, box, ours):
    box.plivo.numbers[0].app_id = ours
    for operation in ("account", "application"):
        box.fail("plivo", operation, Fault.timeout())
    verified = opened("plivo", retries=0).verify_number(FIRST)

    assert verified.status == "unknown"
    assert (verified.inbound_reachable, verified.outbound_authorized) == (None, None)


# --- the SDK ---------------------------------------------------------------------------------------------------------


def test_every_exception_class_of_the_sdk_has_a_rule():
    module = importlib.import_module("plivo.exceptions")
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]

    assert len(kinds) >= 9
    assert [kind.__name__ for kind in kinds if rule_for(kind, RULES) is None] == []


def test_the_environment_of_the_sdk_never_matters(opened, box, monkeypatch):
    monkeypatch.setenv("PLIVO_AUTH_ID", "MA" + "E" * 18)
    monkeypatch.setenv("PLIVO_AUTH_TOKEN", "e" * 40)

    assert opened("plivo").test_credentials().status == "pass"
    assert not any("MAEEEE" in request.url for request in box.requests)


def test_nothing_is_printed(opened, box, capsys):
    """The SDK prints when a voice resource answers 5xx."""
    box.fail("plivo", "application", Fault.status(503))
    opened("plivo", retries=0).test_credentials()

    assert capsys.readouterr().out == ""


def test_errors_are_ours_and_their_cause_knows_no_secret(opened, box):
    box.fail("plivo", "list_numbers", Fault.echo_secret())
    with pytest.raises(ProviderError) as caught:
        list(opened("plivo", retries=0).list_numbers())

    cause = caught.value.__cause__
    assert box.plivo.account.auth_token not in str(caught.value) + repr(cause) + cause.response.text


def test_no_operation_is_unknown_to_the_sandbox(plivo, trunks, box):
    for carrier in (plivo, trunks):
        carrier.test_credentials()
        carrier.import_numbers([FIRST], on_conflict="overwrite")
        list(carrier.verify_numbers([FIRST, SECOND]))

    assert "unknown" not in operations(box)
