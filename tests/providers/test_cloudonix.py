"""Cloudonix: the thin client over the sandbox, and each trap of its API."""

from __future__ import annotations

import inspect
import json
import logging
import pickle
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

import httpx
import pytest

import voipkit
from voipkit import Route
from voipkit.adapting.translation import rule_for
from voipkit.adapting.transport import HttpOptions, Pace, basic, open_channel
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
from voipkit.providers.cloudonix import RULES, api
from voipkit.providers.cloudonix.checks import FINDINGS, NEVER_TOLD
from voipkit.sandbox import Fault, Sandbox

KEY = "XI0123456789abcdef0123456789abcdef"
NUMBER, BRITISH, IRISH = "+14155550100", "+442079460018", "+35315250000"
ABSENT = "+14155550177"


def codes(found, status=None):
    return {check.code.removeprefix("cloudonix.") for check in found.checks if status in (None, check.status)}


def broken(found):
    """What does not pass, without what Cloudonix never tells and what is not counted because of it."""
    return {
        check.code.removeprefix("cloudonix.")
        for check in found.checks
        if check.status != "pass" and check.code not in NEVER_TOLD and "Not counted" not in check.message
    }


def applications_of(box):
    return {dnid.source: dnid.application_id for dnid in box.cloudonix.dnids}


@pytest.fixture
def cloudonix(opened):
    return opened("cloudonix", retries=0)


@pytest.fixture
def ours(box):
    """The application that the credentials name, with every number on it."""
    application = box.cloudonix.applications[2]
    for dnid in box.cloudonix.dnids:
        dnid.application_id = application.id
    return application


@pytest.fixture
def desk(box):
    """Another team's application, with the first number on it."""
    application = box.cloudonix.applications[3]
    box.cloudonix.dnids[0].application_id = application.id
    return application


# --- what a user types in --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("api_key", "AC" + "0" * 32, "Twilio account SID"),
        ("api_key", "KEY0123", "Telnyx"),
        ("api_key", "Bearer " + KEY, "whole Authorization header"),
        ("api_key", "xi" + "0" * 32, "XI and the rest"),
        ("api_key", KEY + "\n", "a space or newline at an end"),
        ("domain", "https://api.cloudonix.io", "is a URL"),
        ("domain", "sip:acme.cloudonix.net", "is a SIP URI"),
        ("domain", KEY, "are the two swapped"),
        ("domain", "acme/../other", "wrong form"),
        ("domain", "..", "wrong form"),
        ("domain", 1234, "is not text"),
        ("application_name", "two words", "its id where the name has a space"),
    ],
)
def test_wrong_credentials_are_named_before_any_request(field, value, says):
    with pytest.raises(CredentialsInvalid, match=says) as caught:
        voipkit.open_provider("cloudonix", {"api_key": KEY, "domain": "acme", field: value})
    assert caught.value.problems[0].field == field
    assert field != "api_key" or str(value).strip() not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("acme", "acme.cloudonix.net"),
        ("acme.cloudonix.net", "acme.cloudonix.net"),
        ("voice.example.com", "voice.example.com"),
        ("2001", "2001"),
        ("6a09cdc3-8948-47f0-aa62-74ac943d6c58", "6a09cdc3-8948-47f0-aa62-74ac943d6c58"),
    ],
)
def test_short_names_are_completed_and_ids_are_not(given, asked):
    sent = []

    def wire(method, url, headers, body):
        sent.append(url)
        return 401, {}, b""

    with voipkit.open_provider("cloudonix", {"apiKey": KEY, "domain": given}, http=HttpOptions(wire=wire)) as carrier:
        carrier.test_credentials()
    assert sent[0] == f"https://api.cloudonix.io/customers/self/domains/{asked}"


def test_domain_may_be_named_in_every_way(opened, box):
    domain = box.cloudonix.domain
    for name in ("acme", domain.domain, str(domain.id), domain.uuid):
        assert (
            opened("cloudonix", {"api_key": box.cloudonix.api_key, "domain": name}).test_credentials().status == "pass"
        )


def test_form_needs_no_client_and_a_missing_one_says_what_to_install():
    script = """
import sys
sys.modules["httpx"] = None
import voipkit
fields = [f.name for f in voipkit.provider_info("cloudonix").setup_methods[0].fields]
assert fields == ["api_key", "domain", "application_name"], fields
carrier = voipkit.open_provider("cloudonix", {"api_key": "XI0123456789", "domain": "acme"})
try:
    carrier.test_credentials()
except voipkit.errors.MissingExtra as error:
    assert error.fix == "pip install 'voipkit[cloudonix]'", error.fix
else:
    raise SystemExit("no MissingExtra")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


# --- test_credentials and suggest_name -------------------------------------------------------------------------------


def test_working_domain_passes_in_three_requests(cloudonix, box, ours):
    test = cloudonix.test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("pass", True, True)
    assert codes(test) == {
        "key.accepted", "dnids.listed", "domain.active", "entry.alias", "application.active", "application.url",
        "trunk.active", "delivery.unknown", "acceptance.unknown",
    }  # fmt: skip
    assert [recorded.operation for recorded in box.requests] == ["domain", "list_dnids", "list_trunks", "domain"][:3]
    assert box.writes == []


def test_what_no_cloudonix_answer_can_show_is_unknown_and_says_so(cloudonix):
    unknown = {check.code: check for check in cloudonix.test_credentials().checks if check.status == "unknown"}

    assert set(unknown) == NEVER_TOLD
    assert all("cannot tell" in check.message and check.fix for check in unknown.values())


def test_application_that_is_not_the_default_costs_one_more(opened, box):
    carrier = opened("cloudonix", {**box.cloudonix.credentials, "application_name": "front-desk"})

    assert carrier.test_credentials().status == "pass"
    assert len(box.requests) == 4


def test_name_costs_nothing_after_the_test_and_one_without(cloudonix, opened, box):
    cloudonix.test_credentials()
    box.clear()
    assert cloudonix.suggest_name().model_dump() == {"name": "Cloudonix: acme (acme.cloudonix.net)", "inferred": True}
    assert box.requests == []

    other = opened("cloudonix")
    assert other.suggest_name() == other.suggest_name() == cloudonix.suggest_name()
    assert len(box.requests) == 1


def test_name_of_a_domain_without_customer_is_the_domains(opened, box):
    def nameless(method, url, headers, body):
        status, answered, content = box.wire(method, url, headers, body)
        return status, answered, json.dumps({**json.loads(content), "tenant": None}).encode()

    assert opened("cloudonix", wire=nameless).suggest_name().name == "Cloudonix: acme.cloudonix.net"


@pytest.mark.parametrize("form", ["message", "error", "empty"])
def test_refused_key_is_an_answer(form, opened, box):
    box.cloudonix.error_form = form
    test = opened("cloudonix", {"api_key": KEY, "domain": "acme"}).test_credentials()

    assert (test.status, test.credentials_valid, codes(test)) == ("fail", False, {"key.rejected"})
    assert ("It says: The token" in test.checks[0].message) == (form != "empty")
    assert "API Keys" in test.checks[0].fix
    assert len(box.requests) == 2


def test_key_of_another_domain_is_told_from_a_wrong_key(opened, box):
    box.cloudonix.add_domain("other.cloudonix.net")
    test = opened("cloudonix", {"api_key": box.cloudonix.api_key, "domain": "other"}).test_credentials()

    assert codes(test) == {"key.other_domain"}


def test_scope_that_is_refused_by_401_leaves_both_readings_open(opened, box):
    box.cloudonix.scope_status = 401
    box.cloudonix.add_domain("other.cloudonix.net")
    test = opened("cloudonix", {"api_key": box.cloudonix.api_key, "domain": "other"}).test_credentials()

    assert codes(test) == {"key.rejected"}
    assert "for this domain" in test.checks[0].fix


def test_customers_key_with_a_wrong_domain_names_the_right_ones(opened, box):
    test = opened("cloudonix", {"api_key": box.cloudonix.customer_key, "domain": "acmee"}).test_credentials()

    assert (codes(test), test.credentials_valid) == ({"domain.not_found"}, False)
    assert "This key opens: acme.cloudonix.net." in test.checks[0].fix


def test_customers_key_opens_its_domains(opened, box):
    carrier = opened("cloudonix", {**box.cloudonix.credentials, "api_key": box.cloudonix.customer_key})

    assert carrier.test_credentials().status == "pass"


def test_key_without_the_scope_is_told_apart(cloudonix, box):
    box.cloudonix.forbidden.add("domain")
    test = cloudonix.test_credentials()

    assert (codes(test), len(box.requests)) == ({"key.scope"}, 1)


def test_key_that_may_not_list_dnids_is_told_apart(cloudonix, box):
    box.cloudonix.forbidden.add("list_dnids")
    test = cloudonix.test_credentials()

    assert codes(test, "fail") == {"dnids.not_permitted"}
    assert "key.accepted" in codes(test, "pass")


def test_customer_that_is_gone_is_told_apart(cloudonix, box):
    box.cloudonix.customer.active = False

    assert codes(cloudonix.test_credentials(), "fail") == {"customer.inactive"}


@pytest.mark.parametrize(
    "fault",
    [
        Fault.timeout(),
        Fault.reset(),
        Fault.status(503),
        Fault.status(429),
        Fault.html(403),
        Fault.html(404),
        Fault.html(200),
    ],
)
def test_carrier_that_could_not_be_asked_is_unknown(fault, cloudonix, box):
    box.fail("cloudonix", "*", fault)
    test = cloudonix.test_credentials()

    assert (codes(test), test.credentials_valid, test.status) == ({"key.unknown"}, None, "fail")


def domain_off(box, carrier):
    carrier.domain.active = False
    return "fail", "domain.inactive"


def no_entry(box, carrier):
    carrier.aliases.clear()
    return "unknown", "entry.unknown"


def alias_off(box, carrier):
    carrier.aliases[0].active = False
    return "unknown", "entry.unknown"


def application_off(box, carrier):
    carrier.applications[2].active = False
    return "fail", "application.inactive"


def no_url(box, carrier):
    carrier.applications[2].url = ""
    return "fail", "application.no_url"


def plain_url(box, carrier):
    carrier.applications[2].url = "http://user:hidden@voice.example.com/in?token=hidden"
    return "warn", "application.url_plain"


def built_in(box, carrier):
    carrier.applications[2].kind = "Cloudonix:built-in"
    return "unknown", "application.built_in"


def no_trunk(box, carrier):
    carrier.trunks.clear()
    return "fail", "trunk.none"


def inbound_trunk_only(box, carrier):
    carrier.trunks[0].direction = "public-inbound"
    return "fail", "trunk.none"


def trunk_off(box, carrier):
    carrier.trunks[0].active = False
    return "fail", "trunk.inactive"


EDGES = [
    domain_off, no_entry, alias_off, application_off, no_url, plain_url, built_in, no_trunk, inbound_trunk_only, trunk_off,
]  # fmt: skip


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.__name__)
@pytest.mark.parametrize("ask", ["test_credentials", "verify_number"])
def test_exactly_the_broken_edge_is_named(edge, ask, cloudonix, box, ours):
    status, code = edge(box, box.cloudonix)
    found = cloudonix.test_credentials() if ask == "test_credentials" else cloudonix.verify_number(NUMBER)

    assert broken(found) == {code}
    told = [check for check in found.checks if check.code == f"cloudonix.{code}"]
    assert {check.status for check in told} == {status}
    assert all(check.fix for check in told)
    assert "hidden" not in found.model_dump_json()


def test_a_link_that_is_not_known_leaves_the_direction_unknown(cloudonix, box, ours):
    no_entry(box, box.cloudonix)
    test = cloudonix.test_credentials()

    assert (test.inbound_reachable, test.outbound_authorized, test.credentials_valid) == (None, True, True)


def test_an_inbound_trunk_is_an_entry_and_is_not_needed(cloudonix, box, ours):
    box.cloudonix.aliases.clear()
    box.cloudonix.add_trunk("inbound", "from-carrier", "192.0.2.7")

    assert "entry.trunk" in codes(cloudonix.test_credentials(), "pass")


@pytest.mark.parametrize("direction", ["outbound", "public-outbound"])
def test_both_words_for_outbound_are_read(direction, cloudonix, box, ours):
    box.cloudonix.trunks[0].direction = direction

    assert cloudonix.test_credentials().outbound_authorized is True


def test_one_active_trunk_of_several_is_enough(cloudonix, box, ours):
    box.cloudonix.trunks[0].active = False
    second = box.cloudonix.add_trunk("outbound", "spare", "192.0.2.9")
    (check,) = [check for check in cloudonix.test_credentials().checks if check.name == "Outbound trunk"]

    assert (check.status, check.object.id) == ("pass", str(second.id))


@pytest.mark.parametrize(
    ("named", "code"),
    [("acme-carrier", "trunk.active"), ("nobody", "trunk.not_found"), ("from-carrier", "trunk.wrong_direction")],
)
def test_trunk_that_is_named_is_the_one_that_is_judged(named, code, opened, box, ours):
    box.cloudonix.add_trunk("public-inbound", "from-carrier", "192.0.2.7")
    test = opened("cloudonix", sip_config={"outboundTrunk": named}).test_credentials()

    assert code in codes(test)
    assert test.outbound_authorized is (code == "trunk.active")


def test_application_that_does_not_exist(opened, box):
    test = opened("cloudonix", {**box.cloudonix.credentials, "application_name": "nobody"}).test_credentials()

    assert codes(test, "fail") == {"application.not_found"}


def test_without_any_application_nothing_is_claimed(opened, box):
    box.cloudonix.domain.default_application = None
    test = opened("cloudonix", {"api_key": box.cloudonix.api_key, "domain": "acme"}).test_credentials()

    assert codes(test, "skipped") == {"application.not_named"}
    assert test.status == "pass"


def test_default_application_is_judged_where_none_is_named(opened, box):
    carrier = opened("cloudonix", {"api_key": box.cloudonix.api_key, "domain": "acme"})
    assert carrier.test_credentials().inbound_reachable is True

    box.cloudonix.domain.default_application = box.cloudonix.applications[0].id
    assert codes(carrier.test_credentials(), "fail") == {"application.blackhole"}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [("list_dnids", {"dnids.unknown"}), ("list_trunks", {"trunk.unknown"}), ("application", {"application.unknown"})],
)
def test_a_question_without_answer_is_unknown_and_only_that(operation, expected, opened, box, ours):
    box.fail("cloudonix", operation, Fault.timeout())
    carrier = opened("cloudonix", {**box.cloudonix.credentials, "application_name": "front-desk"}, retries=0)
    test = carrier.test_credentials()

    assert broken(test) == expected
    assert codes(test, "fail") == set()


def test_secrets_of_the_domain_are_blanked(opened, box, caplog):
    password = box.cloudonix.trunks[0].profile["authentication"]["password"]
    seen = []
    caplog.set_level("DEBUG")
    carrier = opened("cloudonix")
    real = carrier._api._client()
    sent = real.request

    def request(*args, **kwargs):
        seen.append(sent(*args, **kwargs))
        return seen[-1]

    real.request = request
    carrier.test_credentials()

    assert any("authentication" in reply.text for reply in seen)
    assert not [reply for reply in seen if password in reply.text]


# --- list_numbers ----------------------------------------------------------------------------------------------------


def test_number_is_mapped_with_unknown_left_unknown(cloudonix, box, ours):
    assert next(cloudonix.list_numbers()).model_dump() == {
        "id": str(box.cloudonix.dnids[0].id), "number": NUMBER, "raw": NUMBER, "friendly_name": None, "type": "other",
        "capabilities": ("voice",), "country": "US", "region": None, "monthly_fee": None, "currency": None,
        "status": "active", "active": True, "routing": {"application_id": str(ours.id)},
        "route": {"kind": "application", "target": str(ours.id), "method": None},
    }  # fmt: skip


def test_all_come_in_one_request(cloudonix, box):
    box.cloudonix.seed_numbers(1000)

    assert len({number.number for number in cloudonix.list_numbers()}) == 1003
    assert len(box.requests) == 1


@pytest.mark.parametrize("is_404", [True, False])
def test_empty_listing_is_empty_and_no_error(is_404, cloudonix, box, ours):
    box.incident("empty-account")
    box.cloudonix.empty_is_404 = is_404

    assert list(cloudonix.list_numbers()) == []
    assert len(box.requests) == (2 if is_404 else 1)  # a 404 is believed once the domain has answered
    assert cloudonix.import_numbers([NUMBER]).counts == {"not_owned": 1}
    assert cloudonix.test_credentials().status == "pass"


def test_a_404_of_the_domain_is_not_an_empty_listing(opened, box):
    carrier = opened("cloudonix", {"api_key": box.cloudonix.customer_key, "domain": "nobody"})

    for work in (
        lambda: list(carrier.list_numbers()), lambda: carrier.import_numbers([NUMBER]),
        lambda: carrier.verify_number(NUMBER), carrier.suggest_name,
    ):  # fmt: skip
        with pytest.raises(NotFound):
            work()


@pytest.mark.parametrize("fault", [Fault.html(404), Fault.timeout(), Fault.status(403), Fault.body(b"", 410)])
def test_listing_that_could_not_be_asked_is_never_empty(fault, cloudonix, box):
    box.fail("cloudonix", "list_dnids", fault)

    with pytest.raises(ProviderError):
        list(cloudonix.list_numbers())


def test_domain_that_cannot_be_asked_leaves_a_404_open(cloudonix, box):
    box.incident("empty-account")
    box.fail("cloudonix", "domain", Fault.timeout())

    with pytest.raises(ProviderTimeout):
        list(cloudonix.list_numbers())


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "+1415", "prefix": True}, {"source": "+1415555[0-9]", "expression": True},
        {"source": "_1415NXXXXXX", "asterisk_compatible": True}, {"source": None, "dnid": r"^(\+1415.*)$"},
        {"source": None, "dnid": r"^\+1415"}, {"source": "reception"}, {"source": "1000"}, {"source": "030123456"},
    ],
)  # fmt: skip
def test_no_number_is_made_from_a_pattern(fields, cloudonix, box, caplog):
    caplog.set_level(logging.INFO, "voipkit.listing")
    fields = dict(fields)
    box.cloudonix.add_number(fields.pop("source"), **fields)

    assert [number.number for number in cloudonix.list_numbers()] == [NUMBER, BRITISH, IRISH]
    assert "1 of the domain's 4 DNIDs" in caplog.text


def test_dnids_that_are_no_numbers_are_told_with_the_test(cloudonix, box):
    box.cloudonix.add_number("+1415", prefix=True)
    box.cloudonix.add_number(None, dnid=r"^(\+44.*)$")
    for name in ("reception", "1000", "fax"):
        box.cloudonix.add_number(name)
    test = cloudonix.test_credentials()

    (check,) = [check for check in test.checks if check.code == "cloudonix.dnids.no_numbers"]
    assert (check.status, test.status, test.credentials_valid) == ("skipped", "pass", True)
    assert "5 of the domain's 8 DNIDs" in check.message
    assert "('+1415', '^(\\+44.*)$', 'reception', ...)" in check.message
    assert "numbers" in check.fix


def test_a_domain_of_plain_numbers_has_nothing_to_tell(cloudonix, caplog):
    caplog.set_level(logging.INFO, "voipkit.listing")

    assert "dnids.no_numbers" not in codes(cloudonix.test_credentials())
    assert len(list(cloudonix.list_numbers())) == 3
    assert not [record for record in caplog.records if record.name == "voipkit.listing"]


def test_a_short_number_takes_no_call_of_a_long_one(cloudonix, box, ours):
    box.cloudonix.add_number("1000", dnid="", application_id=box.cloudonix.applications[3].id)

    assert cloudonix.verify_number(NUMBER).status == "pass"


@pytest.mark.parametrize(
    ("source", "dnid", "number"),
    [
        ("14155550123", "", "+14155550123"),
        (None, r"^\+14155550123$", "+14155550123"),
        (None, r"^(\+14155550123)$", "+14155550123"),
        (None, "^(14155550123)$", "+14155550123"),
        (None, "14155550123", "+14155550123"),
    ],
)
def test_every_spelling_of_a_plain_number_is_one(source, dnid, number, cloudonix, box):
    box.cloudonix.dnids.clear()
    box.cloudonix.add_number(source, dnid=dnid)

    assert [each.number for each in cloudonix.list_numbers()] == [number]


def test_two_spellings_are_one_number(cloudonix, box):
    box.cloudonix.dnids.clear()
    box.cloudonix.add_number("14155550100")
    plus = box.cloudonix.add_number(NUMBER)

    assert [(each.id, each.raw) for each in cloudonix.list_numbers()] == [(str(plus.id), NUMBER)]


def test_inactive_dnid_is_listed_and_not_imported(cloudonix, box):
    box.cloudonix.dnids[0].active = False

    assert next(cloudonix.list_numbers()).active is False
    assert cloudonix.import_numbers([NUMBER]).results[0].code == "import.not_active"
    assert box.writes == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(200), Fault.truncated_json(), Fault.json_array(), Fault.empty_body(), Fault.body(b"{}"),
        Fault.body(b"null"), Fault.body(b"[1]"), Fault.body(b"[{}]"), Fault.body(b'[{"id": 1}]'),
        Fault.body(b'[{"id": 1, "dnid": 7}]'), Fault.body(b"\xff\xfe"), Fault.body(b"[" * 100_000),
        Fault.body(b"", 204), Fault.html(302),
    ],
)  # fmt: skip
def test_nonsense_is_an_unexpected_response_and_nothing_else(fault, cloudonix, box):
    box.fail("cloudonix", "*", fault)

    with pytest.raises(UnexpectedResponse):
        list(cloudonix.list_numbers())
    with pytest.raises(UnexpectedResponse):
        cloudonix.suggest_name()
    with pytest.raises(UnexpectedResponse):
        cloudonix.import_numbers([NUMBER])
    with pytest.raises(UnexpectedResponse):
        cloudonix.verify_number(NUMBER)
    assert cloudonix.test_credentials().credentials_valid is None


def test_listing_under_its_name_is_read_too(opened, box):
    def wrapped(method, url, headers, body):
        status, answered, content = box.wire(method, url, headers, body)
        name = url.rsplit("/", 1)[1]
        return status, answered, json.dumps({name: json.loads(content)}).encode() if name == "dnids" else content

    assert len(list(opened("cloudonix", wire=wrapped).list_numbers())) == 3


# --- import_numbers and restore_numbers ------------------------------------------------------------------------------


def test_import_takes_the_named_application_and_restore_puts_all_back(cloudonix, box):
    before = applications_of(box)
    report = cloudonix.import_numbers([NUMBER, BRITISH, IRISH])

    assert (report.counts, report.writes, report.ok) == ({"imported": 3}, 3, True)
    assert set(applications_of(box).values()) == {box.cloudonix.applications[2].id}
    assert [json.loads(r.request_body) for r in box.writes] == [{"applicationId": box.cloudonix.applications[2].id}] * 3
    assert cloudonix.import_numbers([NUMBER, BRITISH, IRISH]).counts == {"unchanged": 3}

    assert cloudonix.restore_numbers(report.snapshot).counts == {"imported": 3}
    assert applications_of(box) == before


def test_import_costs_a_listing_the_application_and_two_a_number(cloudonix, box):
    cloudonix.import_numbers([NUMBER, BRITISH, IRISH])

    asked = [recorded.operation for recorded in box.requests]
    assert {name: asked.count(name) for name in set(asked)} == {
        "list_dnids": 1, "application": 1, "update_dnid": 3, "dnid": 3,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["id", "uuid", "name"])
def test_application_may_be_named_in_every_way_and_is_written_by_its_id(name, cloudonix, box):
    application = box.cloudonix.applications[3]
    report = cloudonix.import_numbers([NUMBER], Route.application(str(getattr(application, name))))

    assert report.counts == {"imported": 1}
    assert applications_of(box)[NUMBER] == application.id


@pytest.mark.parametrize(
    ("name", "segment"), [("a/b?c#d%2F", "a%2Fb%3Fc%23d%252F"), ("..", "%2E%2E"), ("a:b@c", "a%3Ab%40c")]
)
def test_application_name_is_one_segment_of_the_path(name, segment, opened, box):
    asked = []

    def wire(method, url, headers, body):
        if "/applications/" not in url:
            return box.wire(method, url, headers, body)
        asked.append(url.split("/applications/")[1])
        return 404, {}, b""

    report = opened("cloudonix", wire=wire).import_numbers([NUMBER], Route.application(name))
    assert (asked, report.results[0].code) == ([segment], "import.not_found")


def test_another_application_than_was_asked_for_is_not_taken(opened, box):
    def other(method, url, headers, body):
        return box.wire(method, url.replace("front-desk", "acme-ivr"), headers, body)

    with pytest.raises(UnexpectedResponse, match="another application"):
        opened("cloudonix", wire=other).import_numbers([NUMBER], Route.application("front-desk"))
    assert box.writes == []


def test_application_that_does_not_exist_fails_each_number_and_writes_nothing(cloudonix, box):
    report = cloudonix.import_numbers([NUMBER, BRITISH], Route.application("nobody"))

    assert [result.code for result in report.results] == ["import.not_found"] * 2
    assert "no application 'nobody'" in report.results[0].message
    assert box.writes == []


def test_number_on_another_application_is_a_conflict_and_is_not_written(cloudonix, box, desk):
    report = cloudonix.import_numbers([NUMBER, BRITISH])

    assert [result.status for result in report.results] == ["conflict", "imported"]
    assert report.results[0].message == f"Its calls go to application {desk.id} 'front-desk' now."
    assert applications_of(box)[NUMBER] == desk.id
    assert len(box.writes) == 1


def test_overwritten_number_goes_back_where_it_was(cloudonix, box, desk):
    report = cloudonix.import_numbers([NUMBER], on_conflict="overwrite")
    assert applications_of(box)[NUMBER] == box.cloudonix.applications[2].id
    assert "front-desk" in report.results[0].notes[0]

    cloudonix.restore_numbers(report.snapshot)
    assert applications_of(box)[NUMBER] == desk.id


def test_blackhole_is_free_and_call_routing_is_not(cloudonix, box):
    box.cloudonix.dnids[1].application_id = box.cloudonix.applications[1].id
    report = cloudonix.import_numbers([NUMBER, BRITISH])

    assert [result.status for result in report.results] == ["imported", "conflict"]
    assert "Call-Routing" in report.results[1].message


def test_restore_leaves_alone_what_somebody_changed(cloudonix, box):
    report = cloudonix.import_numbers([NUMBER])
    box.cloudonix.dnids[0].application_id = box.cloudonix.applications[3].id

    assert cloudonix.restore_numbers(report.snapshot).counts == {"conflict": 1}
    assert applications_of(box)[NUMBER] == box.cloudonix.applications[3].id


def test_application_that_is_not_shown_is_not_free(cloudonix, box, ours):
    box.fail("cloudonix", "list_dnids", Fault.nulls())
    report = cloudonix.import_numbers([NUMBER])

    assert report.results[0].status == "conflict"
    assert "not shown" in report.results[0].message
    assert box.writes == []
    assert "number.route.unknown" in codes(cloudonix.verify_number(NUMBER), "unknown")


def test_dry_run_writes_nothing(cloudonix, box):
    report = cloudonix.import_numbers([NUMBER, BRITISH], dry_run=True)

    assert (report.counts, report.writes, box.writes) == ({"imported": 2}, 0, [])
    assert report.results[0].changes == {
        "application_id": (str(box.cloudonix.applications[0].id), str(box.cloudonix.applications[2].id))
    }


def test_without_any_route_numbers_are_only_recorded(opened, box):
    credentials = {"api_key": box.cloudonix.api_key, "domain": "acme"}
    report = opened("cloudonix", credentials, sip_config={"create_dnids": True}).import_numbers([NUMBER, ABSENT])

    assert [result.code for result in report.results] == ["import.recorded", "import.not_owned"]
    assert box.writes == []


@pytest.mark.parametrize(
    "route", [Route.sip("sip:a@b.example"), Route.trunk("acme-carrier"), Route.webhook("https://a.example")]
)
def test_other_routes_are_refused_before_any_request(route, cloudonix, box):
    with pytest.raises(Unsupported, match="application"):
        cloudonix.import_numbers([NUMBER], route)
    with pytest.raises(Unsupported):
        cloudonix.verify_numbers([NUMBER], route)
    assert box.requests == []


def test_number_without_dnid_is_not_owned_unless_dnids_may_be_made(cloudonix, box):
    assert cloudonix.import_numbers([ABSENT]).counts == {"not_owned": 1}
    assert box.writes == []


def test_dnid_is_made_where_that_is_allowed_and_restore_removes_it(opened, box):
    carrier = opened("cloudonix", sip_config={"createDnids": True})
    report = carrier.import_numbers([ABSENT, NUMBER])

    assert (report.counts, report.writes) == ({"imported": 2}, 2)
    assert applications_of(box)[ABSENT] == box.cloudonix.applications[2].id
    assert report.results[0].changes == {"application_id": (None, str(box.cloudonix.applications[2].id))}
    assert "Cloudonix cannot tell" in report.results[0].notes[0]
    made = next(json.loads(r.request_body) for r in box.writes if r.operation == "create_dnid")
    assert made == {
        "source": ABSENT, "applicationId": box.cloudonix.applications[2].id, "prefix": False, "expression": False,
        "asteriskCompatible": False,
    }  # fmt: skip
    assert carrier.import_numbers([ABSENT]).counts == {"unchanged": 1}

    assert carrier.restore_numbers(report.snapshot).counts == {"imported": 2}
    assert set(applications_of(box)) == {NUMBER, BRITISH, IRISH}


def test_dry_run_makes_no_dnid(opened, box):
    report = opened("cloudonix", sip_config={"create_dnids": True}).import_numbers([ABSENT], dry_run=True)

    assert (report.results[0].code, box.writes) == ("import.planned", [])


def test_restore_removes_no_dnid_that_it_did_not_make(opened, box):
    carrier = opened("cloudonix", sip_config={"create_dnids": True})
    report = carrier.import_numbers([ABSENT])
    made = next(dnid for dnid in box.cloudonix.dnids if dnid.source == ABSENT)
    made.source = ABSENT.removeprefix("+")
    restored = carrier.restore_numbers(report.snapshot)

    assert restored.results[0].status == "failed"
    assert "not the one that the import added" in restored.results[0].message
    assert len(box.cloudonix.dnids) == 4


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("fault", [Fault.timeout, Fault.reset])
@pytest.mark.parametrize(("number", "operation"), [(NUMBER, "update_dnid"), (ABSENT, "create_dnid")])
def test_write_whose_answer_is_lost_is_looked_up_and_never_repeated(number, operation, fault, applied, opened, box):
    box.fail("cloudonix", operation, fault(applied=applied))
    report = opened("cloudonix", sip_config={"create_dnids": True}).import_numbers([number])

    assert [recorded.operation for recorded in box.requests].count(operation) == 1
    assert report.counts == ({"imported": 1} if applied else {"failed": 1})
    assert (applications_of(box).get(number) == box.cloudonix.applications[2].id) is applied


def test_removal_whose_answer_is_lost_is_looked_up(opened, box):
    carrier = opened("cloudonix", sip_config={"create_dnids": True})
    report = carrier.import_numbers([ABSENT])
    box.fail("cloudonix", "delete_dnid", Fault.timeout(applied=True))

    assert carrier.restore_numbers(report.snapshot).counts == {"imported": 1}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_no_write_is_ever_repeated(status, opened, box):
    box.fail("cloudonix", "update_dnid", Fault.status(status))
    box.fail("cloudonix", "create_dnid", Fault.status(status))
    report = opened("cloudonix", sip_config={"create_dnids": True}).import_numbers([NUMBER, ABSENT])

    asked = [recorded.operation for recorded in box.requests]
    assert (asked.count("update_dnid"), asked.count("create_dnid")) == (1, 1)
    assert report.counts == {"failed": 2}


def test_write_that_cloudonix_ignores_is_not_believed(opened, box):
    def deaf(method, url, headers, body):
        return (204, {}, b"") if method == "PUT" else box.wire(method, url, headers, body)

    result = opened("cloudonix", wire=deaf).import_numbers([NUMBER]).results[0]
    assert (result.status, result.code) == ("failed", "import.read_back")


def test_put_that_replaces_the_rule_is_noticed(opened, box):
    def replacing(method, url, headers, body):
        if method == "PUT":
            box.cloudonix.dnids[0].source = "+1"
        return box.wire(method, url, headers, body)

    result = opened("cloudonix", wire=replacing).import_numbers([NUMBER]).results[0]
    assert result.status == "failed"
    assert f"not for {NUMBER} any more" in result.message


def test_read_that_fails_after_the_write_does_not_say_unchanged(opened, box):
    box.fail("cloudonix", "dnid", Fault.status(403))
    result = opened("cloudonix").import_numbers([NUMBER]).results[0]

    assert (result.status, result.code) == ("failed", "import.unknown")
    assert applications_of(box)[NUMBER] == box.cloudonix.applications[2].id


def test_bad_numbers_do_not_stop_the_good_ones(cloudonix, box):
    report = cloudonix.import_numbers([NUMBER, ABSENT, "12", NUMBER])

    assert [result.code for result in report.results] == [
        "import.imported", "import.not_owned", "import.not_e164", "import.duplicate",
    ]  # fmt: skip


def test_other_dnids_that_may_take_the_calls_are_noted(cloudonix, box, desk):
    box.cloudonix.dnids[0].application_id = box.cloudonix.applications[0].id
    box.cloudonix.add_number(NUMBER.removeprefix("+"), application_id=desk.id)
    box.cloudonix.add_number("+1415", prefix=True, application_id=desk.id)
    notes = cloudonix.import_numbers([NUMBER]).results[0].notes

    assert len(notes) == 2
    assert "14155550100" in notes[0]
    assert "'+1415'" in notes[1]


def test_snapshot_of_another_carrier_is_refused(cloudonix):
    snapshot = cloudonix.import_numbers([NUMBER], dry_run=True).snapshot

    with pytest.raises(ConfigurationError, match="snapshot is of twilio"):
        cloudonix.restore_numbers(snapshot.model_copy(update={"provider": "twilio"}))


# --- verify_number and verify_numbers --------------------------------------------------------------------------------


def test_working_number_passes_in_three_requests(cloudonix, box, ours):
    found = cloudonix.verify_number(NUMBER)

    assert (found.status, broken(found), found.id) == ("pass", set(), str(box.cloudonix.dnids[0].id))
    assert found.route == Route.application("acme-ivr")
    assert (len(box.requests), box.writes) == (3, [])


def test_number_without_dnid_is_an_answer_and_says_where_calls_go(cloudonix, box):
    found = cloudonix.verify_number(ABSENT)

    assert (found.status, codes(found), found.id) == ("fail", {"number.not_owned"}, None)
    assert "default application 2005 'acme-ivr'" in found.checks[0].message


@pytest.mark.parametrize("operation", ["list_dnids", "*"])
def test_number_that_could_not_be_asked_about_is_no_answer(operation, cloudonix, box):
    box.fail("cloudonix", operation, Fault.timeout())

    with pytest.raises(ProviderTimeout):
        cloudonix.verify_number(NUMBER)


@pytest.mark.parametrize("given", ["4155550100", "+1", "sip:a@b.example"])
def test_verify_number_wants_e164(given, cloudonix, box):
    with pytest.raises(InvalidNumber):
        cloudonix.verify_number(given)
    assert box.requests == []


def test_domain_that_could_not_be_asked_is_unknown_for_a_number(cloudonix, box, ours):
    box.fail("cloudonix", "domain", Fault.timeout())
    found = cloudonix.verify_number(NUMBER)

    assert (found.status, found.inbound_reachable) == ("unknown", None)
    assert "domain.unknown" in codes(found, "unknown")


def test_number_on_another_application_than_asked_for(cloudonix, box, ours, desk):
    found = cloudonix.verify_number(NUMBER)

    assert codes(found, "fail") == {"number.routed_elsewhere"}
    assert f"application {desk.id} 'front-desk', not to application {ours.id} 'acme-ivr'" in found.failures[0].message
    assert cloudonix.verify_number(NUMBER, Route.application("front-desk")).status == "pass"
    assert cloudonix.verify_number(NUMBER, Route.application(desk.uuid)).status == "pass"


def test_application_that_could_not_be_asked_about_is_not_another_one(cloudonix, box, ours):
    box.fail("cloudonix", "application", Fault.timeout())
    found = cloudonix.verify_number(NUMBER, Route.application("front-desk"))

    assert codes(found, "fail") == set()
    assert {"number.routing.unknown", "application.unknown"} <= codes(found, "unknown")


def test_parked_number_is_named(opened, box):
    found = opened("cloudonix", {"api_key": box.cloudonix.api_key, "domain": "acme"}).verify_number(NUMBER)

    assert codes(found, "fail") == {"application.blackhole"}
    assert found.route is None


def test_inactive_number_is_named(cloudonix, box, ours):
    box.cloudonix.dnids[0].active = False

    assert codes(cloudonix.verify_number(NUMBER), "fail") == {"number.inactive"}


def test_other_spelling_on_another_application_is_a_warning(cloudonix, box, ours):
    box.cloudonix.add_number("14155550100", application_id=box.cloudonix.applications[3].id)
    found = cloudonix.verify_number(NUMBER)

    assert (broken(found), found.status) == ({"number.spelled_twice"}, "pass")
    assert "arrive for 14155550100" in next(c.message for c in found.checks if c.status == "warn")


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"source": "+1415", "prefix": True}, True), ({"source": "+44", "prefix": True}, False),
        ({"dnid": r"^(\+1415.*)$"}, True), ({"dnid": r"^(\+1[0-9]+)$"}, True), ({"dnid": r"^(\+44.*)$"}, False),
        ({"dnid": r"^(a+)+$"}, True), ({"dnid": "("}, True), ({"source": "+1415", "prefix": True, "active": False}, False),
    ],
)  # fmt: skip
def test_pattern_that_may_take_the_calls_leaves_inbound_unknown(rule, matches, cloudonix, box, ours):
    fields = {"source": None, **rule}
    box.cloudonix.add_number(fields.pop("source"), application_id=box.cloudonix.applications[3].id, **fields)
    found = cloudonix.verify_number(NUMBER)

    assert broken(found) == ({"number.pattern.unknown"} if matches else set())
    assert found.inbound_reachable is (None if matches else True)


def test_pattern_that_leads_to_the_same_application_does_not_matter(cloudonix, box, ours):
    box.cloudonix.add_number("+1", prefix=True, application_id=ours.id)

    assert cloudonix.verify_number(NUMBER).status == "pass"


@pytest.mark.parametrize("count", [3, 500])
def test_many_numbers_cost_three_requests(count, cloudonix, box, ours):
    box.cloudonix.seed_numbers(count - 3, application_id=box.cloudonix.domain.default_application)
    wanted = [dnid.source for dnid in box.cloudonix.dnids]
    found = list(cloudonix.verify_numbers([*wanted, ABSENT, "nonsense"]))

    assert [each.number for each in found] == [*wanted, ABSENT, "nonsense"]
    assert {each.status for each in found[:count]} == {"pass"}
    assert codes(found[-1]) == {"number.not_e164"}
    assert len(box.requests) == 3


# --- errors, secrets, pace -------------------------------------------------------------------------------------------


def test_every_exception_that_can_be_raised_has_a_rule():
    raised = [kind for _, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, Exception)]

    assert len(raised) > 20
    for kind in (*raised, api.Refused, json.JSONDecodeError):
        assert rule_for(kind, RULES) is not None, kind


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.status(400), InvalidRequest), (Fault.status(401), CredentialsRejected),
        (Fault.status(403), PermissionDenied), (Fault.html(403), UnexpectedResponse),
        (Fault.status(429), RateLimited), (Fault.status(500), ProviderUnavailable),
        (Fault.html(502), ProviderUnavailable), (Fault.html(302), UnexpectedResponse),
        (Fault.timeout(), ProviderTimeout), (Fault.reset(), ProviderUnavailable),
        (Fault.body(b"[]", 401), CredentialsRejected), (Fault.body(b'{"message": {"a": 1}}', 400), InvalidRequest),
        (Fault.body(b"[" * 100_000, 400), InvalidRequest), (Fault.body(b"\xff", 403), PermissionDenied),
    ],
)  # fmt: skip
def test_each_answer_becomes_the_error_that_says_what_to_do(fault, expected, cloudonix, box):
    box.fail("cloudonix", "list_dnids", fault)

    with pytest.raises(ProviderError) as caught:
        list(cloudonix.list_numbers())
    assert type(caught.value) is expected
    assert (caught.value.provider, caught.value.operation) == ("cloudonix", "list_numbers")
    assert caught.value.fix


def test_key_is_nowhere_to_be_seen(opened, box, caplog):
    key = box.cloudonix.api_key
    box.fail("cloudonix", "*", Fault.echo_secret())
    carrier = opened("cloudonix", retries=0)
    caplog.set_level("DEBUG")
    with pytest.raises(ProviderError) as caught:
        list(carrier.list_numbers())

    error, shown = caught.value, []
    while error is not None:
        shown += ["".join(traceback.format_exception(error)), repr(vars(error)), str(error)]
        step = error.__traceback__.tb_next
        while step:
            shown.append(repr(step.tb_frame.f_locals) if "cloudonix" in step.tb_frame.f_code.co_filename else "")
            step = step.tb_next
        error = error.__cause__ or error.__context__
    shown += [repr(carrier), carrier.test_credentials().model_dump_json(), caplog.text]
    assert not [text for text in shown if key in text]
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(carrier)


def test_requests_go_one_at_a_time_and_stay_within_the_window(box):
    """As the document counts: 10 requests in 3 seconds for one domain, also when two keys share it."""
    box.cloudonix.rate_limit = (10, 3.0)
    box.cloudonix.seed_numbers(6, application_id=box.cloudonix.applications[0].id)
    flying, most = 0, 0

    def wire(*request):
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        time.sleep(0.002)
        answer = box.wire(*request)
        flying -= 1
        return answer

    numbers = [dnid.source for dnid in box.cloudonix.dnids]
    began = time.monotonic()
    options = HttpOptions(wire=wire, retries=0)
    customer = {**box.cloudonix.credentials, "api_key": box.cloudonix.customer_key}
    with (
        voipkit.open_provider("cloudonix", box.cloudonix.credentials, http=options) as one,
        voipkit.open_provider("cloudonix", customer, http=options) as two,
    ):
        assert one.import_numbers(numbers).counts == {"imported": 9}
        two.suggest_name()
    assert time.monotonic() - began >= 6.0  # 21 requests, 8 in any 3 seconds
    assert most == 1


def test_throttle_keeps_to_a_pace_and_waits_a_window_after_a_429():
    starts, status = [], [200, 200, 200, 429] + [200] * 100

    def wire(*_):
        starts.append(time.monotonic())
        return status[len(starts) - 1], {}, b"[]"

    def open_with(**options):
        secret = voipkit.provider_info("cloudonix").setup_methods[0].credentials(api_key=KEY, domain="acme").api_key
        return open_channel(
            "cloudonix", HttpOptions(wire=wire, **options), basic("a", secret), hosts={"a.example"}, sdk="httpx",
            pace=Pace(2, 0.2, "test"),
        )  # fmt: skip

    paced = open_with()
    began = time.monotonic()  # a busy machine may start any of them late, and none early
    for _ in range(4):  # the fourth is answered 429, and is sent again after a window
        assert paced.exchange("GET", "https://a.example/", {}, b"").status == 200
    assert [starts[n] - began >= 0.199 for n in (2, 3)] == [True, True]
    assert starts[4] - starts[3] >= 0.2

    starts.clear()
    free = open_with(rate=1000)
    for _ in range(100):
        free.exchange("GET", "https://a.example/", {}, b"")
    assert starts[99] - starts[0] < 100 * 0.1 / 2  # half of what the pace would take


# --- docs ------------------------------------------------------------------------------------------------------------


def test_docs_page_lists_every_check():
    page = (Path(__file__).parents[2] / "docs/providers/cloudonix.md").read_text()
    listed = set(re.findall(r"^\| `cloudonix\.([a-z0-9_.]+)`", page, re.MULTILINE))

    assert listed == {code for code, finding in FINDINGS.items() if finding.status != "pass"}


def test_a_fresh_sandbox_is_what_these_tests_start_from():
    assert [dnid.source for dnid in Sandbox().cloudonix.dnids] == [NUMBER, BRITISH, IRISH]
