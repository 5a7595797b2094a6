"""Vonage: the vendor's HTTP client over the sandbox, and each trap of its API and SDK."""

from __future__ import annotations

import http.client
import importlib
import inspect
import json
import logging
import pickle
import re
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pydantic
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
from voipkit.models import RoutingSnapshot
from voipkit.providers.vonage import RULES
from voipkit.providers.vonage.checks import FINDINGS, same_uri, without_secrets
from voipkit.sandbox import Fault

NUMBER, BRITISH, IRISH = "+14155550100", "+442079460018", "+353871230000"
SIP = Route.sip("sip:14155550100@pbx.example.org;transport=tls")
OTHER = "11111111-2222-3333-4444-555555555555"
REFUSED_IN_200 = json.dumps({"error-code": "401", "error-code-label": "authentication failed"}).encode()


def codes(found, status=None):
    return {check.code.removeprefix("vonage.") for check in found.checks if status in (None, check.status)}


def sent(recorded):
    """The form of an update, without country and number."""
    return {k: v for k, v in parse_qsl(recorded.request_body.decode()) if k not in ("country", "msisdn")}


@pytest.fixture
def vonage(opened):
    return opened("vonage", retries=0)


@pytest.fixture
def app(box):
    """The application that the credentials name, with every number on it."""
    application = box.vonage.applications[0]
    for number in box.vonage.numbers:
        number.settings["app_id"] = application.id
    return application


@pytest.fixture
def bare(box, opened):
    """The account, opened without an application."""
    given = {name: value for name, value in box.vonage.credentials.items() if name != "application_id"}
    return opened("vonage", given, retries=0)


# --- what a user types in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("api_key", "Ab1cdefghijklmno", "swapped"),
        ("api_key", OTHER, "application_id"),
        ("api_key", "AC" + "0" * 32, "Twilio"),
        ("api_key", "abcd123", "8 letters and digits"),
        ("api_secret", OTHER, "application_id"),
        ("api_secret", "-----BEGIN PRIVATE KEY-----", "private key"),
        ("api_secret", "short", "8 to 25"),
        ("api_secret", "Ab1cdefghijklmno\n", "newline"),
        ("application_id", "acme", "UUID"),
    ],
)
def test_wrong_fields_are_named_before_any_request(field, value, says, box, opened):
    with pytest.raises(CredentialsInvalid, match=says) as caught:
        opened("vonage", {**box.vonage.credentials, field: value})
    assert caught.value.problems[0].field == field
    assert box.requests == []


def test_no_private_key_is_asked_for(box, opened):
    method = voipkit.provider_info("vonage").setup_methods[0]
    assert {field.name for field in method.fields} == {"api_key", "api_secret", "application_id"}
    assert opened("vonage", {"apiKey": "abcd1234", "apiSecret": "Ab1cdefghijklmno"}).credentials.application_id is None


def test_form_needs_no_sdk_and_a_missing_sdk_says_what_to_install():
    program = """
import sys
for name in ("vonage_http_client", "vonage_numbers", "vonage_account", "vonage_application"):
    sys.modules[name] = None
import voipkit
assert voipkit.provider_info("vonage").setup_methods[0].fields
p = voipkit.open_provider("vonage", {"api_key": "abcd1234", "api_secret": "Ab1cdefghijklmno"})
try:
    list(p.list_numbers())
except voipkit.errors.MissingExtra as error:
    assert "voipkit[vonage]" in error.fix, error.fix
else:
    raise SystemExit("no MissingExtra")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- testing the credentials -----------------------------------------------------------------------------------------


def test_working_account_passes_in_four_requests(vonage, box, app):
    test = vonage.test_credentials()

    assert test.status == "pass"
    assert (test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (True, True, True)
    assert sorted(r.operation for r in box.requests) == ["application", "balance", "list_numbers", "voice_prices"]
    assert all(not r.write for r in box.requests)


def test_five_requests_at_most_and_the_rest_of_the_destinations_is_unknown(box, opened, app):
    test = opened("vonage", sip_config={"destinations": ["US", "GB", "IE"]}).test_credentials()

    assert len(box.requests) == 5
    assert "price.not_asked" in codes(test, "unknown")
    assert test.outbound_authorized is None


def test_name_costs_nothing_after_the_test(vonage, box, app):
    vonage.test_credentials()
    box.clear()
    assert vonage.suggest_name().name == f"Vonage: Acme IVR ({NUMBER})"
    assert box.requests == []


def test_name_alone(vonage, bare, box, app):
    assert vonage.suggest_name().inferred
    assert len(box.requests) == 2
    assert bare.suggest_name().name == f"Vonage: {box.vonage.api_key} ({NUMBER})"
    assert len(box.requests) == 3


def test_name_prefers_a_number_of_the_application(vonage, box):
    box.vonage.numbers[1].settings["app_id"] = box.vonage.applications[0].id
    assert BRITISH in vonage.suggest_name().name


def test_refused_key_is_an_answer(box, opened):
    carrier = opened("vonage", {**box.vonage.credentials, "api_secret": "Ab1wrongwrong"})
    test = carrier.test_credentials()

    assert test.credentials_valid is False
    (check,) = test.checks
    assert (check.code, check.vendor_code) == ("vonage.key.rejected", "401")
    assert "dashboard" in check.fix
    with pytest.raises(CredentialsRejected):
        carrier.suggest_name()


def test_refusal_inside_a_200_is_no_empty_account(box, opened):
    """Trap 8 and 9: the SDK's own listing gives ([], 0, None) for it."""
    box.vonage.unauthorized_status = 200
    carrier = opened("vonage", {**box.vonage.credentials, "api_secret": "Ab1wrongwrong"})

    with pytest.raises(CredentialsRejected) as caught:
        list(carrier.list_numbers())
    assert (caught.value.code, caught.value.status) == ("401", 200)
    assert carrier.test_credentials().checks[0].code == "vonage.key.rejected"


def test_missing_permission_is_told_apart(vonage, box, app):
    box.vonage.forbidden = {"balance", "list_numbers", "application"}
    test = vonage.test_credentials()
    assert codes(test) == {"key.not_permitted"}
    assert test.credentials_valid is False


def test_key_that_may_not_list_numbers(vonage, box, app):
    box.vonage.forbidden = {"list_numbers"}
    test = vonage.test_credentials()
    assert "numbers.not_permitted" in codes(test, "fail")
    assert "key.accepted" in codes(test, "pass")


def test_forbidden_balance_means_a_valid_key_and_unknown_credit(vonage, box, app):
    box.vonage.forbidden = {"balance"}
    test = vonage.test_credentials()
    assert test.credentials_valid is True
    assert "account.credit.unknown" in codes(test, "unknown")
    assert test.outbound_authorized is None


def test_account_that_is_gone_is_told_apart(vonage, box):
    box.fail("vonage", "*", Fault.status(404))
    assert codes(vonage.test_credentials()) == {"account.not_found"}


@pytest.mark.parametrize(
    "fault", [Fault.timeout(), Fault.reset(), Fault.status(503), Fault.status(429), Fault.html(403), Fault.html(404)]
)
def test_carrier_that_could_not_be_asked_is_unknown(fault, vonage, box):
    box.fail("vonage", "*", fault)
    test = vonage.test_credentials()
    assert test.credentials_valid is None
    assert codes(test) == {"key.unknown"}


def test_without_an_application_nothing_is_claimed(bare, box, app):
    test = bare.test_credentials()
    assert (test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (True, None, None)
    assert any(app.id in check.fix for check in test.checks if check.fix)


BROKEN = {
    "application.not_found": lambda box, app: box.vonage.applications.clear(),
    "application.no_voice": lambda box, app: app.capabilities.clear(),
    "application.no_answer_url": lambda box, app: app.capabilities["voice"]["webhooks"].pop("answer_url"),
    "account.no_credit": lambda box, app: setattr(box.vonage.balance, "value", 0.0),
}


@pytest.mark.parametrize("edge", BROKEN)
@pytest.mark.parametrize("ask", ["account", "number"])
def test_exactly_the_broken_edge_is_named(edge, ask, vonage, box, app):
    BROKEN[edge](box, app)
    found = vonage.test_credentials() if ask == "account" else vonage.verify_number(NUMBER)
    assert codes(found, "fail") == {edge}
    assert found.status == "fail"


@pytest.mark.parametrize("name", ["webhooks", "address"])
def test_an_application_that_is_shown_without_its_webhooks_is_unknown(name, opened, box, app):
    test = opened("vonage", wire=lacking(box, "/applications/", name)).test_credentials()

    assert (test.failures, test.inbound_reachable) == ((), None)
    assert "application.answer_url.unknown" in codes(test, "unknown")


def test_empty_balance_that_is_topped_up_is_a_warning(vonage, box, app):
    """Trap 15: with a contract, or auto-reload, a balance of 0 stops nothing."""
    box.vonage.balance.value, box.vonage.balance.auto_reload = 0.0, True
    assert codes(vonage.test_credentials(), "warn") == {"account.credit_reload"}


@pytest.mark.parametrize("value", [None, "", "NaN", "free", {}])
def test_balance_that_is_no_number_is_unknown(value, box, opened, app):
    wire = rewriting(box, lambda url, said: {**said, "value": value} if "get-balance" in url else said)
    test = opened("vonage", wire=wire).test_credentials()
    assert "account.credit.unknown" in codes(test, "unknown")
    assert test.outbound_authorized is None


@pytest.mark.parametrize(
    ("operation", "code", "dead"),
    [
        ("application", "application.unknown", {"inbound", "outbound"}),
        ("balance", "account.credit.unknown", {"outbound"}),
        ("voice_prices", "price.unknown", {"outbound"}),
    ],
)
def test_a_link_that_could_not_be_asked_leaves_its_direction_open(operation, code, dead, vonage, box, app):
    box.fail("vonage", operation, Fault.status(500))
    for found in (vonage.test_credentials(), vonage.verify_number(NUMBER)):
        assert codes(found, "unknown") == {code}
        assert (found.inbound_reachable is None) == ("inbound" in dead)
        assert (found.outbound_authorized is None) == ("outbound" in dead)


def test_price_list_without_a_price_is_unknown(box, opened, app):
    wire = rewriting(box, lambda url, said: {"countryCode": "US", "networks": []} if "get-pricing" in url else said)
    assert "price.not_listed" in codes(opened("vonage", wire=wire).test_credentials(), "unknown")


def test_application_without_public_key_is_unknown(box, opened, app):
    wire = rewriting(box, lambda url, said: {k: v for k, v in said.items() if k != "keys"})
    test = opened("vonage", wire=wire).test_credentials()
    assert "application.key.unknown" in codes(test, "unknown")
    assert test.outbound_authorized is None


# --- listing ---------------------------------------------------------------------------------------------------------


def test_number_is_mapped_with_unknown_left_unknown(vonage, box, app):
    american, british, irish = vonage.list_numbers()

    assert (american.number, american.raw, american.id) == (NUMBER, "14155550100", "14155550100")
    assert american.capabilities == ("sms", "voice")
    assert (british.country, british.type) == ("GB", "local")
    assert (irish.country, irish.type) == ("IE", "mobile")
    assert american.route == Route.application(app.id)
    assert american.monthly_fee is american.currency is american.friendly_name is american.region is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("landline", "local"),
        ("mobile-lvn", "mobile"),
        ("landline-toll-free", "toll_free"),
        ("mobile-shortcode", "other"),
    ],
)
def test_types(theirs, ours, vonage, box):
    box.vonage.numbers[0].type = theirs
    assert next(vonage.list_numbers()).type == ours


def test_country_is_the_records_and_never_the_prefixs(vonage, box):
    """Trap 6: +1 is 25 countries, +44 four."""
    box.vonage.numbers[0].country, box.vonage.numbers[1].country = "CA", "JE"
    assert [number.country for number in vonage.list_numbers()] == ["CA", "JE", "IE"]
    assert vonage.import_numbers([NUMBER]).ok
    assert parse_qs(box.writes[0].request_body.decode())["country"] == ["CA"]


@pytest.mark.parametrize("country", [None, "", "USA", 1])
def test_number_without_a_country_is_listed_and_not_written(country, box, opened):
    """Trap 6 and 9: the SDK's model refuses the whole page for it."""

    def change(url, said):
        for row in said.get("numbers", ()):
            row["country"] = country if row["msisdn"] == "14155550100" else row["country"]
        return said

    carrier = opened("vonage", wire=rewriting(box, change))
    assert [number.country for number in carrier.list_numbers()] == [None, "GB", "IE"]
    report = carrier.import_numbers([NUMBER, BRITISH])
    assert [result.status for result in report.results] == ["failed", "imported"]
    assert "country" in report.results[0].message
    assert len(box.writes) == report.writes == 1


def test_one_odd_number_does_not_spoil_the_page(box, opened):
    """Trap 9, 12 and 17: the SDK's model refuses the whole page for these."""

    def change(url, said):
        if "numbers" in said:
            said["numbers"][0] |= {"msisdn": 14155550100, "type": 7, "features": "VOICE", "voiceCallbackType": "vxml"}
            said["numbers"][0] |= {"voiceCallbackValue": "https://old.example/", "limitations": "none"}
        return said

    first, *others = opened("vonage", wire=rewriting(box, change)).list_numbers()
    assert (first.number, first.type, first.capabilities, first.route) == (NUMBER, "other", None, None)
    assert first.routing["voiceCallbackType"] == "vxml"
    assert len(others) == 2


@pytest.mark.parametrize("count", [3, 100, 101, 250])
def test_every_page_once_in_order_with_the_largest_pages(count, vonage, box):
    box.vonage.seed_numbers(count - 3)
    listed = [number.id for number in vonage.list_numbers()]
    assert listed == [number.msisdn for number in box.vonage.numbers]
    assert len(box.requests) == -(-count // 100)
    assert all("size=100" in recorded.url for recorded in box.requests)


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.status(500), Fault.html(200), Fault.body(REFUSED_IN_200)])
def test_broken_page_is_an_error_and_not_a_short_list(fault, vonage, box):
    box.vonage.seed_numbers(300)
    box.fail("vonage", "list_numbers", fault, page=3)
    with pytest.raises(ProviderError):
        list(vonage.list_numbers())


def test_empty_page_in_the_middle_is_an_error(vonage, box):
    """Trap 9: past the end the answer is ``{}``, so one in the middle looks like the end."""
    box.vonage.seed_numbers(300)
    box.fail("vonage", "list_numbers", Fault.body(b"{}"), page=2)
    with pytest.raises(UnexpectedResponse, match="of 303 items"):
        list(vonage.list_numbers())


def test_empty_account_is_an_empty_list_that_was_confirmed(vonage, box):
    box.vonage.numbers.clear()
    assert list(vonage.list_numbers()) == []
    assert [recorded.operation for recorded in box.requests] == ["list_numbers", "balance"]
    test = vonage.test_credentials()
    assert test.credentials_valid is True
    assert "numbers.empty" in codes(test, "skipped")
    box.vonage.forbidden = {"balance"}
    assert list(vonage.list_numbers()) == []


def test_empty_listing_of_an_account_that_cannot_be_asked_is_an_error(vonage, box):
    box.fail("vonage", "list_numbers", Fault.body(b"{}"))
    box.fail("vonage", "balance", Fault.html(502))
    with pytest.raises(ProviderUnavailable):
        list(vonage.list_numbers())
    with pytest.raises(ProviderUnavailable):
        vonage.import_numbers([NUMBER])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"numbers"',
        b"<html></html>",
        b'{"numbers": {}}',
        b'{"numbers": [1]}',
        b'{"numbers": [{"country": "US"}]}',
        b'{"count": 1}',
        b'{"detail": "blocked"}',
        b'{"count": 2, "numbers": [{"msisdn": "14155550100"}]}',
        b'{"count": 1, "num',
        b'{"numbers": "\xff"}',
    ],
)
def test_nonsense_is_an_unexpected_response(body, vonage, box):
    box.fail("vonage", "list_numbers", Fault.body(body))
    with pytest.raises(UnexpectedResponse) as caught:
        list(vonage.list_numbers())
    assert caught.value.fix


@pytest.mark.parametrize("fault", [Fault.duplicate_at_page_edge(), Fault.endless_pages(), Fault.repeat_page()])
def test_lying_pager_ends(fault, vonage, box):
    box.vonage.seed_numbers(250)
    box.fail("vonage", "list_numbers", fault)
    try:
        listed = [number.id for number in vonage.list_numbers()]
    except UnexpectedResponse:
        return
    assert len(listed) == len(set(listed)) == 253


# --- importing -------------------------------------------------------------------------------------------------------


def test_import_links_the_credentials_application_and_restore_puts_all_back(vonage, box):
    before = [dict(number.settings) for number in box.vonage.numbers]
    report = vonage.import_numbers([NUMBER, BRITISH, IRISH])

    assert report.ok
    assert report.writes == len(box.writes) == 3
    assert {number.settings["app_id"] for number in box.vonage.numbers} == {box.vonage.applications[0].id}
    assert vonage.import_numbers([NUMBER, BRITISH, IRISH]).counts == {"unchanged": 3}
    assert vonage.restore_numbers(report.snapshot).ok
    assert [dict(number.settings) for number in box.vonage.numbers] == before


def test_an_update_keeps_every_setting_that_vonage_shows(vonage, box):
    """Trap 4: an update clears what it does not name."""
    number = box.vonage.numbers[0]
    number.settings |= {"moHttpUrl": "https://sms.example/", "messagesCallbackType": "app"}
    number.settings |= {
        "messagesCallbackValue": box.vonage.applications[0].id,
        "voiceStatusCallback": "https://x.example/",
    }
    before = {k: v for k, v in number.settings.items() if k != "voiceStatusCallback"}

    report = vonage.import_numbers([NUMBER], SIP)
    assert sent(box.writes[0]) == {**before, "voiceCallbackType": "sip", "voiceCallbackValue": SIP.target}
    assert any("voiceStatusCallback" in note for note in report.results[0].notes)
    assert any("https://sms.example/" in note for note in report.results[0].notes)

    kept = RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json())
    assert vonage.restore_numbers(kept).ok
    assert number.settings == before


def test_sip_forwarding_over_an_application_is_a_conflict_and_keeps_the_link(vonage, box, app):
    (result,) = vonage.import_numbers([NUMBER], SIP).results
    assert result.status == "conflict"
    assert app.id in result.message
    assert box.writes == []

    report = vonage.import_numbers([NUMBER], SIP, on_conflict="overwrite")
    assert report.ok
    assert box.vonage.numbers[0].settings["app_id"] == app.id
    assert vonage.verify_number(NUMBER, SIP).inbound_reachable
    assert vonage.restore_numbers(report.snapshot).ok
    assert box.vonage.numbers[0].settings == {"app_id": app.id}


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ("sip", "sip:desk@desk.example.net", "SIP sip:desk@desk.example.net"),
        ("sip", "sip:a@a.example,sip:b@b.example", "sip:a@a.example,sip:b@b.example"),
        ("tel", "442079460000", "phone number 442079460000"),
    ],
)
def test_forwarding_goes_before_the_application_and_is_a_conflict(kind, value, says, vonage, box, app):
    number = box.vonage.numbers[0]
    number.settings |= {"voiceCallbackType": kind, "voiceCallbackValue": value}
    before = dict(number.settings)
    (result,) = vonage.import_numbers([NUMBER]).results
    assert result.status == "conflict"
    assert says in result.message
    assert box.writes == []

    report = vonage.import_numbers([NUMBER], on_conflict="overwrite")
    assert report.ok
    assert number.settings == {"app_id": app.id}
    assert vonage.restore_numbers(report.snapshot).ok
    assert number.settings == before


def test_another_application_is_a_conflict(vonage, box):
    theirs = box.vonage.add_application("Theirs", answer_url="https://theirs.example/answer")
    box.vonage.numbers[0].settings["app_id"] = theirs.id
    (result,) = vonage.import_numbers([NUMBER]).results
    assert result.status == "conflict"
    assert theirs.id in result.message
    assert box.writes == []


def test_old_accounts_that_show_the_application_as_a_callback(vonage, box):
    """Trap 5 and 17: ``voiceCallbackType`` ``app`` says again what ``app_id`` says."""
    box.vonage.shows_application_as_callback = True
    report = vonage.import_numbers([NUMBER])
    assert report.ok, report.results
    assert vonage.import_numbers([NUMBER]).counts == {"unchanged": 1}
    assert vonage.verify_number(NUMBER).status == "pass"
    assert vonage.restore_numbers(report.snapshot).ok
    assert box.vonage.numbers[0].settings == {}


def test_numbers_shown_both_ways_are_written_once(box, opened, app):
    """As in the SDK's own fixture (list_owned_numbers_basic.json)."""

    def change(url, said):
        for row in said.get("numbers", ()):
            if row.get("app_id"):
                row.setdefault("voiceCallbackType", "app")
                row.setdefault("voiceCallbackValue", row["app_id"])
                row.update(messagesCallbackType="app", messagesCallbackValue=row["app_id"])
        return said

    carrier = opened("vonage", wire=rewriting(box, change))
    assert carrier.import_numbers([NUMBER]).counts == {"unchanged": 1}
    assert carrier.import_numbers([NUMBER], SIP, on_conflict="overwrite").ok
    assert set(sent(box.writes[0])) == {"app_id", "voiceCallbackType", "voiceCallbackValue"}


def test_application_ids_are_compared_without_case(vonage, box, app):
    assert vonage.import_numbers([NUMBER], Route.application(app.id.upper())).counts == {"unchanged": 1}


def test_msisdn_goes_out_without_plus_as_a_form(vonage, box):
    """Trap 1 and 7."""
    vonage.test_credentials()
    vonage.import_numbers([NUMBER])
    (write,) = box.writes
    assert parse_qs(write.request_body.decode())["msisdn"] == ["14155550100"]
    assert write.request_headers["content-type"] == "application/x-www-form-urlencoded"
    assert all("content-type" not in r.request_headers for r in box.requests if r.method == "GET")


def test_msisdn_that_is_shown_with_a_plus_is_written_without(box, opened):
    def change(url, said):
        for row in said.get("numbers", ()):
            row["msisdn"] = "+" + row["msisdn"]
        return said

    carrier = opened("vonage", wire=rewriting(box, change))
    assert carrier.import_numbers([NUMBER]).ok
    assert parse_qs(box.writes[0].request_body.decode())["msisdn"] == ["14155550100"]


def test_threads_do_not_change_each_others_headers(vonage, box, app):
    """Trap 1: the SDK keeps one dictionary of headers."""
    failures = []

    def work():
        for _ in range(5):
            failures.extend(
                r for r in vonage.import_numbers([NUMBER, BRITISH], SIP, "overwrite").results if r.status == "failed"
            )
            vonage.test_credentials()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    kinds = {(r.method, r.request_headers.get("content-type")) for r in box.requests}
    assert kinds == {("GET", None), ("POST", "application/x-www-form-urlencoded")}


@pytest.mark.parametrize("status", [200, 420])
def test_refused_update_is_the_same_over_200_and_420(status, vonage, box):
    """Trap 8."""
    box.vonage.refusal_status = status
    report = vonage.import_numbers([NUMBER, BRITISH], Route.application(OTHER))
    assert {result.code for result in report.results} == {"import.invalid_request"}
    assert all("method failed" in result.message and "webhook" in result.fix for result in report.results)
    assert box.writes == []


def test_vendors_code_is_kept(vonage, box):
    box.fail("vonage", "list_numbers", Fault.body(json.dumps({"error-code": 420, "error-code-label": "x"}).encode()))
    with pytest.raises(InvalidRequest) as caught:
        list(vonage.list_numbers())
    assert (caught.value.code, caught.value.status) == ("420", 200)


def posts(box):
    return [recorded for recorded in box.requests if recorded.method == "POST"]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("kind", [Fault.timeout, Fault.reset])
def test_write_whose_answer_is_lost_is_looked_up_and_never_repeated(kind, applied, opened, box):
    """Trap 2: the SDK sends it up to ten times."""
    box.fail("vonage", "update_number", kind(applied=applied))
    report = opened("vonage", retries=3).import_numbers([NUMBER])
    assert len(posts(box)) == 1
    assert report.results[0].status == ("imported" if applied else "failed")


@pytest.mark.parametrize("fault", [Fault.html(502), Fault.status(500), Fault.status(429), Fault.body(b"{}")])
def test_a_post_is_sent_once_whatever_is_answered(fault, opened, box):
    box.fail("vonage", "update_number", fault)
    (result,) = opened("vonage", retries=3).import_numbers([NUMBER]).results
    assert result.status == "failed"
    assert len(posts(box)) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_dropped_connection_is_not_repeated_by_the_sdk(method, box, opened):
    """Trap 2 and 3: ``RemoteDisconnected`` in the reason starts the SDK's own loop."""
    tried = []

    def wire(asked, url, headers, body):
        tried.append(asked)
        if asked == method:
            raise http.client.RemoteDisconnected("closed")
        return box.wire(asked, url, headers, body)

    carrier = opened("vonage", wire=wire, retries=0)
    if method == "GET":
        with pytest.raises(ProviderUnavailable):
            list(carrier.list_numbers())
    else:
        assert carrier.import_numbers([NUMBER]).results[0].status == "failed"
    assert tried.count(method) == 1


def test_change_by_somebody_else_meanwhile_is_not_undone(box, opened):
    """An update replaces everything, so what the listing showed may be old."""
    seen = []

    def wire(method, url, headers, body):
        answer = box.wire(method, url, headers, body)
        if "/account/numbers" in url and not seen:
            seen.append(url)
            box.vonage.numbers[0].settings["moHttpUrl"] = "https://new.example/"
        return answer

    report = opened("vonage", wire=wire).import_numbers([NUMBER], on_conflict="overwrite")
    assert report.results[0].status == "conflict"
    assert "changed" in report.results[0].message
    assert report.writes == 0
    assert box.writes == []
    assert box.vonage.numbers[0].settings == {"moHttpUrl": "https://new.example/"}


def test_number_that_cannot_be_read_before_the_change_is_not_written(vonage, box):
    box.fail("vonage", "list_numbers", Fault.status(500), calls=2)
    report = vonage.import_numbers([NUMBER])
    assert report.results[0].status == "failed"
    assert "right before" in report.results[0].message
    assert (report.writes, box.writes) == (0, [])


def test_mistake_while_reading_does_not_take_the_report_with_it(vonage, box, monkeypatch):
    monkeypatch.setattr(vonage._api, "number", lambda operation, number: 1 / 0)
    (result,) = vonage.import_numbers([NUMBER]).results
    assert (result.status, result.code) == ("failed", "import.unexpected_response")
    assert box.writes == []


@pytest.mark.parametrize(
    ("calls", "status", "code"), [([3], "imported", "import.imported"), ([3, 4], "failed", "import.unknown")]
)
def test_accepted_change_that_cannot_be_read_back_is_never_called_refused(calls, status, code, vonage, box):
    box.fail("vonage", "list_numbers", Fault.status(429), calls=calls)
    report = vonage.import_numbers([NUMBER])
    assert (report.results[0].status, report.results[0].code) == (status, code)
    assert report.writes == len(box.writes) == 1


def test_update_that_keeps_what_was_left_out_is_not_believed(box, opened, app):
    """Should an update not replace after all, a forwarding stays and the report says so."""
    forwarding = {"voiceCallbackType": "sip", "voiceCallbackValue": "sip:desk@desk.example.net"}

    def change(url, said):
        for row in said.get("numbers", ()):
            row.update(forwarding)
        return said

    (result,) = opened("vonage", wire=rewriting(box, change)).import_numbers([NUMBER], on_conflict="overwrite").results
    assert (result.status, result.code) == ("failed", "import.read_back")
    assert "voiceCallbackType" in result.message


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://voice.example/answer?token=s3cret#x", "https://voice.example/answer"),
        ("https://me:s3cret@voice.example:8443/a", "https://voice.example:8443/a"),
        ("sip:me:s3cret@pbx.example:5061;transport=tls", "sip:me@pbx.example:5061;transport=tls"),
        ("sip:a@a.example?Auth=s3cret,sip:b@b.example", "sip:a@a.example,sip:b@b.example"),
        ("14155550100", "14155550100"),
    ],
)
def test_addresses_are_shown_without_their_secrets(uri, shown):
    assert without_secrets(uri) == shown


def test_no_message_repeats_a_password_of_an_address(vonage, box, app):
    app.capabilities["voice"]["webhooks"]["answer_url"]["address"] = "https://me:s3cret@x.example/a?t=s3cret"
    messages = [check.message for check in vonage.test_credentials().checks]
    forwarded = {"voiceCallbackType": "sip", "voiceCallbackValue": "sip:me:s3cret@pbx.example"}
    box.vonage.numbers[0].settings |= {**forwarded, "moHttpUrl": "https://x.example/sms?t=s3cret"}
    (result,) = vonage.import_numbers([NUMBER]).results
    messages += [result.message, *result.notes, *(check.message for check in vonage.verify_number(NUMBER).checks)]
    assert "pbx.example" in " ".join(messages)
    assert "s3cret" not in " ".join(messages)


def test_dry_run_writes_nothing(vonage, box):
    report = vonage.import_numbers([NUMBER, BRITISH], SIP, dry_run=True)
    assert report.counts == {"imported": 2}
    assert all(recorded.method == "GET" for recorded in box.requests)


def test_without_any_route_numbers_are_only_recorded(bare, box):
    assert bare.import_numbers([NUMBER]).counts == {"unchanged": 1}
    assert box.writes == []


@pytest.mark.parametrize(
    ("route", "says"), [(Route.webhook("https://x.example/"), "application"), (Route.trunk("1"), "no API")]
)
def test_other_routes_are_refused_with_the_reason(route, says, vonage, box):
    for work in (vonage.import_numbers, vonage.verify_numbers):
        with pytest.raises(Unsupported, match=says):
            work([NUMBER], route)
    assert box.requests == []


def test_bad_numbers_do_not_stop_the_good_ones(vonage, box):
    box.vonage.numbers[1].features = ["SMS"]
    report = vonage.import_numbers([NUMBER, "0100", BRITISH, "+14155550142"])
    assert [r.status for r in report.results] == ["imported", "failed", "not_voice", "not_owned"]
    assert len(box.writes) == 1


def test_a_longer_number_with_the_same_beginning_is_not_taken(vonage, box):
    box.vonage.add_number("+1415555010012", country="US")
    assert vonage.import_numbers([NUMBER]).ok
    assert len(box.writes) == 1


@pytest.mark.parametrize(("count", "listing"), [(1, 1), (2, 2), (3, 1), (150, 2)])
def test_import_costs_one_listing_and_three_requests_a_number(count, listing, vonage, box):
    numbers = [f"+{n.msisdn}" for n in (*box.vonage.numbers, *box.vonage.seed_numbers(max(0, count - 3)))][:count]
    assert vonage.import_numbers(numbers).ok
    assert len(box.requests) == listing + 3 * count


def test_key_that_is_revoked_meanwhile_stops_the_import(box, opened):
    numbers = [f"+{n.msisdn}" for n in box.vonage.seed_numbers(50)]
    box.fail("vonage", "list_numbers", Fault.status(401), calls=range(2, 1000))
    report = opened("vonage").import_numbers(numbers)
    assert report.counts == {"failed": 50}
    assert len(box.requests) < 10


def test_snapshot_of_another_carrier_is_refused(vonage, box):
    with pytest.raises(ConfigurationError, match="snapshot is of twilio"):
        vonage.restore_numbers(RoutingSnapshot(provider="twilio"))


# --- verifying -------------------------------------------------------------------------------------------------------


def test_working_number_passes_in_four_requests(vonage, box, app):
    found = vonage.verify_number(NUMBER)
    assert found.status == "pass"
    assert found.route == Route.application(app.id)
    assert sorted(r.operation for r in box.requests) == ["application", "balance", "list_numbers", "voice_prices"]


@pytest.mark.parametrize("count", [3, 100, 250])
def test_many_numbers_cost_one_listing_and_a_constant(count, vonage, box, app):
    box.vonage.seed_numbers(count - 3, settings={"app_id": app.id})
    numbers = [f"+{number.msisdn}" for number in box.vonage.numbers]
    assert {each.status for each in vonage.verify_numbers(numbers)} == {"pass"}
    assert len(box.requests) == -(-count // 100) + 1 + 1 + 3  # pages, balance, application, prices of US, GB and IE


def test_number_that_is_not_owned_is_an_answer(vonage, box):
    found = vonage.verify_number("+14155550142")
    assert codes(found, "fail") == {"number.not_owned"}
    assert found.id is None


def test_number_that_could_not_be_asked_about_is_no_answer(vonage, box):
    box.fail("vonage", "list_numbers", Fault.timeout())
    with pytest.raises(ProviderTimeout):
        vonage.verify_number(NUMBER)
    with pytest.raises(InvalidNumber):
        vonage.verify_number("0100")


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"features": ["SMS"]}, "fail", "number.no_voice"),
        ({"settings": {}}, "fail", "number.not_routed"),
        ({"settings": {"app_id": OTHER}}, "fail", "number.routed_elsewhere"),
        (
            {"settings": {"voiceCallbackType": "tel", "voiceCallbackValue": "4420"}},
            "fail",
            "number.forwarded_to_phone",
        ),
        (
            {"settings": {"voiceCallbackType": "sip", "voiceCallbackValue": "sip:desk@desk.example.net"}},
            "fail",
            "number.routed_elsewhere",
        ),
        ({"settings": {"voiceCallbackType": "vxml", "voiceCallbackValue": "x"}}, "unknown", "number.routing.unknown"),
        (
            {"limitations": [{"feature": "VOICE", "type": "OUTBOUND", "reach": "DOMESTIC"}]},
            "unknown",
            "number.limited.unknown",
        ),
    ],
)
def test_exactly_what_is_wrong_with_a_number_is_named(fields, status, code, vonage, box, app):
    for name, value in fields.items():
        setattr(box.vonage.numbers[0], name, value)
    found = vonage.verify_number(NUMBER)
    assert codes(found, "fail") | codes(found, "unknown") == {code}
    assert found.status == status


def test_limitation_of_messages_does_not_matter(vonage, box, app):
    box.vonage.numbers[0].limitations = [{"feature": "SMS", "type": "OUTBOUND", "reach": "INTERNATIONAL"}]
    assert vonage.verify_number(NUMBER).status == "pass"


def test_number_on_sip_is_reachable_and_its_outbound_side_is_unknown(bare, box):
    assert bare.import_numbers([NUMBER], SIP).ok
    found = bare.verify_number(NUMBER)
    assert (found.inbound_reachable, found.outbound_authorized) == (True, None)
    assert found.route == SIP
    assert codes(found, "unknown") == {"sip.outbound.unknown"}


@pytest.mark.parametrize(
    ("present", "same"),
    [
        ("sip:alice@pbx.example.org", True),
        ("alice@PBX.example.org:5061;transport=tls", True),
        ("sip:bob@other.example, sip:alice@pbx.example.org", True),
        ("sip:Alice@pbx.example.org", False),
        ("sip:alice@pbx.example.org.evil.example", False),
        ("sip:pbx.example.org", False),
        (None, False),
    ],
)
def test_sip_uris_are_compared_by_user_and_host(present, same):
    assert same_uri(present, "sip:alice@pbx.example.org;transport=tls") is same


def test_each_numbers_own_country_is_the_destination(vonage, box, app):
    box.vonage.prices.pop("GB")
    found = {each.number: each for each in vonage.verify_numbers([NUMBER, BRITISH])}
    assert found[NUMBER].status == "pass"
    assert "price.unknown" in codes(found[BRITISH], "unknown")


# --- errors and secrets ----------------------------------------------------------------------------------------------


def test_every_exception_of_the_sdk_has_a_rule():
    modules = [
        "vonage_http_client.errors",
        "vonage_numbers.errors",
        "vonage_account.errors",
        "vonage_application.errors",
        "vonage_utils.errors",
        "vonage_jwt.errors",
        "requests.exceptions",
    ]
    raised = [pydantic.ValidationError]
    for name in modules:
        members = [kind for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass)]
        own = [kind for kind in members if kind.__module__.split(".")[0] in (name.split(".")[0], "vonage_utils")]
        raised += [kind for kind in own if issubclass(kind, Exception) and not issubclass(kind, Warning)]

    assert len(raised) > 30
    assert [kind for kind in raised if rule_for(kind, RULES) is None] == []


@pytest.mark.parametrize(
    ("fault", "expected", "code"),
    [
        (Fault.status(401), CredentialsRejected, "401"),
        (Fault.status(403), PermissionDenied, "unprovisioned"),
        (Fault.status(404), NotFound, "404"),
        (Fault.status(420), InvalidRequest, "420"),
        (Fault.status(429), RateLimited, "rate-limit"),
        (Fault.status(503), ProviderUnavailable, "internal-error"),
        (Fault.html(502), ProviderUnavailable, None),
        (Fault.html(404), NotFound, None),
        (Fault.timeout(), ProviderTimeout, None),
    ],
)
def test_each_answer_becomes_the_error_that_says_what_to_do(fault, expected, code, vonage, box):
    box.fail("vonage", "list_numbers", fault)
    with pytest.raises(expected) as caught:
        list(vonage.list_numbers())
    assert caught.value.code == code
    assert caught.value.fix


def test_retry_after_beyond_the_cap_is_told(opened, box):
    box.fail("vonage", "list_numbers", Fault.status(429, retry_after=99))
    with pytest.raises(RateLimited) as caught:
        list(opened("vonage", retry_after_cap=0.01).list_numbers())
    assert caught.value.retry_after == 99
    assert len(box.requests) == 1


def test_problem_details_are_read(vonage, box):
    box.vonage.applications.clear()
    checks = [check for check in vonage.test_credentials().checks if "application" in check.code]
    assert {check.code for check in checks} == {"vonage.application.not_found"}


def test_secret_is_nowhere_and_the_sdk_logs_nothing(vonage, box, caplog):
    """Trap 14: the SDK logs headers at DEBUG and bodies at WARNING, and its exceptions hold the request."""
    caplog.set_level(logging.DEBUG)
    secret = box.vonage.api_secret
    box.fail("vonage", "*", Fault.echo_secret())
    with pytest.raises(CredentialsRejected) as caught:
        list(vonage.list_numbers())

    seen, held = caught.value, []
    while seen is not None:
        response = getattr(seen, "response", None)
        held.append(
            repr(vars(seen))
            + str(seen)
            + (repr(response.request.headers) + response.text if response is not None else "")
        )
        seen = seen.__cause__
    assert len(held) == 2
    assert secret not in "".join(held) + caplog.text + repr(vonage) + repr(vonage.credentials)
    assert not [record for record in caplog.records if record.name == "vonage"]
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(vonage)


def test_only_the_two_hosts_are_asked_with_basic_authentication(box, opened, app):
    asked = []

    def wire(method, url, headers, body):
        asked.append((urlsplit(url).hostname, headers["authorization"].split()[0]))
        return box.wire(method, url, headers, body)

    carrier = opened("vonage", wire=wire)
    carrier.test_credentials()
    carrier.import_numbers([NUMBER], SIP, on_conflict="overwrite")
    assert set(asked) == {("rest.nexmo.com", "Basic"), ("api.nexmo.com", "Basic")}


def test_docs_page_lists_every_check():
    page = (Path(__file__).parents[2] / "docs/providers/vonage.md").read_text()
    silent = {code for code, finding in FINDINGS.items() if finding.status == "pass"}
    listed = set(re.findall(r"^\| `vonage\.([a-z0-9_.]+)` \|", page, re.MULTILINE))
    assert listed >= set(FINDINGS) - silent
    assert listed <= set(FINDINGS)
