"""The vendors' own example answers, read from their documents at test time, go through the adapters.

Real input that none of us wrote: what an adapter and a sandbox agree on by mistake shows up here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

import voipkit
from tests.openapi import Documents, Operation, examples
from voipkit.errors import ProviderError
from voipkit.models import Route

A = "a" * 32
TWILIO = {"account_sid": f"AC{A}", "auth_token": "0" * 32}
TWILIO_SIP = {"trunk_sid": f"TK{A}"}
TELNYX = {
    "api_key": "KEY0123456789ABCDEF0123456789ABCDEF_abcdefghijklmnopqrstuv",
    "connection_id": "1293384261075731499",
}

VONAGE = {
    "api_key": "abcd1234",
    "api_secret": "ABCDEFGH01234abc",
    "application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf",
}
SIGNALWIRE = {"project_id": "8f14e45f-ceea-467d-9c2b-7a1d3a9b2c34", "api_token": f"PT{'0' * 48}", "space": "acme"}
CLOUDONIX = {"api_key": f"XI{'0' * 32}", "domain": "somename.somedomain.net"}
ACCOUNTS = {
    "cloudonix": (CLOUDONIX, {}),
    "signalwire": (SIGNALWIRE, {}),
    "telnyx": (TELNYX, {}),
    "twilio": (TWILIO, TWILIO_SIP),
    "vonage": (VONAGE, {}),
}
CARRIERS = tuple(ACCOUNTS)


class Vendor:
    """Answers every request with the vendor's own example of that operation: the first of them, or the last."""

    def __init__(self, carrier: str, which: int) -> None:
        documents = Documents.find()
        if documents is None:
            pytest.skip("no examples without the vendors' OpenAPI documents: set VOIPKIT_VENDOR_SPECS")
        self.documents = documents
        self.carrier = carrier
        self.which = which
        self.asked: list[str] = []
        self.changed: dict[str, Any] = {}

    def wire(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        where = self.documents.operation(method, url)
        if where is None:  # Vonage's prices are in no document
            return 404, {"content-type": "application/json"}, b"{}"
        assert not isinstance(where, str), f"{method} {url}: {where}"
        operation, _ = where
        self.asked.append(operation.id)
        return 200, {"content-type": "application/json"}, json.dumps(self.answer(operation)).encode()

    def answer(self, operation: Operation) -> Any:
        found = list(operation.examples())
        if not found and operation.id == "PostNumbersFeatures":  # the document has a schema for it and no example
            return {"data": [{"phone_number": "+19705555098", "features": ["voice", "sms"]}]}
        answer = found[self.which]
        if isinstance(answer, list):
            return answer
        answer = {**answer, **self.changed.get(operation.id, {})}
        if "meta" in answer and self.carrier == "telnyx":  # the examples show page 2 of 3 with one row in it
            answer["meta"] = {
                "page_number": 1,
                "page_size": 250,
                "total_pages": 1,
                "total_results": len(answer["data"]),
            }
        if operation.id == "ListIncomingPhoneNumber":  # likewise: the page it names as the next one is the same again
            answer["next_page_uri"] = None
        if self.carrier == "signalwire" and isinstance(answer.get("data"), list):
            answer.setdefault("links", {})  # its schema requires them, the fields' examples make none
        return answer


def open_on(vendor: Vendor) -> voipkit.Provider:
    credentials, sip = ACCOUNTS[vendor.carrier]
    http = voipkit.HttpOptions(wire=vendor.wire, retries=0)
    return voipkit.open_provider(vendor.carrier, credentials, sip_config=sip, http=http)


# What an example leaves open: fields without an example of their own.
UNKNOWN = {
    "cloudonix": {"cloudonix.entry.unknown", "cloudonix.delivery.unknown", "cloudonix.acceptance.unknown"}
    | {"cloudonix.trunk.direction.unknown"},
    "signalwire": {"signalwire.project.limits.unknown"},
    "vonage": {"vonage.application.key.unknown", "vonage.price.unknown"},
}


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_every_operation_takes_the_vendors_examples(carrier, which):
    vendor = Vendor(carrier, which)
    with open_on(vendor) as p:
        test = p.test_credentials()
        assert test.credentials_valid is True, test.checks
        assert {check.code for check in test.checks if check.status == "unknown"} <= UNKNOWN.get(carrier, set())
        numbers = list(p.list_numbers())
        p.suggest_name()
        for number in numbers:
            assert voipkit.ProviderNumber.model_validate(number.model_dump()) == number
        wanted = [number.number for number in numbers if number.number.startswith("+")]
        p.import_numbers(wanted, dry_run=True)
        for verified in p.verify_numbers(wanted):
            assert verified.id or verified.checks[0].code.endswith(".not_e164")  # Cloudonix: +1234567890

    assert len(set(vendor.asked)) >= (5 if carrier in ("twilio", "telnyx") else 3)


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


def test_vonage_example_number_is_read_as_its_document_says():
    (example, *_) = examples("numbers", "getOwnedNumbers")
    raw = example["numbers"][0]
    with open_on(Vendor("vonage", 0)) as p:
        (number,) = p.list_numbers()

    assert (number.id, number.number, number.country) == (raw["msisdn"], f"+{raw['msisdn']}", raw["country"])
    assert set(number.capabilities or ()) == {feature.lower() for feature in raw["features"]}
    assert number.route == Route.application(raw["voiceCallbackValue"])
    assert number.routing["moHttpUrl"] == raw["moHttpUrl"]


def test_signalwire_example_number_is_read_as_its_document_says():
    (example, *_) = examples("signalwire-rest", "list_phone_numbers")
    raw = example["data"][0]
    with open_on(Vendor("signalwire", 0)) as p:
        (number,) = p.list_numbers()

    assert (number.id, number.number, number.friendly_name) == (raw["id"], raw["number"], raw["name"])
    assert (number.type, number.country) == ("toll_free", raw["country_code"])
    assert {name: number.routing[name] for name in ("call_handler", "call_relay_topic", "call_relay_context")} == {
        name: raw[name] for name in ("call_handler", "call_relay_topic", "call_relay_context")
    }
    assert number.route is None  # a RELAY context is no route that voipkit can name


def test_cloudonix_example_number_is_read_as_its_document_says():
    (example, *_) = examples("cloudonix", "dnidList")
    with open_on(Vendor("cloudonix", 0)) as p:
        (number,) = p.list_numbers()

    assert (number.id, number.raw, number.active) == (str(example[0]["id"]), example[0]["source"], example[0]["active"])
    assert number.route == Route.application(str(example[0]["applicationId"]))


def test_cloudonix_example_trunk_without_direction_is_neither_good_nor_missing():
    """The document does not require a trunk's direction: without it nobody knows which calls it is for."""
    with open_on(Vendor("cloudonix", 0)) as p:
        test = p.test_credentials()

    assert test.outbound_authorized is None, test.checks
    (check,) = [check for check in test.checks if check.name == "Outbound trunk"]
    assert (check.status, check.code) == ("unknown", "cloudonix.trunk.direction.unknown")


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
