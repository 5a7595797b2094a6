"""The vendors' own example answers, read from their documents at test time, go through the adapters.

Real input that none of us wrote: what an adapter and a sandbox agree on by mistake shows up here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

import voipkit
from tests.openapi import examples
from voipkit.errors import ProviderError
from voipkit.models import Route

A = "a" * 32
TWILIO = {"account_sid": f"AC{A}", "auth_token": "0" * 32}
TWILIO_SIP = {"trunk_sid": f"TK{A}"}
TELNYX = {
    "api_key": "KEY0123456789ABCDEF0123456789ABCDEF_abcdefghijklmnopqrstuv",
    "connection_id": "1293384261075731499",
}

# (method, pattern of the URL without its query) -> (document, operationId)
OPERATIONS = {
    "twilio": {
        ("GET", r".*/IncomingPhoneNumbers\.json"): ("twilio_api_v2010", "ListIncomingPhoneNumber"),
        ("GET", r".*/IncomingPhoneNumbers/PN\w+\.json"): ("twilio_api_v2010", "FetchIncomingPhoneNumber"),
        ("POST", r".*/IncomingPhoneNumbers/PN\w+\.json"): ("twilio_api_v2010", "UpdateIncomingPhoneNumber"),
        ("GET", r".*/Accounts/AC\w+\.json"): ("twilio_api_v2010", "FetchAccount"),
        ("GET", r".*/Applications/AP\w+\.json"): ("twilio_api_v2010", "FetchApplication"),
        ("GET", r".*/v1/Trunks"): ("twilio_trunking_v1", "ListTrunk"),
        ("GET", r".*/v1/Trunks/TK\w+"): ("twilio_trunking_v1", "FetchTrunk"),
        ("GET", r".*/v1/Trunks/TK\w+/OriginationUrls"): ("twilio_trunking_v1", "ListOriginationUrl"),
        ("GET", r".*/v1/DialingPermissions/Countries"): ("twilio_voice_v1", "ListDialingPermissionsCountry"),
        ("GET", r".*/v1/PhoneNumbers/Countries/\w+"): ("twilio_pricing_v1", "FetchPhoneNumberCountry"),
        ("GET", r".*/v2/PhoneNumbers/.*"): ("twilio_routes_v2", "FetchPhoneNumber"),
    },
    "telnyx": {
        ("GET", r".*/v2/balance"): ("telnyx-v2", "GetUserBalance"),
        ("GET", r".*/v2/phone_numbers"): ("telnyx-v2", "ListPhoneNumbers"),
        ("GET", r".*/v2/phone_numbers/voice"): ("telnyx-v2", "ListPhoneNumbersWithVoiceSettings"),
        ("GET", r".*/v2/phone_numbers/\d+"): ("telnyx-v2", "RetrievePhoneNumber"),
        ("PATCH", r".*/v2/phone_numbers/\d+"): ("telnyx-v2", "UpdatePhoneNumber"),
        ("POST", r".*/v2/numbers_features"): ("telnyx-v2", "PostNumbersFeatures"),
        ("GET", r".*/v2/connections/\d+"): ("telnyx-v2", "RetrieveConnection"),
        ("GET", r".*/v2/outbound_voice_profiles/\d+"): ("telnyx-v2", "GetOutboundVoiceProfile"),
        ("GET", r".*/v2/ips"): ("telnyx-v2", "ListIps"),
        ("GET", r".*/v2/fqdns"): ("telnyx-v2", "ListFqdns"),
        ("GET", r".*/v2/texml_applications/\d+"): ("telnyx-v2", "GetTexmlApplication"),
        ("POST", r".*/actions/check_registration_status"): ("telnyx-v2", "CheckRegistrationStatus"),
    },
}


class Vendor:
    """Answers every request with the vendor's own example: the first of them, or the last."""

    def __init__(self, carrier: str, which: int) -> None:
        self.carrier = carrier
        self.which = which
        self.asked: list[str] = []
        self.changed: dict[str, Any] = {}

    def wire(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        path = url.partition("?")[0]
        for (verb, pattern), (document, operation) in OPERATIONS[self.carrier].items():
            if verb == method and re.fullmatch(pattern, path):
                self.asked.append(operation)
                return 200, {"content-type": "application/json"}, self.example(document, operation)
        pytest.fail(f"no example is known for {method} {path}")

    def example(self, document: str, operation: str) -> bytes:
        found = list(examples(document, operation))
        if not found and operation == "PostNumbersFeatures":  # the document has a schema for it and no example
            return json.dumps({"data": [{"phone_number": "+19705555098", "features": ["voice", "sms"]}]}).encode()
        answer = {**found[self.which], **self.changed.get(operation, {})}
        if "meta" in answer and self.carrier == "telnyx":  # the examples show page 2 of 3 with one row in it
            answer["meta"] = {
                "page_number": 1,
                "page_size": 250,
                "total_pages": 1,
                "total_results": len(answer["data"]),
            }
        if operation == "ListIncomingPhoneNumber":  # likewise: the page it names as the next one is the same again
            answer["next_page_uri"] = None
        return json.dumps(answer).encode()


def open_on(vendor: Vendor) -> voipkit.Provider:
    credentials, sip = (TWILIO, TWILIO_SIP) if vendor.carrier == "twilio" else (TELNYX, {})
    http = voipkit.HttpOptions(wire=vendor.wire, retries=0)
    return voipkit.open_provider(vendor.carrier, credentials, sip_config=sip, http=http)


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
def test_every_operation_takes_the_vendors_examples(carrier, which):
    vendor = Vendor(carrier, which)
    with open_on(vendor) as p:
        test = p.test_credentials()
        assert test.credentials_valid is True, test.checks
        assert not any(check.status == "unknown" for check in test.checks), test.checks
        numbers = list(p.list_numbers())
        p.suggest_name()
        for number in numbers:
            assert voipkit.ProviderNumber.model_validate(number.model_dump()) == number
        wanted = [number.number for number in numbers if number.number.startswith("+")]
        p.import_numbers(wanted, dry_run=True)
        for verified in p.verify_numbers(wanted):
            assert verified.id

    assert len(set(vendor.asked)) >= 5


def test_twilio_example_number_is_read_as_its_document_says():
    (example, *_) = examples("twilio_api_v2010", "ListIncomingPhoneNumber")
    raw = example["incoming_phone_numbers"][0]
    with open_on(Vendor("twilio", 0)) as p:
        number = next(p.list_numbers())

    assert (number.id, number.raw, number.friendly_name) == (raw["sid"], raw["phone_number"], raw["friendly_name"])
    assert set(number.capabilities or ()) == {name for name, has in raw["capabilities"].items() if has}
    assert number.routing["voice_url"] == (raw["voice_url"] or None)
    assert number.routing["trunk_sid"] == raw["trunk_sid"]


def test_twilio_example_update_is_read_back():
    """The example's answer shows another routing than the one that was written: that must not pass as success."""
    vendor = Vendor("twilio", 0)
    with open_on(vendor) as p:
        number = next(p.list_numbers())
        report = p.import_numbers([number.number], Route.webhook("https://mine.example/"), on_conflict="overwrite")

    (result,) = report.results
    assert (result.status, result.code) == ("failed", "import.read_back"), result


def test_telnyx_example_number_is_read_as_its_document_says():
    (example, *_) = examples("telnyx-v2", "ListPhoneNumbers")
    raw = example["data"][0]
    with open_on(Vendor("telnyx", 0)) as p:
        number = next(p.list_numbers())

    assert (number.id, number.number, number.country) == (raw["id"], raw["phone_number"], raw["country_iso_alpha2"])
    assert (number.type, number.status) == (raw["phone_number_type"], raw["status"])
    assert number.route == Route.trunk(raw["connection_id"])


def test_telnyx_example_forwarding_and_translation_are_noticed():
    """The document's example number forwards every call and rewrites the number dialled."""
    (example, *_) = examples("telnyx-v2", "ListPhoneNumbersWithVoiceSettings")
    row = {**example["data"][0], "phone_number": "+19705555098"}
    vendor = Vendor("telnyx", 0)
    vendor.changed["ListPhoneNumbersWithVoiceSettings"] = {"data": [row]}
    with open_on(vendor) as p:
        verified = p.verify_number("+19705555098")

    seen = " ".join(check.message for check in verified.checks if check.status in ("fail", "warn"))
    assert row["call_forwarding"]["forwards_to"] in seen
    assert row["translated_number"] in seen


@pytest.mark.parametrize("code", ["10009", "10010", "10005", "10015"])
def test_telnyx_error_examples_become_our_errors(code):
    """The documents' error examples: the vendor's code, title and detail reach the caller."""
    body = next(
        value
        for operation in ("RetrieveConnection", "ListPhoneNumbers")
        for value in error_examples(operation)
        if value["errors"][0]["code"] == code
    )
    status = {"10009": 401, "10010": 403, "10005": 404, "10015": 400}[code]

    def wire(*_: object) -> tuple[int, Mapping[str, str], bytes]:
        return status, {}, json.dumps(body).encode()

    http = voipkit.HttpOptions(wire=wire, retries=0)
    with voipkit.open_provider("telnyx", TELNYX, http=http) as p, pytest.raises(ProviderError) as caught:
        list(p.list_numbers())

    assert (caught.value.code, caught.value.status) == (code, status)
    assert body["errors"][0]["detail"] in str(caught.value)


def error_examples(operation_id: str) -> list[dict[str, Any]]:
    from tests.openapi import Documents

    documents = Documents.find()
    if documents is None:
        pytest.skip("no examples without the vendors' OpenAPI documents: set VOIPKIT_VENDOR_SPECS")
    found = []
    document = documents.named("telnyx-v2")
    for path in document.root["paths"].values():
        for operation in path.values():
            if isinstance(operation, dict) and operation.get("operationId") == operation_id:
                for answer in map(document.follow, operation["responses"].values()):
                    for media in answer.get("content", {}).values():
                        found += [example["value"] for example in media.get("examples", {}).values()]
    return found
