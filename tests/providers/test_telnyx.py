"""Telnyx: the real SDK over the sandbox, and each trap of its API."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
import re
import subprocess
import sys
import time
import traceback
from urllib.parse import unquote

import pytest

import voipkit
from tests.providers.answers import lacking, rewriting
from voipkit import Route
from voipkit.adapting.translation import rule_for
from voipkit.errors import (
    ConfigurationError,
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
from voipkit.providers.telnyx import RULES
from voipkit.providers.telnyx.checks import FINDINGS
from voipkit.sandbox import Fault

KEY = "KEY0123456789ABCDEF0123456789ABCDEF_0123456789abcdefghijkl"
NUMBER, BRITISH, IRISH = "+13125550100", "+442079460123", "+35315250100"


def codes(found, status=None):
    return {check.code.removeprefix("telnyx.") for check in found.checks if status in (None, check.status)}


def broken(found):
    """What does not pass; skipped checks too, but for those that are not counted because another link is unknown."""
    return {
        check.code.removeprefix("telnyx.")
        for check in found.checks
        if check.status != "pass" and "(Not counted:" not in check.message
    }


def connections_of(box):
    return {number.phone_number: number.connection_id for number in box.telnyx.numbers}


@pytest.fixture
def telnyx(opened):
    return opened("telnyx", retries=0)


@pytest.fixture
def main(box):
    """The connection that the credentials name, with every number on it."""
    connection = box.telnyx.connections[0]
    for number in box.telnyx.numbers:
        number.connection_id = connection.id
    return connection


@pytest.fixture
def foreign(box):
    """A connection of somebody else, with the first number on it."""
    box.incident("number-on-foreign-trunk")
    return box.telnyx.connections[-1]


# --- what a user types in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("AC" + "0" * 32, "Twilio account SID"),
        ("SK" + "0" * 32, "Twilio API key SID"),
        ("Bearer " + KEY, "whole Authorization header"),
        ("e5XRDzIWXnKhTh0vPbBHTZ6DAvxhIwZbAHQbAq5tvTA=", "public key"),
        ("KEY 123", "KEY and the rest"),
        ("KEY", "KEY and the rest"),
        (KEY + "\n", "a space or newline at an end"),
        ("KEYé", "not printable ASCII"),
        ("", "is empty"),
    ],
)
def test_wrong_keys_are_named_before_any_request(key, says):
    with pytest.raises(CredentialsInvalid, match=says) as caught:
        voipkit.open_provider("telnyx", {"apiKey": key})
    assert caught.value.problems[0].field == "api_key"
    assert len(key) < 4 or key.strip() not in str(caught.value)


@pytest.mark.parametrize("given", ["not-an-id", "+13125550100", 2189767336072431099, 1.5, "21 89"])
def test_connection_ids_are_texts_of_digits_or_uuids(given):
    with pytest.raises(CredentialsInvalid, match="connection_id"):
        voipkit.open_provider("telnyx", {"api_key": KEY, "connection_id": given})


def test_both_spellings_and_the_seeds_are_accepted():
    carrier = voipkit.open_provider(
        "telnyx",
        {"apiKey": KEY, "connectionId": "6a09cdc3-8948-47f0-aa62-74ac943d6c58"},
        sip_config={"domain": "acme.sip.telnyx.com", "destinations": ["GB", "IE"]},
    )
    assert carrier.credentials.connection_id == "6a09cdc3-8948-47f0-aa62-74ac943d6c58"
    assert carrier.sip_config.destinations == ("GB", "IE")


@pytest.mark.parametrize(
    "sip_config",
    [{"domain": "sip:acme.sip.telnyx.com"}, {"domain": "acme"}, {"destinations": ["usa"]}, {"destinations": "US"}],
)
def test_wrong_sip_configuration_is_refused(sip_config):
    with pytest.raises(CredentialsInvalid, match=next(iter(sip_config))):
        voipkit.open_provider("telnyx", {"api_key": KEY}, sip_config=sip_config)


@pytest.mark.parametrize(
    ("region", "host"),
    [("us", "api.telnyx.com"), ("eu", "api.telnyx.eu"), ("au", "api.telnyx.com.au"), ("me", "api.telnyx.me")],
)
def test_region_chooses_the_host(region, host, opened, box):
    opened("telnyx", {**box.telnyx.credentials, "region": region}).test_credentials()

    assert {recorded.url.split("/")[2] for recorded in box.requests} == {host}


def test_form_needs_no_sdk_and_a_missing_sdk_says_what_to_install():
    script = """
import sys
sys.modules["telnyx"] = None
import voipkit
fields = [f.name for f in voipkit.provider_info("telnyx").setup_methods[0].fields]
assert fields == ["api_key", "connection_id", "region"], fields
carrier = voipkit.open_provider("telnyx", {"api_key": "KEY123"})
try:
    carrier.test_credentials()
except voipkit.errors.MissingExtra as error:
    assert error.fix == "pip install 'voipkit[telnyx]'", error.fix
else:
    raise SystemExit("no MissingExtra")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


def test_generic_verbs_do_not_load_the_sdks_resources():
    script = """
import sys, voipkit
from voipkit.sandbox import Sandbox
box = Sandbox()
carrier = voipkit.open_provider("telnyx", box.telnyx.credentials, http=voipkit.HttpOptions(wire=box.wire))
assert "telnyx" not in sys.modules
assert len(list(carrier.list_numbers())) == 3
assert "telnyx" in sys.modules and "telnyx.resources" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


# --- test_credentials and suggest_name -------------------------------------------------------------------------------


def test_working_account_passes_in_five_requests(telnyx, box, main):
    test = telnyx.test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("pass", True, True)
    assert codes(test) == {
        "key.accepted", "numbers.listed", "connection.active", "connection.endpoint", "profile.enabled",
        "profile.destination_allowed", "account.credit",
    }  # fmt: skip
    assert len(box.requests) == 5
    assert box.writes == []


def test_requests_of_the_test_are_two_round_trips_deep(opened, box, main):
    spans = []

    def slow(*request):
        began = time.monotonic()
        time.sleep(0.25)
        answer = box.wire(*request)
        spans.append((time.monotonic(), began))
        return answer

    opened("telnyx", wire=slow).test_credentials()

    deep, free = 0, 0.0
    for ended, began in sorted(spans):  # as many as possible that came one after another
        if began >= free:
            deep, free = deep + 1, ended
    assert (deep, len(spans)) == (2, 5)


def test_name_costs_nothing_after_the_test(telnyx, box, main):
    telnyx.test_credentials()
    box.clear()

    assert telnyx.suggest_name().model_dump() == {"name": f"Telnyx: Acme Main ({NUMBER})", "inferred": True}
    assert box.requests == []


def test_name_alone_asks_twice_and_then_remembers(telnyx, box, main):
    assert telnyx.suggest_name() == telnyx.suggest_name()
    assert telnyx.suggest_name().name == f"Telnyx: Acme Main ({NUMBER})"
    assert len(box.requests) == 2


def test_name_prefers_a_number_of_the_connection(telnyx, box):
    box.telnyx.numbers[1].connection_id = box.telnyx.connections[0].id

    assert telnyx.suggest_name().name == f"Telnyx: Acme Main ({BRITISH})"


def test_name_of_an_empty_account_is_not_inferred(opened, box):
    box.incident("empty-account")
    carrier = opened("telnyx", {"api_key": box.telnyx.api_key})

    assert carrier.suggest_name().model_dump() == {"name": "Telnyx", "inferred": False}
    assert len(box.requests) == 1


def test_name_is_an_error_when_the_key_is_refused(opened, box):
    with pytest.raises(CredentialsRejected):
        opened("telnyx", {"api_key": KEY}).suggest_name()


def test_refused_key_is_an_answer(opened, box):
    test = opened("telnyx", {"api_key": KEY, "connection_id": "1"}).test_credentials()

    assert (test.status, test.credentials_valid) == ("fail", False)
    assert (codes(test), test.checks[0].vendor_code) == ({"key.rejected"}, "10009")
    assert "API Keys" in test.checks[0].fix


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.reset(), Fault.status(503), Fault.html(403), Fault.html(200)])
def test_carrier_that_could_not_be_asked_is_unknown(fault, telnyx, box):
    box.fail("telnyx", "*", fault)
    test = telnyx.test_credentials()

    assert (codes(test), test.credentials_valid, test.status) == ({"key.unknown"}, None, "fail")


def test_forbidden_balance_means_a_valid_key_and_unknown_credit(telnyx, box, main):
    box.telnyx.forbidden.add("balance")
    test = telnyx.test_credentials()

    assert (test.credentials_valid, broken(test)) == (True, {"account.credit.unknown"})
    credit = next(check for check in test.checks if check.name == "Credit")
    assert (credit.status, credit.vendor_code) == ("unknown", "10010")
    assert "permission" in credit.fix


def test_key_that_may_not_list_numbers_is_told_apart(telnyx, box, main):
    box.telnyx.forbidden.add("list_numbers")
    test = telnyx.test_credentials()

    assert "key.accepted" in codes(test, "pass")
    assert codes(test, "fail") == {"numbers.not_permitted"}


def test_without_a_connection_the_rest_is_skipped_and_the_first_numbers_one_is_named(opened, box, main):
    test = opened("telnyx", {"api_key": box.telnyx.api_key}).test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("pass", None, None)
    assert codes(test, "skipped") == {"connection.not_named"}
    assert all(f"{NUMBER}, uses {main.id} 'Acme Main'" in c.fix for c in test.checks if c.status == "skipped")
    assert len(box.requests) == 2


def test_d38_is_found_and_explained(telnyx, box, main):
    box.incident("telnyx-d38")
    test = telnyx.test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("fail", True, False)
    (check,) = test.failures
    assert (check.code, check.vendor_code) == ("telnyx.connection.no_outbound_profile", "D38")
    assert (check.object.type, check.object.id, check.object.name) == ("fqdn_connection", main.id, "Acme Main")
    assert check.docs_url.endswith("response-codes")


def inactive(box):
    box.telnyx.connections[0].active = False
    return "fail", "connection.inactive", "D18"


def gone(box):
    box.telnyx.connections.clear()
    return "fail", "connection.not_found", None


def no_fqdn(box):
    box.telnyx.fqdns.clear()
    return "fail", "connection.no_fqdn", None


def no_ip(box):
    box.telnyx.connections[0].kind = "ip_connection"
    return "fail", "connection.no_ip", None


def no_webhook(box):
    box.telnyx.connections[0].kind = "call_control_application"
    return "fail", "connection.no_webhook", None


def no_texml_url(box):
    box.telnyx.connections[0].kind = "texml_application"
    return "fail", "connection.no_webhook", None


def not_registered(box):
    box.telnyx.connections[0].kind = "credential_connection"
    return "warn", "connection.not_registered", None


def registration_not_applicable(box):
    box.telnyx.connections[0].kind = "credential_connection"
    box.telnyx.connections[0].registration = "Not Applicable"
    return "unknown", "connection.endpoint.unknown", None


def no_profile(box):
    box.telnyx.connections[0].outbound_voice_profile_id = None
    return "fail", "connection.no_outbound_profile", "D38"


def profile_gone(box):
    box.telnyx.outbound_profiles.clear()
    return "fail", "profile.not_found", None


def profile_disabled(box):
    box.telnyx.outbound_profiles[0].enabled = False
    return "fail", "profile.disabled", None


def destination_barred(box):
    box.telnyx.outbound_profiles[0].whitelisted_destinations = ["GB"]
    return "fail", "profile.destination_not_allowed", "D12"


def no_destination(box):
    box.telnyx.outbound_profiles[0].whitelisted_destinations = []
    return "fail", "profile.destination_not_allowed", "D12"


def no_credit(box):
    box.telnyx.balance.available_credit = "0.00"
    return "fail", "account.no_credit", "D19"


EDGES = [
    inactive, gone, no_fqdn, no_ip, no_webhook, no_texml_url, not_registered, registration_not_applicable,
    no_profile, profile_gone, profile_disabled, destination_barred, no_destination, no_credit,
]  # fmt: skip


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.__name__)
@pytest.mark.parametrize("ask", ["test_credentials", "verify_number"])
def test_exactly_the_broken_edge_is_named(edge, ask, telnyx, box, main):
    status, code, vendor_code = edge(box)
    found = telnyx.test_credentials() if ask == "test_credentials" else telnyx.verify_number(NUMBER)

    assert broken(found) == {code}
    told = [check for check in found.checks if check.code == f"telnyx.{code}"]
    assert {check.status for check in told} == {status}
    assert all(check.object.id or check.object.type == "balance" for check in told)
    assert all(check.fix for check in told)
    if not code.endswith("not_found"):
        assert {check.vendor_code for check in told} == {vendor_code}


@pytest.mark.parametrize("edge", [inactive, gone], ids=lambda edge: edge.__name__)
def test_dead_connection_is_dead_in_both_directions(edge, telnyx, box, main):
    edge(box)
    test = telnyx.test_credentials()

    assert (test.inbound_reachable, test.outbound_authorized) == (False, False)


@pytest.mark.parametrize(
    ("kind", "prepare"),
    [
        ("ip_connection", lambda box, c: box.telnyx.add_ip(c, "192.0.2.7")),
        ("credential_connection", lambda box, c: setattr(c, "registration", "Registered")),
        ("call_control_application", lambda box, c: setattr(c, "webhook_event_url", "https://a.example/hook")),
        ("texml_application", lambda box, c: setattr(c, "webhook_event_url", "https://a.example/hook")),
    ],
)
def test_every_kind_of_connection_can_pass(kind, prepare, telnyx, box, main):
    main.kind = kind
    prepare(box, main)
    test = telnyx.test_credentials()

    assert (test.status, broken(test)) == ("pass", set())
    assert len(box.requests) <= 5
    assert box.writes == []


def test_unheard_of_kind_of_connection_is_unknown(opened, box, main):
    def uac(url, payload):
        if "/connections/" in url:
            payload["data"]["record_type"] = "uac_connection"
        return payload

    test = opened("telnyx", wire=rewriting(box, uac)).test_credentials()

    assert broken(test) == {"connection.endpoint.unknown"}


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("connection", "connection.unknown"),
        ("list_fqdns", "connection.endpoint.unknown"),
        ("outbound_profile", "profile.unknown"),
        ("balance", "account.credit.unknown"),
        ("list_numbers", "numbers.unknown"),
    ],
)
def test_a_question_without_answer_is_unknown_and_only_that(operation, code, telnyx, box, main):
    box.fail("telnyx", operation, Fault.timeout())
    test = telnyx.test_credentials()

    expected = {code, "profile.destination.unknown"} if operation == "list_numbers" else {code}
    assert broken(test) == expected
    assert codes(test, "fail") == set()


def test_a_connection_that_is_shown_without_a_profile_field_is_unknown(opened, box, main):
    test = opened("telnyx", wire=lacking(box, "/connections/", "outbound_voice_profile_id")).test_credentials()

    assert test.failures == ()
    assert "connection.outbound_profile.unknown" in codes(test, "unknown")
    assert test.outbound_authorized is None


@pytest.mark.parametrize("name", ["fqdn", "ip_address"])
def test_an_endpoint_that_is_shown_without_its_address_is_unknown(name, opened, box, main):
    if name == "ip_address":
        main.kind = "ip_connection"
        box.telnyx.add_ip(main, "203.0.113.10")
    test = opened("telnyx", wire=lacking(box, "/v2/", name)).test_credentials()

    assert test.failures == ()
    assert "connection.endpoint.unknown" in codes(test, "unknown")


def test_named_destinations_replace_the_numbers_country(opened, box, main):
    test = opened("telnyx", sip_config={"destinations": ["IE", "FR"]}).test_credentials()

    assert codes(test, "fail") == {"profile.destination_not_allowed"}
    assert "does not allow calls to FR." in test.failures[0].message


def test_destination_is_unknown_when_the_account_has_no_number(telnyx, box):
    box.incident("empty-account")
    test = telnyx.test_credentials()

    assert (test.credentials_valid, broken(test)) == (True, {"profile.destination.unknown"})


def test_suspended_account_has_no_credit(telnyx, box, main):
    box.incident("suspended-account")

    assert codes(telnyx.test_credentials(), "fail") == {"account.no_credit"}


# --- list_numbers ----------------------------------------------------------------------------------------------------


def test_number_is_mapped_with_unknown_left_unknown(telnyx, box, main):
    first = next(telnyx.list_numbers())

    assert first.model_dump() == {
        "id": box.telnyx.numbers[0].id, "number": NUMBER, "raw": NUMBER, "friendly_name": None, "type": "local",
        "capabilities": None, "country": "US", "region": None, "monthly_fee": None, "currency": None,
        "status": "active", "active": True, "routing": {"connection_id": main.id},
        "route": {"kind": "trunk", "target": main.id, "method": None},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("tollfree", "toll_free"), ("toll_free", "toll_free"), ("landline", "local"), ("longcode", "local"),
        ("shared_cost", "shared_cost"), ("mobile", "mobile"), ("shortcode", "other"),
    ],
)  # fmt: skip
def test_types_old_and_new(theirs, ours, telnyx, box):
    box.telnyx.numbers[0].phone_number_type = theirs

    assert next(telnyx.list_numbers()).type == ours


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("active", True), ("port-out-pending", True), ("purchase-pending", False), ("port-pending", False),
        ("requirement-info-pending", False), ("provision-pending", False), ("emergency-only", False),
        ("deleted", None), ("ported-out", None), ("purchase-failed", None), ("port-failed", None),
    ],
)  # fmt: skip
def test_statuses(status, active, telnyx, box):
    box.telnyx.numbers[0].status = status
    listed = {number.number: number for number in telnyx.list_numbers()}

    assert len(listed) == (2 if active is None else 3)
    assert (listed[NUMBER].active if NUMBER in listed else None) == active


def test_every_page_once_in_order_with_the_largest_pages(telnyx, box):
    box.telnyx.seed_numbers(998)
    numbers = [number.number for number in telnyx.list_numbers()]

    assert len(set(numbers)) == 1001
    assert numbers == sorted(numbers)
    assert len(box.requests) == 5
    assert all("page[size]=250" in unquote(recorded.url) for recorded in box.requests)
    assert all("handle_messaging_profile_error=true" in recorded.url for recorded in box.requests)


def test_first_number_needs_one_page(telnyx, box):
    next(telnyx.list_numbers())

    assert len(box.requests) == 1


def test_page_that_times_out_is_an_error_and_not_a_short_list(telnyx, box):
    box.incident("page-3-times-out")
    seen = []

    with pytest.raises(ProviderTimeout) as caught:
        seen.extend(telnyx.list_numbers())
    assert len(seen) == 500
    assert (caught.value.operation, caught.value.retryable) == ("list_numbers", True)


def test_listing_without_meta_ends(opened, box):
    box.telnyx.seed_numbers(500)
    requests = 0

    def bare(url, payload):
        nonlocal requests
        requests += 1
        del payload["meta"]
        return payload

    assert len(list(opened("telnyx", wire=rewriting(box, bare)).list_numbers())) == 503
    assert requests == 3


def test_pager_that_repeats_itself_is_an_error(opened, box):
    box.telnyx.seed_numbers(247)

    def endless(url, payload):
        del payload["meta"]
        return payload

    box.fail("telnyx", "list_numbers", Fault.repeat_page())
    with pytest.raises(UnexpectedResponse, match="given twice"):
        list(opened("telnyx", wire=rewriting(box, endless)).list_numbers())
    assert len(box.requests) == 2


def test_number_bought_meanwhile_is_not_given_twice(telnyx, box):
    box.telnyx.seed_numbers(500)
    box.fail("telnyx", "list_numbers", Fault.duplicate_at_page_edge())
    numbers = [number.id for number in telnyx.list_numbers()]

    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("fault", [Fault.nulls(), Fault.empty_strings(), Fault.extra_field()])
def test_optional_fields_may_be_absent_in_every_way(fault, telnyx, box, main):
    box.fail("telnyx", "*", fault)

    assert [number.number for number in telnyx.list_numbers()] == [NUMBER, IRISH, BRITISH]
    assert telnyx.test_credentials().credentials_valid
    assert telnyx.verify_number(NUMBER).id == box.telnyx.numbers[0].id


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(200), Fault.truncated_json(), Fault.json_array(), Fault.empty_body(), Fault.body(b"{}"),
        Fault.body(b'{"data": null}'), Fault.body(b'{"data": [1]}'), Fault.body(b'{"data": [{"id": "1"}]}'),
        Fault.body(b'{"data": "x"}'), Fault.body(b"null"), Fault.body(b"\xff\xfe"), Fault.body(b"[" * 100_000),
    ],
)  # fmt: skip
def test_nonsense_is_an_unexpected_response_and_nothing_else(fault, telnyx, box, main):
    box.fail("telnyx", "*", fault)

    with pytest.raises(UnexpectedResponse):
        list(telnyx.list_numbers())
    with pytest.raises(UnexpectedResponse):
        telnyx.suggest_name()
    with pytest.raises(UnexpectedResponse):
        telnyx.import_numbers([NUMBER])
    assert telnyx.test_credentials().credentials_valid is None
    with pytest.raises(UnexpectedResponse):
        telnyx.verify_number(NUMBER)


def test_ids_that_came_as_json_numbers_are_texts(opened, box, main):
    def numeric(url, payload):
        for row in payload["data"] if isinstance(payload["data"], list) else ():
            row["id"], row["connection_id"] = int(row["id"]), int(row["connection_id"])
            row["phone_number_type"] = ["local"]
        return payload

    first = next(opened("telnyx", wire=rewriting(box, numeric)).list_numbers())

    assert (first.id, first.route.target, first.type) == (box.telnyx.numbers[0].id, main.id, "other")


# --- import_numbers and restore_numbers ------------------------------------------------------------------------------


def test_import_takes_the_connection_of_the_credentials_and_restore_puts_all_back(telnyx, box):
    before = copy.deepcopy(list(box.telnyx.numbers))
    report = telnyx.import_numbers([NUMBER, BRITISH, IRISH])

    assert (report.counts, report.writes, report.ok) == ({"imported": 3}, 3, True)
    assert set(connections_of(box).values()) == {box.telnyx.connections[0].id}
    assert telnyx.import_numbers([NUMBER, BRITISH, IRISH]).counts == {"unchanged": 3}

    assert telnyx.restore_numbers(report.snapshot).counts == {"imported": 3}
    assert list(box.telnyx.numbers) == before
    assert [json.loads(r.request_body) for r in box.writes[3:]] == [{"connection_id": ""}] * 3


def test_import_and_restore_between_two_connections(telnyx, box, foreign):
    report = telnyx.import_numbers([NUMBER], on_conflict="overwrite")
    assert connections_of(box)[NUMBER] == box.telnyx.connections[0].id
    assert "Front desk PBX" in report.results[0].notes[0]

    telnyx.restore_numbers(report.snapshot)
    assert connections_of(box)[NUMBER] == foreign.id


def test_number_on_a_foreign_connection_is_a_conflict_and_is_not_written(telnyx, box, foreign):
    report = telnyx.import_numbers([NUMBER, BRITISH])

    assert [result.status for result in report.results] == ["conflict", "imported"]
    assert f"{foreign.id} 'Front desk PBX'" in report.results[0].message
    assert connections_of(box)[NUMBER] == foreign.id
    assert len(box.writes) == 1


def test_dry_run_writes_nothing(telnyx, box):
    report = telnyx.import_numbers([NUMBER, BRITISH], dry_run=True)

    assert report.counts == {"imported": 2}
    assert report.results[0].changes == {"connection_id": (None, box.telnyx.connections[0].id)}
    assert (box.writes, report.writes) == ([], 0)


def test_application_route_writes_the_same_field(telnyx, box):
    application = box.telnyx.add_connection("call_control_application", "Agent", webhook_event_url="https://a.example")
    telnyx.import_numbers([NUMBER], Route.application(application.id))

    assert connections_of(box)[NUMBER] == application.id


@pytest.mark.parametrize("route", [Route.sip("sip:a@b.example"), Route.webhook("https://a.example/hook")])
def test_other_routes_are_refused_before_any_request(route, telnyx, box):
    with pytest.raises(Unsupported, match="trunk, application"):
        telnyx.import_numbers([NUMBER], route)
    with pytest.raises(Unsupported):
        telnyx.verify_numbers([NUMBER], route)
    assert box.requests == []


def test_without_any_route_numbers_are_only_recorded(opened, box):
    report = opened("telnyx", {"api_key": box.telnyx.api_key}).import_numbers([NUMBER])

    assert (report.results[0].code, report.results[0].status) == ("import.recorded", "unchanged")
    assert box.writes == []


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (2, 2), (3, 1), (200, 1), (300, 2)])
def test_import_costs_two_listings_one_post_and_a_write_each(count, pages, telnyx, box):
    box.telnyx.seed_numbers(count - 3 if count > 3 else 0)
    wanted = [number.phone_number for number in box.telnyx.numbers][:count]
    report = telnyx.import_numbers(wanted)

    assert report.counts == {"imported": count}
    asked = [recorded.operation for recorded in box.requests]
    assert {name: asked.count(name) for name in set(asked)} == {
        "list_numbers": pages, "list_voice": pages, "numbers_features": 1, "update_number": count,
    }  # fmt: skip


def test_filter_gets_digits_only_and_a_partial_match_is_not_taken(telnyx, box):
    longer = box.telnyx.add_number(NUMBER + "9")
    box.telnyx.numbers.remove(box.telnyx.numbers[0].id)
    report = telnyx.import_numbers([NUMBER])

    assert report.counts == {"not_owned": 1}
    assert longer.connection_id is None
    assert "filter[phone_number]=13125550100&" in unquote(box.requests[0].url)
    assert box.writes == []


def test_bad_numbers_do_not_stop_the_good_ones(telnyx, box):
    box.telnyx.numbers[1].features = ["sms"]
    box.telnyx.numbers[2].status = "requirement-info-pending"
    report = telnyx.import_numbers([NUMBER, BRITISH, IRISH, "+13125550177", "12", NUMBER])

    assert [(result.status, result.code) for result in report.results] == [
        ("imported", "import.imported"),
        ("not_voice", "import.not_voice"),
        ("failed", "import.not_active"),
        ("not_owned", "import.not_owned"),
        ("failed", "import.not_e164"),
        ("failed", "import.duplicate"),
    ]
    assert "requirement-info-pending" in report.results[2].message
    assert len(box.writes) == 1


def test_released_number_is_not_ours_any_more(telnyx, box):
    box.telnyx.numbers[0].status = "deleted"
    assert telnyx.import_numbers([NUMBER]).counts == {"not_owned": 1}

    again = box.telnyx.add_number(NUMBER)
    assert telnyx.import_numbers([NUMBER]).results[0].id == again.id


def test_forwarding_and_translation_are_noted(telnyx, box):
    box.telnyx.numbers[0].forwards_to, box.telnyx.numbers[0].translated_number = "+13125550999", "1000"
    report = telnyx.import_numbers([NUMBER, BRITISH])

    assert "Call forwarding (always) sends its calls to +13125550999." in report.results[0].notes
    assert any("1000" in note for note in report.results[0].notes)
    assert report.results[1].notes == ()


def test_what_could_not_be_read_becomes_a_note(telnyx, box):
    box.fail("telnyx", "numbers_features", Fault.status(500))
    box.fail("telnyx", "list_voice", Fault.timeout())
    report = telnyx.import_numbers([NUMBER])

    assert report.counts == {"imported": 1}
    assert len(report.results[0].notes) == 2


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("fault", [Fault.timeout, Fault.reset])
def test_write_whose_answer_is_lost_is_looked_up_and_never_repeated(applied, fault, opened, box):
    box.fail("telnyx", "update_number", fault(applied=applied))
    report = opened("telnyx").import_numbers([NUMBER])

    assert [recorded.operation for recorded in box.requests].count("update_number") == 1
    assert report.counts == ({"imported": 1} if applied else {"failed": 1})
    assert connections_of(box)[NUMBER] == (box.telnyx.connections[0].id if applied else None)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_sdk_never_repeats_a_patch_or_a_post(status, opened, box, main):
    for operation in ("update_number", "numbers_features", "check_registration"):
        box.fail("telnyx", operation, Fault.status(status, headers={"x-should-retry": "true"}))
    main.kind = "credential_connection"
    carrier = opened("telnyx")
    box.telnyx.numbers[0].connection_id = None
    carrier.import_numbers([NUMBER])
    carrier.test_credentials()
    asked = [recorded.operation for recorded in box.requests]

    assert [asked.count(name) for name in ("update_number", "numbers_features", "check_registration")] == [1, 1, 1]


def test_answer_that_hides_the_connection_is_read_again(opened, box):
    def hiding(method, url, headers, body):
        status, answered, content = box.wire(method, url, headers, body)
        payload = json.loads(content)
        if method == "PATCH":
            del payload["data"]["connection_id"]
        return status, answered, json.dumps(payload).encode()

    assert opened("telnyx", wire=hiding).import_numbers([NUMBER]).counts == {"imported": 1}
    assert [recorded.operation for recorded in box.requests][-2:] == ["update_number", "number"]


def test_detaching_that_telnyx_ignores_is_not_believed(opened, box):
    report = opened("telnyx").import_numbers([NUMBER])

    def deaf(method, url, headers, body):
        return box.wire(method, url, headers, b"{}" if method == "PATCH" else body)

    restored = opened("telnyx", wire=deaf).restore_numbers(report.snapshot)
    assert restored.results[0].code == "import.read_back"


def test_unknown_connection_fails_with_telnyx_words(telnyx, box):
    report = telnyx.import_numbers([NUMBER], Route.trunk("999"))

    assert report.results[0].code == "import.invalid_request"
    assert "The connection does not exist. (at /connection_id)" in report.results[0].message


def test_snapshot_of_another_carrier_is_refused(telnyx, box):
    snapshot = telnyx.import_numbers([NUMBER], dry_run=True).snapshot

    with pytest.raises(ConfigurationError, match="snapshot is of twilio"):
        telnyx.restore_numbers(snapshot.model_copy(update={"provider": "twilio"}))


# --- verify_number and verify_numbers --------------------------------------------------------------------------------


def test_working_number_passes_in_seven_requests(telnyx, box, main):
    found = telnyx.verify_number(NUMBER)

    assert (found.status, broken(found), found.id) == ("pass", set(), box.telnyx.numbers[0].id)
    assert found.route == Route.trunk(main.id)
    assert len(box.requests) == 7
    assert box.writes == []


def test_number_that_is_not_owned_is_an_answer(telnyx, box):
    found = telnyx.verify_number("+13125550177")

    assert (found.status, codes(found), found.id) == ("fail", {"number.not_owned"}, None)


def test_number_that_could_not_be_asked_about_is_no_answer(telnyx, box, main):
    box.fail("telnyx", "list_numbers", Fault.timeout())

    with pytest.raises(ProviderTimeout):
        telnyx.verify_number(NUMBER)


@pytest.mark.parametrize("given", ["3125550100", "+1", "sip:a@b.example"])
def test_verify_number_wants_e164(given, telnyx, box):
    with pytest.raises(InvalidNumber):
        telnyx.verify_number(given)
    assert box.requests == []


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"status": "port-pending"}, "fail", "number.not_active"),
        ({"status": "port-out-pending"}, "warn", "number.leaving"),
        ({"connection_id": None}, "fail", "number.not_routed"),
        ({"forwards_to": "+13125550999"}, "fail", "number.forwarded"),
        ({"forwards_to": "+13125550999", "forwarding_type": "on-failure"}, "warn", "number.forwarded_on_failure"),
        ({"translated_number": "1000"}, "warn", "number.translated"),
        ({"features": ["sms"]}, "fail", "number.no_voice"),
        ({"features": []}, "unknown", "number.voice.unknown"),
    ],
)
def test_exactly_what_is_wrong_with_a_number_is_named(fields, status, code, telnyx, box, main):
    for name, value in fields.items():
        setattr(box.telnyx.numbers[0], name, value)
    found = telnyx.verify_number(NUMBER)

    assert broken(found) == {code}
    assert codes(found, status) == {code}


@pytest.mark.parametrize("name", ["call_forwarding", "forwards_to"])
def test_forwarding_that_telnyx_does_not_show_is_not_called_none(name, opened, box, main):
    carrier = opened("telnyx", wire=lacking(box, "/phone_numbers/voice", name))

    assert broken(carrier.verify_number(NUMBER)) == {"number.forwarding.unknown"}
    (result,) = carrier.import_numbers([NUMBER]).results
    assert "did not show whether calls to this number are forwarded" in result.notes[0]


def test_a_number_that_is_shown_without_its_connection_is_neither_routed_nor_free(opened, box, main):
    def unsaid(url, payload):
        if "/phone_numbers?" in url:
            for row in payload["data"]:
                row.pop("connection_id")
        return payload

    carrier = opened("telnyx", wire=rewriting(box, unsaid))
    found = carrier.verify_number(NUMBER)
    assert (found.status, broken(found)) == ("unknown", {"number.connection.unknown"})

    (result,) = carrier.import_numbers([NUMBER]).results
    assert (result.status, box.writes) == ("conflict", [])
    assert "does not show" in result.message


def test_forwarding_that_is_switched_off_or_has_no_target_is_none(telnyx, box, main):
    assert box.telnyx.numbers[0].call_forwarding_enabled  # true for every number: meaningless alone
    assert telnyx.verify_number(NUMBER).status == "pass"

    box.telnyx.numbers[0].call_forwarding_enabled = False
    box.telnyx.numbers[0].forwards_to = "+13125550999"
    assert telnyx.verify_number(NUMBER).status == "pass"


def test_number_on_another_connection_than_asked_for(telnyx, box, main, foreign):
    found = telnyx.verify_number(NUMBER)

    assert broken(found) == {"number.routed_elsewhere"}
    assert len(box.requests) == 7  # the connection that was asked for is followed, the other is not
    assert "'Front desk PBX', not to connection" in found.failures[0].message
    assert telnyx.verify_number(NUMBER, Route.application(foreign.id)).route == Route.application(foreign.id)


def test_without_a_route_the_numbers_own_connection_is_followed(opened, box, foreign):
    found = opened("telnyx", {"api_key": box.telnyx.api_key}).verify_number(NUMBER)

    assert found.route is None
    assert broken(found) == {"connection.no_outbound_profile"}
    assert found.failures[0].object.name == "Front desk PBX"


def test_each_numbers_own_country_is_the_destination(telnyx, box, main):
    box.telnyx.outbound_profiles[0].whitelisted_destinations = ["US", "GB"]
    found = {each.number: broken(each) for each in telnyx.verify_numbers([NUMBER, BRITISH, IRISH])}

    assert found == {NUMBER: set(), BRITISH: set(), IRISH: {"profile.destination_not_allowed"}}


@pytest.mark.parametrize(("count", "pages"), [(3, 1), (250, 1), (500, 2)])
def test_many_numbers_cost_two_listings_and_five_requests(count, pages, telnyx, box):
    box.telnyx.seed_numbers(count - 3, connection_id=box.telnyx.connections[0].id)
    wanted = [number.phone_number for number in box.telnyx.numbers]
    found = list(telnyx.verify_numbers([*wanted, "+13125550177", "nonsense"]))

    assert [each.number for each in found] == [*wanted, "+13125550177", "nonsense"]
    assert codes(found[-1]) == {"number.not_e164"}
    assert len(box.requests) == 2 * pages + 5


def test_connections_are_asked_about_once_each(opened, box, foreign):
    box.telnyx.seed_numbers(20, connection_id=box.telnyx.connections[0].id)
    carrier = opened("telnyx", {"api_key": box.telnyx.api_key})
    found = list(carrier.verify_numbers([number.phone_number for number in box.telnyx.numbers]))

    asked = [recorded.operation for recorded in box.requests]
    assert len(found) == 23
    assert asked.count("connection") == 2
    assert len(asked) == 4 + (3 + 2)  # two listings, features, balance; fqdn with profile, ip without


# --- errors, secrets, environment ------------------------------------------------------------------------------------


def test_every_exception_of_the_sdk_has_a_rule():
    module = importlib.import_module("telnyx._exceptions")
    raised = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]

    assert len(raised) > 10
    for kind in raised:
        assert rule_for(kind, RULES) is not None, kind
    assert rule_for(importlib.import_module("telnyx").APITimeoutError, RULES).error is ProviderTimeout


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.status(400), InvalidRequest),
        (Fault.status(401), CredentialsRejected),
        (Fault.status(403), PermissionDenied),
        (Fault.status(404), NotFound),
        (Fault.status(422), InvalidRequest),
        (Fault.status(429), RateLimited),
        (Fault.status(400, "10009"), CredentialsRejected),
        (Fault.status(500), ProviderUnavailable),
        (Fault.status(503), ProviderUnavailable),
        (Fault.html(502), ProviderUnavailable),
        (Fault.html(302), UnexpectedResponse),
        (Fault.timeout(), ProviderTimeout),
        (Fault.reset(), ProviderUnavailable),
        (Fault.body(b'{"errors": "x"}', 404), NotFound),
        (Fault.body(b'{"errors": [{"code": 10005, "source": []}]}', 404), NotFound),
        (Fault.body(b'{"errors": []}', 400), InvalidRequest),
        (Fault.body(b"[]", 401), CredentialsRejected),
    ],
)
def test_each_answer_becomes_the_error_that_says_what_to_do(fault, expected, telnyx, box):
    box.fail("telnyx", "list_numbers", fault)

    with pytest.raises(ProviderError) as caught:
        list(telnyx.list_numbers())
    assert type(caught.value) is expected
    assert (caught.value.provider, caught.value.operation) == ("telnyx", "list_numbers")
    assert caught.value.fix
    if fault.kind == "status":
        assert caught.value.request_id
        assert caught.value.docs_url.endswith(caught.value.code)


def test_rate_limit_header_of_telnyx_is_waited_for(opened, box):
    box.fail("telnyx", "list_numbers", Fault.status(429, headers={"x-ratelimit-reset": "0.4"}), times=1)
    carrier = opened("telnyx", {"api_key": box.telnyx.api_key})
    carrier.suggest_name()  # takes the fault and the SDK's import; the throttle holds what follows
    box.fail("telnyx", "list_numbers", Fault.status(429, headers={"x-ratelimit-reset": "0.4"}), times=1)
    began = time.monotonic()

    assert len(list(carrier.list_numbers())) == 3
    assert time.monotonic() - began >= 0.4


def test_rate_limit_that_is_not_waited_for_says_how_long(telnyx, box):
    box.fail("telnyx", "*", Fault.status(429, headers={"x-ratelimit-reset": "7"}))

    with pytest.raises(RateLimited) as caught:
        list(telnyx.list_numbers())
    assert (caught.value.retry_after, caught.value.code, caught.value.retryable) == (7.0, "10011", True)


def test_key_is_nowhere_to_be_seen(opened, box, caplog):
    key = box.telnyx.api_key
    box.fail("telnyx", "*", Fault.echo_secret())
    carrier = opened("telnyx", retries=0)
    caplog.set_level("DEBUG")
    with pytest.raises(CredentialsRejected) as caught:
        list(carrier.list_numbers())

    error, shown = caught.value, []
    while error is not None:
        shown += ["".join(traceback.format_exception(error)), repr(vars(error)), str(error)]
        for part in (getattr(error, "request", None), getattr(error, "response", None)):
            shown += [repr(part), repr(dict(getattr(part, "headers", {}))), getattr(part, "text", "")]
        error = error.__cause__ or error.__context__
    shown += [repr(carrier), carrier.test_credentials().model_dump_json(), caplog.text]
    shown += [repr(frame.tb_frame.f_locals) for frame in _frames(caught.value)]
    assert len(shown) > 8
    assert not [text for text in shown if key in text]
    with pytest.raises(TypeError):
        pickle.dumps(carrier)


def _frames(error):
    step = error.__traceback__.tb_next  # the test's own frame knows the key
    while step:
        yield step
        step = step.tb_next


def test_environment_does_not_reach_the_wire(monkeypatch, box):
    planted = {
        "TELNYX_API_KEY": "KEYplanted", "TELNYX_BASE_URL": "https://planted.example/v2", "TELNYX_PUBLIC_KEY": "planted",
        "TELNYX_CLIENT_ID": "planted", "TELNYX_CLIENT_SECRET": "planted", "TELNYX_CUSTOM_HEADERS": "X-Planted: yes",
        "HTTPS_PROXY": "http://planted.example:1", "ALL_PROXY": "http://planted.example:1",
    }  # fmt: skip
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    sent = []

    def wire(method, url, headers, body):
        sent.append(f"{method} {url} {dict(headers)} {body!r}")
        return box.wire(method, url, headers, body)

    with voipkit.open_provider("telnyx", box.telnyx.credentials, http=voipkit.HttpOptions(wire=wire)) as carrier:
        assert carrier.test_credentials().credentials_valid
        carrier.import_numbers([NUMBER])
    assert len(sent) > 8
    assert not [text for text in sent if re.search("planted|stainless|oauth", text, re.IGNORECASE)]
    assert all(f"Bearer {box.telnyx.api_key}" in text and "https://api.telnyx.com/v2/" in text for text in sent)


def test_one_request_at_a_time_is_enough(opened, box, main):
    box.telnyx.seed_numbers(300)
    carrier = opened("telnyx", concurrency=1)

    assert carrier.test_credentials().status == "pass"
    assert len(list(carrier.list_numbers())) == 303
    assert [each.status for each in carrier.verify_numbers([NUMBER, BRITISH, IRISH])] == ["pass"] * 3


def test_two_threads_may_share_a_carrier(opened, box, main):
    from concurrent.futures import ThreadPoolExecutor

    carrier = opened("telnyx")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: carrier.verify_number(NUMBER).status, range(8)))

    assert found == ["pass"] * 8


# --- docs ------------------------------------------------------------------------------------------------------------


def test_docs_page_lists_every_check():
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs/providers/telnyx.md").read_text()
    listed = set(re.findall(r"^\| `telnyx\.([a-z0-9_.]+)`", page, re.MULTILINE))

    assert listed == {code for code, finding in FINDINGS.items() if finding.status != "pass"}
