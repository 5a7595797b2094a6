"""The simulated SignalWire, asked in process and through SignalWire's own SDK."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from signalwire.rest import RestClient, SignalWireRestError, SignalWireRestTransportError

from voipkit.sandbox import Fault, Sandbox

NUMBERS = "relay/rest/phone_numbers"


@pytest.fixture
def sdk(box):
    """The SDK over a socket: it speaks plain HTTP to a loopback host, and keeps a path that comes with it."""
    with box.serve() as url:
        host = f"{urlsplit(url).netloc}/{box.signalwire.host}"
        client = RestClient(box.signalwire.project_id, box.signalwire.api_token, host)
        client._http._session.trust_env = False
        yield client
        client._http._session.close()


class TestWithTheSdk:
    def test_three_probes_and_the_name_of_the_project(self, box, sdk):
        assert len(sdk.phone_numbers.list(page_size=1)["data"]) == 1
        assert sdk.projects.get(box.signalwire.project_id)["name"] == "Acme Voice"
        assert sdk.projects.list()["data"][0]["subproject"] is False
        assert sdk.sip_profile.get()["domain"].endswith(".sip.signalwire.com")

    def test_lists_every_number_of_four_pages(self, box, sdk):
        box.signalwire.seed_numbers(3000)
        listed = [number["number"] for number in sdk.phone_numbers.paginate(page_size=1000)]
        assert listed == [number.number for number in box.signalwire.numbers][::-1]
        assert len(box.requests) == 4
        assert {"page_number", "page_size", "page_token"} == parse_qs(urlsplit(box.requests[3].url).query).keys()

    def test_filters_look_for_substrings(self, box, sdk):
        box.signalwire.add_number("+141555501009", name="Desk")
        assert len(sdk.phone_numbers.list(filter_number="+14155550100")["data"]) == 2
        assert len(sdk.phone_numbers.list(filter_name="desk")["data"]) == 1

    def test_a_webhook_gets_a_resource_of_its_own_and_the_rest_of_the_number_stays(self, box, sdk):
        number = box.signalwire.numbers[0]
        url = "https://voice.example.com/swml"
        answer = sdk.phone_numbers.set_swml_webhook(number.id, url)
        assert (answer["call_handler"], answer["call_relay_script_url"]) == ("relay_script", url)
        assert answer["name"] == "Front desk"
        made = answer["calling_handler_resource_id"]
        assert box.signalwire.resources[made].kind == "swml_webhook"
        assert sdk.phone_numbers.update(number.id, name="Desk 2")["calling_handler_resource_id"] == made
        assert sdk.phone_numbers.set_cxml_webhook(number.id, url="https://c.example")["call_handler"] == "laml_webhooks"
        assert sdk.phone_numbers.get(number.id)["call_relay_script_url"] == url
        assert [recorded.operation for recorded in box.writes] == ["update_number"] * 3

    def test_a_gateway_is_assigned_and_not_put(self, box, sdk):
        number, gateway_id = box.signalwire.numbers[0], box.signalwire.resources[0].id
        address = sdk.fabric.resources.assign_phone_route(gateway_id, phone_route_id=number.id, handler="calling")
        assert address["type"] == "app"
        answer = sdk.phone_numbers.get(number.id)
        assert (answer["call_handler"], answer["calling_handler_resource_id"]) == ("sip_gateway", gateway_id)
        assert sdk.phone_numbers.update(number.id, extras={"call_handler": None})["call_handler"] is None
        with pytest.raises(SignalWireRestError) as caught:
            sdk.phone_numbers.update(number.id, call_handler="laml_webhooks", call_request_url="")
        assert (caught.value.status_code, caught.value.body["errors"][0]["title"]) == (422, "Invalid Attribute")

    def test_gateways(self, box, sdk):
        made = sdk.fabric.sip_gateways.create(
            name="Two",
            uri="user@sip.example.net",
            encryption="optional",
            ciphers=["AES_CM_128_HMAC_SHA1_80"],
            codecs=["PCMU"],
        )
        assert made["id"] != made["sip_gateway"]["id"]
        assert len(sdk.fabric.sip_gateways.list()["data"]) == 2
        changed = sdk.fabric.sip_gateways.update(made["id"], uri="user@sip.example.org")
        assert changed["sip_gateway"]["uri"] == "user@sip.example.org"
        assert sdk.fabric.sip_gateways.get(made["id"])["display_name"] == "Two"
        assert sdk.fabric.sip_gateways.list_addresses(made["id"])["data"][0]["type"] == "call"
        assert sdk.fabric.sip_gateways.delete(made["id"]) == {}
        with pytest.raises(SignalWireRestError, match="404"):
            sdk.fabric.sip_gateways.get(made["id"])

    def test_errors_reach_the_sdk_as_the_real_ones_do(self, box, sdk):
        box.fail("signalwire", "list_numbers", Fault.status(429, retry_after=2), calls=1)
        box.fail("signalwire", "list_numbers", Fault.html(200), calls=2)
        box.fail("signalwire", "list_numbers", Fault.reset(), calls=3)
        with pytest.raises(SignalWireRestError) as caught:
            sdk.phone_numbers.list()
        assert (caught.value.status_code, caught.value.body) == (429, {"error": "Too Many Requests"})
        assert caught.value.headers["Retry-After"] == "2"
        assert caught.value.request_id
        with pytest.raises(SignalWireRestError) as caught:
            sdk.phone_numbers.list()
        assert caught.value.status_code == 200
        with pytest.raises(SignalWireRestTransportError):
            sdk.phone_numbers.list()


class TestWhoMayDoWhat:
    def test_wrong_token_wrong_space_and_no_space(self, box, ask):
        assert ask.signalwire("GET", NUMBERS, token="PTwrong") == (401, {"error": "Unauthorized"})
        assert ask.signalwire("GET", NUMBERS, host="other.signalwire.com") == (401, {"error": "Unauthorized"})
        with pytest.raises(ConnectionError):
            ask.signalwire("GET", "https://a.b.signalwire.com/api/projects")

    @pytest.mark.parametrize("status", [401, 403])
    def test_a_missing_scope(self, box, ask, status):
        box.signalwire.missing_scope_status = status
        box.signalwire.scopes = {"numbers"}
        assert ask.signalwire("GET", NUMBERS)[0] == 200
        assert ask.signalwire("GET", f"projects/{box.signalwire.project_id}")[0] == status
        assert ask.signalwire("GET", "relay/rest/sip_profile")[0] == status
        assert ask.signalwire("GET", "fabric/resources/sip_gateways")[0] == status
        box.signalwire.scopes = {"messaging"}
        assert ask.signalwire("GET", NUMBERS)[0] == status
        assert ask.signalwire("GET", "fabric/resources/sip_gateways")[0] == 200

    def test_a_project_of_somebody_else(self, box, ask):
        assert ask.signalwire("GET", "projects/00000000-0000-4000-a000-000000000000") == (404, {"error": "Not Found"})
        sub = box.signalwire.add_subproject("Staging")
        assert ask.signalwire("GET", f"projects/{sub.id}")[1]["subproject"] is True
        assert len(ask.signalwire("GET", "projects?name=Stag")[1]["data"]) == 1


class TestPages:
    @pytest.mark.parametrize("query", ["page_size=0", "page_size=1001", "page_size=x", "page_number=-1"])
    def test_sizes_and_numbers_that_are_refused(self, loose, query):
        assert loose.signalwire("GET", f"{NUMBERS}?{query}") == (400, {"error": "Bad Request"})
        status, body = loose.signalwire("GET", f"relay/rest/endpoints/sip?{query}")
        assert (status, body["errors"][0]["status"]) == (422, "422")
        status, body = loose.signalwire("GET", f"projects?{query}")
        assert (status, body["errors"][0]["code"]) == (422, "page_token_is_invalid")

    def test_a_later_page_needs_the_token_of_the_link(self, box, ask):
        box.signalwire.seed_numbers(60)
        first = ask.signalwire("GET", f"{NUMBERS}?filter_number=%2B")[1]
        assert (len(first["data"]), first["links"].keys()) == (50, {"self", "first", "next"})
        assert ask.signalwire("GET", f"{NUMBERS}?page_number=1")[0] == 400
        second = ask.signalwire("GET", first["links"]["next"])[1]
        assert (len(second["data"]), second["links"].keys()) == (13, {"self", "first", "prev"})
        assert "filter_number=%2B" in first["links"]["next"]

    def test_page_faults(self, box, ask):
        box.signalwire.seed_numbers(97)

        def walk(limit=6):
            pages, path = [], f"{NUMBERS}?page_size=50"
            while path and len(pages) < limit:
                pages.append(ask.signalwire("GET", path)[1])
                path = pages[-1]["links"].get("next")
            return [[item["id"] for item in page["data"]] for page in pages]

        assert [len(page) for page in walk()] == [50, 50]
        for fault, shape in (
            (Fault.duplicate_at_page_edge(), [50, 50, 1]),
            (Fault.endless_pages(), [50] * 6),
            (Fault.repeat_page(), [50] * 6),
            (Fault.lying_total(), [50, 50, 0]),
            (Fault.lying_total(-1), [50]),
        ):
            box.heal()
            box.fail("signalwire", "list_numbers", fault)
            assert [len(page) for page in walk()] == shape, fault
        box.heal()
        box.fail("signalwire", "list_numbers", Fault.status(503), page=2)
        with pytest.raises(KeyError):
            walk()
        assert box.requests[-1].status == 503


class TestUpdates:
    @pytest.mark.parametrize(
        "change",
        [
            {"call_handler": "sip_gateway"},
            {"call_handler": "ai_agent"},
            {"call_handler": ""},
            {"call_handler": "relay_script"},
            {"call_handler": "relay_sip_endpoint", "call_sip_endpoint_id": "00000000-0000-4000-a000-000000000000"},
            {"call_receive_mode": "smoke"},
            {"message_handler": "pigeon"},
            {"call_request_method": "PUT"},
            {"call_handler": "laml_webhooks", "call_request_url": None},
            {"colour": "red"},
        ],
    )
    def test_changes_that_are_refused(self, loose_box, loose, change):
        number = loose_box.signalwire.numbers[0]
        status, body = loose.signalwire("PUT", f"{NUMBERS}/{number.id}", change)
        assert (status, body["errors"][0].keys()) == (422, {"detail", "status", "title", "code"})
        assert number.call_handler is None
        assert loose_box.writes == []

    def test_bodies_and_numbers_that_are_not_there(self, loose_box, loose):
        number = loose_box.signalwire.numbers[0]
        assert loose.signalwire("PUT", f"{NUMBERS}/{number.id}", [1])[0] == 400
        assert loose.signalwire("PUT", f"{NUMBERS}/{'0' * 8}", {}) == (404, {"error": "Not Found"})
        assert loose.signalwire("GET", "nowhere") == (404, {"error": "Not Found"})

    def test_a_sip_endpoint(self, box, ask):
        number, endpoint = box.signalwire.numbers[0], box.signalwire.sip_endpoints[0]
        change = {"call_handler": "relay_sip_endpoint", "call_sip_endpoint_id": endpoint.id}
        body = ask.signalwire("PUT", f"{NUMBERS}/{number.id}", change)[1]
        assert body["calling_handler_resource_id"] == endpoint.id

    @pytest.mark.parametrize("accepts", [True, False])
    def test_null_takes_the_handler_off_unless_it_is_refused(self, box, ask, accepts):
        number = box.signalwire.numbers[0]
        box.signalwire.accepts_null_handler = accepts
        box.signalwire.route(number, box.signalwire.resources[0])
        status, body = ask.signalwire("PUT", f"{NUMBERS}/{number.id}", {"call_handler": None})
        assert status == (200 if accepts else 422)
        assert (number.call_handler, number.calling_handler_resource_id is None) == (
            (None, True) if accepts else ("sip_gateway", False)
        )

    def test_what_was_routed_by_a_resource_is_put_back_by_it(self, box, ask):
        number, agent = box.signalwire.numbers[0], box.signalwire.add_resource("ai_agent", "Bot")
        box.signalwire.route(number, agent)
        route = {"phone_route_id": number.id, "handler": "calling"}
        gateway_id = box.signalwire.resources[0].id
        assert ask.signalwire("POST", f"fabric/resources/{gateway_id}/phone_routes", route)[0] == 200
        assert number.call_handler == "sip_gateway"
        assert ask.signalwire("POST", f"fabric/resources/{agent.id}/phone_routes", route)[0] == 200
        assert (number.call_handler, number.calling_handler_resource_id) == ("ai_agent", agent.id)
        route["handler"] = "messaging"
        assert ask.signalwire("POST", f"fabric/resources/{agent.id}/phone_routes", route)[0] == 200
        assert number.messaging_handler_resource_id == agent.id

    def test_a_webhook_resource_brings_its_url(self, box, ask):
        number = box.signalwire.numbers[0]
        hook = box.signalwire.add_resource("swml_webhook", "Bot", url="https://bot.example/swml")
        route = {"phone_route_id": number.id, "handler": "calling"}
        ask.signalwire("POST", f"fabric/resources/{hook.id}/phone_routes", route)
        body = ask.signalwire("GET", f"{NUMBERS}/{number.id}")[1]
        assert (body["call_handler"], body["call_relay_script_url"]) == ("relay_script", "https://bot.example/swml")

    def test_routes_that_are_refused_in_the_form_of_fabric(self, box, loose_box, loose):
        gateway_id = loose_box.signalwire.resources[0].id
        path = f"fabric/resources/{gateway_id}/phone_routes"
        unknown = {"phone_route_id": "00000000-0000-4000-a000-000000000000", "handler": "calling"}
        for body, code in ((unknown, "provided_id_is_unrecognized"), ({"handler": "smoke"}, "invalid_parameter")):
            status, answer = loose.signalwire("POST", path, body)
            assert (status, answer["errors"][0]["code"]) == (422, code)
        assert loose.signalwire("POST", "fabric/resources/1/phone_routes", unknown)[0] == 404
        assert loose_box.writes == []

    @pytest.mark.parametrize("uri", ["user@10.0.0.7", "sip:x@acme.sip.signalwire.com", "localhost"])
    def test_gateways_must_be_external(self, box, ask, uri):
        body = {
            "name": "x",
            "uri": uri,
            "encryption": "optional",
            "ciphers": ["AES_CM_128_HMAC_SHA1_80"],
            "codecs": ["PCMU"],
        }
        status, answer = ask.signalwire("POST", "fabric/resources/sip_gateways", body)
        assert (status, answer["errors"][0]["code"]) == (422, "sip_gateway_uri_must_be_external")
        gateway_id = box.signalwire.resources[0].id
        assert ask.signalwire("PATCH", f"fabric/resources/sip_gateways/{gateway_id}", {"uri": uri})[0] == 422

    def test_gateways_that_are_incomplete(self, loose):
        status, answer = loose.signalwire("POST", "fabric/resources/sip_gateways", {"name": "x"})
        assert (status, answer["errors"][0]["attribute"]) == (422, "uri")
        full = {"name": "x", "uri": "sip.example.net", "encryption": "some", "ciphers": ["x"], "codecs": ["PCMU"]}
        assert (
            loose.signalwire("POST", "fabric/resources/sip_gateways", full)[1]["errors"][0]["attribute"] == "encryption"
        )
        for method in ("GET", "PATCH", "DELETE"):
            assert loose.signalwire(method, "fabric/resources/sip_gateways/1")[0] == 404
        assert loose.signalwire("GET", "fabric/resources/sip_gateways/1/addresses")[0] == 404

    def test_a_cxml_application_of_the_project(self, box, ask):
        number = box.signalwire.numbers[0]
        application = box.signalwire.add_resource("cxml_application", "IVR", url="https://ivr.example.com")
        change = {"call_handler": "laml_application", "call_laml_application_id": application.inner_id}
        body = ask.signalwire("PUT", f"{NUMBERS}/{number.id}", change)[1]
        assert body["calling_handler_resource_id"] == application.id
        listed = ask.signalwire("GET", "fabric/resources/cxml_applications")[1]["data"]
        assert ask.signalwire("GET", f"fabric/resources/cxml_applications/{application.id}")[1] == listed[0]
        assert listed[0]["cxml_application"]["voice_url"] == "https://ivr.example.com"
        assert ask.signalwire("GET", f"fabric/resources/cxml_applications/{box.signalwire.resources[0].id}")[0] == 404
        change["call_laml_application_id"] = "somebody else's"
        assert ask.signalwire("PUT", f"{NUMBERS}/{number.id}", change)[1]["calling_handler_resource_id"] is None
        box.signalwire.checks_applications = True
        assert ask.signalwire("PUT", f"{NUMBERS}/{number.id}", change)[0] == 422
        box.signalwire.route(number, box.signalwire.resources[0])
        route = {"phone_route_id": number.id, "handler": "calling"}
        assert ask.signalwire("POST", f"fabric/resources/{application.id}/phone_routes", route)[0] == 200
        assert ask.signalwire("GET", f"{NUMBERS}/{number.id}")[1]["call_laml_application_id"] == application.inner_id


class TestSip:
    def test_one_name_for_two_things(self, box, ask):
        endpoint = box.signalwire.sip_endpoints[0]
        endpoint.outbound_policy = "block-pstn"
        assert (
            ask.signalwire("GET", "relay/rest/endpoints/sip?filter_username=acme")[1]["data"][0]["call_handler"] is None
        )
        assert ask.signalwire("GET", f"relay/rest/endpoints/sip/{endpoint.id}")[1]["username"] == "acmepbx"
        (credential,) = ask.signalwire("GET", "fabric/resources/sip_endpoints")[1]["data"]
        assert credential["call_handler"] == "block-pstn"
        assert ask.signalwire("GET", f"fabric/resources/sip_endpoints/{endpoint.id}")[1] == credential
        assert "password" not in credential

    def test_domains_and_caller_ids(self, box, ask):
        domain = box.signalwire.add_domain_application("SBC", "sbc", ip_auth=["192.0.2.1"])
        box.signalwire.add_caller_id("+14155550177", name="Boss")
        box.signalwire.add_caller_id("+14155550178", verified=False)
        body = ask.signalwire("GET", "relay/rest/domain_applications?filter_name=SB&filter_domain=sbc")[1]
        assert body["data"][0]["domain"] == "acme-voice-sbc.dapp.signalwire.com"
        assert ask.signalwire("GET", f"relay/rest/domain_applications/{domain.id}")[1]["ip_auth"] == ["192.0.2.1"]
        listed = ask.signalwire("GET", "relay/rest/verified_caller_ids")[1]["data"]
        assert [item["verified"] for item in listed] == [False, True]
        assert len(ask.signalwire("GET", "relay/rest/verified_caller_ids?filter_number=177")[1]["data"]) == 1

    def test_objects_that_are_not_there(self, ask):
        missing = "00000000-0000-4000-a000-000000000000"
        for path in ("relay/rest/endpoints/sip", "fabric/resources/sip_endpoints", "relay/rest/domain_applications"):
            assert ask.signalwire("GET", f"{path}/{missing}")[0] == 404


class TestTheSandboxItself:
    def test_faults_come_in_the_form_of_the_api_that_is_asked(self, box, ask):
        box.fail("signalwire", "*", Fault.status(422, code="purchased_too_recently"))
        assert ask.signalwire("GET", NUMBERS)[1]["errors"][0]["code"] == "purchased_too_recently"
        assert "type" in ask.signalwire("GET", "fabric/resources/sip_gateways")[1]["errors"][0]
        box.heal()
        box.fail("signalwire", "*", Fault.status(429))
        ask.signalwire("GET", NUMBERS)
        assert (ask.headers["X-RateLimit-Remaining"], "Retry-After" in ask.headers) == ("0", False)
        box.heal()
        box.fail("signalwire", "*", Fault.echo_secret())
        assert "PThunter2" in ask.signalwire("GET", NUMBERS, token="PThunter2")[1]["error"]

    def test_nulls_leave_what_the_document_requires_to_know(self, box, ask):
        box.fail("signalwire", "*", Fault.nulls())
        record = ask.signalwire("GET", NUMBERS)[1]["data"][0]
        assert (record["call_handler"], record["created_at"]) == (None, None)
        assert record["capabilities"]
        assert ask.signalwire("GET", "relay/rest/sip_profile")[1]["domain"] is None

    def test_kinds_of_resources_are_checked(self, box):
        with pytest.raises(ValueError, match="sip_gateway"):
            box.signalwire.add_resource("fax", "x")

    def test_without_a_gateway_there_is_no_route(self, box):
        box.signalwire.resources.clear()
        assert set(box.sip_config("signalwire")) == {"sip_username"}

    def test_ten_thousand_numbers_are_quick(self):
        box = Sandbox(keep_bodies=False)
        assert box.signalwire.numbers[0].phone_number == "+14155550100"
        start = time.process_time()
        box.signalwire.seed_numbers(10_000)
        assert time.process_time() - start < 2
