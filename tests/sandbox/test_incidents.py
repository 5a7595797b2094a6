"""Each incident does what its summary says, and nothing to the other carrier."""

import pytest

from voipkit.sandbox import INCIDENTS, Sandbox

NAMES = {
    "telnyx-d38",
    "twilio-wrong-region-401",
    "twilio-test-credentials",
    "number-on-foreign-trunk",
    "page-3-times-out",
    "429-without-retry-after",
    "empty-account",
    "trial-account",
    "suspended-account",
    "signalwire-token-without-scope",
    "vonage-empty-inventory",
    "vonage-401-inside-200",
}


def test_the_list():
    assert INCIDENTS.keys() == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_is_described_and_applies(name):
    incident = INCIDENTS[name]
    assert incident.name == name
    assert incident.summary.endswith(".")
    box = Sandbox()
    assert all(box.credentials(carrier) for carrier in incident.carriers)
    incident.apply(box)


def test_telnyx_d38(box, ask):
    box.incident("telnyx-d38")
    connection_id = box.telnyx.credentials["connection_id"]
    assert ask.telnyx("GET", f"/connections/{connection_id}")[1]["data"]["outbound_voice_profile_id"] == ""
    assert ask.telnyx("GET", f"/connections/{connection_id}")[1]["data"]["active"] is True
    assert ask.telnyx("GET", "/outbound_voice_profiles")[1]["data"][0]["connections_count"] == 0


def test_twilio_wrong_region_401(box, ask):
    box.incident("twilio-wrong-region-401")
    assert ask.twilio("GET", "/IncomingPhoneNumbers.json")[1]["code"] == 20003
    url = f"https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/{box.twilio.account.sid}.json"
    assert ask.twilio("GET", url)[0] == 200


def test_twilio_test_credentials(box, ask):
    box.incident("twilio-test-credentials")
    status, body = ask.twilio("GET", ".json")
    assert (status, body["code"]) == (403, 20008)


def test_number_on_foreign_trunk(box, ask):
    box.incident("number-on-foreign-trunk")
    trunk_sid = box.twilio.numbers[0].trunk_sid
    assert trunk_sid != box.twilio.sip_config["trunk_sid"]
    url = f"https://trunking.twilio.com/v1/Trunks/{trunk_sid}"
    assert ask.twilio("GET", url)[1]["friendly_name"] == "Front desk PBX"
    number = ask.telnyx("GET", f"/phone_numbers/{box.telnyx.numbers[0].id}")[1]["data"]
    assert number["connection_name"] == "Front desk PBX"
    assert number["connection_id"] != box.telnyx.credentials["connection_id"]


def test_page_3_times_out(box, ask):
    box.incident("page-3-times-out")
    first = ask.twilio("GET", "/IncomingPhoneNumbers.json?PageSize=1000")[1]
    second = ask.twilio("GET", "https://api.twilio.com" + first["next_page_uri"])[1]
    with pytest.raises(TimeoutError):
        ask.twilio("GET", "https://api.twilio.com" + second["next_page_uri"])
    for path in ("/phone_numbers", "/phone_numbers/slim", "/phone_numbers/voice"):
        assert ask.telnyx("GET", f"{path}?page[size]=250&page[number]=4")[1]["meta"]["total_pages"] == 4
        with pytest.raises(TimeoutError):
            ask.telnyx("GET", f"{path}?page[size]=250&page[number]=3")


def test_429_without_retry_after(box, ask):
    box.incident("429-without-retry-after")
    assert ask.twilio("GET", ".json")[1]["code"] == 20429
    assert "Retry-After" not in ask.headers
    assert ask.telnyx("GET", "/balance")[0] == 429
    assert "Retry-After" not in ask.headers
    assert ask.headers["x-ratelimit-reset"] == "1"


def test_empty_account(box, ask):
    box.incident("empty-account")
    box.incident("number-on-foreign-trunk")
    assert ask.twilio("GET", "/IncomingPhoneNumbers.json")[1]["incoming_phone_numbers"] == []
    assert ask.telnyx("GET", "/phone_numbers?sort=phone_number")[1]["data"] == []


def test_trial_account(box, ask):
    box.incident("trial-account")
    assert ask.twilio("GET", ".json")[1]["type"] == "Trial"
    assert len(box.twilio.numbers) == 1


def test_suspended_account(box, ask):
    box.incident("suspended-account")
    assert ask.twilio("GET", "/IncomingPhoneNumbers.json")[1]["code"] == 20003
    assert float(ask.telnyx("GET", "/balance")[1]["data"]["available_credit"]) < 0
    status, body = ask.telnyx("PATCH", f"/phone_numbers/{box.telnyx.numbers[0].id}", {"tags": []})
    assert (status, body["errors"][0]["code"]) == (403, "10010")


def test_incidents_that_happen_to_signalwire(box, ask):
    numbers = "relay/rest/phone_numbers?page_size=1000"
    box.incident("number-on-foreign-trunk")
    gateway = box.signalwire.resources[box.signalwire.numbers[0].calling_handler_resource_id]
    assert gateway.name == "Front desk PBX"
    box.incident("signalwire-token-without-scope")
    assert (ask.signalwire("GET", numbers)[0], ask.signalwire("GET", "relay/rest/sip_profile")[0]) == (200, 401)
    box.incident("page-3-times-out")
    second = ask.signalwire("GET", ask.signalwire("GET", numbers)[1]["links"]["next"])[1]
    with pytest.raises(TimeoutError):
        ask.signalwire("GET", second["links"]["next"])
    box.incident("empty-account")
    assert ask.signalwire("GET", numbers)[1]["data"] == []
    box.incident("429-without-retry-after")
    assert ask.signalwire("GET", numbers)[0] == 429
    assert "Retry-After" not in ask.headers


def test_incidents_that_happen_to_vonage(box, ask):
    box.incident("number-on-foreign-trunk")
    first = ask.vonage("GET", "/account/numbers")[1]["numbers"][0]
    assert first["voiceCallbackValue"] == "sip:desk@desk.example.net"
    box.incident("page-3-times-out")
    assert ask.vonage("GET", "/account/numbers?size=100&index=4")[1]["count"] == 301
    with pytest.raises(TimeoutError):
        ask.vonage("GET", "/account/numbers?size=100&index=3")
    box.incident("vonage-empty-inventory")
    assert ask.vonage("GET", "/account/numbers") == (200, {})
    box.incident("vonage-401-inside-200")
    assert ask.vonage("GET", "/account/numbers")[1]["error-code"] == "401"
    assert (ask.vonage("GET", "/v2/applications")[0], box.writes) == (401, [])
    box.incident("429-without-retry-after")
    assert ask.vonage("GET", "/account/get-balance")[0] == 429
    assert "Retry-After" not in ask.headers
