"""SignalWire: the real SDK over the sandbox, and each trap of its API."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import pytest

import voipkit
from tests.providers.answers import lacking
from voipkit import Route
from voipkit.adapting.translation import rule_for
from voipkit.errors import (
    ConfigurationError,
    CredentialsInvalid,
    CredentialsRejected,
    InvalidNumber,
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
from voipkit.providers.signalwire import RULES
from voipkit.sandbox import Fault

HOOK = "https://voice.example.org/hook"
OTHER_HOOK = "https://other.example.net/live"
APPLICATION = {
    "id": "993ed018-9e79-4e50-b97b-984bd5534095",
    "display_name": "Reception",
    "type": "cxml_application",
    "cxml_application": {"id": "1313fe58-5e14-4c11-bbe7-6fdfa11fe780", "voice_url": HOOK},
}


def codes(checks, status=None):
    return {check.code for check in checks if status in (None, check.status)}


def routing(number):
    shown = {name: value for name, value in number.settings.items() if value and not name.endswith("_method")}
    return (number.call_handler, number.call_receive_mode, shown)


def gateway(box):
    return next(resource for resource in box.signalwire.resources if resource.kind == "sip_gateway")


def wired(box, **answers):
    """The sandbox's wire, with a few answers of the test's own: path to JSON."""
    plain = box.wire

    def wire(method, url, headers, body):
        path = url.partition("?")[0]
        for name, payload in answers.items():
            if path.endswith(f"/{name}"):
                return 200, {"content-type": "application/json"}, json.dumps(payload).encode()
        return plain(method, url, headers, body)

    return wire


def applications(box, application=APPLICATION):
    return wired(box, cxml_applications={"links": {"self": "x", "first": "x"}, "data": [application]})


@pytest.fixture
def signalwire(opened):
    return opened("signalwire")


@pytest.fixture
def first(box):
    """The number that most tests use: it has no handler."""
    return next(number for number in box.signalwire.numbers if number.call_handler is None)


# --- what is entered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelled", ["{}", "{}.signalwire.com", "https://{}.signalwire.com", "https://{}.SignalWire.com/"]
)
def test_every_spelling_of_the_space_is_one(spelled, opened, box):
    space = box.signalwire.space
    carrier = opened("signalwire", {**box.signalwire.credentials, "space": spelled.format(space)})

    assert carrier.credentials.space == f"{space}.signalwire.com"
    assert carrier.test_credentials().status == "pass"
    assert {r.url.split("/")[2] for r in box.requests} == {f"{space}.signalwire.com"}


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ("evil.example", "would be sent to that host"),
        ("acme.signalwire.com.evil.example", "would be sent to that host"),
        ("acme@evil.example", "would be sent to that host"),
        ("127.0.0.1:8080", "would be sent to that host"),
        ("https://evil.example/acme.signalwire.com", "would be sent to that host"),
        ("https://acme.signalwire.com@evil.example", "would be sent to that host"),
        ("http://acme.signalwire.com", "in the clear"),
        ("acme.sip.signalwire.com", "sip_config.domain"),
        ("https://acme.signalwire.com/dashboard", "path"),
        ("acme voice", "a space's name"),
    ],
)
def test_a_host_that_is_no_space_is_refused(space, says, opened, box):
    with pytest.raises(CredentialsInvalid, match=says):
        opened("signalwire", {**box.signalwire.credentials, "space": space})

    assert box.requests == []


def test_swapped_fields_are_recognised(opened, box):
    good = box.signalwire.credentials
    with pytest.raises(CredentialsInvalid, match="swapped") as caught:
        opened("signalwire", {**good, "project_id": good["api_token"], "api_token": good["project_id"]})

    assert {problem.field for problem in caught.value.problems} == {"project_id", "api_token"}


def test_a_token_need_not_start_with_pt(opened, box):
    opened("signalwire", {**box.signalwire.credentials, "api_token": "x" * 40})


def test_two_targets_are_refused(opened):
    with pytest.raises(CredentialsInvalid, match="either"):
        opened("signalwire", sip_config={"sip_uri": "sip:a@b.example", "application_id": APPLICATION["id"]})


# --- credentials -----------------------------------------------------------------------------------------------------


def test_without_a_sip_credential_outbound_is_not_known_and_four_requests_do(opened, box):
    gateway = {"sip_uri": box.signalwire.sip_config["sip_uri"]}
    test = opened("signalwire", sip_config=gateway).test_credentials()

    assert (test.status, test.credentials_valid, test.inbound_reachable) == ("pass", True, True)
    assert test.outbound_authorized is None
    assert len(box.requests) == 4
    assert box.writes == []


def test_everything_named_is_five_requests(opened, box):
    endpoint = box.signalwire.sip_endpoints[0]
    endpoint.outbound_policy = "passthrough"
    config = {
        **box.signalwire.sip_config,
        "sip_username": endpoint.username,
        "domain": box.signalwire.sip_profile.domain,
    }
    test = opened("signalwire", sip_config=config).test_credentials()

    assert (test.status, test.inbound_reachable, test.outbound_authorized) == ("pass", True, True)
    assert len(box.requests) == 5


def test_name_costs_nothing_after_the_test(signalwire, box):
    signalwire.test_credentials()
    asked = len(box.requests)
    suggested = signalwire.suggest_name()

    assert suggested.name.startswith("SignalWire: Acme Voice (+1")
    assert suggested.inferred
    assert len(box.requests) == asked


@pytest.mark.parametrize("tested", [True, False])
def test_name_without_the_management_scope_is_the_spaces(tested, signalwire, box):
    box.signalwire.scopes.discard("management")
    if tested:
        signalwire.test_credentials()
    asked = len(box.requests)

    assert signalwire.suggest_name().name.startswith("SignalWire: acme-voice (+1")
    assert len(box.requests) - asked == (0 if tested else 2)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("scope", ["numbers", "management", "calling"])
def test_a_missing_scope_is_no_wrong_token(scope, status, signalwire, box):
    """SignalWire's documents disagree whether a missing scope is 401 or 403; both are understood."""
    box.signalwire.missing_scope_status = status
    box.signalwire.scopes -= {scope} if scope != "calling" else {"calling", "messaging", "fax", "video"}
    test = signalwire.test_credentials()
    name = {"numbers": "numbers", "management": "management", "calling": "voice"}[scope]

    assert test.credentials_valid is True
    assert test.failures == ()
    assert f"signalwire.scope.{name}_missing" in codes(test.checks)


def test_only_all_401_is_a_wrong_token(opened, box):
    test = opened("signalwire", {**box.signalwire.credentials, "api_token": "PT" + "0" * 48}).test_credentials()

    assert codes(test.failures) == {"signalwire.credentials.rejected"}
    assert test.credentials_valid is False
    assert (test.inbound_reachable, test.outbound_authorized) == (None, None)


def test_token_without_any_scope_is_named_where_signalwire_says_403(signalwire, box):
    box.signalwire.missing_scope_status = 403
    box.signalwire.scopes.clear()

    assert codes(signalwire.test_credentials().failures) == {"signalwire.credentials.permission_missing"}


def test_a_space_that_is_none_is_named(signalwire, box):
    box.fail("signalwire", "*", Fault.status(404))

    assert codes(signalwire.test_credentials().failures) == {"signalwire.space.not_found"}


def test_refused_twice_and_silent_once_is_unknown(opened, box):
    """Two scopes may be missing; the third question would have told."""
    box.fail("signalwire", "list_numbers", Fault.status(401))
    box.fail("signalwire", "sip_profile", Fault.status(401))
    box.fail("signalwire", "project", Fault.timeout())
    test = opened("signalwire", retries=0).test_credentials()

    assert test.credentials_valid is None
    assert test.failures == ()


@pytest.mark.parametrize(
    "fault", [Fault.timeout(), Fault.reset(), Fault.status(500), Fault.html(502), Fault.empty_body()]
)
def test_could_not_ask_is_neither_pass_nor_fail_of_the_token(fault, opened, box):
    box.fail("signalwire", "*", fault)
    test = opened("signalwire", retries=0).test_credentials()

    assert test.credentials_valid is None
    assert test.status == "fail"
    assert test.failures == ()


def test_subproject_is_named(opened, box):
    parent = "b3877739-5c7e-4d4f-9d1a-2f0c8c2f1a11"
    project = {"id": box.signalwire.project_id, "name": "Branch", "parent_project_id": parent, "subproject": True}
    wire = wired(box, **{box.signalwire.project_id: project})
    checks = opened("signalwire", wire=wire).test_credentials().checks

    assert any("subproject of b3877739" in check.message for check in checks)


def test_without_a_target_inbound_is_not_known(opened):
    test = opened("signalwire", sip_config={}).test_credentials()

    assert test.status == "pass"
    assert (test.inbound_reachable, test.outbound_authorized) == (None, None)
    assert "signalwire.route.not_named" in codes(test.checks, "skipped")


def test_trial_and_destinations_are_never_claimed(signalwire):
    (check,) = (c for c in signalwire.test_credentials().checks if c.code == "signalwire.project.limits.unknown")

    assert check.status == "unknown"
    assert "trial" in (check.fix or "")


# --- one broken edge at a time ---------------------------------------------------------------------------------------


def test_gateway_that_is_none_is_named(opened, box):
    test = opened("signalwire", sip_config={"sip_uri": "sip:nobody@sip.example.org"}).test_credentials()

    (failed,) = test.failures
    assert (failed.code, failed.direction) == ("signalwire.gateway.not_found", "inbound")
    assert gateway(box).uri in failed.message
    assert test.credentials_valid is True


def test_a_gateway_that_is_shown_without_its_uri_may_be_the_one(opened, box):
    wire = lacking(box, "/sip_gateways", "uri")
    test = opened("signalwire", sip_config={"sip_uri": "sip:nobody@sip.example.org"}, wire=wire).test_credentials()

    assert (test.failures, test.inbound_reachable) == ((), None)
    assert "signalwire.gateway.unknown" in codes(test.checks, "unknown")


@pytest.mark.parametrize("uri", ["sip:{}", "{}"])
def test_gateways_are_compared_by_meaning(uri, opened, box):
    gateway(box).uri = uri.format("pbx@SIP.Example.org")
    test = opened("signalwire", sip_config={"sip_uri": "sip:pbx@sip.example.org"}).test_credentials()

    assert test.inbound_reachable is True


@pytest.mark.parametrize(
    ("policy", "status", "code", "authorized"),
    [
        ("passthrough", "pass", "passthrough", True),
        ("block-pstn", "fail", "pstn_blocked", False),
        ("default", "unknown", "policy.unknown", None),
        ("resource", "unknown", "resource", None),
    ],
)
def test_outbound_policy_decides(policy, status, code, authorized, opened, box):
    endpoint = box.signalwire.sip_endpoints[0]
    endpoint.outbound_policy = policy
    test = opened("signalwire", sip_config={"sip_username": endpoint.username}).test_credentials()

    assert f"signalwire.sip_credential.{code}" in codes(test.checks, status)
    assert test.outbound_authorized is authorized


def test_credential_that_is_none_is_named(opened, box):
    test = opened("signalwire", sip_config={"sip_username": "nobody"}).test_credentials()

    assert codes(test.failures) == {"signalwire.sip_credential.not_found"}


def test_a_credential_that_is_shown_without_its_name_may_be_the_one(opened, box):
    wire = wired(box, sip_endpoints={"data": [{"id": "993ed018-9e79-4e50-b97b-984bd5534095"}]})
    test = opened("signalwire", sip_config={"sip_username": "pbx"}, wire=wire).test_credentials()

    assert (test.failures, test.outbound_authorized) == ((), None)
    assert "signalwire.sip_credential.unknown" in codes(test.checks, "unknown")


def test_domain_of_another_space_is_named(opened, box):
    test = opened("signalwire", sip_config={"domain": "other-0123.sip.signalwire.com"}).test_credentials()

    assert codes(test.failures) == {"signalwire.sip_profile.domain_differs"}
    assert test.outbound_authorized is False


def test_the_right_domain_alone_proves_no_outbound_calling(opened, box):
    test = opened("signalwire", sip_config={"domain": box.signalwire.sip_profile.domain}).test_credentials()

    assert test.outbound_authorized is None


def test_credentials_as_an_array_of_pages_are_read(opened, box):
    """So says the document of 2026-08-21, against every other listing."""
    row = {"id": "993ed018-9e79-4e50-b97b-984bd5534095", "username": "pbx", "call_handler": "passthrough"}
    wire = wired(box, sip_endpoints=[{"links": {"self": "x", "first": "x"}, "data": [row]}])

    assert opened("signalwire", sip_config={"sip_username": "pbx"}, wire=wire).test_credentials().outbound_authorized


@pytest.mark.parametrize(
    ("application_id", "voice_url", "code"),
    [
        (APPLICATION["cxml_application"]["id"], HOOK, None),
        (APPLICATION["cxml_application"]["id"], None, "no_voice_url"),
        (APPLICATION["id"], HOOK, "resource_id"),
        ("00000000-0000-0000-0000-000000000000", HOOK, "not_found"),
    ],
)
def test_application_is_looked_at(application_id, voice_url, code, opened, box):
    inner = {**APPLICATION["cxml_application"], "voice_url": voice_url}
    wire = applications(box, {**APPLICATION, "cxml_application": inner})
    test = opened("signalwire", sip_config={"application_id": application_id}, wire=wire).test_credentials()

    assert codes(test.failures) == ({f"signalwire.application.{code}"} if code else set())
    assert test.inbound_reachable is (code is None)


# --- listing ---------------------------------------------------------------------------------------------------------


def test_every_page_is_listed(signalwire, box):
    """The SDK's list() gives one page of 50."""
    box.signalwire.seed_numbers(2500)
    listed = [number.number for number in signalwire.list_numbers()]

    assert len(listed) == len(set(listed)) == 2503
    assert [r.operation for r in box.requests] == ["list_numbers"] * 3


def test_a_number_is_mapped(signalwire, box):
    box.signalwire.add_number("+14155550188", name="Desk", capabilities=["voice", "sms"], country_code="US")
    number = next(n for n in signalwire.list_numbers() if n.number == "+14155550188")

    assert (number.type, number.capabilities, number.country) == ("local", ("sms", "voice"), "US")
    assert (number.friendly_name, number.monthly_fee, number.region, number.active) == ("Desk", None, None, True)
    assert {n.type for n in signalwire.list_numbers()} == {"local", "toll_free"}


def test_gateways_are_asked_for_once_to_name_routes(signalwire, box):
    for number in box.signalwire.seed_numbers(20):
        number.call_handler, number.calling_handler_resource_id = "sip_gateway", gateway(box).id
    routes = [number.route for number in signalwire.list_numbers()]

    assert routes.count(Route.sip(f"sip:{gateway(box).uri}")) == 20
    assert sorted(r.operation for r in box.requests) == ["list_gateways", "list_numbers"]


def test_gateways_that_may_not_be_read_leave_routes_unnamed(signalwire, box):
    box.signalwire.add_number("+14155550188", call_handler="sip_gateway", calling_handler_resource_id=gateway(box).id)
    box.fail("signalwire", "list_gateways", Fault.status(401))
    number = next(n for n in signalwire.list_numbers() if n.number == "+14155550188")

    assert number.route is None
    assert number.routing["calling_handler_resource_id"] == gateway(box).id


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
def test_listing_errors_are_translated(status, error, opened, box):
    box.fail("signalwire", "list_numbers", Fault.status(status, retry_after=7))
    with pytest.raises(error) as caught:
        list(opened("signalwire", retries=0).list_numbers())

    assert (caught.value.status, caught.value.retry_after) == (status, 7)
    assert caught.value.operation == "list_numbers"
    assert caught.value.fix


def test_a_401_names_the_scope_too(opened, box):
    box.signalwire.scopes.discard("numbers")
    with pytest.raises(CredentialsRejected, match="scope"):
        list(opened("signalwire").list_numbers())


@pytest.mark.parametrize("page", [2, 3])
def test_error_on_a_later_page_comes_after_the_pages_before_it(page, opened, box):
    box.signalwire.seed_numbers(3000)
    box.fail("signalwire", "list_numbers", Fault.timeout(), page=page)
    seen = []
    with pytest.raises(ProviderTimeout):
        seen.extend(number for number in opened("signalwire", retries=0).list_numbers())

    assert len(seen) == 1000 * (page - 1)


@pytest.mark.parametrize(("fault", "error"), [(Fault.timeout(), ProviderTimeout), (Fault.reset(), ProviderUnavailable)])
def test_the_sdks_one_transport_error_is_told_apart(fault, error, opened, box):
    box.fail("signalwire", "list_numbers", fault)
    with pytest.raises(error) as caught:
        list(opened("signalwire", retries=0).list_numbers())

    assert (type(caught.value), caught.value.status) == (error, None)


@pytest.mark.parametrize(
    "fault",
    [
        Fault.html(200),
        Fault.truncated_json(),
        Fault.empty_body(),
        Fault.body(b"{}"),
        Fault.body(b"null"),
        Fault.body(b"[]"),
        Fault.json_array(),
        Fault.body(b'{"data": null, "links": {}}'),
        Fault.body(b'{"data": [7], "links": {}}'),
        Fault.body(b'{"data": [{}], "links": {}}'),
        Fault.body(b'{"data": [], "links": {"next": "https://acme.signalwire.com/api"}}'),
    ],
)
def test_nonsense_is_an_unexpected_response(fault, opened, box):
    box.fail("signalwire", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse):
        list(opened("signalwire", retries=0).list_numbers())


def test_a_full_page_without_links_is_no_end(opened, box):
    box.signalwire.seed_numbers(1500)
    plain = box.wire

    def wire(method, url, headers, body):
        status, answer, content = plain(method, url, headers, body)
        return status, answer, json.dumps({**json.loads(content), "links": None}).encode()

    with pytest.raises(UnexpectedResponse):
        list(opened("signalwire", wire=wire).list_numbers())


@pytest.mark.parametrize("fault", [Fault.nulls(), Fault.empty_strings(), Fault.extra_field()])
def test_odd_but_legal_answers_are_read(fault, opened, box):
    box.fail("signalwire", "*", fault)
    carrier = opened("signalwire", retries=0)
    carrier.test_credentials()

    assert len(list(carrier.list_numbers())) == 3


@pytest.mark.parametrize("fault", [Fault.endless_pages(), Fault.repeat_page()])
def test_a_listing_that_never_ends_is_an_error(fault, opened, box):
    """The SDK's own iterator ends without a word when a link repeats."""
    box.signalwire.seed_numbers(2500)
    box.fail("signalwire", "list_numbers", fault)
    with pytest.raises(UnexpectedResponse, match="paging"):
        list(opened("signalwire", retries=0).list_numbers())

    assert len(box.requests) < 20


def test_a_number_repeated_at_the_page_edge_is_listed_once(opened, box):
    box.signalwire.seed_numbers(1500)
    box.fail("signalwire", "list_numbers", Fault.duplicate_at_page_edge())
    listed = [number.id for number in opened("signalwire").list_numbers()]

    assert len(listed) == len(set(listed)) == 1503


def test_empty_project_is_an_answer(signalwire, box):
    for number in list(box.signalwire.numbers):
        box.signalwire.numbers.remove(number.id)

    assert list(signalwire.list_numbers()) == []
    assert signalwire.test_credentials().credentials_valid is True


# --- import ----------------------------------------------------------------------------------------------------------


def test_import_assigns_the_gateway_and_reads_each_number_back(signalwire, box):
    box.signalwire.seed_numbers(20)
    report = signalwire.import_numbers([number.number for number in box.signalwire.numbers])

    assert report.counts == {"imported": 23}
    assert report.writes == len(box.writes) == 23
    operations = [r.operation for r in box.requests]
    assert {name: operations.count(name) for name in operations} == {
        "list_numbers": 1, "list_gateways": 1, "assign_phone_route": 23, "number": 23,
    }  # fmt: skip
    assert {n.calling_handler_resource_id for n in box.signalwire.numbers} == {gateway(box).id}


def test_import_of_a_webhook_is_one_write_a_number(signalwire, box):
    numbers = [number.number for number in box.signalwire.numbers]
    report = signalwire.import_numbers(numbers, Route.webhook(HOOK, "GET"))

    assert report.counts == {"imported": 3}
    assert len(box.requests) == 1 + len(numbers)
    assert {n.route for n in signalwire.list_numbers()} == {Route.webhook(HOOK, "GET")}


def test_import_twice_writes_once(signalwire, box, first):
    for route in (None, Route.webhook(HOOK)):
        signalwire.import_numbers([first.number], route, on_conflict="overwrite")
        box.clear()

        assert signalwire.import_numbers([first.number], route).counts == {"unchanged": 1}
        assert box.writes == []


def test_dry_run_shows_the_change_and_writes_nothing(signalwire, box, first):
    before = copy.deepcopy(list(box.signalwire.numbers))
    (result,) = signalwire.import_numbers([first.number], dry_run=True).results

    assert result.changes == {
        "call_handler": (None, "sip_gateway"),
        "calling_handler_resource_id": (None, gateway(box).id),
    }
    assert box.writes == []
    assert list(box.signalwire.numbers) == before


def test_without_a_route_numbers_are_recorded_only(opened, box, first):
    (result,) = opened("signalwire", sip_config={}).import_numbers([first.number]).results

    assert (result.status, result.code) == ("unchanged", "import.recorded")
    assert box.writes == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_uri_without_a_gateway_is_named_before_any_write(dry_run, signalwire, box):
    numbers = [number.number for number in box.signalwire.numbers]
    report = signalwire.import_numbers(numbers, Route.sip("sip:nobody@sip.example.org"), dry_run=dry_run)

    assert {(r.status, r.code) for r in report.results} == {("failed", "import.not_found")}
    assert gateway(box).uri in report.results[0].message
    assert box.writes == []
    assert len(box.requests) == 2


def test_gateways_that_could_not_be_asked_stop_an_import_before_any_write(opened, box, first):
    box.fail("signalwire", "list_gateways", Fault.status(503))
    with pytest.raises(ProviderUnavailable):
        opened("signalwire", retries=0).import_numbers([first.number])

    assert box.writes == []


def busy_webhook(box, number):
    number.call_handler = "laml_webhooks"
    number.settings |= {"call_request_url": OTHER_HOOK, "call_request_method": "POST"}


def busy_script(box, number):
    number.call_handler = "relay_script"
    number.settings["call_relay_script_url"] = OTHER_HOOK


def busy_application(box, number):
    number.call_handler = "laml_application"
    number.settings["call_laml_application_id"] = "11111111-5e14-4c11-bbe7-6fdfa11fe780"


def busy_topic(box, number):
    number.call_handler = "relay_topic"
    number.settings["call_relay_topic"] = "office"


def busy_gateway(box, number):
    number.call_handler = "sip_gateway"
    number.calling_handler_resource_id = box.signalwire.add_gateway("Front desk", "desk@other.example").id


def busy_agent(box, number):
    number.call_handler = "ai_agent"
    number.calling_handler_resource_id = box.signalwire.add_resource("ai_agent", "Robot").id


def busy_flow(box, number):
    number.call_handler = "call_flow"
    number.calling_handler_resource_id = box.signalwire.add_resource("call_flow", "Menu").id


def busy_fax(box, number):
    number.call_receive_mode = "fax"


BUSY = [
    busy_webhook, busy_script, busy_application, busy_topic, busy_gateway, busy_agent, busy_flow, busy_fax,
]  # fmt: skip


@pytest.mark.parametrize("busy", BUSY)
@pytest.mark.parametrize("kind", ["sip", "webhook", "application"])
class TestConflict:
    def route(self, kind, box):
        return {
            "sip": Route.sip(f"sip:{gateway(box).uri}"),
            "webhook": Route.webhook(HOOK),
            "application": Route.application(APPLICATION["cxml_application"]["id"]),
        }[kind]

    def test_is_refused_and_nothing_is_written(self, busy, kind, signalwire, box, first):
        route = self.route(kind, box)
        busy(box, first)
        before = routing(first)
        (result,) = signalwire.import_numbers([first.number], route).results

        assert result.status == "conflict"
        assert "would" in result.message
        assert box.writes == []
        assert routing(first) == before

    def test_is_overwritten_on_purpose_and_restored(self, busy, kind, signalwire, box, first):
        """Handlers that no update takes (gateway, agent, flow) go back through their resource."""
        route = self.route(kind, box)
        busy(box, first)
        before, resource = routing(first), first.calling_handler_resource_id
        report = signalwire.import_numbers([first.number], route, on_conflict="overwrite")
        assert report.counts == {"imported": 1}, report.results
        (listed,) = [n for n in signalwire.list_numbers() if n.number == first.number]
        assert listed.route == route
        assert listed.routing["call_receive_mode"] == "voice"

        snapshot = voipkit.RoutingSnapshot.model_validate_json(report.snapshot.model_dump_json())
        restored = signalwire.restore_numbers(snapshot)
        assert restored.counts == {"imported": 1}, restored.results
        assert routing(first) == before
        assert resource in (None, first.calling_handler_resource_id)


def test_handler_whose_resource_is_not_shown_cannot_be_put_back_and_the_plan_says_so(signalwire, box, first):
    first.call_handler = "ai_agent"
    (planned,) = signalwire.import_numbers([first.number], dry_run=True).results
    assert "could not be put back" in planned.message

    report = signalwire.import_numbers([first.number], Route.webhook(HOOK), on_conflict="overwrite")
    (restored,) = signalwire.restore_numbers(report.snapshot).results

    assert (restored.status, restored.code) == ("failed", "import.unsupported")
    assert "dashboard" in (restored.fix or "")
    assert first.call_handler == "laml_webhooks"


def test_an_assignment_that_signalwire_refuses_is_unsupported(signalwire, box, first):
    busy_agent(box, first)
    report = signalwire.import_numbers([first.number], Route.webhook(HOOK), on_conflict="overwrite")
    box.fail("signalwire", "assign_phone_route", Fault.status(422))
    (restored,) = signalwire.restore_numbers(report.snapshot).results

    assert (restored.status, restored.code) == ("failed", "import.unsupported")


def test_an_assignment_without_effect_is_noticed(opened, box, first):
    """The phone route's id may not be the number's: SignalWire's document does not say."""
    address = {"id": "691af061-cd86-4893-a605-173f47afc4c2", "name": "elsewhere"}
    (result,) = opened("signalwire", wire=wired(box, phone_routes=address)).import_numbers([first.number]).results

    assert (result.status, result.code) == ("failed", "import.read_back")
    assert "call_handler" in result.message


def test_handlerless_number_is_restored_with_null_where_signalwire_takes_it(signalwire, box, first):
    before = routing(first)
    report = signalwire.import_numbers([first.number], Route.webhook(HOOK))
    box.clear()

    assert signalwire.restore_numbers(report.snapshot).ok
    assert routing(first) == before
    assert [json.loads(r.request_body) for r in box.writes] == [{"call_handler": None, "call_request_url": ""}]


def test_handlerless_number_that_signalwire_does_not_restore_is_told(signalwire, box, first):
    box.signalwire.accepts_null_handler = False
    report = signalwire.import_numbers([first.number], Route.webhook(HOOK))
    (restored,) = signalwire.restore_numbers(report.snapshot).results

    assert (restored.status, restored.code) == ("failed", "import.unsupported")
    assert "dashboard" in (restored.fix or "")


def test_fallback_and_messaging_are_left_alone(signalwire, box, first):
    first.settings |= {"call_fallback_url": OTHER_HOOK, "message_request_url": OTHER_HOOK}
    signalwire.import_numbers([first.number], Route.webhook(HOOK))

    assert {first.settings["call_fallback_url"], first.settings["message_request_url"]} == {OTHER_HOOK}
    assert all("message" not in name for r in box.writes for name in json.loads(r.request_body))


def test_restore_leaves_alone_what_somebody_changed_since(signalwire, box, first):
    report = signalwire.import_numbers([first.number])
    busy_script(box, first)
    box.clear()

    assert signalwire.restore_numbers(report.snapshot).counts == {"conflict": 1}
    assert box.writes == []


def test_one_bad_number_never_stops_the_others(signalwire, box):
    silent = box.signalwire.add_number("+14155550111", capabilities=["sms"])
    good = [n.number for n in box.signalwire.numbers if "voice" in n.capabilities][:2]
    box.fail("signalwire", "assign_phone_route", Fault.status(422), calls=1)
    report = signalwire.import_numbers([*good, "4155550100", silent.number, good[0], "+14155550142"])

    statuses = [result.status for result in report.results]
    assert sorted(statuses[:2]) == ["failed", "imported"]
    assert statuses[2:] == ["failed", "not_voice", "failed", "not_owned"]


def test_route_kind_that_signalwire_lacks_is_refused_before_any_request(signalwire, box):
    with pytest.raises(Unsupported, match="sip, webhook, application"):
        signalwire.import_numbers(["+14155550100"], Route.trunk("TK1"))

    assert box.requests == []


@pytest.mark.parametrize("fault", [Fault.timeout, Fault.reset])
@pytest.mark.parametrize(("applied", "status"), [(False, "failed"), (True, "imported")])
@pytest.mark.parametrize(("operation", "route"), [("assign_phone_route", None), ("update_number", Route.webhook(HOOK))])
def test_a_write_whose_answer_is_lost_is_sent_once_and_looked_up(
    operation, route, applied, status, fault, signalwire, box, first
):
    """The SDK would send a POST again after a time-out, and our channel a PUT."""
    box.fail("signalwire", operation, fault(applied=applied))
    (result,) = signalwire.import_numbers([first.number], route).results

    assert [r.operation for r in box.requests].count(operation) == 1
    assert result.status == status


def test_a_question_whose_answer_is_lost_is_asked_again(signalwire, box):
    box.fail("signalwire", "list_numbers", Fault.reset(), calls=1)

    assert len(list(signalwire.list_numbers())) == 3


def test_a_revoked_token_stops_the_writes(signalwire, box):
    box.signalwire.seed_numbers(40)
    box.fail("signalwire", "assign_phone_route", Fault.status(401))
    report = signalwire.import_numbers([n.number for n in box.signalwire.numbers])

    assert report.counts == {"failed": 43}
    assert [r.operation for r in box.requests].count("assign_phone_route") < 10


def test_unlistable_project_writes_nothing(opened, box):
    box.fail("signalwire", "list_numbers", Fault.status(500))
    with pytest.raises(ProviderUnavailable):
        opened("signalwire", retries=0).import_numbers(["+14155550100", "+13125550177"])

    assert box.writes == []


# --- verify ----------------------------------------------------------------------------------------------------------


def test_imported_number_is_verified(opened, box, first):
    endpoint = box.signalwire.sip_endpoints[0]
    endpoint.outbound_policy, endpoint.send_as = "passthrough", first.number
    carrier = opened("signalwire", sip_config={**box.signalwire.sip_config, "sip_username": endpoint.username})
    carrier.import_numbers([first.number])
    box.clear()
    verified = carrier.verify_number(first.number)

    assert verified.status == "pass", verified.checks
    assert len(box.requests) == 3
    assert box.writes == []


def test_verify_of_many_is_one_listing_and_a_constant(signalwire, box):
    numbers = [n.number for n in box.signalwire.seed_numbers(200)]
    signalwire.import_numbers(numbers)
    box.clear()
    verified = list(signalwire.verify_numbers(numbers))

    assert [v.number for v in verified] == numbers
    assert {v.status for v in verified} == {"pass"}
    assert len(box.requests) == 3


def test_owning_a_number_proves_no_outbound_calling(opened, box, first):
    carrier = opened("signalwire", sip_config={"sip_uri": box.signalwire.sip_config["sip_uri"]})
    carrier.import_numbers([first.number])

    assert carrier.verify_number(first.number).outbound_authorized is None


@pytest.mark.parametrize(("send_as", "code"), [("random", "random"), ("+14155550199", "other_number")])
def test_calls_that_show_another_number_are_warned_of(send_as, code, opened, box, first):
    endpoint = box.signalwire.sip_endpoints[0]
    endpoint.send_as = send_as
    verified = opened("signalwire", sip_config={"sip_username": endpoint.username}).verify_number(first.number)

    assert f"signalwire.caller_id.{code}" in codes(verified.checks, "warn")


@pytest.mark.parametrize(
    ("name", "asked", "code"),
    [
        ("voice_url", APPLICATION["cxml_application"]["id"], "signalwire.application.voice_url.unknown"),
        ("id", "00000000-0000-0000-0000-000000000000", "signalwire.application.unknown"),
    ],
)
def test_an_application_that_is_shown_in_part_is_unknown(name, asked, code, opened, box):
    inner = {key: value for key, value in APPLICATION["cxml_application"].items() if key != name}
    wire = applications(box, {**APPLICATION, "cxml_application": inner})
    test = opened("signalwire", sip_config={"application_id": asked}, wire=wire).test_credentials()

    assert (test.failures, test.inbound_reachable) == ((), None)
    assert code in codes(test.checks, "unknown")


def test_a_number_that_is_shown_without_its_handler_is_neither_routed_nor_free(opened, box, first):
    carrier = opened("signalwire", wire=lacking(box, "/phone_numbers", "call_handler"))
    verified = carrier.verify_number(first.number)
    assert (verified.failures, verified.inbound_reachable) == ((), None)
    assert "signalwire.number.handler.unknown" in codes(verified.checks, "unknown")

    (result,) = carrier.import_numbers([first.number], Route.webhook(HOOK)).results
    assert (result.status, box.writes) == ("conflict", [])
    assert "does not show" in result.message


def test_number_without_routing_fails(opened, first):
    verified = opened("signalwire", sip_config={}).verify_number(first.number)

    assert codes(verified.failures) == {"signalwire.number.not_routed"}
    assert verified.inbound_reachable is False


def test_handler_without_its_target_goes_nowhere(opened, box, first):
    first.call_handler = "laml_webhooks"

    assert codes(opened("signalwire", sip_config={}).verify_number(first.number).failures) == {
        "signalwire.number.not_routed"
    }


@pytest.mark.parametrize("busy", [busy_gateway, busy_agent, busy_webhook, busy_script])
def test_number_that_is_routed_elsewhere_fails_with_the_place_named(busy, signalwire, box, first):
    busy(box, first)
    verified = signalwire.verify_number(first.number)

    (failed,) = verified.failures
    assert failed.code == "signalwire.number.routed_elsewhere"
    assert first.call_handler in failed.message


@pytest.mark.parametrize("busy", [busy_agent, busy_flow, busy_script])
def test_what_a_handler_does_is_not_claimed(busy, opened, box, first):
    busy(box, first)
    verified = opened("signalwire", sip_config={}).verify_number(first.number)

    assert "signalwire.number.routed_unseen" in codes(verified.checks, "unknown")


def test_gateways_that_could_not_be_asked_leave_the_route_unknown(opened, box, first):
    first.call_handler, first.calling_handler_resource_id = "sip_gateway", gateway(box).id
    box.fail("signalwire", "list_gateways", Fault.status(500))
    verified = opened("signalwire", retries=0).verify_number(first.number)

    assert verified.failures == ()
    assert "signalwire.number.routed.unknown" in codes(verified.checks, "unknown")
    assert "signalwire.gateway.unknown" in codes(verified.checks, "unknown")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"call_receive_mode": "fax"}, "signalwire.number.fax_mode"),
        ({"capabilities": ["sms"]}, "signalwire.number.no_voice"),
    ],
)
def test_number_that_cannot_talk_fails(fields, code, signalwire, box):
    number = box.signalwire.add_number(
        "+14155550122", call_handler="sip_gateway", calling_handler_resource_id=gateway(box).id, **fields
    )

    assert codes(signalwire.verify_number(number.number).failures) == {code}


def test_number_that_is_not_owned_is_an_answer(signalwire):
    verified = signalwire.verify_number("+14155550142")

    assert codes(verified.failures) == {"signalwire.number.not_owned"}
    assert verified.id is None
    assert (verified.inbound_reachable, verified.outbound_authorized) == (None, None)


def test_partial_match_is_not_ownership(signalwire, box):
    """filter_number matches substrings: +4420794600189 would be found for +442079460018."""
    box.signalwire.add_number("+4420794600189")

    assert signalwire.verify_number("+442079460018").id is None


def test_text_that_is_no_number_raises_for_one_and_fails_among_many(signalwire, box, first):
    with pytest.raises(InvalidNumber):
        signalwire.verify_number("0100")
    (bad, good) = signalwire.verify_numbers(["0100", first.number])

    assert (bad.number, codes(bad.failures)) == ("0100", {"signalwire.number.not_e164"})
    assert good.id == first.id


def test_verify_raises_when_the_number_cannot_be_looked_up(opened, box):
    box.fail("signalwire", "list_numbers", Fault.status(503))
    with pytest.raises(ProviderUnavailable):
        opened("signalwire", retries=0).verify_number("+14155550100")


# --- the SDK ---------------------------------------------------------------------------------------------------------


def test_every_exception_class_of_the_sdk_has_a_rule():
    from signalwire.rest import _base

    kinds = [
        kind
        for _, kind in inspect.getmembers(_base, inspect.isclass)
        if issubclass(kind, Exception) and kind.__module__ == _base.__name__
    ]

    assert len(kinds) == 2
    assert [kind.__name__ for kind in kinds if rule_for(kind, RULES) is None] == []


@pytest.mark.parametrize(
    ("body", "code", "says"),
    [
        ({"error": "Nope"}, None, "Nope"),
        ({"errors": [{"detail": "Label is blank", "status": "422", "title": "x", "code": "422"}]}, None, "Label"),
        (
            {"errors": [{"type": "v", "code": "odd", "message": "One", "attribute": "name"}, {"message": "Two"}]},
            "odd",
            "One \\(at name\\); Two",
        ),
        ({"code": 20404, "message": "Gone", "status": 404}, "20404", "Gone"),
        ({"errors": ["text", None]}, None, "SignalWire refuses"),
        (["text"], None, "SignalWire refuses"),
    ],
)
def test_each_form_of_error_body_is_read(body, code, says, opened, box):
    box.fail("signalwire", "list_numbers", Fault.body(json.dumps(body).encode(), status=422))
    with pytest.raises(ProviderError, match=says) as caught:
        list(opened("signalwire").list_numbers())

    assert (caught.value.status, caught.value.code) == (422, code)


def test_the_old_distribution_is_refused_with_the_commands(signalwire, box, tmp_path, monkeypatch):
    """Both distributions are imported as `signalwire`, and pip lets one overwrite the other."""
    folder = tmp_path / "signalwire-2.1.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: signalwire\nVersion: 2.1.1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for work in (signalwire.test_credentials, lambda: list(signalwire.list_numbers())):
        with pytest.raises(MissingExtra) as caught:
            work()

        assert isinstance(caught.value, ConfigurationError)
        assert "2.1.1" in caught.value.message
        assert caught.value.fix == "pip uninstall -y signalwire signalwire-sdk && pip install 'voipkit[signalwire]'"
    assert box.requests == []


def test_environment_never_reaches_a_request(opened, box, monkeypatch):
    planted = {
        "SIGNALWIRE_PROJECT_ID": "eeeeeeee-eeee-eeee-eeee-eeeeeeeeeeee",
        "SIGNALWIRE_API_TOKEN": "PTeeeeeeeeeeeeeeee",
        "SIGNALWIRE_SPACE": "planted.signalwire.com",
        "SIGNALWIRE_REST_CA_FILE": "/nonexistent/planted.pem",
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    carrier = opened("signalwire")

    assert carrier.test_credentials().status == "pass"
    list(carrier.list_numbers())
    assert {r.url.split("/")[2] for r in box.requests} == {box.signalwire.host}
    assert not any(value in r.url + str(r.request_headers) for r in box.requests for value in planted.values())


def test_errors_are_ours_and_their_cause_knows_no_secret(opened, box):
    box.fail("signalwire", "list_numbers", Fault.echo_secret())
    with pytest.raises(ProviderError) as caught:
        list(opened("signalwire", retries=0).list_numbers())

    cause = caught.value.__cause__
    assert type(cause).__module__.startswith("signalwire")
    assert box.signalwire.api_token not in str(caught.value) + repr(cause) + repr(vars(cause))


def test_neither_shown_nor_pickled(signalwire, box):
    assert box.signalwire.api_token not in repr(signalwire)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(signalwire)


def test_no_operation_is_unknown_to_the_sandbox(signalwire, box, first):
    signalwire.test_credentials()
    signalwire.import_numbers([first.number], Route.webhook(HOOK))
    list(signalwire.verify_numbers([first.number]))

    assert "unknown" not in {r.operation for r in box.requests}
