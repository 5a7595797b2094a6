"""Twilio: the real SDK over the sandbox, and each trap of its API."""

from __future__ import annotations

import copy
import importlib
import inspect
import json

import pytest

import voipkit
from tests.providers.answers import lacking
from voipkit import Route
from voipkit.adapting.translation import rule_for
from voipkit.errors import (
    CredentialsInvalid,
    CredentialsRejected,
    InvalidNumber,
    NotFound,
    PermissionDenied,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    UnexpectedResponse,
    Unsupported,
)
from voipkit.providers.twilio import RULES
from voipkit.sandbox import Fault

HOOK = "https://voice.example.org/hook"
OTHER_HOOK = "https://other.example.net/live"


def codes(checks, status=None):
    return {check.code for check in checks if status in (None, check.status)}


def routing(number):
    return (number.trunk_sid, number.voice_application_sid, number.voice_url, number.voice_method)


@pytest.fixture
def twilio(opened):
    return opened("twilio")


# --- credentials -----------------------------------------------------------------------------------------------------


def test_working_account_passes_in_five_requests(twilio, box):
    test = twilio.test_credentials()

    assert (test.status, test.credentials_valid, test.inbound_reachable, test.outbound_authorized) == (
        "pass",
        True,
        True,
        True,
    )
    assert len(box.requests) == 5
    assert box.writes == []


def test_name_costs_nothing_after_the_test(twilio, box):
    twilio.test_credentials()
    asked = len(box.requests)

    assert twilio.suggest_name().name == "Twilio: Acme Voice (+14155550100)"
    assert len(box.requests) == asked


@pytest.mark.parametrize(
    ("friendly_name", "expected"),
    [
        ("owner@example.com", ("Twilio (+14155550100)", True)),
        ("My first Twilio account", ("Twilio (+14155550100)", True)),
        ("Shop", ("Twilio: Shop (+14155550100)", True)),
    ],
)
def test_default_account_names_are_not_shown(friendly_name, expected, twilio, box):
    box.twilio.account.friendly_name = friendly_name

    suggested = twilio.suggest_name()

    assert (suggested.name, suggested.inferred) == expected


@pytest.mark.parametrize("odd", [7, ["Shop"], {"a": 1}, True])
def test_an_account_or_trunk_whose_name_is_no_text_has_none(odd, opened, box):
    """The SDK passes on whatever JSON held; in a check it raised pydantic's own ValidationError."""

    def wire(method, url, headers, body):
        status, answer, content = box.wire(method, url, headers, body)
        payload = json.loads(content)
        payload.update({"friendly_name": odd} if "friendly_name" in payload else {})
        return status, answer, json.dumps(payload).encode()

    carrier = opened("twilio", wire=wire)

    assert carrier.test_credentials().status == "pass"
    assert carrier.suggest_name().name == "Twilio (+14155550100)"


def test_standard_key_is_valid_though_it_may_not_read_the_account(opened, box):
    key, secret = box.twilio.add_api_key("standard")
    carrier = opened("twilio", {"accountSid": box.twilio.account.sid, "apiKey": key, "apiSecret": secret})

    test = carrier.test_credentials()

    assert test.status == "pass"
    assert "twilio.account.unknown" in codes(test.checks, "unknown")
    assert carrier.suggest_name().name == "Twilio (+14155550100)"


def test_restricted_key_without_permissions_is_told_from_a_wrong_key(opened, box):
    key, secret = box.twilio.add_api_key("restricted")
    test = opened(
        "twilio", {"account_sid": box.twilio.account.sid, "api_key": key, "api_secret": secret}
    ).test_credentials()

    assert test.credentials_valid is False
    assert codes(test.failures) == {"twilio.credentials.permission_missing"}


def test_restricted_key_that_may_read_numbers_leaves_the_rest_unknown(opened, box):
    key, secret = box.twilio.add_api_key("restricted", allow=["list_numbers"])
    test = opened(
        "twilio", {"account_sid": box.twilio.account.sid, "api_key": key, "api_secret": secret}
    ).test_credentials()

    assert test.credentials_valid is True
    assert test.inbound_reachable is None
    assert test.outbound_authorized is None


def test_wrong_token_says_or_wrong_region(opened, box):
    wrong = {"account_sid": box.twilio.account.sid, "auth_token": "0" * 32}
    test = opened("twilio", wrong).test_credentials()

    (failed,) = test.failures
    assert failed.code == "twilio.credentials.rejected"
    assert failed.vendor_code == "20003"
    assert "wrong region" in (failed.fix or "")
    assert (test.inbound_reachable, test.outbound_authorized) == (None, None)


@pytest.mark.parametrize(("region", "edge"), [("ie1", "dublin"), ("au1", "sydney")])
def test_region_goes_with_its_edge(region, edge, opened, box):
    box.twilio.region = region
    carrier = opened("twilio", {**box.twilio.credentials, "region": region})

    assert carrier.test_credentials().status == "pass"
    assert {request.url.split("/")[2].split(".", 1)[1] for request in box.requests} == {f"{edge}.{region}.twilio.com"}


@pytest.mark.parametrize("region", ["us2", "de1", "jp1", "br1", "sg1"])
def test_legacy_region_is_refused_with_the_reason(region, opened, box):
    with pytest.raises(CredentialsInvalid, match="legacy region"):
        opened("twilio", {**box.twilio.credentials, "region": region})


def test_test_credentials_are_named(opened, box):
    box.incident("twilio-test-credentials")
    test = opened("twilio").test_credentials()

    assert codes(test.failures) == {"twilio.credentials.test_credentials"}


def test_trial_account_is_named(twilio, box):
    box.incident("trial-account")
    test = twilio.test_credentials()

    assert "twilio.account.trial" in codes(test.checks, "warn")
    assert test.status == "pass"


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_suspended_account_that_can_be_read_is_told_apart(status, twilio, box):
    box.twilio.suspended_can_read = True
    box.twilio.account.status = status

    assert codes(twilio.test_credentials().failures) == {f"twilio.account.{status}"}


def test_suspended_account_that_answers_401_is_not_called_a_wrong_key_alone(twilio, box):
    box.incident("suspended-account")
    (failed,) = twilio.test_credentials().failures

    assert "suspended" in (failed.fix or "")


def test_account_not_active_code_is_told_apart(twilio, box):
    box.fail("twilio", "*", Fault.status(403, code=20005))

    assert codes(twilio.test_credentials().failures) == {"twilio.account.not_active"}


def test_sub_account_is_named(twilio, box):
    box.twilio.account.owner_account_sid = "AC" + "1" * 32
    test = twilio.test_credentials()

    assert test.status == "pass"
    assert any("sub-account of AC1111" in check.message for check in test.checks)


def test_trunk_of_another_account_fails(twilio, box, monkeypatch):
    """A parent's key reads its own trunks, whatever account SID goes with it."""
    trunk = box.twilio.trunks[0]
    mine = f'"account_sid":"{box.twilio.account.sid}"'.encode()
    plain = box.wire

    def wire(method, url, headers, body):
        status, answer, content = plain(method, url, headers, body)
        if f"/Trunks/{trunk.sid}" in url:
            content = content.replace(b'": "', b'":"').replace(mine, b'"account_sid":"AC' + b"9" * 32 + b'"')
        return status, answer, content

    carrier = voipkit.open_provider(
        "twilio", box.twilio.credentials, sip_config=box.twilio.sip_config, http=voipkit.HttpOptions(wire=wire)
    )

    assert codes(carrier.test_credentials().failures) == {"twilio.trunk.other_account"}


@pytest.mark.parametrize(
    "fault", [Fault.timeout(), Fault.reset(), Fault.status(500), Fault.html(502), Fault.empty_body()]
)
def test_could_not_ask_is_neither_pass_nor_fail_of_the_key(fault, opened, box):
    box.fail("twilio", "*", fault)
    test = opened("twilio", retries=0).test_credentials()

    assert test.credentials_valid is None
    assert test.status == "fail"
    assert test.failures == ()


def test_without_a_trunk_the_directions_are_unknown_and_trunks_are_offered(opened, box):
    test = opened("twilio", sip_config={}).test_credentials()

    assert test.status == "pass"
    assert (test.inbound_reachable, test.outbound_authorized) == (None, None)
    assert any("Acme trunk" in check.message for check in test.checks)


# --- one broken edge at a time ---------------------------------------------------------------------------------------


def no_origination(box):
    for url in box.twilio.trunks[0].origination_urls:
        url.enabled = False


def no_domain(box):
    box.twilio.trunks[0].domain_name = None


def no_authentication(box):
    box.twilio.trunks[0].credential_lists.clear()


def no_geo(box):
    box.twilio.dialable.discard("US")


@pytest.mark.parametrize(
    ("breakage", "code", "direction"),
    [
        (no_origination, "twilio.trunk.no_origination", "inbound"),
        (no_domain, "twilio.trunk.no_domain", "outbound"),
        (no_authentication, "twilio.trunk.no_authentication", "outbound"),
        (no_geo, "twilio.geo.not_allowed", "outbound"),
    ],
)
def test_the_broken_edge_and_no_other_is_named(breakage, code, direction, twilio, box):
    breakage(box)
    test = twilio.test_credentials()

    (failed,) = test.failures
    assert (failed.code, failed.direction) == (code, direction)
    assert failed.fix
    assert failed.object is not None
    assert test.credentials_valid is True


@pytest.mark.parametrize(
    ("name", "code", "direction"),
    [
        ("enabled", "twilio.trunk.origination.unknown", "inbound_reachable"),
        ("auth_type", "twilio.trunk.authentication.unknown", "outbound_authorized"),
        ("account_sid", "twilio.trunk.account.unknown", "outbound_authorized"),
    ],
)
def test_what_twilio_does_not_say_of_a_trunk_is_unknown(name, code, direction, opened, box):
    test = opened("twilio", wire=lacking(box, "/v1/Trunks/", name)).test_credentials()

    (check,) = [check for check in test.checks if check.code == code]
    assert (check.status, test.failures) == ("unknown", ())
    assert "does not say" in check.message
    assert check.fix


def test_unknown_trunk_is_named(opened, box):
    test = opened("twilio", sip_config={"trunkSid": "TK" + "0" * 32}).test_credentials()

    assert codes(test.failures) == {"twilio.trunk.not_found"}
    assert (test.inbound_reachable, test.outbound_authorized) == (False, False)


def test_domain_of_another_trunk_is_named(opened, box):
    config = {**box.twilio.sip_config, "domain": "somebody-else.pstn.twilio.com"}

    assert codes(opened("twilio", sip_config=config).test_credentials().failures) == {"twilio.trunk.domain_differs"}


def test_canada_is_covered_by_the_us_row(opened, box):
    config = {**box.twilio.sip_config, "destinations": ["CA"]}
    assert opened("twilio", sip_config=config).test_credentials().outbound_authorized is True

    box.twilio.dialable.discard("US")
    assert opened("twilio", sip_config=config).test_credentials().outbound_authorized is False


# --- listing ---------------------------------------------------------------------------------------------------------


def test_every_page_is_listed(twilio, box):
    box.twilio.seed_numbers(2500)
    listed = [number.number for number in twilio.list_numbers()]

    assert len(listed) == len(set(listed)) == 2503
    assert [r.operation for r in box.requests].count("list_numbers") == 3


def test_monthly_fee_costs_one_request_a_country(twilio, box):
    box.twilio.seed_numbers(1500)
    numbers = list(twilio.list_numbers())

    prices = [r for r in box.requests if r.operation == "prices"]
    assert len(prices) == len({n.country for n in numbers})
    assert {type(n.monthly_fee) for n in numbers if n.country == "US"} == {int}
    assert {n.currency for n in numbers if n.monthly_fee is not None} == {"USD"}


def test_fee_is_none_when_the_price_list_may_not_be_read(twilio, box):
    box.fail("twilio", "prices", Fault.status(403))

    assert {n.monthly_fee for n in twilio.list_numbers()} == {None}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, CredentialsRejected),
        (403, PermissionDenied),
        (404, NotFound),
        (429, RateLimited),
        (503, ProviderUnavailable),
    ],
)
def test_listing_errors_carry_what_the_sdk_hides(status, error, opened, box):
    """A listing raises a bare TwilioException; fetch raises TwilioRestException without headers."""
    box.fail("twilio", "list_numbers", Fault.status(status, retry_after=7))
    with pytest.raises(error) as caught:
        list(opened("twilio", retries=0).list_numbers())

    assert caught.value.status == status
    assert caught.value.code
    assert caught.value.retry_after == 7
    assert caught.value.request_id
    assert caught.value.operation == "list_numbers"


@pytest.mark.parametrize("page", [2, 3])
def test_error_on_a_later_page_is_translated_after_the_pages_before_it(page, opened, box):
    box.twilio.seed_numbers(3000)
    box.fail("twilio", "list_numbers", Fault.timeout(), page=page)
    seen = []
    with pytest.raises(ProviderTimeout):
        seen.extend(number for number in opened("twilio", retries=0).list_numbers())

    assert len(seen) == 1000 * (page - 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(200),
        Fault.truncated_json(),
        Fault.json_array(),
        Fault.empty_body(),
        Fault.body(b"{}"),
        Fault.body(b"null"),
    ],
)
def test_nonsense_is_an_unexpected_response(fault, opened, box):
    box.fail("twilio", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse):
        list(opened("twilio", retries=0).list_numbers())


@pytest.mark.parametrize("fault", [Fault.nulls(), Fault.empty_strings(), Fault.extra_field()])
def test_odd_but_legal_answers_are_read(fault, opened, box):
    box.fail("twilio", "*", fault)
    carrier = opened("twilio", retries=0)
    carrier.test_credentials()

    assert len(list(carrier.list_numbers())) == 3


@pytest.mark.parametrize(
    "odd",
    [
        {"friendly_name": 7},
        {"status": 7},
        {"voice_url": 7},
        {"phone_number": 14155550100},
        {"phone_number": None},
        {"sid": None},
        {"sid": ["PN1"]},
        {"type": ["local"]},
        {"capabilities": {"voice": True, 7: True}},
    ],
    ids=str,
)
def test_a_field_of_another_type_is_an_unexpected_response_or_read(odd, opened, box):
    plain = box.wire

    def wire(method, url, headers, body):
        status, answer, content = plain(method, url, headers, body)
        payload = json.loads(content)
        for row in payload.get("incoming_phone_numbers", ()):
            row.update(odd)
        return status, answer, json.dumps(payload).encode()

    carrier = opened("twilio", wire=wire)
    assert carrier.test_credentials().credentials_valid is True
    for work in (lambda: list(carrier.list_numbers()), lambda: carrier.import_numbers(["+14155550100"])):
        try:
            work()
        except UnexpectedResponse as error:
            assert error.fix
    assert {r.operation for r in box.writes} <= {"update_number"}


@pytest.mark.parametrize("fault", [Fault.endless_pages(), Fault.repeat_page()])
def test_a_listing_that_never_ends_is_an_error(fault, opened, box):
    box.twilio.seed_numbers(2500)
    box.fail("twilio", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse, match="paging"):
        list(opened("twilio", retries=0).list_numbers())

    assert len(box.requests) < 20


def test_a_number_repeated_at_the_page_edge_is_listed_once(opened, box):
    box.twilio.seed_numbers(1500)
    box.fail("twilio", "list_numbers", Fault.duplicate_at_page_edge())
    listed = [number.id for number in opened("twilio").list_numbers()]

    assert len(listed) == len(set(listed)) == 1503


def test_empty_account_is_an_answer(twilio, box):
    box.incident("empty-account")

    assert list(twilio.list_numbers()) == []
    assert twilio.test_credentials().credentials_valid is True


# --- import ----------------------------------------------------------------------------------------------------------


def test_import_attaches_to_the_trunk_with_one_listing_and_one_write_each(twilio, box):
    box.twilio.seed_numbers(20)
    numbers = [number.phone_number for number in box.twilio.numbers]
    report = twilio.import_numbers(numbers)

    assert report.counts == {"imported": 23}
    assert report.writes == len(box.writes) == 23
    assert [r.operation for r in box.requests].count("list_numbers") == 1
    assert len(box.requests) == 24
    assert {number.trunk_sid for number in box.twilio.numbers} == {box.twilio.trunks[0].sid}


def test_import_twice_writes_once(twilio, box):
    twilio.import_numbers(["+14155550100"])
    box.clear()
    report = twilio.import_numbers(["+14155550100"])

    assert report.counts == {"unchanged": 1}
    assert box.writes == []


def test_dry_run_shows_the_change_and_writes_nothing(twilio, box):
    before = copy.deepcopy(list(box.twilio.numbers))
    report = twilio.import_numbers(["+14155550100"], dry_run=True)

    (result,) = report.results
    assert result.changes == {"trunk_sid": (None, box.twilio.trunks[0].sid)}
    assert box.writes == []
    assert list(box.twilio.numbers) == before


def test_without_a_route_numbers_are_recorded_only(opened, box):
    report = opened("twilio", sip_config={}).import_numbers(["+14155550100"])

    (result,) = report.results
    assert (result.status, result.code) == ("unchanged", "import.recorded")
    assert box.writes == []


def busy_trunk(box, number):
    number.trunk_sid = box.twilio.add_trunk("Front desk").sid


def busy_application(box, number):
    number.voice_application_sid = box.twilio.applications[0].sid


def busy_webhook(box, number):
    number.voice_url = OTHER_HOOK


@pytest.mark.parametrize("busy", [busy_trunk, busy_application, busy_webhook])
@pytest.mark.parametrize("kind", ["trunk", "webhook", "application"])
class TestConflict:
    def route(self, kind, box):
        return {
            "trunk": Route.trunk(box.twilio.trunks[0].sid),
            "webhook": Route.webhook(HOOK),
            "application": Route.application(box.twilio.add_application("Ours", voice_url=HOOK).sid),
        }[kind]

    def test_is_refused_and_nothing_is_written(self, busy, kind, twilio, box):
        number = box.twilio.numbers[0]
        busy(box, number)
        before = routing(number)
        report = twilio.import_numbers([number.phone_number], self.route(kind, box))

        (result,) = report.results
        assert result.status == "conflict"
        assert result.fix
        assert box.writes == []
        assert routing(number) == before

    def test_is_overwritten_on_purpose_and_restored(self, busy, kind, twilio, box):
        number = box.twilio.numbers[0]
        busy(box, number)
        before = routing(number)
        route = self.route(kind, box)

        report = twilio.import_numbers([number.phone_number], route, on_conflict="overwrite")
        assert report.counts == {"imported": 1}, report.results
        (listed,) = [n for n in twilio.list_numbers() if n.number == number.phone_number]
        assert listed.route == route

        snapshot = voipkit.RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json())
        assert twilio.restore_numbers(snapshot).counts == {"imported": 1}
        assert routing(number) == before


def test_a_trunk_silently_beats_the_webhook_and_the_plan_says_so(twilio, box):
    number = box.twilio.numbers[0]
    number.voice_url = OTHER_HOOK
    (result,) = twilio.import_numbers([number.phone_number], dry_run=True).results

    assert "silently beats" in result.message
    assert OTHER_HOOK in result.message


def test_restore_leaves_alone_what_somebody_changed_since(twilio, box):
    number = box.twilio.numbers[0]
    report = twilio.import_numbers([number.phone_number])
    number.trunk_sid = box.twilio.add_trunk("Newer").sid
    box.clear()
    restored = twilio.restore_numbers(report.snapshot)

    assert restored.counts == {"conflict": 1}
    assert box.writes == []


def test_import_and_restore_leave_the_account_as_it_was(twilio, box):
    box.twilio.numbers[1].voice_url = ""
    before = copy.deepcopy(list(box.twilio.numbers))
    report = twilio.import_numbers([n.phone_number for n in before], Route.webhook(HOOK))
    assert list(box.twilio.numbers) != before

    assert twilio.restore_numbers(report.snapshot).ok
    assert list(box.twilio.numbers) == before


def test_outside_us1_a_number_leaves_its_trunk_without_the_sub_resource(opened, box):
    """Unverified live: ie1 lacks the trunk's number sub-resource, and an empty TrunkSid is outside the document."""
    box.twilio.region = "ie1"
    number = box.twilio.numbers[0]
    carrier = opened("twilio", {**box.twilio.credentials, "region": "ie1"})
    report = carrier.import_numbers([number.phone_number])
    assert report.counts == {"imported": 1}
    restored = carrier.restore_numbers(report.snapshot)

    assert [r.method for r in box.requests if r.operation == "update_number"] == ["POST", "POST"]
    assert (restored.counts, number.trunk_sid) == ({"failed": 1}, box.twilio.trunks[0].sid)
    assert "console" in (restored.results[0].fix or "")


def test_one_bad_number_never_stops_the_others(twilio, box):
    silent = box.twilio.add_number(
        "+14155550111", capabilities={"voice": False, "sms": True, "mms": False, "fax": False}
    )
    box.fail("twilio", "update_number", Fault.status(400, code=21452), calls=1)
    report = twilio.import_numbers(
        [
            "+14155550100",
            "+442079460018",
            "4155550100",
            "+1 415 555 0100 ext. 5",
            silent.phone_number,
            "+14155550100",
            "+14155550142",
        ]
    )

    statuses = [result.status for result in report.results]
    assert sorted(statuses[:2]) == ["failed", "imported"]
    assert statuses[2:] == ["failed", "failed", "not_voice", "failed", "not_owned"]
    assert [r.code for r in report.results[2:]] == [
        "import.not_e164",
        "import.not_e164",
        "import.not_voice",
        "import.duplicate",
        "import.not_owned",
    ]


def test_route_kind_that_twilio_lacks_is_refused_before_any_request(twilio, box):
    with pytest.raises(Unsupported, match="trunk, webhook, application"):
        twilio.import_numbers(["+14155550100"], Route.sip("sip:a@b.example"))

    assert box.requests == []


@pytest.mark.parametrize("fault", [Fault.timeout(), Fault.reset()])
def test_a_write_whose_answer_is_lost_is_sent_once_and_looked_up(fault, twilio, box):
    box.fail("twilio", "update_number", fault)
    (result,) = twilio.import_numbers(["+14155550100"]).results

    assert [r.operation for r in box.requests].count("update_number") == 1
    assert result.status == "failed"
    assert "not changed" in result.message


@pytest.mark.parametrize("fault", [Fault.timeout(applied=True), Fault.reset(applied=True)])
def test_a_write_that_happened_though_its_answer_was_lost_is_imported(fault, twilio, box):
    box.fail("twilio", "update_number", fault)
    (result,) = twilio.import_numbers(["+14155550100"]).results

    assert [r.operation for r in box.requests].count("update_number") == 1
    assert result.status == "imported"


def test_a_write_that_the_carrier_swallows_is_noticed(opened, box):
    """Twilio answers 200 and shows the old trunk."""
    number = box.twilio.numbers[0]
    plain = box.wire

    def wire(method, url, headers, body):
        got = plain(method, url, headers, body)
        if method == "POST":
            number.trunk_sid = None
            return plain("GET", url, headers, b"")
        return got

    (result,) = opened("twilio", wire=wire).import_numbers([number.phone_number]).results

    assert (result.status, result.code) == ("failed", "import.read_back")
    assert "trunk_sid" in result.message


def test_a_revoked_key_stops_the_writes(opened, box):
    box.twilio.seed_numbers(40)
    box.fail("twilio", "update_number", Fault.status(401))
    report = opened("twilio").import_numbers([n.phone_number for n in box.twilio.numbers])

    assert report.counts == {"failed": 43}
    assert [r.operation for r in box.requests].count("update_number") < 10


def test_unlistable_account_writes_nothing(opened, box):
    box.fail("twilio", "list_numbers", Fault.status(500))
    with pytest.raises(ProviderUnavailable):
        opened("twilio", retries=0).import_numbers(["+14155550100", "+442079460018"])

    assert box.writes == []


# --- verify ----------------------------------------------------------------------------------------------------------


def test_imported_number_is_verified(twilio, box):
    twilio.import_numbers(["+14155550100"])
    box.clear()
    verified = twilio.verify_number("+14155550100")

    assert verified.status == "pass", verified.failures
    assert len(box.requests) == 5
    assert box.writes == []


def test_verify_of_many_is_one_listing_and_a_constant(twilio, box):
    numbers = [n.phone_number for n in box.twilio.seed_numbers(200)]
    twilio.import_numbers(numbers)
    box.clear()
    verified = list(twilio.verify_numbers(numbers))

    assert {v.status for v in verified} == {"pass"}
    assert [v.number for v in verified] == numbers
    assert len(box.requests) == 5


def test_number_without_routing_fails(twilio):
    verified = twilio.verify_number("+14155550100")

    assert codes(verified.failures) == {"twilio.number.not_routed"}
    assert verified.inbound_reachable is False
    assert verified.outbound_authorized is True


def test_number_on_a_foreign_trunk_fails_with_the_trunk_named(twilio, box):
    box.incident("number-on-foreign-trunk")
    foreign = box.twilio.numbers[0].trunk_sid
    verified = twilio.verify_number("+14155550100")

    (failed,) = verified.failures
    assert failed.code == "twilio.number.routed_elsewhere"
    assert foreign in failed.message


def test_webhook_that_a_trunk_beats_fails(twilio, box):
    box.twilio.numbers[0].voice_url = HOOK
    box.twilio.numbers[0].trunk_sid = box.twilio.trunks[0].sid
    verified = twilio.verify_number("+14155550100", Route.webhook(HOOK))

    assert "silently beats" in verified.failures[0].message


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"voice_receive_mode": "fax"}, "twilio.number.fax_mode"),
        ({"capabilities": {"voice": False, "sms": True, "mms": True, "fax": False}}, "twilio.number.no_voice"),
    ],
)
def test_number_that_cannot_talk_fails(fields, code, twilio, box):
    number = box.twilio.add_number("+14155550122", trunk_sid=box.twilio.trunks[0].sid, **fields)

    assert codes(twilio.verify_number(number.phone_number).failures) == {code}


@pytest.mark.parametrize("name", ["capabilities", "voice"])
def test_number_of_which_twilio_does_not_say_whether_it_talks_is_unknown(name, opened, box):
    number = box.twilio.add_number("+14155550122", trunk_sid=box.twilio.trunks[0].sid)
    verified = opened("twilio", wire=lacking(box, "/IncomingPhoneNumbers", name)).verify_number(number.phone_number)

    assert verified.failures == ()
    assert "twilio.number.voice.unknown" in codes(verified.checks, "unknown")


def test_application_without_a_voice_url_fails(opened, box):
    app = box.twilio.add_application("Silent")
    box.twilio.numbers[0].voice_application_sid = app.sid
    verified = opened("twilio", sip_config={}).verify_number("+14155550100")

    assert codes(verified.failures) == {"twilio.application.no_voice_url"}


def test_number_that_is_not_owned_is_an_answer(twilio):
    verified = twilio.verify_number("+14155550142")

    assert codes(verified.failures) == {"twilio.number.not_owned"}
    assert verified.id is None
    assert (verified.inbound_reachable, verified.outbound_authorized) == (None, None)


def test_partial_match_is_not_ownership(twilio, box):
    """Twilio's phone_number filter matches parts: +1415555010 would find +14155550100."""
    box.twilio.add_number("+4420794600189")

    assert twilio.verify_number("+442079460018").id == box.twilio.numbers[1].sid


def test_text_that_is_no_number_raises_for_one_and_fails_among_many(twilio, box):
    with pytest.raises(InvalidNumber):
        twilio.verify_number("0100")
    (bad, good) = twilio.verify_numbers(["0100", "+14155550100"])

    assert (bad.number, codes(bad.failures)) == ("0100", {"twilio.number.not_e164"})
    assert good.id


def test_number_handed_to_another_region_fails(opened, box):
    box.twilio.region = "ie1"
    number = box.twilio.numbers[0]
    number.trunk_sid = box.twilio.trunks[0].sid
    carrier = opened("twilio", {**box.twilio.credentials, "region": "ie1"})

    number.voice_region = "us1"
    assert codes(carrier.verify_number(number.phone_number).failures) == {"twilio.number.other_region"}
    number.voice_region = "ie1"
    assert carrier.verify_number(number.phone_number).status == "pass"


def test_verify_raises_when_the_number_cannot_be_looked_up(opened, box):
    box.fail("twilio", "list_numbers", Fault.status(503))
    with pytest.raises(ProviderUnavailable):
        opened("twilio", retries=0).verify_number("+14155550100")


# --- the SDK ---------------------------------------------------------------------------------------------------------


def test_every_exception_class_of_the_sdk_has_a_rule():
    module = importlib.import_module("twilio.base.exceptions")
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, Exception)]

    assert len(kinds) >= 3
    assert [kind.__name__ for kind in kinds if rule_for(kind, RULES) is None] == []


def test_problem_details_body_is_translated(opened, box):
    body = {"type": "about:blank", "title": "Nope", "status": 403, "code": 20006, "detail": "not you"}
    box.fail("twilio", "account", Fault.body(json.dumps(body).encode(), status=403))
    box.fail("twilio", "list_numbers", Fault.status(503))
    check = opened("twilio", retries=0).test_credentials().checks[0]

    assert check.status == "unknown"


def test_environment_never_reaches_a_request(opened, box, monkeypatch):
    planted = {
        "TWILIO_ACCOUNT_SID": "AC" + "e" * 32,
        "TWILIO_AUTH_TOKEN": "e" * 32,
        "TWILIO_REGION": "ie1",
        "TWILIO_EDGE": "dublin",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    carrier = opened("twilio")

    assert carrier.test_credentials().status == "pass"
    list(carrier.list_numbers())
    assert {r.url.split("/")[2].count(".") for r in box.requests} == {2}
    assert not any(value in r.url + str(r.request_body) for r in box.requests for value in planted.values())


def test_errors_are_ours_and_their_cause_knows_no_secret(opened, box):
    box.fail("twilio", "list_numbers", Fault.echo_secret())
    with pytest.raises(ProviderError) as caught:
        list(opened("twilio", retries=0).list_numbers())

    cause = caught.value.__cause__
    assert type(cause).__module__.startswith("twilio")
    assert box.twilio.account.auth_token not in str(caught.value) + repr(cause) + repr(cause.args[1].text)


def test_no_operation_is_unknown_to_the_sandbox(twilio, box):
    twilio.test_credentials()
    twilio.import_numbers(["+14155550100"], Route.webhook(HOOK))
    list(twilio.verify_numbers(["+14155550100"]))

    assert "unknown" not in {r.operation for r in box.requests}
