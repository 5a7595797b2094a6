"""The sandbox against the carriers' own OpenAPI documents, and the checker against broken exchanges."""

import dataclasses
import json

import pytest

from tests import openapi
from tests.openapi import QUIRKS, Documents, examples, validate_exchange
from tests.sandbox.conftest import Caller
from voipkit.sandbox import Recorded, Sandbox

if Documents.find() is None:
    pytest.skip(
        "NOT CHECKED: the vendors' OpenAPI documents are absent; set VOIPKIT_VENDOR_SPECS to their folder",
        allow_module_level=True,
    )

# Operation -> the document that describes it and its operationId there.
DESCRIBED = {
    "account": ("twilio_api_v2010", "FetchAccount"),
    "balance": ("twilio_api_v2010", "FetchBalance"),
    "list_numbers": ("twilio_api_v2010", "ListIncomingPhoneNumber"),
    "number": ("twilio_api_v2010", "FetchIncomingPhoneNumber"),
    "list_applications": ("twilio_api_v2010", "ListApplication"),
    "application": ("twilio_api_v2010", "FetchApplication"),
    "list_credential_lists": ("twilio_api_v2010", "ListSipCredentialList"),
    "list_caller_ids": ("twilio_api_v2010", "ListOutgoingCallerId"),
    "create_call": ("twilio_api_v2010", "CreateCall"),
    "call": ("twilio_api_v2010", "FetchCall"),
    "list_trunks": ("twilio_trunking_v1", "ListTrunk"),
    "trunk": ("twilio_trunking_v1", "FetchTrunk"),
    "list_origination_urls": ("twilio_trunking_v1", "ListOriginationUrl"),
    "list_trunk_credential_lists": ("twilio_trunking_v1", "ListCredentialList"),
    "list_trunk_ip_access_control_lists": ("twilio_trunking_v1", "ListIpAccessControlList"),
    "attach_trunk_number": ("twilio_trunking_v1", "CreatePhoneNumber"),
    "list_dialing_permissions": ("twilio_voice_v1", "ListDialingPermissionsCountry"),
    "dialing_permissions": ("twilio_voice_v1", "FetchDialingPermissionsCountry"),
    "number_region": ("twilio_routes_v2", "FetchPhoneNumber"),
    "prices": ("twilio_pricing_v1", "FetchPhoneNumberCountry"),
}


@pytest.fixture(scope="module")
def tour():
    """A sandbox in which every operation of the carriers with a document was called once or more."""
    box = Sandbox()
    ask = Caller(box)
    _tour_twilio(box, ask)
    _tour_telnyx(box, ask)
    _tour_cloudonix(box, ask)
    _tour_signalwire(box, ask)
    _tour_vonage(box, ask)
    return box


def _tour_twilio(box, ask):
    number, trunk, application = box.twilio.numbers[0], box.twilio.trunks[0], box.twilio.applications[0]
    box.twilio.add_ip_access_control_list(trunk)
    box.twilio.add_caller_id("+14155550177")
    trunks = "https://trunking.twilio.com/v1/Trunks"
    for path in (
        ".json",
        "/Balance.json",
        "/IncomingPhoneNumbers.json?PageSize=2&Beta=true&Origin=twilio",
        f"/IncomingPhoneNumbers/{number.sid}.json",
        "/Applications.json",
        f"/Applications/{application.sid}.json",
        "/SIP/CredentialLists.json",
        "/OutgoingCallerIds.json",
        trunks,
        f"{trunks}/{trunk.sid}",
        f"{trunks}/{trunk.sid}/OriginationUrls",
        f"{trunks}/{trunk.sid}/CredentialLists",
        f"{trunks}/{trunk.sid}/IpAccessControlLists",
        "https://voice.twilio.com/v1/DialingPermissions/Countries?CountryCode=%2B44",
        "https://voice.twilio.com/v1/DialingPermissions/Countries/US",
        "https://routes.twilio.com/v2/PhoneNumbers/+14155550100",
        "https://pricing.twilio.com/v1/PhoneNumbers/Countries/US",
    ):
        assert ask.twilio("GET", path)[0] == 200, path
    calling = "To=%2B35315250000&From=%2B14155550100&Twiml=%3CResponse%3E%3CHangup/%3E%3C/Response%3E&Timeout=7"
    status, placed = ask.twilio("POST", "/Calls.json", calling)[:2]
    assert status == 201
    assert ask.twilio("GET", f"/Calls/{placed['sid']}.json")[1]["status"] == "ringing"
    assert ask.twilio("POST", f"/Calls/{placed['sid']}.json", "Status=completed")[1]["status"] == "canceled"
    assert ask.twilio("POST", "/Calls.json", calling.replace("155550100", "155550155"))[1]["code"] == 21210
    path = f"/IncomingPhoneNumbers/{number.sid}.json"
    ask.twilio("POST", path, f"VoiceApplicationSid={application.sid}")
    ask.twilio("POST", path, "VoiceApplicationSid=")
    assert ask.twilio("POST", path, "TrunkSid=")[0] == 400
    assert ask.twilio("POST", f"{trunks}/{trunk.sid}/PhoneNumbers", f"PhoneNumberSid={number.sid}")[0] == 201
    assert ask.twilio("DELETE", f"{trunks}/{trunk.sid}/PhoneNumbers/{number.sid}")[0] == 204
    for missing in (
        f"/IncomingPhoneNumbers/PN{'0' * 32}.json",
        f"{trunks}/TK{'0' * 32}",
        f"{trunks}/TK{'0' * 32}/OriginationUrls",
    ):
        assert ask.twilio("GET", missing)[0] == 404


def _tour_telnyx(box, ask):
    number, connection_id = box.telnyx.numbers[0], box.telnyx.credentials["connection_id"]
    kinds = ("credential_connection", "ip_connection", "call_control_application", "texml_application")
    made = {kind: box.telnyx.add_connection(kind, user_name="acme1", registration="Registered") for kind in kinds}
    box.telnyx.add_ip(made["ip_connection"], "192.0.2.7")
    for path in (
        "balance",
        "phone_numbers?page[size]=2&filter[country_iso_alpha2][]=US&sort=phone_number",
        "phone_numbers/slim?include_connection=true&include_tags=true",
        "phone_numbers/voice",
        f"phone_numbers/{number.id}",
        f"phone_numbers/{number.id}/voice",
        "connections",
        f"connections/{connection_id}",
        f"fqdn_connections/{connection_id}",
        *(f"{kind}s/{connection.id}" for kind, connection in made.items()),
        "fqdns",
        "ips",
        "outbound_voice_profiles",
        f"outbound_voice_profiles/{box.telnyx.outbound_profiles[0].id}",
        "sip_registration_status?credential_type=sip_credential_connection&username=acme1",
    ):
        assert ask.telnyx("GET", f"/{path}")[0] == 200, path
    assert ask.telnyx("PATCH", f"/phone_numbers/{number.id}", {"connection_id": connection_id})[0] == 200
    assert ask.telnyx("PATCH", f"/phone_numbers/{number.id}", {"connection_id": ""})[0] == 200
    assert ask.telnyx("PATCH", f"/phone_numbers/{number.id}/voice", {"translated_number": "+13125550111"})[0] == 200
    for path in ("phone_numbers/actions/verify_ownership", "numbers_features"):
        assert ask.telnyx("POST", f"/{path}", {"phone_numbers": [number.phone_number]})[0] == 200
    body = {"phone_numbers": [number.id], "connection_id": connection_id}
    job = ask.telnyx("POST", "/phone_numbers/jobs/update_phone_numbers", body)[1]["data"]
    assert ask.telnyx("GET", f"/phone_numbers/jobs/{job['id']}")[0] == 200
    check = f"/credential_connections/{made['credential_connection'].id}/actions/check_registration_status"
    assert ask.telnyx("POST", check)[0] == 200
    for path in ("phone_numbers/1", "connections/1", "phone_numbers/jobs/1", "texml_applications/1"):
        assert ask.telnyx("GET", f"/{path}")[0] == 404
    assert ask.telnyx("GET", "/phone_numbers", key="KEYwrong")[0] == 401


def _tour_cloudonix(box, ask):
    application, domain, key = box.cloudonix.applications[2], box.cloudonix.domain, box.cloudonix.customer_key
    box.cloudonix.add_trunk("inbound", "acme-inbound", "192.0.2.8", profile={"domain": "pbx.example.com"})
    for path in ("/customers/self", "/customers/self/concurrency-limit", "/customers/self/domains"):
        assert ask.cloudonix("GET", path, key=key)[0] == 200, path
    for path in (
        *("", f"/domains/{domain.uuid}", f"/tenants/self/domains/{domain.id}", "/aliases", "/dnids", "/applications"),
        *(f"/dnids/{box.cloudonix.dnids[0].id}", "/applications/acme-ivr", "/trunks", "/trunks/acme-carrier"),
    ):
        assert ask.cloudonix("GET", path)[0] == 200, path
    rule = {"applicationId": application.id, "source": "+1415", "prefix": True}
    trunk = {"name": "two", "ip": "192.0.2.9", "port": "5060", "transport": "udp", "direction": "outbound"}
    new = {"name": "bot", "type": "cxml", "url": "https://bot.example.com/x", "method": "POST"}
    for method, path, body, status in (
        ("PUT", "", {"defaultApplication": application.id}, 200),
        ("PATCH", "", {"registrationFree": True}, 200),
        ("POST", "/dnids", rule, 204),
        ("POST", "/applications/acme-ivr/dnids", {"source": "+1416"}, 200),
        ("PUT", f"/dnids/{box.cloudonix.dnids[0].id}", {"applicationId": application.id}, 204),
        ("DELETE", f"/dnids/{box.cloudonix.dnids[1].id}", None, 204),
        ("POST", "/applications", new, 200),
        ("PUT", "/applications/bot", {"type": "cxml", "url": "https://bot.example.com/y", "method": "GET"}, 200),
        ("PATCH", "/applications/bot", {"url": "https://bot.example.com/z"}, 200),
        ("DELETE", "/applications/bot", None, 204),
        ("POST", "/trunks", trunk, 200),
        ("PUT", "/trunks/two", {"active": False}, 200),
        ("PUT", "/trunks/two", {"port": 5061}, 200),
        ("DELETE", "/trunks/two", None, 204),
        ("GET", "/dnids/1", None, 404),
    ):
        assert ask.cloudonix(method, path, body)[0] == status, (method, path)
    box.cloudonix.creates_silently = True
    assert ask.cloudonix("POST", "/trunks", trunk) == (200, None)
    assert ask.cloudonix("GET", "", key="XI" + "0" * 32)[0] == 401


def _tour_signalwire(box, ask):
    number, gateway, endpoint = box.signalwire.numbers[0], box.signalwire.resources[0], box.signalwire.sip_endpoints[0]
    application = box.signalwire.add_resource("cxml_application", "IVR", url="https://ivr.example.com")
    domain = box.signalwire.add_domain_application("SBC", "sbc", ip_auth=["192.0.2.1"])
    for verified in (True, False):
        box.signalwire.add_caller_id("+14155550177", verified=verified)
    first = ask.signalwire("GET", "relay/rest/phone_numbers?page_size=2&filter_number=%2B1")[1]
    for path in (
        first["links"]["next"],
        f"relay/rest/phone_numbers/{number.id}",
        "projects?name=Acme",
        f"projects/{box.signalwire.project_id}",
        "relay/rest/sip_profile",
        "relay/rest/endpoints/sip?filter_username=acme&filter_caller_id=A&page_size=1000",
        f"relay/rest/endpoints/sip/{endpoint.id}",
        "fabric/resources/sip_endpoints",
        f"fabric/resources/sip_endpoints/{endpoint.id}",
        "fabric/resources/sip_gateways",
        f"fabric/resources/sip_gateways/{gateway.id}",
        f"fabric/resources/sip_gateways/{gateway.id}/addresses",
        "fabric/resources/cxml_applications",
        f"fabric/resources/cxml_applications/{application.id}",
        "relay/rest/domain_applications?filter_domain=acme",
        f"relay/rest/domain_applications/{domain.id}",
        "relay/rest/verified_caller_ids?filter_name=",
    ):
        assert ask.signalwire("GET", path)[0] == 200, path
    one = f"relay/rest/phone_numbers/{number.id}"
    route = {"phone_route_id": number.id, "handler": "calling"}
    new = {"name": "x", "uri": "sip.example.net", "encryption": "optional", "codecs": ["PCMU"]}
    new["ciphers"] = ["AES_CM_128_HMAC_SHA1_80"]
    missing = "00000000-0000-4000-a000-000000000000"
    for method, path, body, status in (
        ("PUT", one, {"call_handler": "relay_script", "call_relay_script_url": "https://bot.example.com"}, 200),
        ("PUT", one, {"call_handler": "laml_webhooks", "call_request_url": "https://x.example.com"}, 200),
        ("PUT", one, {"call_handler": None}, 200),
        ("PUT", one, {"call_handler": "relay_topic"}, 422),
        ("POST", f"fabric/resources/{gateway.id}/phone_routes", route, 200),
        ("POST", f"fabric/resources/{gateway.id}/phone_routes", route | {"phone_route_id": missing}, 422),
        ("POST", "fabric/resources/sip_gateways", new, 201),
        ("POST", "fabric/resources/sip_gateways", new | {"uri": "10.0.0.7"}, 422),
        ("GET", one, None, 200),
        ("GET", f"relay/rest/phone_numbers/{missing}", None, 404),
        ("GET", f"fabric/resources/sip_gateways/{missing}", None, 404),
        ("GET", "relay/rest/phone_numbers?page_number=1", None, 400),
    ):
        assert ask.signalwire(method, path, body)[0] == status, (method, path)
    made = f"fabric/resources/sip_gateways/{box.signalwire.resources[-1].id}"
    assert ask.signalwire("PATCH", made, {"uri": "sip.example.org"})[0] == 200
    assert ask.signalwire("DELETE", made)[0] == 204
    assert ask.signalwire("GET", "projects", token="PTwrong")[0] == 401


def _tour_vonage(box, ask):
    number, application = box.vonage.numbers[0], box.vonage.applications[0]
    box.vonage.numbers[1].limitations.append({"feature": "VOICE", "type": "OUTBOUND", "reach": "DOMESTIC"})
    us = {"country": "US", "msisdn": number.msisdn}
    sip = {"voiceCallbackType": "sip", "voiceCallbackValue": "sip:pbx.example.com"}
    everything = sip | {"app_id": application.id, "moHttpUrl": "https://sms.example.com"}
    for form, code in (
        (us | everything, "200"),
        (us | {"voiceCallbackType": ""}, "200"),
        (us | {"app_id": application.id}, "200"),
        (us | {"country": "CA"}, "420"),
    ):
        assert ask.vonage("POST", "/number/update", form)[1]["error-code"] == code, form
    for path in (
        "/account/get-balance",
        "/account/get-pricing/outbound/voice?country=US",
        f"/account/numbers?size=100&index=1&has_application=true&application_id={application.id}",
        "/account/numbers?country=US&pattern=1415&search_pattern=0&size=10",
        "/account/numbers",
        "/account/numbers?index=2",
        "/v2/applications?page_size=100&page=1",
        f"/v2/applications/{application.id}",
        f"/accounts/{box.vonage.api_key}/secrets",
    ):
        assert ask.vonage("GET", path)[0] == 200, path
        assert ask.vonage("GET", path, secret="wrong")[0] == 401, path
    made = ask.vonage("POST", "/v2/applications", body={"name": "x", "capabilities": {"voice": {}}})[1]
    assert ask.vonage("PUT", f"/v2/applications/{made['id']}", body={"name": "y"})[0] == 200
    assert ask.vonage("DELETE", f"/v2/applications/{made['id']}")[0] == 204
    assert ask.vonage("GET", f"/v2/applications/{made['id']}")[0] == 404
    assert ask.vonage("GET", "/v2/applications?page_size=101")[0] == 400
    assert ask.vonage("GET", "/accounts/somebody/secrets")[0] == 404
    box.vonage.unauthorized_status = 200
    for path in ("/account/numbers", "/account/get-balance"):
        assert ask.vonage("GET", path, secret="wrong")[1]["error-code"] == "401"


class TestTheSandbox:
    def test_every_operation_was_called(self, tour):
        called = {(recorded.carrier, recorded.operation) for recorded in tour.requests}
        for carrier in (tour.twilio, tour.telnyx, tour.cloudonix, tour.signalwire, tour.vonage):
            assert {(carrier.id, operation) for operation in carrier.operations} <= called

    def test_every_exchange_is_as_the_documents_say(self, tour):
        assert [text for recorded in tour.requests for text in validate_exchange(recorded)] == []

    @pytest.mark.parametrize("operation", sorted(DESCRIBED))
    def test_twilio_answers_every_field_of_the_documents_example(self, tour, operation):
        recorded = next(
            r for r in tour.requests if (r.carrier, r.operation) == ("twilio", operation) and r.status < 300
        )
        answer, example = json.loads(recorded.response_body), next(examples(*DESCRIBED[operation]))
        assert _fields(example) - _fields(answer) - _MORE_SUBRESOURCES == set()

    @pytest.mark.parametrize(
        ("operation", "operation_id"), [("number", "RetrievePhoneNumber"), ("balance", "GetUserBalance")]
    )
    def test_telnyx_answers_every_field_of_the_documents_example(self, tour, operation, operation_id):
        recorded = next(r for r in tour.requests if (r.carrier, r.operation) == ("telnyx", operation))
        assert _fields(next(examples("telnyx-v2", operation_id))) <= _fields(json.loads(recorded.response_body))

    @pytest.mark.parametrize(
        ("carrier", "operation", "document", "operation_id"),
        [
            ("signalwire", "number", "signalwire-rest", "retrieve_phone_number"),
            ("signalwire", "gateway", "signalwire-rest", "get_sip_gateway"),
            ("vonage", "balance", "account", "getAccountBalance"),
            ("vonage", "update_number", "numbers", "updateANumber"),
        ],
    )
    def test_others_answer_every_field_of_the_documents_example(self, tour, carrier, operation, document, operation_id):
        recorded = next(r for r in tour.requests if (r.carrier, r.operation) == (carrier, operation))
        assert _fields(next(examples(document, operation_id))) <= _fields(json.loads(recorded.response_body))

    def test_what_no_document_describes_is_counted(self, tour):
        documents = Documents(Documents.find().folder)
        assert [text for recorded in tour.requests for text in documents.violations(recorded)] == []
        assert documents.unchecked == {"rest.nexmo.com/account/get-pricing": 2}

    def test_a_large_listing_is_checked_in_a_moment(self):
        box = Sandbox()
        box.twilio.seed_numbers(1000)
        Caller(box).twilio("GET", "/IncomingPhoneNumbers.json?PageSize=1000")
        assert validate_exchange(box.requests[0]) == []


# The example of an account lists a dozen sub-resources; the sandbox names those that it has.
_MORE_SUBRESOURCES = {f"subresource_uris.{name}" for name in (
    "available_phone_numbers", "conferences", "notifications", "recordings", "transcriptions", "addresses",
    "signing_keys", "balance", "connect_apps", "authorized_connect_apps", "usage", "short_codes", "queues", "messages",
)}  # fmt: skip


def _fields(value, prefix=""):
    """Return the dotted names of every field in a JSON value; list items share the list's name."""
    if isinstance(value, list):
        return set().union(*(_fields(item, prefix) for item in value[:1]))
    if not isinstance(value, dict):
        return {prefix.removesuffix(".")}
    return {prefix + key for key in value}.union(*(_fields(part, f"{prefix}{key}.") for key, part in value.items()))


class TestTheDocuments:
    def test_every_quirk_is_still_needed(self, tour, monkeypatch):
        monkeypatch.setattr(openapi, "QUIRKS", ())
        bare = [text for recorded in tour.requests for text in validate_exchange(recorded)]
        for quirk in QUIRKS:
            monkeypatch.setattr(openapi, "QUIRKS", tuple(other for other in QUIRKS if other is not quirk))
            left = [text for recorded in tour.requests for text in validate_exchange(recorded)]
            assert left, f"no longer needed: {quirk}"
            assert set(left) <= set(bare)

    def test_examples(self):
        assert len(list(examples("twilio_api_v2010", "ListIncomingPhoneNumber"))) == 2
        (made,) = examples("telnyx-v2", "ListPhoneNumbers")
        assert made["data"][0]["record_type"] == "phone_number"
        with pytest.raises(KeyError):
            list(examples("telnyx-v2", "NoSuchOperation"))

    def test_absent_documents_fail_in_ci_and_only_there(self, monkeypatch, tmp_path):
        find = Documents.find.__wrapped__
        monkeypatch.setenv("VOIPKIT_VENDOR_SPECS", str(tmp_path))
        monkeypatch.delenv("CI", raising=False)
        assert find() is None
        monkeypatch.setenv("CI", "1")
        with pytest.raises(RuntimeError, match="CI must check"):
            find()


class TestTheChecker:
    """Each way of being wrong is reported; a checker that is never seen to fail proves nothing."""

    NUMBERS = "https://api.telnyx.com/v2/phone_numbers"
    ACCOUNT = "https://api.twilio.com/2010-04-01/Accounts/AC" + "a" * 32

    def exchange(self, method, url, **fields):
        fields.setdefault("response_headers", {"Content-Type": "application/json"})
        return Recorded("", "", method, url, fields.pop("status", 0), write=False, faulted=False, **fields)

    def found(self, method, url, **fields):
        return " | ".join(validate_exchange(self.exchange(method, url, **fields)))

    @pytest.mark.parametrize(
        ("method", "url", "expected"),
        [
            ("GET", "https://api.example.com/", "no document describes this host"),
            ("GET", "https://api.telnyx.com/v2/whoami", "no such path"),
            ("PUT", NUMBERS, "no PUT"),
            ("GET", NUMBERS + "?colour=red", "query.colour: the operation has no such parameter"),
            ("GET", NUMBERS + "?filter[colour]=red", "query.filter.colour: 'red': unknown key"),
            ("GET", NUMBERS + "?page[size]=251", "maximum"),
            ("GET", NUMBERS + "?page[size]=many", "type 'integer'"),
            ("GET", NUMBERS + "?page=2", "no such parameter"),
            ("GET", NUMBERS + "?sort[by]=x", "no such parameter"),
            ("GET", NUMBERS + "?filter[status]=sleeping", "enum"),
            ("GET", NUMBERS + "?filter[number_type][is]=local", "additionalProperties"),
            ("GET", "https://api.telnyx.com/v2/sip_registration_status", "query.credential_type: required"),
            ("GET", ACCOUNT + "/IncomingPhoneNumbers.json?PageSize=5000", "maximum"),
            ("GET", ACCOUNT + "/IncomingPhoneNumbers.json?Limit=1", "no such parameter"),
            ("GET", ACCOUNT.replace("/AC", "/SK") + "/IncomingPhoneNumbers.json", "path.AccountSid"),
        ],
    )
    def test_requests_with_a_wrong_address(self, method, url, expected):
        assert expected in self.found(method, url)

    @pytest.mark.parametrize(
        ("media", "body", "expected"),
        [
            ("application/json", b'{"connection_id": null}', "body.connection_id: None: type 'string'"),
            ("application/json", b'{"colour": "red"}', "body.colour: 'red': unknown key"),
            ("application/json", b"{", "body: not JSON"),
            ("text/plain", b"{}", "media type 'text/plain'"),
        ],
    )
    def test_requests_with_a_wrong_json_body(self, media, body, expected):
        headers = {"content-type": media}
        assert expected in self.found("PATCH", self.NUMBERS + "/1", request_body=body, request_headers=headers)

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"TrunkSid=TK1", "form.TrunkSid: 'TK1'"),
            (b"VoiceMethod=PUT", "form.VoiceMethod: 'PUT': enum"),
            (b"Colour=red", "form.Colour: 'red': no such field"),
            (b"VoiceCallerIdLookup=maybe", "form.VoiceCallerIdLookup"),
        ],
    )
    def test_requests_with_a_wrong_form(self, body, expected):
        url = f"{self.ACCOUNT}/IncomingPhoneNumbers/PN{'a' * 32}.json"
        assert expected in self.found("POST", url, request_body=body, request_headers={"content-type": openapi.FORM})

    def test_requests_that_lack_or_should_lack_a_body(self):
        url = f"https://trunking.twilio.com/v1/Trunks/TK{'a' * 32}/PhoneNumbers"
        assert "PhoneNumberSid is required" in self.found("POST", url)
        headers = {"content-type": openapi.FORM}
        assert "PhoneNumberSid: required" in self.found("POST", url, request_body=b"X=1", request_headers=headers)
        assert "the operation takes none" in self.found("GET", self.NUMBERS, request_body=b"x")

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"status": "asleep"}, "enum"),
            ({"colour": "red"}, "response.data[0].colour: 'red': unknown key"),
            ({"tags": None}, "type 'array'"),
            ({"created_at": "yesterday"}, "format"),
            ({"phone_number": ...}, "required"),
        ],
    )
    def test_wrong_records(self, tour, change, expected):
        recorded = next(r for r in tour.requests if (r.carrier, r.operation) == ("telnyx", "list_numbers"))
        body = json.loads(recorded.response_body)
        body["data"][0].update(change)
        body["data"][0] = {key: value for key, value in body["data"][0].items() if value is not ...}
        broken = dataclasses.replace(recorded, response_body=json.dumps(body).encode())
        assert expected in " | ".join(validate_exchange(broken))
        assert validate_exchange(dataclasses.replace(broken, faulted=True)) == []

    def test_a_wrong_record_far_down_a_listing_is_found_by_its_shape(self):
        box = Sandbox()
        box.twilio.seed_numbers(200)
        box.twilio.numbers[150].voice_url = 17
        Caller(box).twilio("GET", "/IncomingPhoneNumbers.json?PageSize=1000")
        assert "voice_url: 17" in " | ".join(validate_exchange(box.requests[0]))

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"status": 200, "response_body": b"<html>"}, "response: not JSON"),
            ({"status": 200, "response_body": b"{}", "response_headers": {"Content-Type": "text/html"}}, "media type"),
            ({"status": 200, "response_body": b"[]"}, "type 'object'"),
            ({"status": 201, "response_body": b"{}"}, "never answers 201"),
            ({"status": 401, "response_body": b'{"errors": [{"code": 10009}]}'}, "type 'string'"),
        ],
    )
    def test_wrong_answers(self, fields, expected):
        assert expected in self.found("GET", self.NUMBERS, **fields)

    def test_a_body_where_none_is_due(self):
        url = f"https://trunking.twilio.com/v1/Trunks/TK{'a' * 32}/PhoneNumbers/PN{'a' * 32}"
        assert "answers with no body" in self.found("DELETE", url, status=204, response_body=b"{}")

    def test_an_error_that_the_document_does_not_describe_passes(self):
        assert self.found("GET", self.ACCOUNT + ".json", status=418, response_body=b"") == ""
