"""The simulated Cloudonix, asked in process and over a socket; there is no SDK to ask with.

`box` is held against the vendor's document when a test is over, `loose_box` is there to break rules.
"""

import json
import re

import httpx
import pytest

from tests.openapi import examples
from voipkit.sandbox import Fault, Sandbox

BASE = "https://api.cloudonix.io"
DOMAIN = "/customers/self/domains/acme.cloudonix.net"


@pytest.fixture
def ask(ask):
    """Ask as a program with no SDK would; paths are below the domain."""
    return ask.cloudonix


@pytest.fixture
def loose(loose):
    return loose.cloudonix


class TestReading:
    def test_the_domain_says_most_of_what_a_probe_needs(self, box, ask):
        status, body = ask("GET")
        assert status == 200
        assert (body["domain"], body["active"], body["tenant"]["name"]) == ("acme.cloudonix.net", True, "acme")
        assert body["application"]["id"] == body["defaultApplication"] == box.cloudonix.domain.default_application
        assert [alias["type"] for alias in body["aliases"]] == ["auto"]

    def test_a_domain_goes_by_name_id_and_uuid_and_under_three_paths(self, box, ask):
        domain = box.cloudonix.domain
        for path in (
            *(f"/customers/self/domains/{name}" for name in (domain.domain, domain.id, domain.uuid, "self")),
            *(f"/customers/{name}/domains/self" for name in (box.cloudonix.customer.id, "acme")),
            *("/domains/self", "/domains/acme.cloudonix.net", "/tenants/self/domains/acme.cloudonix.net"),
        ):
            assert ask("GET", path)[1]["uuid"] == domain.uuid, path
        assert ask("GET", "/customers/other/domains/self")[0] == 401
        assert ask("GET", "/domains/nobody.cloudonix.net")[0] == 404

    def test_listings_are_plain_arrays(self, box, ask):
        box.cloudonix.seed_numbers(300)
        assert len(ask("GET", "/dnids")[1]) == 303
        assert [item["name"] for item in ask("GET", "/applications")[1]] == [
            *("Blackhole", "Call-Routing", "acme-ivr", "front-desk")
        ]
        assert [item["direction"] for item in ask("GET", "/trunks")[1]] == ["public-outbound"]
        assert len(ask("GET", "/aliases")[1]) == 1

    def test_an_empty_listing_is_not_found(self, box, ask):
        box.cloudonix.dnids.clear()
        assert ask("GET", "/dnids")[0] == 404
        box.cloudonix.empty_is_404 = False
        assert ask("GET", "/dnids") == (200, [])

    def test_a_number_and_its_rule(self, ask):
        item = ask("GET", "/dnids")[1][0]
        assert (item["source"], item["dnid"]) == ("+14155550100", r"^(\+14155550100)$")
        assert (item["prefix"], item["expression"], item["asteriskCompatible"]) == (False, False, False)
        assert item["application"]["type"] == "Cloudonix:built-in"
        assert ask("GET", f"/dnids/{item['id']}")[1] == ask("GET", "/dnids/%2B14155550100")[1] == item

    @pytest.mark.parametrize(
        ("fields", "match", "other"),
        [
            ({}, "1555", "15551"),
            ({"prefix": True}, "15551", "2555"),
            ({"source": "155[5-7]", "expression": True}, "1557", "1558"),
            ({"source": "_1NXX", "asterisk_compatible": True}, "1255", "1155"),
            ({"source": None, "dnid": "^15+$"}, "1555", "1556"),
        ],
    )
    def test_rules(self, box, fields, match, other):
        rule = box.cloudonix.add_number(fields.pop("source", "1555"), **fields).compiled
        assert re.match(rule, match)
        assert not re.match(rule, other)


class TestTheDocument:
    @pytest.mark.parametrize(
        ("path", "operation", "left_out"),
        [
            ("", "domainGet", set()),
            ("/aliases", "domainListAliases", set()),
            ("/dnids", "dnidList", {"messagingApplicationId"}),  # only where it is set
            ("/applications/acme-ivr", "applicationGet", {"domain", "llm-tools"}),
            ("/trunks", "trunksList", {"domain"}),
        ],
    )
    def test_every_field_of_the_documents_example(self, ask, path, operation, left_out):
        example, answer = next(examples("cloudonix", operation)), ask("GET", path)[1]
        example, answer = (value[0] if isinstance(value, list) else value for value in (example, answer))
        assert example.keys() - answer.keys() == left_out


class TestKeys:
    def test_a_domain_key_may_not_act_for_the_customer(self, box, ask):
        for path in ("/customers/self", "/customers/self/domains", "/customers/self/concurrency-limit"):
            assert ask("GET", path)[0] == 403
            assert ask("GET", path, key=box.cloudonix.customer_key)[0] == 200
        box.cloudonix.scope_status = 401
        assert ask("GET", "/customers/self")[0] == 401

    def test_a_domain_key_may_not_enter_another_domain(self, box, ask):
        box.cloudonix.add_domain("other.cloudonix.net")
        assert ask("GET", "/domains/other.cloudonix.net")[0] == 401
        assert ask("GET", "/domains/other.cloudonix.net", key=box.cloudonix.customer_key)[0] == 200
        assert len(ask("GET", "/customers/self/domains", key=box.cloudonix.customer_key)[1]) == 2

    def test_a_wrong_key(self, box, ask):
        assert ask("GET", key="XI" + "0" * 32)[0] == 401
        assert box.wire("GET", BASE + DOMAIN, {"Authorization": "Basic eDp5"})[0] == 401
        assert re.fullmatch("XI.{32}", box.cloudonix.api_key)

    def test_forbidden_operations(self, box, ask):
        box.cloudonix.forbidden = {"list_trunks"}
        assert ask("GET", "/trunks") == (
            403,
            {"status": False, "message": "The token does not have the required scope"},
        )

    @pytest.mark.parametrize(("form", "body"), [("error", {"error": "Not found"}), ("empty", None)])
    def test_other_forms_of_errors(self, box, ask, form, body):
        box.cloudonix.error_form = form
        assert ask("GET", "/dnids/1") == (404, body)


class TestNumbers:
    def test_creating_says_nothing(self, box, ask):
        app = box.cloudonix.applications[2]
        body = {"applicationId": app.id, "source": "+15550001111", "prefix": False}
        assert ask("POST", "/dnids", body) == (204, None)
        assert ask("GET", "/dnids")[1][-1]["application"]["name"] == "acme-ivr"
        below = {"source": "+15550002222", "prefix": False, "expression": False, "asteriskCompatible": False}
        assert ask("POST", f"/applications/{app.uuid}/dnids", below)[1]["applicationId"] == app.id
        assert len(box.writes) == 2

    def test_moving_and_deleting(self, box, ask):
        dnid, app = box.cloudonix.dnids[0], box.cloudonix.applications[2]
        assert ask("PUT", f"/dnids/{dnid.id}", {"applicationId": app.id, "active": True}) == (204, None)
        assert dnid.application_id == app.id
        assert ask("PUT", f"/dnids/{dnid.id}", {"dnid": "^1$"})[0] == 204
        assert (dnid.source, dnid.compiled) == (None, "^1$")
        assert ask("PUT", f"/dnids/{dnid.id}", {"source": "+1", "prefix": True})[0] == 204
        assert dnid.compiled == r"^(\+1)"
        assert ask("DELETE", f"/dnids/{dnid.id}") == (204, None)
        assert len(box.cloudonix.dnids) == 2

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ([], 400),
            ({"source": "1"}, 400),
            ({"applicationId": 2003}, 400),
            ({"applicationId": 2003, "source": "1", "dnid": "^1"}, 400),
            ({"applicationId": 2003, "source": "1", "prefix": True, "expression": True}, 400),
            ({"applicationId": 2003, "source": "1", "prefix": "true"}, 400),
            ({"applicationId": 2003, "source": 1}, 400),
            ({"applicationId": 2003, "source": "1", "colour": "red"}, 400),
            ({"applicationId": "acme-ivr", "source": "1"}, 400),
            ({"applicationId": 1, "source": "1"}, 404),
            ({"applicationId": "own", "source": "+14155550100"}, 500),
        ],
    )
    def test_what_is_refused(self, loose_box, loose, body, status):
        app = loose_box.cloudonix.applications[2]
        if isinstance(body, dict) and body.get("applicationId") in (2003, "own"):
            body = {**body, "applicationId": app.id}
        assert loose("POST", "/dnids", body)[0] == status
        assert loose_box.writes == []

    def test_numbers_that_are_not_there(self, ask):
        assert [ask(verb, "/dnids/1", body)[0] for verb, body in (("GET", None), ("PUT", {}), ("DELETE", None))] == [
            404
        ] * 3
        assert ask("POST", "/applications/nobody/dnids", {"source": "1"})[0] == 404


class TestApplications:
    def test_all_of_them(self, box, ask):
        new = {"name": "bot", "type": "cxml", "url": "https://bot.example.com/x", "method": "POST"}
        made = ask("POST", "/applications", {**new, "profile": {"a": 1}})[1]
        assert (made["name"], made["method"], made["profile"]) == ("bot", "POST", {"a": 1})
        for name in (made["id"], made["uuid"], "bot"):
            assert ask("GET", f"/applications/{name}")[1] == made
        change = {"type": "cxml", "url": "https://bot.example.com/y", "method": "GET"}
        assert ask("PUT", "/applications/bot", change)[1]["method"] == "GET"
        assert (
            ask("PATCH", "/applications/bot", {"url": "https://bot.example.com/z", "method": "POST"})[1]["method"]
            == "POST"
        )
        assert ask("POST", "/applications", new)[0] == 500
        box.cloudonix.dnids[0].application_id = made["id"]
        assert ask("DELETE", "/applications/bot")[0] == 500
        box.cloudonix.dnids[0].application_id = box.cloudonix.applications[2].id
        assert ask("DELETE", "/applications/bot") == (204, None)

    def test_what_is_refused(self, loose):
        for method, path, body, status in (
            ("POST", "", {"name": "x", "type": "cxml", "url": "https://x.example"}, 400),
            ("POST", "", {"name": "x", "type": "twiml", "url": "https://x.example", "method": "POST"}, 400),
            ("PUT", "/acme-ivr", {"url": "https://x.example"}, 400),
            ("PATCH", "/acme-ivr", [], 400),
            ("PATCH", "/Blackhole", {"url": "https://x.example"}, 400),
            ("PATCH", "/nobody", {}, 404),
            ("GET", "/nobody", None, 404),
            ("DELETE", "/nobody", None, 404),
        ):
            assert loose(method, f"/applications{path}", body)[0] == status, (method, path)


class TestTheDomain:
    @pytest.mark.parametrize("verb", ["PUT", "PATCH"])
    def test_the_default_application(self, box, ask, verb):
        desk = box.cloudonix.applications[3]
        assert ask(verb, "", {"defaultApplication": desk.id})[1]["application"]["name"] == "front-desk"
        box.cloudonix.deaf_to_default_application = {verb}
        assert ask(verb, "", {"defaultApplication": box.cloudonix.applications[2].id})[0] == 200
        assert box.cloudonix.domain.default_application == desk.id

    def test_profile_and_registration(self, box, ask):
        assert ask("PUT", "", {"profile": {"a": "1"}})[1]["profile"] == {"a": "1"}
        assert ask("PATCH", "", {"registrationFree": True})[1]["registrationFree"] is True

    def test_what_is_refused(self, loose):
        assert loose("PUT", "", {"defaultApplication": "acme-ivr"})[0] == 400
        assert loose("PUT", "", {"defaultApplication": 1})[0] == 404
        assert loose("PUT", "", [])[0] == 400


class TestTrunks:
    NEW = {"name": "carrier-2", "ip": "192.0.2.9", "port": "5060", "transport": "udp", "direction": "outbound"}

    def test_all_of_them(self, box, ask):
        made = ask("POST", "/trunks", {**self.NEW, "prefix": "", "profile": {"domain": "x.example"}})[1]
        for name in (made["id"], made["uuid"], "carrier-2"):
            assert ask("GET", f"/trunks/{name}")[1] == made
        assert ask("PUT", f"/trunks/{made['uuid']}", {"active": False})[1]["active"] is False
        assert ask("PUT", f"/trunks/{made['uuid']}", {"port": 5061})[1]["port"] == "5061"
        assert ask("POST", "/trunks", self.NEW)[0] == 500
        assert ask("DELETE", "/trunks/carrier-2") == (204, None)

    def test_a_silent_creation(self, box, ask):
        box.cloudonix.creates_silently = True
        assert ask("POST", "/trunks", self.NEW) == (200, None)
        assert ask("GET", "/trunks")[1][-1]["name"] == "carrier-2"

    def test_what_is_refused(self, loose):
        for method, path, body, status in (
            ("POST", "", {"name": "x"}, 400),
            ("POST", "", self.NEW | {"name": "with space"}, 400),
            ("POST", "", self.NEW | {"direction": "sideways"}, 400),
            ("PUT", "/acme-carrier", [], 400),
            ("PUT", "/acme-carrier", {"transport": "ws"}, 400),
            *((verb, "/nobody", {} if verb == "PUT" else None, 404) for verb in ("GET", "PUT", "DELETE")),
        ):
            assert loose(method, f"/trunks{path}", body)[0] == status, (method, path)


class TestFaultsAndLimits:
    def test_too_many_requests_in_a_window(self, box, ask):
        now = [0.0]
        box.cloudonix.rate_limit, box.cloudonix.clock = (10, 3.0), lambda: now[0]
        assert [ask("GET")[0] for _ in range(12)] == [200] * 10 + [429] * 2
        assert ask("GET", "/customers/self", key=box.cloudonix.customer_key)[0] == 200
        now[0] = 3.0
        assert ask("GET", "/trunks")[0] == 200

    @pytest.mark.parametrize(
        "kind", ["truncated_json", "json_array", "empty_body", "nulls", "empty_strings", "extra_field"]
    )
    def test_spoiled_listings(self, loose_box, kind):
        headers = {"Authorization": f"Bearer {loose_box.cloudonix.api_key}"}
        whole = loose_box.wire("GET", f"{BASE}{DOMAIN}/dnids", headers)[2]
        loose_box.fail("cloudonix", "list_dnids", getattr(Fault, kind)())
        spoiled = loose_box.wire("GET", f"{BASE}{DOMAIN}/dnids", headers)[2]
        assert spoiled != whole
        if kind == "nulls":
            assert [item["dnid"] for item in json.loads(spoiled)] == [item["dnid"] for item in json.loads(whole)]

    @pytest.mark.parametrize("kind", ["repeat_page", "endless_pages", "lying_total", "duplicate_at_page_edge"])
    def test_there_are_no_pages_to_lie_about(self, box, ask, kind):
        box.fail("cloudonix", "list_dnids", getattr(Fault, kind)())
        assert len(ask("GET", "/dnids")[1]) == 3

    def test_a_secret_in_an_error(self, box, ask):
        box.fail("cloudonix", "domain", Fault.echo_secret())
        assert box.cloudonix.api_key in ask("GET")[1]["message"]

    def test_a_fault_with_a_code(self, box, ask):
        box.fail("cloudonix", "domain", Fault.status(429, code="slow", retry_after=3))
        assert "slow" in ask("GET")[1]["message"]

    def test_over_a_socket(self, box):
        with box.serve() as base, httpx.Client(trust_env=False, timeout=30) as client:
            headers = {"Authorization": f"Bearer {box.cloudonix.api_key}"}
            url = f"{base}/api.cloudonix.io{DOMAIN}/dnids"
            assert len(client.get(url, headers=headers).json()) == 3
            body = {"applicationId": box.cloudonix.applications[2].id, "source": "+15550001111"}
            assert client.post(url, headers=headers, json=body).status_code == 204
            assert client.get(f"{url}/%2B15550001111", headers=headers).json()["source"] == "+15550001111"


class TestIncidents:
    def test_a_number_on_a_foreign_application(self, box, ask):
        box.incident("number-on-foreign-trunk")
        assert ask("GET", "/dnids")[1][0]["application"]["name"] == "front-desk-pbx"

    def test_too_many_requests(self, box, ask):
        box.incident("429-without-retry-after")
        assert ask("GET")[0] == 429

    def test_no_numbers(self, box, ask):
        box.incident("empty-account")
        box.incident("number-on-foreign-trunk")
        assert ask("GET", "/dnids")[0] == 404


class TestTheBox:
    def test_two_boxes_of_one_seed_are_alike(self):
        one, other = Sandbox(7), Sandbox(7)
        assert one.credentials("cloudonix") == other.credentials("cloudonix")
        assert list(one.cloudonix.numbers) == list(other.cloudonix.numbers)

    def test_credentials_without_an_application(self, box):
        for item in list(box.cloudonix.applications)[2:]:
            box.cloudonix.applications.remove(str(item.id))
        assert box.credentials("cloudonix").keys() == {"api_key", "domain"}
        assert box.sip_config("cloudonix") == {}

    def test_ten_thousand_numbers(self, box):
        assert len(box.cloudonix.seed_numbers(10_000)) == 10_000

    def test_aliases_can_be_added(self, box, ask):
        box.cloudonix.add_alias("voice.example.com", "main")
        assert ask("GET", "/aliases")[1][-1]["alias"] == "voice.example.com"
