"""The simulated Twilio, asked in process and through Twilio's own SDK."""

from urllib.parse import urlsplit

import phonenumbers
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from voipkit.sandbox import Fault

TRUNKS = "https://trunking.twilio.com/v1/Trunks"


class Rewriting(TwilioHttpClient):
    """Put the sandbox in front of every URL; the SDK has no base URL of its own."""

    def __init__(self, base):
        super().__init__(timeout=10)
        self.base = base

    def request(self, method, url, *args, **kwargs):
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return super().request(method, f"{self.base}/{parts.netloc}{parts.path}{query}", *args, **kwargs)


@pytest.fixture
def served(box):
    with box.serve() as url:
        yield url


@pytest.fixture
def sdk(box, served):
    http = Rewriting(served)
    yield Client(*box.twilio.credentials.values(), http_client=http, environment={"_": ""})
    http.session.close()


class TestWithTheSdk:
    def test_reads_the_account(self, box, sdk):
        account = sdk.api.v2010.accounts(box.twilio.account.sid).fetch()
        assert (account.status, account.type, account.friendly_name) == ("active", "Full", "Acme Voice")
        assert account.auth_token == box.twilio.account.auth_token
        assert sdk.api.v2010.accounts(account.sid).balance.fetch().currency == "USD"

    def test_lists_every_number_of_three_pages(self, box, sdk):
        box.twilio.seed_numbers(2050)
        listed = [number.sid for number in sdk.incoming_phone_numbers.stream(page_size=1000)]
        assert listed == [number.sid for number in box.twilio.numbers]
        assert [recorded.operation for recorded in box.requests] == ["list_numbers"] * 3

    def test_reads_one_number(self, box, sdk):
        number = sdk.incoming_phone_numbers(box.twilio.numbers[0].sid).fetch()
        assert number.phone_number == "+14155550100"
        assert number.capabilities == {"voice": True, "sms": True, "mms": True, "fax": False}
        assert number.voice_url == "https://demo.twilio.com/welcome/voice/"
        assert number.trunk_sid is None
        assert number.date_created.year == 2026

    def test_attaches_and_detaches(self, box, sdk):
        number, trunk_sid = box.twilio.numbers[0], box.twilio.sip_config["trunk_sid"]
        sdk.trunking.v1.trunks(trunk_sid).phone_numbers.create(phone_number_sid=number.sid)
        assert number.trunk_sid == trunk_sid
        assert sdk.trunking.v1.trunks(trunk_sid).phone_numbers(number.sid).delete() is True
        assert number.trunk_sid is None
        assert sdk.incoming_phone_numbers(number.sid).update(trunk_sid=trunk_sid).trunk_sid == trunk_sid
        assert [recorded.operation for recorded in box.writes] == [
            "attach_trunk_number",
            "detach_trunk_number",
            "update_number",
        ]

    def test_reads_the_trunk_and_what_hangs_on_it(self, box, sdk):
        box.twilio.add_ip_access_control_list(box.twilio.trunks[0])
        (trunk,) = sdk.trunking.v1.trunks.list()
        assert (trunk.auth_type, trunk.domain_name) == ("IP_ACL,CREDENTIAL_LIST", "acme-voice.pstn.twilio.com")
        assert sdk.trunking.v1.trunks(trunk.sid).fetch().sid == trunk.sid
        (url,) = trunk.origination_urls.list()
        assert (url.enabled, url.sip_url) == (True, "sip:pbx.example.com;transport=tls")
        assert len(trunk.credentials_lists.list()) == len(trunk.ip_access_control_lists.list()) == 1
        assert len(sdk.sip.credential_lists.list()) == 1

    def test_reads_applications_caller_ids_permissions_region_and_prices(self, box, sdk):
        box.twilio.add_caller_id("+14155550177")
        (application,) = sdk.applications.list(friendly_name="Acme IVR")
        assert sdk.applications(application.sid).fetch().voice_url == "https://voice.example.com/incoming"
        assert [caller.phone_number for caller in sdk.outgoing_caller_ids.list(phone_number="+14155550177")]
        countries = sdk.voice.v1.dialing_permissions.countries.list(page_size=7)
        assert len(countries) == len({country.iso_code for country in countries}) == 19
        permitted = sdk.voice.v1.dialing_permissions.countries.list(low_risk_numbers_enabled=True)
        assert {country.iso_code for country in permitted} == {"US", "GB", "IE"}
        assert sdk.voice.v1.dialing_permissions.countries("US").fetch().country_codes == ["+1"]
        assert sdk.routes.v2.phone_numbers("+14155550100").fetch().voice_region == "us1"
        assert sdk.pricing.v1.phone_numbers.countries("GB").fetch().price_unit == "USD"

    def test_errors_reach_the_sdk_as_the_real_ones_do(self, box, sdk):
        with pytest.raises(TwilioRestException) as caught:
            sdk.incoming_phone_numbers("PN" + "0" * 32).fetch()
        assert (caught.value.status, caught.value.code) == (404, 20404)
        box.fail("twilio", "list_numbers", Fault.status(429))
        with pytest.raises(TwilioException) as caught:
            sdk.incoming_phone_numbers.list()
        assert caught.value.args[1].status_code == 429

    def test_region_and_edge(self, box, served):
        box.twilio.region = "ie1"
        http = Rewriting(served)
        pair = tuple(box.twilio.credentials.values())
        good = Client(*pair, region="ie1", edge="dublin", http_client=http, environment={"_": ""})
        assert len(good.incoming_phone_numbers.list()) == 3
        wrong = Client(*pair, http_client=http, environment={"_": ""})
        with pytest.raises(TwilioRestException) as caught:
            wrong.incoming_phone_numbers(box.twilio.numbers[0].sid).fetch()
        assert (caught.value.status, caught.value.code) == (401, 20003)
        http.session.close()


class TestNumbers:
    def test_the_filter_is_a_partial_match_with_wildcards(self, box, ask):
        assert (
            len(ask.twilio("GET", "/IncomingPhoneNumbers.json?PhoneNumber=%2B1415")[1]["incoming_phone_numbers"]) == 1
        )
        assert (
            len(ask.twilio("GET", "/IncomingPhoneNumbers.json?PhoneNumber=555*100")[1]["incoming_phone_numbers"]) == 1
        )
        assert ask.twilio("GET", "/IncomingPhoneNumbers.json?PhoneNumber=999")[1]["incoming_phone_numbers"] == []

    def test_trunk_and_application_exclude_each_other(self, box, ask):
        number, trunk, application = box.twilio.numbers[0], box.twilio.trunks[0], box.twilio.applications[0]
        path = f"/IncomingPhoneNumbers/{number.sid}.json"
        _, body = ask.twilio("POST", path, f"VoiceApplicationSid={application.sid}")
        assert (body["voice_application_sid"], body["trunk_sid"]) == (application.sid, None)
        _, body = ask.twilio("POST", path, f"TrunkSid={trunk.sid}")
        assert (body["voice_application_sid"], body["trunk_sid"]) == ("", trunk.sid)
        _, body = ask.twilio("POST", path, f"VoiceApplicationSid={application.sid}")
        assert (body["voice_application_sid"], body["trunk_sid"]) == (application.sid, None)
        _, body = ask.twilio("POST", path, "VoiceApplicationSid=")
        assert body["voice_application_sid"] == ""

    def test_an_update_changes_what_was_sent_and_answers_the_whole_record(self, box, ask):
        number = box.twilio.numbers[0]
        before = ask.twilio("GET", f"/IncomingPhoneNumbers/{number.sid}.json")[1]
        form = "VoiceUrl=https%3A%2F%2Fa.example%2Fcall&VoiceMethod=GET"
        after = ask.twilio("POST", f"/IncomingPhoneNumbers/{number.sid}.json", form)[1]
        assert after == before | {"voice_url": "https://a.example/call", "voice_method": "GET"}

    @pytest.mark.parametrize(
        ("form", "status", "code"),
        [
            ("TrunkSid=TK" + "0" * 32, 404, 20404),
            ("VoiceApplicationSid=AP" + "0" * 32, 404, 20404),
            ("TrunkSid=", 400, 20001),
            ("VoiceMethod=PUT", 400, 20001),
        ],
    )
    def test_refused_updates_change_nothing(self, loose_box, loose, form, status, code):
        number = loose_box.twilio.numbers[0]
        path = f"/IncomingPhoneNumbers/{number.sid}.json"
        before = loose.twilio("GET", path)[1]
        answer = loose.twilio("POST", path, form)
        assert (answer[0], answer[1]["code"], answer[1]["status"]) == (status, code, status)
        assert loose.twilio("GET", path)[1] == before
        assert loose_box.writes == []

    def test_an_empty_trunk_sid_may_be_made_to_detach(self, box, ask):
        box.twilio.accepts_empty_trunk_sid = True
        number = box.twilio.numbers[0]
        number.trunk_sid = box.twilio.trunks[0].sid
        body = ask.twilio("POST", f"/IncomingPhoneNumbers/{number.sid}.json", "TrunkSid=")[1]
        assert (body["trunk_sid"], number.trunk_sid) == (None, None)

    def test_a_page_past_the_first_needs_its_token(self, loose):
        status, body = loose.twilio("GET", "/IncomingPhoneNumbers.json?Page=1&PageSize=1")
        assert (status, body["code"]) == (400, 20001)

    def test_the_largest_page_holds_a_thousand(self, loose_box, loose):
        loose_box.twilio.seed_numbers(1100)
        body = loose.twilio("GET", "/IncomingPhoneNumbers.json?PageSize=5000")[1]
        assert len(body["incoming_phone_numbers"]) == body["page_size"] == 1000

    def test_pages_link_back_and_forth_and_keep_the_filter(self, box, ask):
        box.twilio.seed_numbers(5, friendly_name="fleet")
        query = "/IncomingPhoneNumbers.json?FriendlyName=fleet&PageSize=2"
        first = ask.twilio("GET", query)[1]
        second = ask.twilio("GET", "https://api.twilio.com" + first["next_page_uri"])[1]
        third = ask.twilio("GET", "https://api.twilio.com" + second["next_page_uri"])[1]
        assert [len(page["incoming_phone_numbers"]) for page in (first, second, third)] == [2, 2, 1]
        assert third["next_page_uri"] is None
        assert (third["start"], third["end"], third["page"]) == (4, 4, 2)
        back = ask.twilio("GET", "https://api.twilio.com" + third["previous_page_uri"])[1]
        assert back["incoming_phone_numbers"] == second["incoming_phone_numbers"]


class TestWhoMayDoWhat:
    @pytest.mark.parametrize(
        ("kind", "account", "numbers"), [("main", 200, 200), ("standard", 401, 200), ("restricted", 403, 200)]
    )
    def test_keys(self, box, ask, kind, account, numbers):
        user, secret = box.twilio.add_api_key(kind, allow=["list_numbers"])
        assert ask.twilio("GET", "/IncomingPhoneNumbers.json", user=user, secret=secret)[0] == numbers
        status, body = ask.twilio("GET", ".json", user=user, secret=secret)
        assert status == account
        assert body.get("code") == {200: None, 401: 20003, 403: 70051}[account]

    def test_keys_belong_to_a_region(self, box, ask):
        user, secret = box.twilio.add_api_key("main", region="ie1")
        assert ask.twilio("GET", TRUNKS, user=user, secret=secret)[0] == 401
        dublin = TRUNKS.replace("trunking.", "trunking.dublin.ie1.")
        assert ask.twilio("GET", dublin, user=user, secret=secret)[0] == 200
        with pytest.raises(ValueError, match="no key of kind"):
            box.twilio.add_api_key("master")

    @pytest.mark.parametrize(("user", "secret"), [(None, "wrong"), ("AC" + "0" * 32, None), ("SK" + "0" * 32, "x")])
    def test_wrong_credentials(self, ask, user, secret):
        status, body = ask.twilio("GET", "/IncomingPhoneNumbers.json", user=user, secret=secret)
        assert (status, body["code"]) == (401, 20003)
        assert body["more_info"] == "https://www.twilio.com/docs/errors/20003"

    def test_headers_that_are_not_basic(self, loose_box):
        for value in ("Bearer x", "Basic ???", "Basic /w=="):
            assert loose_box.wire("GET", TRUNKS, {"Authorization": value}, None)[0] == 401

    def test_an_account_sid_in_the_path_that_is_not_ours(self, loose):
        base = "https://api.twilio.com/2010-04-01/Accounts"
        assert loose.twilio("GET", f"{base}/AC{'0' * 32}/IncomingPhoneNumbers.json")[0] == 401
        assert loose.twilio("GET", f"{base}/SK{'0' * 32}/IncomingPhoneNumbers.json")[0] == 404

    def test_a_suspended_account_is_refused_and_may_be_made_readable(self, box, ask):
        box.twilio.account.status = "suspended"
        assert ask.twilio("GET", ".json")[0] == 401
        box.twilio.suspended_can_read = True
        assert ask.twilio("GET", ".json")[1]["status"] == "suspended"

    def test_a_sub_account_has_an_owner_and_no_balance(self, box, ask):
        box.twilio.account.owner_account_sid = "AC" + "1" * 32
        assert ask.twilio("GET", ".json")[1]["owner_account_sid"] == "AC" + "1" * 32
        assert ask.twilio("GET", "/Balance.json")[0] == 404

    def test_what_ireland_lacks(self, box, ask):
        box.twilio.region = "ie1"
        trunk = TRUNKS.replace("trunking.", "trunking.dublin.ie1.") + f"/{box.twilio.trunks[0].sid}/PhoneNumbers"
        number = box.twilio.numbers[0]
        assert ask.twilio("POST", trunk, f"PhoneNumberSid={number.sid}")[0] == 404
        assert ask.twilio("DELETE", f"{trunk}/{number.sid}")[0] == 404
        callers = (
            f"https://api.dublin.ie1.twilio.com/2010-04-01/Accounts/{box.twilio.account.sid}/OutgoingCallerIds.json"
        )
        assert ask.twilio("GET", callers)[0] == 404

    @pytest.mark.parametrize("host", ["api.ie1", "api.dublin", "api.nowhere.us1", "trunking.dublin.xx9"])
    def test_hosts_where_nobody_answers(self, loose, host):
        with pytest.raises(ConnectionError):
            loose.twilio("GET", f"https://{host}.twilio.com/v1/Trunks")

    def test_the_one_region_host_that_stays(self, ask):
        assert ask.twilio("GET", "https://trunking.us1.twilio.com/v1/Trunks")[0] == 200


def test_default_numbers_and_seeded_numbers_are_valid(box):
    for number in [
        *box.twilio.numbers,
        *box.twilio.seed_numbers(500),
        *box.telnyx.numbers,
        *box.telnyx.seed_numbers(50),
    ]:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number.phone_number)), number.phone_number


def test_answers_carry_twilios_headers(ask):
    ask.twilio("GET", ".json")
    assert ask.headers["Twilio-Request-Id"].startswith("RQ")
    assert {"Twilio-Concurrent-Requests", "Twilio-Request-Duration"} <= ask.headers.keys()
