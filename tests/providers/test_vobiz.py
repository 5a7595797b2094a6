"""Vobiz: the real SDK over the sandbox, and each trap of its API."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import logging
import os
import subprocess
import sys
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
    MissingExtra,
    NotFound,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.providers.vobiz import RULES
from voipkit.sandbox import Fault

FIRST, SECOND, THIRD = "+918065480001", "+918065480002", "+912268480003"


def codes(checks, status=None):
    return {check.code for check in checks if status in (None, check.status)}


def works(verified):
    """Whether calls flow in both directions, as far as the API shows; which countries may be called it never does."""
    return (verified.failures, verified.inbound_reachable, verified.outbound_authorized) == ((), True, True)


def operations(box):
    return [request.operation for request in box.requests]


def without_application(box):
    return {name: value for name, value in box.vobiz.credentials.items() if name != "application_id"}


@pytest.fixture
def vobiz(opened, box):
    box.vobiz.strict_paths = True
    return opened("vobiz")


@pytest.fixture
def trunks(opened, box):
    """The carrier, opened for trunks in both directions."""
    inbound, outbound = box.vobiz.trunks[0].trunk_id, box.vobiz.trunks[1].trunk_id
    return opened("vobiz", without_application(box), {"trunkId": inbound, "outboundTrunkId": outbound})


@pytest.fixture
def ours(box):
    return box.vobiz.credentials["application_id"]


@pytest.fixture
def theirs(box):
    return box.vobiz.add_application("Theirs", answer_url="https://theirs.example.net/live").app_id


# --- credentials -----------------------------------------------------------------------------------------------------


def test_working_account_passes_in_four_requests(vobiz, box):
    test = vobiz.test_credentials()

    assert (test.status, test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (
        "pass",
        True,
        True,
        True,
    )
    assert len(box.requests) == 4
    assert box.writes == []
    assert codes(test.checks, "unknown") == {"vobiz.destinations.unknown"}


def test_trunks_pass_in_five_requests(trunks, box):
    test = trunks.test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("pass", True, True)
    assert len(box.requests) == 5
    assert {"vobiz.uri.set", "vobiz.trunk.authentication", "vobiz.trunk.enabled"} <= codes(test.checks, "pass")


def test_name_costs_nothing_after_the_test(vobiz, box):
    vobiz.test_credentials()
    asked = len(box.requests)

    assert vobiz.suggest_name().name == f"Vobiz: {box.vobiz.account.company} ({FIRST})"
    assert len(box.requests) == asked


def test_the_secret_in_the_account_goes_nowhere(vobiz, box, caplog):
    """GET /auth/me repeats the token as auth_secret."""
    caplog.set_level(logging.DEBUG)
    test = vobiz.test_credentials()
    vobiz.suggest_name()

    assert any(box.vobiz.account.auth_token in request.response_body.decode() for request in box.requests)
    assert box.vobiz.account.auth_token not in caplog.text + test.model_dump_json() + repr(vars(vobiz))
    account = vobiz._api.account("test")
    assert "auth_secret" not in account
    assert box.vobiz.account.auth_token not in repr(account)


@pytest.mark.parametrize("form", ["coded", "message", "api_id"])
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "vobiz.credentials.rejected"),
        (403, "vobiz.credentials.permission_missing"),
        (404, "vobiz.account.not_found"),
    ],
)
def test_key_wrong_permission_missing_and_account_gone_are_three_answers(status, code, form, opened, box):
    box.vobiz.error_form = form
    box.fail("vobiz", "*", Fault.status(status))
    (failed,) = opened("vobiz").test_credentials().failures

    assert failed.code == code


def test_wrong_token(opened, box):
    test = opened("vobiz", {**box.vobiz.credentials, "auth_token": "0" * 64}).test_credentials()

    assert codes(test.failures) == {"vobiz.credentials.rejected"}
    assert (test.inbound_reachable, test.outbound_authorized) == (None, None)


@pytest.mark.parametrize("field", ["is_active", "enabled"])
def test_inactive_account_is_neither_a_wrong_key_nor_a_missing_permission(field, vobiz, box):
    setattr(box.vobiz.account, field, False)
    test = vobiz.test_credentials()

    assert test.credentials_valid is False
    assert codes(test.failures) == {"vobiz.account.inactive"}


def test_account_that_says_itself_that_it_is_inactive(opened, box):
    box.fail("vobiz", "me", Fault.body(json.dumps({"auth_id": box.vobiz.account.auth_id, "enabled": False}).encode()))

    assert "vobiz.account.inactive" in codes(opened("vobiz").test_credentials().failures)


@pytest.mark.parametrize(
    "fault", [Fault.timeout(), Fault.reset(), Fault.status(500), Fault.status(429), Fault.html(502), Fault.html(200)]
)
def test_could_not_ask_is_neither_pass_nor_fail_of_the_key(fault, opened, box):
    box.fail("vobiz", "*", fault)
    test = opened("vobiz", retries=0).test_credentials()

    assert test.credentials_valid is None
    assert (test.status, test.failures) == ("fail", ())


def test_listing_that_is_not_permitted_is_told_from_a_wrong_key(vobiz, box):
    box.vobiz.forbidden.add("list_numbers")

    assert codes(vobiz.test_credentials().failures) == {"vobiz.numbers.not_permitted"}


@pytest.mark.parametrize(
    ("account", "code", "outbound"),
    [
        ({"balance": 0}, "vobiz.account.no_credit", False),
        ({"balance": 0, "postpaid": True}, "vobiz.account.credit", True),
        ({"balance": 0, "credit_limit": 100}, "vobiz.account.credit", True),
        ({"concurrent_calls_limit": 0}, "vobiz.account.no_calls", False),
        ({"cps_limit": 0}, "vobiz.account.no_calls", False),
        ({"is_trial_account": True}, "vobiz.account.trial", True),
        ({"currency": "USD"}, "vobiz.account.credit", True),
    ],
)
def test_what_lets_calls_out(account, code, outbound, vobiz, box):
    for name, value in account.items():
        setattr(box.vobiz.account, name, value)
    test = vobiz.test_credentials()

    assert code in codes(test.checks)
    assert test.outbound_authorized is outbound


def test_without_a_number_channels_and_credit_let_no_call_out(vobiz, box):
    box.vobiz.numbers.clear()
    test = vobiz.test_credentials()

    assert (test.status, test.credentials_valid, test.outbound_authorized) == ("pass", True, None)
    assert codes(test.checks, "warn") == {"vobiz.caller_id.none"}


def test_without_a_target_inbound_is_unknown_and_the_one_in_use_is_offered(opened, box, ours):
    box.vobiz.numbers[0].application_id = ours
    test = opened("vobiz", without_application(box)).test_credentials()

    assert test.status == "pass"
    assert test.inbound_reachable is None
    (skipped,) = [check for check in test.checks if check.code == "vobiz.target.not_named"]
    assert ours in skipped.fix


def test_application_and_trunk_together_are_refused_before_any_request(opened, box):
    with pytest.raises(CredentialsInvalid, match="trunk_id"):
        opened("vobiz", sip_config={"trunkId": "1"})

    assert box.requests == []


@pytest.mark.parametrize(
    ("auth_id", "says"),
    [
        ("MA" + "X" * 18, "Plivo"),
        ("AC" + "0" * 32, "Twilio"),
        ("f" * 64, "swapped"),
        ("MA_../../x", "wrong form"),
    ],
)
def test_another_carriers_id_is_recognised(auth_id, says, opened, box):
    with pytest.raises(CredentialsInvalid, match=says):
        opened("vobiz", {**box.vobiz.credentials, "auth_id": auth_id})


# --- one broken edge at a time ---------------------------------------------------------------------------------------


def disabled_application(box):
    box.vobiz.applications[0].enabled = False


def silent_application(box):
    box.vobiz.applications[0].answer_url = ""


def gone_application(box):
    box.vobiz.applications.remove(box.vobiz.applications[0].app_id)


@pytest.mark.parametrize(
    ("breakage", "code"),
    [
        (disabled_application, "vobiz.application.disabled"),
        (silent_application, "vobiz.application.no_answer_url"),
        (gone_application, "vobiz.application.not_found"),
    ],
)
def test_the_broken_application_and_nothing_else_is_named(breakage, code, opened, box):
    carrier = opened("vobiz")
    breakage(box)
    test = carrier.test_credentials()

    (failed,) = test.failures
    assert (failed.code, failed.direction) == (code, "inbound")
    assert failed.fix
    assert (test.credentials_valid, test.outbound_authorized) == (True, True)


@pytest.mark.parametrize(
    ("which", "fields", "code", "direction"),
    [
        (0, {"trunk_direction": "outbound"}, "vobiz.trunk.wrong_direction", "inbound"),
        (0, {"trunk_status": "disabled"}, "vobiz.trunk.disabled", "inbound"),
        (0, {"primary_uri_uuid": "gone"}, "vobiz.uri.not_found", "inbound"),
        (1, {"trunk_direction": "inbound"}, "vobiz.trunk.wrong_direction", "outbound"),
        (1, {"trunk_status": "disabled"}, "vobiz.trunk.disabled", "outbound"),
        (1, {"trunk_id": "gone"}, "vobiz.trunk.not_found", "outbound"),
    ],
)
def test_the_broken_trunk_and_nothing_else_is_named(which, fields, code, direction, trunks, box):
    for name, value in fields.items():
        setattr(box.vobiz.trunks[which], name, value)
    (failed,) = trunks.test_credentials().failures

    assert (failed.code, failed.direction) == (code, direction)
    assert failed.fix


@pytest.fixture
def trunks_over(opened, box):
    """The carrier, opened for trunks in both directions, over another wire."""

    def make(wire):
        inbound, outbound = box.vobiz.trunks[0].trunk_id, box.vobiz.trunks[1].trunk_id
        sip_config = {"trunkId": inbound, "outboundTrunkId": outbound}
        return opened("vobiz", without_application(box), sip_config, wire=wire)

    return make


@pytest.mark.parametrize("unset", [None, ""])
@pytest.mark.parametrize(
    ("which", "name", "code"),
    [
        (0, "primary_uri_uuid", "vobiz.trunk.no_uri"),
        (1, "credential_uuid", "vobiz.trunk.no_authentication"),
    ],
)
def test_a_trunk_that_is_shown_without_what_it_needs_is_broken(which, name, code, unset, trunks_over, box):
    def shown(url, payload):
        if url.partition("?")[0].endswith("/trunks"):
            payload["objects"][which] |= {"primary_uri_uuid": unset, "credential_uuid": unset, "ipacl_uuid": unset}
        return payload

    assert codes(trunks_over(rewriting(box, shown)).test_credentials().failures) == {code}


@pytest.mark.parametrize(
    ("name", "code", "direction"),
    [
        ("primary_uri_uuid", "vobiz.uri.unknown", "inbound_reachable"),
        ("credential_uuid", "vobiz.trunk.authentication.unknown", "outbound_authorized"),
    ],
)
def test_what_vobiz_does_not_say_of_a_trunk_is_unknown(name, code, direction, trunks_over, box):
    """Whether a trunk's answer leaves a key out because it is unset, or for another reason, no page of Vobiz's says."""
    test = trunks_over(lacking(box, "/trunks", name)).test_credentials()

    (check,) = [check for check in test.checks if check.code == code]
    assert (check.status, test.failures) == ("unknown", ())
    assert "does not say" in check.message
    assert check.fix
    assert getattr(test, direction) is None


def test_an_origination_uri_that_is_shown_without_its_address_is_unknown(trunks_over, box):
    test = trunks_over(lacking(box, "/origination-uris", "uri")).test_credentials()

    assert "vobiz.uri.address.unknown" in codes(test.checks, "unknown")
    assert (test.failures, test.inbound_reachable) == ((), None)


def test_a_disabled_origination_uri_is_named(trunks, box):
    box.vobiz.origination_uris[0].enabled = False

    assert codes(trunks.test_credentials().failures) == {"vobiz.uri.disabled"}


@pytest.mark.parametrize(("status", "direction"), [("active", "inbound"), ("enabled", "both")])
def test_a_trunk_that_is_on_in_other_words_is_on(status, direction, trunks, box):
    box.vobiz.trunks[0].trunk_status, box.vobiz.trunks[0].trunk_direction = status, direction

    assert trunks.test_credentials().status == "pass"


def test_trunks_beyond_the_first_page_are_found(opened, box):
    for _ in range(150):
        last = box.vobiz.add_trunk("inbound", primary_uri_uuid=box.vobiz.origination_uris[0].id)
    carrier = opened("vobiz", without_application(box), {"trunk_id": last.trunk_id})

    assert carrier.test_credentials().status == "pass"


# --- listing ---------------------------------------------------------------------------------------------------------


def test_every_page_is_listed_a_hundred_at_a_time(vobiz, box):
    box.vobiz.seed_numbers(402)
    listed = [number.number for number in vobiz.list_numbers()]

    assert len(listed) == len(set(listed)) == 405
    assert operations(box) == ["list_numbers"] * 5
    queries = [parse_qs(urlsplit(request.url).query) for request in box.requests]
    assert {(query["per_page"][0], query["include_subaccounts"][0]) for query in queries} == {("100", "false")}
    assert all("/Account/" in request.url for request in box.requests)


def test_fees_are_minor_units_of_their_own_currency(vobiz, box):
    box.vobiz.add_number("+918040009999", monthly_fee="4.5", currency="usd")
    first, second, _, last = vobiz.list_numbers()

    assert [(n.monthly_fee, n.currency) for n in (first, second, last)] == [
        (50000, "INR"),
        (30050, "INR"),
        (450, "USD"),
    ]
    assert (first.country, first.region, first.raw) == ("IN", None, FIRST)


@pytest.mark.parametrize("ignored", [False, True])
def test_numbers_of_sub_accounts_are_kept_apart(ignored, opened, box):
    """Even where the filter is ignored, as by an older deployment."""
    auth_id, token = box.vobiz.add_subaccount()
    box.vobiz.add_number("+918040001111", account_id=auth_id)

    def deaf(method, url, headers, body):
        return box.wire(method, url.replace("include_subaccounts=false", "x=1") if ignored else url, headers, body)

    parent = opened("vobiz", wire=deaf)
    child = opened("vobiz", {"auth_id": auth_id, "auth_token": token})

    assert [number.number for number in parent.list_numbers()] == [FIRST, SECOND, THIRD]
    assert [number.number for number in child.list_numbers()] == ["+918040001111"]
    assert codes(parent.verify_number("+918040001111").failures) == {"vobiz.number.not_owned"}
    assert parent.import_numbers(["+918040001111", FIRST]).counts == {"not_owned": 1, "imported": 1}


def test_released_numbers_are_left_out_and_leaving_ones_are_not_active(vobiz, box):
    box.vobiz.numbers[0].status = "released"
    box.vobiz.numbers[1].status = "pending_release"
    box.vobiz.numbers[2].is_blocked = True
    listed = list(vobiz.list_numbers())

    assert [(n.number, n.status, n.active) for n in listed] == [
        (SECOND, "pending_release", False),
        (THIRD, "blocked", False),
    ]


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
@pytest.mark.parametrize("form", ["coded", "message", "api_id"])
def test_listing_errors_carry_what_the_sdk_loses(form, status, error, opened, box):
    box.vobiz.error_form = form
    box.fail("vobiz", "list_numbers", Fault.status(status, retry_after=0.25))
    with pytest.raises(error) as caught:
        list(opened("vobiz", retries=0).list_numbers())

    assert (caught.value.status, caught.value.retry_after) == (status, 0.25)
    assert "It says:" in caught.value.message
    assert bool(caught.value.code) == (form == "coded")


@pytest.mark.parametrize("page", [2, 4])
def test_error_on_a_later_page_is_translated_after_the_pages_before_it(page, opened, box):
    box.vobiz.seed_numbers(450)
    box.fail("vobiz", "list_numbers", Fault.timeout(), page=page)
    seen = []
    with pytest.raises(ProviderTimeout):
        seen.extend(number for number in opened("vobiz", retries=0).list_numbers())

    assert len(seen) == 100 * (page - 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(200),
        Fault.truncated_json(),
        Fault.json_array(),
        Fault.empty_body(),
        Fault.body(b"{}"),
        Fault.body(b"null"),
        Fault.body(b"[]"),
        Fault.body(b'{"items": null}'),
        Fault.body(b'{"items": [{"e164": ""}]}'),
        Fault.body(b"", status=204),
        Fault.body(b"", status=302),
    ],
)
def test_nonsense_is_an_unexpected_response_and_never_an_empty_list(fault, opened, box):
    box.fail("vobiz", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse):
        list(opened("vobiz", retries=0).list_numbers())


@pytest.mark.parametrize("fault", [Fault.endless_pages(), Fault.repeat_page()])
def test_a_listing_that_never_ends_is_an_error(fault, opened, box):
    box.vobiz.seed_numbers(500)
    box.fail("vobiz", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse, match="paging"):
        list(opened("vobiz", retries=0).list_numbers())

    assert len(box.requests) < 40


def test_a_number_repeated_at_the_page_edge_is_listed_once(opened, box):
    box.vobiz.seed_numbers(300)
    box.fail("vobiz", "list_numbers", Fault.duplicate_at_page_edge())
    listed = [number.id for number in opened("vobiz").list_numbers()]

    assert len(listed) == len(set(listed)) == 303


def test_empty_account_is_an_answer(vobiz, box):
    box.vobiz.numbers.clear()

    assert list(vobiz.list_numbers()) == []


# --- import ----------------------------------------------------------------------------------------------------------


def test_import_is_one_listing_and_a_write_and_a_read_each(vobiz, box, ours):
    report = vobiz.import_numbers([FIRST, SECOND, THIRD])

    assert report.counts == {"imported": 3}
    assert report.writes == len(box.writes) == 3
    assert sorted(operations(box)) == ["attach_application"] * 3 + ["list_numbers"] * 4
    assert {number.application_id for number in box.vobiz.numbers} == {ours}
    assert all("%2B91" in request.url for request in box.writes)


def test_import_twice_writes_once(vobiz, box):
    vobiz.import_numbers([FIRST])
    box.clear()

    assert vobiz.import_numbers([FIRST]).counts == {"unchanged": 1}
    assert box.writes == []


def test_dry_run_shows_the_change_and_writes_nothing(vobiz, box, ours):
    before = copy.deepcopy(list(box.vobiz.numbers))
    (result,) = vobiz.import_numbers([FIRST], dry_run=True).results

    assert result.changes == {"application_id": (None, ours)}
    assert box.writes == []
    assert list(box.vobiz.numbers) == before


def test_without_a_route_numbers_are_recorded_only(opened, box):
    (result,) = opened("vobiz", without_application(box)).import_numbers([FIRST]).results

    assert (result.status, result.code) == ("unchanged", "import.recorded")
    assert box.writes == []


@pytest.mark.parametrize("refuses", [False, True])
@pytest.mark.parametrize("kind", ["application", "trunk"])
@pytest.mark.parametrize("busy", ["application", "trunk", "both"])
def test_conflict_is_refused_then_overwritten_on_purpose_and_restored(busy, kind, refuses, vobiz, box, ours, theirs):
    number, trunk = box.vobiz.numbers[0], box.vobiz.trunks[0].trunk_id
    box.vobiz.attach_conflicts = refuses  # the vendor's pages and a program in production contradict each other
    number.application_id = theirs if busy in ("application", "both") else None
    number.trunk_group_id = box.vobiz.add_trunk("inbound").trunk_id if busy in ("trunk", "both") else None
    before = copy.deepcopy(number)
    route = Route.application(ours) if kind == "application" else Route.trunk(trunk)

    (refused,) = vobiz.import_numbers([FIRST], route).results
    assert refused.status == "conflict"
    assert (before.application_id or before.trunk_group_id) in refused.message
    assert box.writes == []
    assert number == before

    report = vobiz.import_numbers([FIRST], route, on_conflict="overwrite")
    assert report.counts == {"imported": 1}, report.results
    assert (number.application_id, number.trunk_group_id) == ((ours, None) if kind == "application" else (None, trunk))
    snapshot = voipkit.RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json())
    assert vobiz.restore_numbers(snapshot).counts == {"imported": 1}
    assert number == before


def test_a_number_on_our_application_and_a_foreign_trunk_is_a_conflict(vobiz, box, ours):
    number = box.vobiz.numbers[0]
    number.application_id, number.trunk_group_id = ours, box.vobiz.trunks[0].trunk_id

    assert vobiz.import_numbers([FIRST]).counts == {"conflict": 1}
    assert "vobiz.number.routed_twice" in codes(vobiz.verify_number(FIRST).checks, "unknown")


def test_a_trunk_that_is_refused_leaves_the_number_on_its_old_one(vobiz, box):
    number = box.vobiz.numbers[0]
    number.trunk_group_id = old = box.vobiz.trunks[0].trunk_id
    (result,) = vobiz.import_numbers([FIRST], Route.trunk("gone"), on_conflict="overwrite").results

    assert (result.status, result.code) == ("failed", "import.not_found")
    assert number.trunk_group_id == old


def test_an_application_that_is_refused_leaves_the_number_on_its_old_one(opened, box, theirs):
    number = box.vobiz.numbers[0]
    number.application_id, box.vobiz.attach_conflicts = theirs, True
    box.fail("vobiz", "attach_application", Fault.status(400), calls=2)
    (result,) = opened("vobiz").import_numbers([FIRST], on_conflict="overwrite").results

    assert result.status == "failed"
    assert number.application_id == theirs


def test_a_number_that_cannot_be_put_back_is_told_as_it_is(vobiz, box):
    number = box.vobiz.numbers[0]
    number.trunk_group_id = old = box.vobiz.trunks[0].trunk_id
    box.fail("vobiz", "assign_trunk", Fault.status(403))
    report = vobiz.import_numbers([FIRST], Route.trunk("gone"), on_conflict="overwrite")

    (result,) = report.results
    assert (result.status, result.after["trunk_group_id"]) == ("failed", None)
    box.heal()
    assert vobiz.restore_numbers(report.snapshot).counts == {"imported": 1}
    assert number.trunk_group_id == old


def test_restore_leaves_alone_what_somebody_changed_since(vobiz, box):
    report = vobiz.import_numbers([FIRST])
    box.vobiz.numbers[0].application_id = box.vobiz.add_application("Newer").app_id
    box.clear()

    assert vobiz.restore_numbers(report.snapshot).counts == {"conflict": 1}
    assert box.writes == []


def test_one_bad_number_never_stops_the_others(vobiz, box):
    box.vobiz.add_number("+918040000111", capabilities={"voice": False, "sms": True})
    box.vobiz.add_number("+918040000112", voice_enabled=False)
    box.vobiz.add_number("+918040000113", status="pending_purchase")
    box.fail("vobiz", "attach_application", Fault.status(400), calls=1)
    given = [FIRST, SECOND, "8065480001", "+918040000111", "+918040000112", "+918040000113", FIRST, "+918040000142"]
    results = vobiz.import_numbers(given).results

    assert sorted(result.status for result in results[:2]) == ["failed", "imported"]
    assert [result.code for result in results[2:]] == [
        "import.not_e164",
        "import.not_voice",
        "import.not_voice",
        "import.not_active",
        "import.duplicate",
        "import.not_owned",
    ]


def test_few_numbers_of_a_large_account_are_asked_for_one_by_one(vobiz, box):
    seeded = [number.e164 for number in box.vobiz.seed_numbers(2000)]
    report = vobiz.import_numbers(seeded[500:505], dry_run=True)

    assert report.counts == {"imported": 5}
    assert len(box.requests) == 6


def test_a_search_that_matches_a_part_is_not_ownership(vobiz, box):
    box.vobiz.add_number("+9180654800012")

    assert vobiz.verify_number(FIRST).id == box.vobiz.numbers[0].id
    box.vobiz.numbers.remove(FIRST)
    assert codes(vobiz.verify_number(FIRST).failures) == {"vobiz.number.not_owned"}


@pytest.mark.parametrize("kind", ["sip", "webhook"])
def test_route_kind_that_vobiz_lacks_is_refused_before_any_request(kind, vobiz, box):
    route = Route.sip("sip:a@b.example") if kind == "sip" else Route.webhook("https://voice.example.org/")
    with pytest.raises(Unsupported, match="application, trunk"):
        vobiz.import_numbers([FIRST], route)

    assert box.requests == []


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.reset(), Fault.status(503), Fault.html(502)])
def test_a_write_whose_answer_is_lost_is_sent_once_and_looked_up(fault, vobiz, box):
    box.fail("vobiz", "attach_application", fault)
    (result,) = vobiz.import_numbers([FIRST]).results

    assert operations(box).count("attach_application") == 1
    assert result.status == "failed"
    assert "not changed" in result.message


@pytest.mark.parametrize("fault", [Fault.timeout(applied=True), Fault.reset(applied=True), Fault.empty_body()])
def test_a_write_that_happened_though_its_answer_was_lost_is_imported(fault, vobiz, box):
    box.fail("vobiz", "attach_application", fault)
    (result,) = vobiz.import_numbers([FIRST]).results

    assert operations(box).count("attach_application") == 1
    assert result.status == "imported"


def test_a_lost_answer_while_leaving_a_trunk_is_looked_up(opened, box):
    """The channel sends the DELETE again, and Vobiz says 404: the number is off."""
    number = box.vobiz.numbers[0]
    number.trunk_group_id = box.vobiz.trunks[0].trunk_id
    box.fail("vobiz", "unassign_trunk", Fault.timeout(applied=True), calls=1)

    assert opened("vobiz").import_numbers([FIRST], on_conflict="overwrite").counts == {"imported": 1}
    assert number.trunk_group_id is None


def test_a_write_that_the_carrier_swallows_is_noticed(opened, box):
    def deaf(method, url, headers, body):
        return (200, {}, b'{"message": "ok"}') if method == "POST" else box.wire(method, url, headers, body)

    (result,) = opened("vobiz", wire=deaf).import_numbers([FIRST]).results

    assert (result.status, result.code) == ("failed", "import.read_back")


def test_a_revoked_key_stops_the_writes(opened, box):
    numbers = [number.e164 for number in box.vobiz.seed_numbers(40)]
    box.fail("vobiz", "attach_application", Fault.status(401))
    report = opened("vobiz").import_numbers(numbers)

    assert report.counts == {"failed": 40}
    assert operations(box).count("attach_application") < 10


def test_unlistable_account_writes_nothing(opened, box):
    box.fail("vobiz", "list_numbers", Fault.status(500))
    with pytest.raises(ProviderUnavailable):
        opened("vobiz", retries=0).import_numbers([FIRST, SECOND])

    assert box.writes == []


# --- verify ----------------------------------------------------------------------------------------------------------


def test_imported_number_is_verified_in_four_requests(vobiz, box):
    vobiz.import_numbers([FIRST])
    box.clear()
    verified = vobiz.verify_number(FIRST)

    assert works(verified), verified.failures
    assert len(box.requests) == 4
    assert box.writes == []


def test_number_on_a_trunk_is_verified(trunks, box):
    trunks.import_numbers([FIRST])
    box.clear()

    assert works(trunks.verify_number(FIRST))
    assert len(box.requests) == 5


def test_verify_of_many_is_one_listing_and_a_constant(vobiz, box, ours):
    numbers = [number.e164 for number in box.vobiz.seed_numbers(297, application_id=ours)]
    verified = list(vobiz.verify_numbers(numbers))

    assert all(works(v) for v in verified)
    assert [v.number for v in verified] == numbers
    assert len(box.requests) == 3 + 3


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"application_id": None}, {"vobiz.number.not_routed"}),
        ({"status": "pending_release"}, {"vobiz.number.not_active", "vobiz.caller_id.not_usable"}),
        ({"is_blocked": True}, {"vobiz.number.blocked", "vobiz.caller_id.not_usable"}),
        ({"voice_enabled": False}, {"vobiz.number.no_voice", "vobiz.caller_id.not_usable"}),
        ({"aadhaar_verification_required": True}, {"vobiz.number.not_verified"}),
        ({"aadhaar_verification_required": True, "aadhaar_verified": True}, set()),
    ],
)
def test_the_broken_number_and_nothing_else_is_named(fields, found, vobiz, box, ours):
    box.vobiz.add_number("+918040000133", **{"application_id": ours} | fields)

    assert codes(vobiz.verify_number("+918040000133").failures) == found


def test_number_on_another_application_fails_with_both_named(vobiz, box, ours, theirs):
    box.vobiz.numbers[0].application_id = theirs
    (failed,) = vobiz.verify_number(FIRST).failures

    assert failed.code == "vobiz.number.routed_elsewhere"
    assert theirs in failed.message
    assert ours in failed.message


def test_text_that_is_no_number_raises_for_one_and_fails_among_many(vobiz):
    with pytest.raises(InvalidNumber):
        vobiz.verify_number("0100")
    (bad, good) = vobiz.verify_numbers(["0100", FIRST])

    assert (bad.number, codes(bad.failures)) == ("0100", {"vobiz.number.not_e164"})
    assert good.id


def test_what_could_not_be_asked_is_never_called_good(opened, box, ours):
    box.vobiz.numbers[0].application_id = ours
    for operation in ("me", "balance", "application"):
        box.fail("vobiz", operation, Fault.timeout())
    verified = opened("vobiz", retries=0).verify_number(FIRST)

    assert verified.status == "unknown"
    assert (verified.inbound_reachable, verified.outbound_authorized) == (None, None)


def test_verify_raises_when_the_number_cannot_be_looked_up(opened, box):
    box.fail("vobiz", "list_numbers", Fault.status(503))
    with pytest.raises(ProviderUnavailable):
        opened("vobiz", retries=0).verify_number(FIRST)


# --- the SDK ---------------------------------------------------------------------------------------------------------


def test_every_exception_class_of_the_sdk_has_a_rule(vobiz):
    vobiz.suggest_name()
    module = importlib.import_module("vobiz.exceptions")
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]

    assert len(kinds) >= 9
    assert [kind.__name__ for kind in kinds if rule_for(kind, RULES) is None] == []


def test_no_dotenv_file_reaches_the_environment(tmp_path):
    """In a fresh process started with -c, where the SDK's load_dotenv() looks for .env in the working directory."""
    (tmp_path / ".env").write_text("SOME_SECRET=leaked\nVOBIZ_AUTH_ID=MA_PLANTED\nVOBIZ_AUTH_TOKEN=planted\n")
    program = """
import os, voipkit, dotenv
from voipkit.sandbox import Sandbox
box, before, load = Sandbox(), dict(os.environ), dotenv.load_dotenv
with voipkit.open_provider("vobiz", box.vobiz.credentials, http=voipkit.HttpOptions(wire=box.wire)) as carrier:
    assert carrier.test_credentials().status == "pass"
assert dict(os.environ) == before, set(os.environ) - set(before)
assert dotenv.load_dotenv is load
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VOBIZ")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_other_package_of_that_name_is_refused_with_the_reason(opened, monkeypatch):
    monkeypatch.setitem(sys.modules, "vobiz", type(sys)("vobiz"))
    with pytest.raises(MissingExtra, match="not vobiz-python"):
        list(opened("vobiz").list_numbers())


def test_the_environment_of_the_sdk_never_matters(opened, box, monkeypatch):
    monkeypatch.setenv("VOBIZ_AUTH_ID", "MA_PLANTED")
    monkeypatch.setenv("VOBIZ_AUTH_TOKEN", "planted")

    assert opened("vobiz").test_credentials().status == "pass"
    assert not any("PLANTED" in request.url for request in box.requests)


def test_errors_are_ours_and_their_cause_knows_no_secret(opened, box):
    box.fail("vobiz", "list_numbers", Fault.echo_secret())
    with pytest.raises(ProviderError) as caught:
        list(opened("vobiz", retries=0).list_numbers())

    cause = caught.value.__cause__
    assert box.vobiz.account.auth_token not in str(caught.value) + repr(cause) + cause.response.text


def test_no_operation_is_unknown_to_the_sandbox(vobiz, trunks, box):
    for carrier in (vobiz, trunks):
        carrier.test_credentials()
        carrier.import_numbers([FIRST], on_conflict="overwrite")
        list(carrier.verify_numbers([FIRST, SECOND]))

    assert "unknown" not in operations(box)
