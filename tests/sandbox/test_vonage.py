"""The simulated Vonage, asked in process and through the parts of Vonage's own SDK."""

import time

import pytest
import requests
from requests.adapters import BaseAdapter
from vonage_account import Account
from vonage_application import Application, ApplicationConfig, ListApplicationsFilter
from vonage_http_client import Auth, HttpClient, HttpClientOptions
from vonage_http_client.errors import AuthenticationError, HttpRequestError, NotFoundError, RateLimitedError
from vonage_numbers import ListOwnedNumbersFilter, Numbers, UpdateNumberParams
from vonage_numbers.errors import NumbersError

from voipkit.sandbox import Fault, Sandbox

US, GB = {"country": "US", "msisdn": "14155550100"}, {"country": "GB", "msisdn": "442079460018"}


class Wire(BaseAdapter):
    """Bring the requests of one session into a sandbox: the SDK writes https:// into every URL itself."""

    def __init__(self, box):
        super().__init__()
        self.box = box

    def send(self, request, **_options):
        body = request.body.encode() if isinstance(request.body, str) else request.body
        status, headers, answer = self.box.wire(request.method, request.url, request.headers, body)
        response = requests.Response()
        response.status_code, response._content, response.request, response.url = status, answer, request, request.url
        response.headers.update(headers)
        return response

    def close(self):
        pass


@pytest.fixture
def client(box):
    """Make one HTTP client of the SDK; several are needed, because one keeps its Content-Type for ever."""

    def make(secret=None):
        auth = Auth(api_key=box.vonage.api_key, api_secret=secret or box.vonage.api_secret)
        made = HttpClient(auth, HttpClientOptions(timeout=5, max_retries=0, pool_maxsize=1))
        made._session.trust_env = False
        made._session.mount("https://", Wire(box))
        return made

    return make


class TestWithTheSdk:
    def test_probes_and_prices(self, box, client):
        account = Account(client())
        balance = account.get_balance()
        assert (balance.value, balance.auto_reload) == (42.5, False)
        prices = account.get_country_pricing({"country_code": "US", "type": "voice"})
        assert (prices.currency, prices.networks[0].price) == ("EUR", "0.00900000")
        assert account.list_secrets()[0].id == box.vonage.secret_id

    def test_lists_every_number_of_four_pages(self, box, client):
        box.vonage.seed_numbers(300)
        numbers, index, listed = Numbers(client()), 1, []
        while index:
            page, count, index = numbers.list_owned_numbers(ListOwnedNumbersFilter(size=100, index=index))
            listed += [number.msisdn for number in page]
        assert (count, listed) == (303, [number.msisdn for number in box.vonage.numbers])
        assert len(box.requests) == 4

    def test_an_update_replaces_everything(self, box, client):
        number, app_id = box.vonage.numbers[0], box.vonage.applications[0].id
        number.settings |= {"moHttpUrl": "https://sms.example.com", "voiceStatusCallback": "https://s.example"}
        numbers = Numbers(client())
        assert numbers.update_number(UpdateNumberParams(**US, app_id=app_id)).error_code == "200"
        assert number.settings == {"app_id": app_id}
        sip = {"voice_callback_type": "sip", "voice_callback_value": "sip:14155550100@pbx.example.com"}
        numbers.update_number(UpdateNumberParams(**US, **sip))
        (listed,) = numbers.list_owned_numbers(ListOwnedNumbersFilter(country="US"))[0]
        assert (listed.voice_callback_type, listed.app_id, listed.mo_http_url) == ("sip", None, None)
        assert [recorded.operation for recorded in box.writes] == ["update_number"] * 2

    @pytest.mark.parametrize(("status", "error"), [(200, NumbersError), (420, HttpRequestError)])
    def test_a_refusal_inside_a_200_or_a_420_is_no_write(self, box, client, status, error):
        box.vonage.refusal_status = status
        with pytest.raises(error, match="420"):
            Numbers(client()).update_number(UpdateNumberParams(country="CA", msisdn=US["msisdn"]))
        assert box.writes == []

    def test_a_form_sent_as_json_is_refused(self, loose_box, client):
        """The SDK's client remembers the Content-Type of its last JSON call (vendor page B4.1)."""
        auth = Auth(api_key=loose_box.vonage.api_key, api_secret=loose_box.vonage.api_secret)
        shared = HttpClient(auth)
        shared._session.mount("https://", Wire(loose_box))
        Application(shared).create_application(ApplicationConfig(name="x"))
        with pytest.raises(NumbersError, match="420 method failed"):
            Numbers(shared).update_number(UpdateNumberParams(**US))
        assert [recorded.operation for recorded in loose_box.writes] == ["create_application"]

    def test_applications(self, box, client):
        applications = Application(client())
        found, following = applications.list_applications(ListApplicationsFilter(page_size=100))
        assert ([item.name for item in found], following) == (["Acme IVR"], None)
        webhooks = applications.get_application(found[0].id).capabilities.voice.webhooks
        assert webhooks.answer_url.address == "https://voice.example.com/answer"
        made = applications.create_application(ApplicationConfig(name="Two"))
        assert "PRIVATE KEY" in made.keys.private_key
        assert not hasattr(applications.get_application(made.id).keys, "private_key")
        assert applications.update_application(made.id, ApplicationConfig(name="Three")).name == "Three"
        applications.delete_application(made.id)
        with pytest.raises(NotFoundError):
            applications.get_application(made.id)

    def test_an_account_without_applications_says_page_1_of_0(self, box, client):
        box.vonage.applications.clear()
        assert Application(client()).list_applications()[1] == 2
        assert "application_id" not in box.credentials("vonage")

    def test_errors_reach_the_sdk_as_the_real_ones_do(self, box, client):
        with pytest.raises(AuthenticationError) as caught:
            Account(client("wrong-Secret1")).get_balance()
        assert caught.value.response.json()["error-code-label"] == "authentication failed"
        with pytest.raises(AuthenticationError) as caught:
            Application(client("wrong-Secret1")).list_applications()
        assert caught.value.response.json()["type"].endswith("#unauthorized")
        box.fail("vonage", "balance", Fault.status(429, retry_after=1))
        with pytest.raises(RateLimitedError) as caught:
            Account(client()).get_balance()
        assert caught.value.response.headers["Retry-After"] == "1"
        assert caught.value.response.headers["Content-Type"] == "application/problem+json"

    def test_a_hidden_401_looks_like_an_empty_account(self, box, client):
        box.vonage.unauthorized_status = 200
        assert Numbers(client("wrong-Secret1")).list_owned_numbers() == ([], 0, None)


class TestNumbers:
    def test_nothing_is_an_empty_object(self, box, ask):
        assert ask.vonage("GET", "/account/numbers?country=DE") == (200, {})
        assert ask.vonage("GET", "/account/numbers?index=2") == (200, {})
        box.vonage.numbers.clear()
        assert ask.vonage("GET", "/account/numbers") == (200, {})

    def test_the_default_page_is_10(self, box, ask):
        box.vonage.seed_numbers(20)
        body = ask.vonage("GET", "/account/numbers")[1]
        assert (body["count"], len(body["numbers"])) == (23, 10)

    @pytest.mark.parametrize(
        "query", ["size=101", "size=0", "index=0", "index=x", "has_application=True", "pattern=1&search_pattern=3"]
    )
    def test_queries_that_are_refused(self, loose, query):
        status, body = loose.vonage("GET", f"/account/numbers?{query}")
        assert (status, body["error-code"]) == (420, "420")

    def test_filters(self, box, ask):
        app_id = box.vonage.applications[0].id
        box.vonage.numbers[0].settings["app_id"] = app_id
        for query, count in {
            "pattern=1415": 1,
            "pattern=4415&search_pattern=0": 0,
            "pattern=555&search_pattern=1": 1,
            "pattern=018&search_pattern=2": 1,
            "country=GB": 1,
            f"application_id={app_id}": 1,
            "has_application=true": 1,
            "has_application=false": 2,
        }.items():
            assert ask.vonage("GET", f"/account/numbers?{query}")[1].get("count", 0) == count, query

    def test_what_a_number_shows(self, box, ask):
        number, app_id = box.vonage.numbers[1], box.vonage.applications[0].id
        number.limitations.append({"feature": "VOICE", "type": "OUTBOUND", "reach": "DOMESTIC"})
        number.settings |= {"app_id": app_id, "voiceStatusCallback": "https://never.example"}
        query = "/account/numbers?pattern=442079460018&search_pattern=0&size=10"
        (shown,) = ask.vonage("GET", query)[1]["numbers"]
        assert shown.keys() == {"country", "msisdn", "type", "features", "limitations", "app_id"}
        box.vonage.shows_application_as_callback = True
        (shown,) = ask.vonage("GET", query)[1]["numbers"]
        assert (shown["voiceCallbackType"], shown["voiceCallbackValue"], "app_id" in shown) == ("app", app_id, False)

    @pytest.mark.parametrize(
        "change",
        [
            {"country": "us"},
            {"country": "CA"},
            {"msisdn": "+14155550100"},
            {"msisdn": "14155550199"},
            {"app_id": "00000000-0000-4000-a000-000000000000"},
            {"voiceCallbackType": "sip"},
            {"voiceCallbackValue": "sip:x@example.com"},
            {"voiceCallbackType": "app", "voiceCallbackValue": "nobody"},
            {"voiceCallbackType": "vxml", "voiceCallbackValue": "x"},
        ],
    )
    def test_updates_that_are_refused(self, loose_box, loose, change):
        loose_box.vonage.numbers[0].settings["moHttpUrl"] = "https://sms.example.com"
        status, body = loose.vonage("POST", "/number/update", US | change)
        assert (status, body) == (200, {"error-code": "420", "error-code-label": "method failed"})
        assert loose_box.vonage.numbers[0].settings == {"moHttpUrl": "https://sms.example.com"}
        assert loose_box.writes == []

    def test_the_deprecated_way_to_name_an_application(self, box, ask):
        app_id = box.vonage.applications[0].id
        ask.vonage("POST", "/number/update", GB | {"voiceCallbackType": "app", "voiceCallbackValue": app_id})
        assert box.vonage.numbers[1].settings == {"app_id": app_id}
        ask.vonage("POST", "/number/update", GB | {"voiceCallbackType": "", "voiceCallbackValue": ""})
        assert box.vonage.numbers[1].settings == {}

    def test_page_faults(self, box, ask):
        box.vonage.seed_numbers(197)

        def walk(limit=5):
            pages, index = [], 1
            while len(pages) < limit:
                body = ask.vonage("GET", f"/account/numbers?size=100&index={index}")[1]
                pages.append([item["msisdn"] for item in body.get("numbers", ())])
                if index * 100 >= body.get("count", 0):
                    break
                index += 1
            return pages

        for fault, shape in (
            (Fault.extra_field(), [100, 100]),
            (Fault.duplicate_at_page_edge(), [100, 100, 1]),
            (Fault.endless_pages(), [100] * 5),
            (Fault.repeat_page(), [100, 100]),
            (Fault.lying_total(), [100, 100, 0]),
            (Fault.lying_total(-1), [100]),
        ):
            box.heal()
            box.fail("vonage", "list_numbers", fault)
            assert [len(page) for page in walk()] == shape, fault
        box.heal()
        box.fail("vonage", "list_numbers", Fault.status(503), page=2)
        walk()
        assert box.requests[-1].status == 503


class TestApplications:
    def test_pages(self, box, ask):
        for turn in range(24):
            box.vonage.add_application(f"app {turn}")
        body = ask.vonage("GET", "/v2/applications")[1]
        assert (body["page"], body["page_size"], body["total_pages"], body["total_items"]) == (1, 10, 3, 25)
        assert body["_links"]["next"]["href"] == "/v2/applications?page_size=10&page=2"
        assert "next" not in ask.vonage("GET", "/v2/applications?page=3")[1]["_links"]

    @pytest.mark.parametrize("query", ["page=0", "page_size=101", "page_size=x"])
    def test_pages_that_are_refused(self, loose, query):
        status, body = loose.vonage("GET", f"/v2/applications?{query}")
        assert (status, body["invalid_parameters"][0]["name"]) == (400, query.partition("=")[0])

    def test_put_replaces(self, box, ask):
        application = box.vonage.applications[0]
        body = ask.vonage("PUT", f"/v2/applications/{application.id}", body={"name": "Acme IVR"})[1]
        assert (body["capabilities"], application.capabilities) == ({}, {})

    def test_what_is_refused(self, box, ask):
        missing = "/v2/applications/00000000-0000-4000-a000-000000000000"
        assert ask.vonage("GET", missing)[1]["title"] == "Not Found"
        assert ask.vonage("PUT", missing, body={"name": "x"})[0] == ask.vonage("DELETE", missing)[0] == 404
        there = f"/v2/applications/{box.vonage.applications[0].id}"
        assert ask.vonage("PUT", there, body={"name": ""})[0] == 400
        assert ask.vonage("GET", "/accounts/somebody/secrets")[1]["title"] == "Invalid API Key"
        assert box.writes == []

    def test_capabilities_must_be_an_object(self, loose):
        assert loose.vonage("POST", "/v2/applications", body={"name": "x", "capabilities": []})[0] == 400


class TestTheSandboxItself:
    def test_each_host_has_its_own_form_of_error(self, box, ask):
        assert ask.vonage("GET", "/account/numbers", secret="x") == (
            401,
            {"error-code": "401", "error-code-label": "authentication failed"},
        )
        assert ask.vonage("GET", "/v2/applications", secret="x")[1]["title"] == "Invalid credentials supplied"
        box.vonage.forbidden = {"balance", "list_applications"}
        assert ask.vonage("GET", "/account/get-balance")[0] == ask.vonage("GET", "/v2/applications")[0] == 403
        box.fail("vonage", "*", Fault.echo_secret())
        assert "hunter2" in ask.vonage("GET", "/account/numbers", secret="hunter2")[1]["error-code-label"]
        assert "hunter2" in ask.vonage("GET", "/v2/applications", secret="hunter2")[1]["detail"]

    def test_unknown_paths_prices_and_hosts(self, loose):
        assert loose.vonage("GET", "/account/nothing")[0] == loose.vonage("GET", "/v2/nothing")[0] == 404
        assert loose.vonage("GET", "/account/get-pricing/outbound/voice?country=XX")[0] == 420
        with pytest.raises(ConnectionError):
            loose.box.wire("GET", "https://api.vonage.com/")

    def test_nulls_reach_the_records_of_both_kinds_of_page(self, box, ask):
        box.fail("vonage", "*", Fault.nulls())
        body = ask.vonage("GET", "/account/numbers")[1]
        assert (body["count"], body["numbers"][0]["features"], body["numbers"][0]["country"]) == (3, None, "US")
        body = ask.vonage("GET", "/v2/applications")[1]
        (record,) = body["_embedded"]["applications"]
        assert (record["name"], bool(record["id"]), body["total_pages"]) == (None, True, 1)

    def test_ten_thousand_numbers_are_quick(self):
        box = Sandbox(keep_bodies=False)
        assert box.vonage.numbers[0].phone_number == "+14155550100"
        start = time.process_time()
        box.vonage.seed_numbers(10_000)
        assert time.process_time() - start < 2
