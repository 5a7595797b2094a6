"""The simulated Plivo, asked in process and through Plivo's own SDK."""

import base64
import json
from pathlib import Path
from urllib.parse import urlsplit

import plivo
import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.openapi import Documents
from voipkit.sandbox import Fault, Sandbox


class Wire(HTTPAdapter):
    """Send the SDK's requests into the box: the SDK puts its own host in front of every call."""

    def __init__(self, box):
        super().__init__()
        self.box = box

    def send(self, request, **_):
        body = request.body.encode() if isinstance(request.body, str) else request.body
        status, headers, answer = self.box.wire(request.method, request.url, dict(request.headers), body)
        response = requests.Response()
        response.status_code, response._content, response.url = status, answer, request.url
        response.headers.update(headers)
        response.request = request
        return response

    def close(self):
        pass


@pytest.fixture
def sdk(box):
    with plivo.RestClient(box.plivo.account.auth_id, box.plivo.account.auth_token) as client:
        client.session.mount("https://api.plivo.com", Wire(box))
        yield client


@pytest.fixture
def ask(box):
    """Ask as a program with no SDK would; paths are below the account."""

    def send(method, path, body=None, *, user=None, token=None):
        account = box.plivo.account
        user, token = user or account.auth_id, token or account.auth_token
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}
        url = path if path.startswith("https:") else f"https://api.plivo.com/v1/Account/{user}/{path}"
        raw = None if body is None else json.dumps(body).encode()
        send.status, send.headers, send.raw = box.wire(method, url, headers, raw)
        try:
            return send.status, json.loads(send.raw) if send.raw else None
        except ValueError:
            return send.status, None

    return send


class TestWithTheSdk:
    def test_account_and_prices(self, sdk):
        account = sdk.account.get()
        assert (account.name, account.account_type, account.cash_credits) == ("Acme Voice", "standard", "92.18550")
        assert sdk.pricing.get("US").voice.inbound.local.rate == "0.00850"
        with pytest.raises(plivo.exceptions.ValidationError):
            sdk.pricing.get("XX")

    def test_lists_every_number(self, box, sdk):
        box.plivo.seed_numbers(92)
        first = sdk.numbers.list(services="voice")
        assert (first.meta.total_count, first.meta.limit, len(first.objects)) == (95, 20, 20)
        assert [number.number for number in sdk.numbers] == [number.number for number in box.plivo.numbers]
        assert [recorded.operation for recorded in box.requests] == ["list_numbers"] * 6

    def test_attaches_to_an_application_and_to_a_trunk(self, box, sdk):
        app, inbound, outbound = box.plivo.applications[0], *box.plivo.trunks
        assert sdk.numbers.update("14155550100", app_id=app.app_id).message == "changed"
        assert sdk.numbers.get("14155550100").application.endswith(f"/Application/{app.app_id}/")
        sdk.numbers.update("14155550100", app_id=inbound.trunk_id)
        assert sdk.numbers.get("14155550100").application.endswith(f"/Zentrunk/Trunk/{inbound.trunk_id}/")
        with pytest.raises(plivo.exceptions.ValidationError, match="only an inbound trunk"):
            sdk.numbers.update("14155550100", app_id=outbound.trunk_id)
        with pytest.raises(plivo.exceptions.ResourceNotFoundError):
            sdk.numbers.update("14155550100", app_id="1")
        assert [recorded.operation for recorded in box.writes] == ["update_number"] * 2

    def test_an_update_without_an_application_moves_the_number_to_the_default_one(self, box, sdk):
        box.plivo.numbers[0].app_id = box.plivo.applications[0].app_id
        sdk.numbers.update("14155550100", alias="front desk")
        assert box.plivo.numbers[0].app_id == box.plivo.default_application.app_id
        assert box.plivo.numbers[0].alias == "front desk"

    def test_an_empty_application_is_refused(self, sdk):
        with pytest.raises(plivo.exceptions.ValidationError, match="app_id"):
            sdk.numbers.update("14155550100", app_id="")

    def test_a_number_with_plus_is_not_found(self, sdk):
        with pytest.raises(plivo.exceptions.ResourceNotFoundError):
            sdk.numbers.get("+14155550100")

    def test_applications(self, box, sdk):
        made = sdk.applications.create("ivr2", answer_url="https://ivr.example.com/x")
        found = sdk.applications.get(made.app_id)
        assert (found.answer_url, found.enabled, found.sip_uri) == (
            "https://ivr.example.com/x",
            True,
            f"sip:{made.app_id}@app.plivo.com",
        )
        assert [item.app_id for item in sdk.applications.list(app_name="ivr2")] == [made.app_id]
        default = box.plivo.default_application
        sdk.applications.update(default.app_id, answer_url="https://new.example.com/")
        assert box.plivo.default_application is None  # the SDK sends default_number_app=False unasked
        box.plivo.numbers[0].app_id = made.app_id
        assert sdk.applications.delete(made.app_id) is None
        assert box.plivo.numbers[0].app_id is None

    def test_zentrunk(self, box, sdk):
        def ask(method, *path, **data):
            return sdk.request(method, ("Zentrunk", *path), data)

        uri = ask("POST", "URI", name="pbx2", uri="sip.example.com;transport=tcp").uri_uuid
        made = ask("POST", "Trunk", name="in2", trunk_direction="inbound", primary_uri_uuid=uri)
        trunk = ask("GET", "Trunk", made.trunk_id).object
        assert (trunk.trunk_status, trunk.primary_uri_uuid) == ("enabled", uri)
        assert trunk.trunk_domain == f"{made.trunk_id}.zt.plivo.com"
        box.plivo.wraps_trunk = False
        assert ask("GET", "Trunk", made.trunk_id).name == "in2"
        assert len(ask("GET", "Trunk", trunk_direction="inbound").objects) == 2
        assert len(ask("GET", "Trunk", secure="true").objects) == 0
        assert ask("GET", "Trunk", limit=1).meta.next.startswith("v1/Account/")
        box.plivo.numbers[0].app_id = made.trunk_id
        ask("DELETE", "URI", uri)
        assert made.trunk_id not in box.plivo.trunks
        assert box.plivo.numbers[0].app_id is None
        with pytest.raises(plivo.exceptions.InvalidRequestError, match="primary_uri_uuid"):
            ask("POST", "Trunk", name="in3", trunk_direction="inbound")
        with pytest.raises(plivo.exceptions.PlivoRestError, match="503"):
            ask("GET", "IpAccessControlList")
        box.plivo.zentrunk_enabled = False
        with pytest.raises(plivo.exceptions.ForbiddenError):
            ask("GET", "Trunk")

    def test_caller_ids(self, box, sdk):
        box.plivo.add_caller_id("+14155550177", alias="office")
        assert sdk.verify_callerids.list_verified_caller_id().objects[0].phone_number == "+14155550177"
        assert sdk.verify_callerids.get_verified_caller_id("+14155550177").alias == "office"

    def test_refused_credentials(self, box, sdk):
        box.plivo.account.auth_token = "0" * 40
        with pytest.raises(plivo.exceptions.AuthenticationError):
            sdk.account.get()
        with pytest.raises(plivo.exceptions.AuthenticationError):  # plain text: the SDK does not stumble
            sdk.numbers.list()
        box.plivo.plain_401 = False
        with pytest.raises(AttributeError):
            sdk.numbers.list()

    def test_errors_of_a_listing_make_the_sdk_stumble(self, box, sdk):
        box.plivo.forbidden = {"list_numbers"}
        with pytest.raises(AttributeError):
            sdk.numbers.list()
        box.fail("plivo", "list_numbers", Fault.status(429, retry_after=1))
        with pytest.raises(plivo.exceptions.PlivoRestError, match="429"):
            sdk.numbers.list()

    def test_the_sdk_sends_a_creation_three_times_when_the_server_fails(self, box, sdk, capsys):
        box.fail("plivo", "create_application", Fault.status(503))
        with pytest.raises(plivo.exceptions.PlivoRestError, match="503"):
            sdk.applications.create("ivr2", answer_url="https://ivr.example.com/x")
        assert [recorded.operation for recorded in box.requests] == ["create_application"] * 3
        assert capsys.readouterr().out.count("Fallback for URL") == 3

    def test_over_a_socket(self, box):
        account = box.plivo.account
        with box.serve() as base, requests.Session() as session:
            session.auth, session.trust_env = (account.auth_id, account.auth_token), False
            url = f"{base}/api.plivo.com/v1/Account/{account.auth_id}/Number/"
            assert session.get(url, timeout=5).json()["meta"]["total_count"] == 3
            session.auth = (account.auth_id, "wrong")
            answer = session.get(url, timeout=5)
            assert (answer.status_code, answer.headers["Content-Type"]) == (401, "text/plain; charset=utf-8")


class TestByHand:
    def test_every_operation(self, box, ask):
        app, inbound = box.plivo.applications[0], box.plivo.trunks[0]
        uuids = (box.plivo.origination_uris[0].uri_uuid, box.plivo.sip_credentials[0].credential_uuid)
        acl = ask("POST", "Zentrunk/IPAccessControlList/", {"name": "x", "ip_addresses": ["192.0.2.1"]})[1][
            "ipacl_uuid"
        ]
        login = {"name": "x", "username": "acme12", "password": "se_cret"}
        made = ask("POST", "Zentrunk/Credential/", login)[1]["credential_uuid"]
        box.plivo.add_caller_id("+14155550177")
        for path in (
            *("", "Number/", "Number/14155550100/", "Application/", f"Application/{app.app_id}/", "VerifiedCallerId/"),
            *("Pricing/?country_iso=GB", "VerifiedCallerId/14155550177/", "Zentrunk/Trunk/", "Zentrunk/URI/"),
            *("Zentrunk/Credential/", "Zentrunk/IPAccessControlList/", f"Zentrunk/Trunk/{inbound.trunk_id}/"),
            *(f"Zentrunk/URI/{uuids[0]}/", f"Zentrunk/Credential/{uuids[1]}/", f"Zentrunk/IPAccessControlList/{acl}/"),
        ):
            assert ask("GET", path)[0] == 200, path
        assert ask("GET", "Zentrunk/Trunks/")[0] == 503
        for path, body in (
            ("Application/", {"app_name": "y", "default_number_app": True}),
            ("Zentrunk/URI/", {"name": "y", "uri": "y.example.com"}),
            ("Zentrunk/Trunk/", {"name": "y", "trunk_direction": "outbound", "ipacl_uuid": acl}),
        ):
            assert ask("POST", path, body)[0] == 201, path
        for path, body in (
            ("Number/14155550100/", {"app_id": app.app_id, "subaccount": "SA1", "cnam_lookup": "enabled"}),
            (f"Application/{app.app_id}/", {"answer_method": "GET", "default_number_app": False}),
            (f"Zentrunk/Trunk/{inbound.trunk_id}/", {"trunk_status": "disabled"}),
            (f"Zentrunk/URI/{uuids[0]}/", {"uri": "z.example.com"}),
            (f"Zentrunk/Credential/{made}/", {"username": "acme99"}),
            (f"Zentrunk/IPAccessControlList/{acl}/", {"ip_addresses": ["192.0.2.2"]}),
        ):
            assert ask("POST", path, body)[0] == 202, path
        for path in (
            *(f"Zentrunk/Credential/{made}/", f"Zentrunk/IPAccessControlList/{acl}/", f"Zentrunk/URI/{uuids[0]}/"),
            *(f"Zentrunk/Trunk/{box.plivo.trunks[1].trunk_id}/", f"Application/{app.app_id}/", "Number/14155550100/"),
        ):
            assert (ask("DELETE", path), ask.raw) == ((204, None), b""), path
        assert {recorded.operation for recorded in box.requests} == set(box.plivo.operations)

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", "Number/?limit=21", None, 400),
            ("GET", "Number/?offset=x", None, 400),
            ("GET", "Number/?colour=red", None, 400),
            ("GET", "Number/?services=fax", None, 400),
            ("GET", "Number", None, 404),
            ("GET", "Number/1/", None, 404),
            ("POST", "Number/1/", {}, 404),
            ("POST", "Number/14155550100/", [], 400),
            ("DELETE", "Number/1/", None, 404),
            ("GET", "Application/1/", None, 404),
            ("POST", "Application/1/", {}, 404),
            ("POST", "Application/", {}, 400),
            ("DELETE", "Application/1/", None, 404),
            ("GET", "VerifiedCallerId/1/", None, 404),
            ("GET", "Zentrunk/Trunk/1/", None, 404),
            ("POST", "Zentrunk/Trunk/1/", {}, 404),
            ("DELETE", "Zentrunk/Trunk/1/", None, 404),
            ("POST", "Zentrunk/Trunk/", {"name": "x"}, 422),
            ("POST", "Zentrunk/Trunk/", {"name": "x", "trunk_direction": "both"}, 400),
            ("POST", "Zentrunk/Trunk/", {"name": "x", "trunk_direction": "inbound", "primary_uri_uuid": "1"}, 400),
            ("POST", "Zentrunk/Trunk/", {"name": "x", "trunk_direction": "outbound", "ipacl_uuid": []}, 400),
            ("POST", "Zentrunk/URI/", {"name": "x"}, 422),
            ("POST", "Zentrunk/Credential/", {"name": "x"}, 422),
            ("POST", "Zentrunk/Credential/", {"name": "x", "username": "acme12", "password": "plain12"}, 400),
            ("POST", "Zentrunk/IPAccessControlList/", {"name": "x"}, 422),
            ("POST", "Zentrunk/IPAccessControlList/", {"name": "x", "ip_addresses": "y"}, 400),
        ],
    )
    def test_what_is_refused(self, box, ask, method, path, body, status):
        assert ask(method, path, body)[0] == status
        assert {"api_id", "error"} == json.loads(ask.raw).keys()
        assert box.writes == []

    def test_an_update_whose_body_is_no_object(self, box, ask):
        assert ask("POST", f"Application/{box.plivo.applications[0].app_id}/", [])[0] == 400

    def test_a_subaccount_sees_its_own_numbers(self, box, ask):
        user, token = box.plivo.add_subaccount()
        box.plivo.numbers[1].sub_account = user
        found = ask("GET", "Number/", user=user, token=token)[1]["objects"]
        assert [item["number"] for item in found] == ["442079460018"]
        assert found[0]["sub_account"] == f"/v1/Account/{user}/"
        assert ask("GET", "Number/14155550100/", user=user, token=token)[0] == 404
        assert ask("GET", "", user=user, token=token)[0] == 401
        box.plivo.subaccount_account_status = None
        assert ask("GET", "", user=user, token=token)[0] == 200
        main = f"https://api.plivo.com/v1/Account/{box.plivo.account.auth_id}/"
        assert ask("GET", main, user=user, token=token)[0] == 401
        assert len(ask("GET", f"Number/?subaccount={user}")[1]["objects"]) == 1

    def test_filters(self, box, ask):
        box.plivo.numbers[0].alias = "desk"
        for query, count in {
            "type=fixed": 1,
            "number_startswith=44": 1,
            "alias=desk": 1,
            "services=voice,sms": 2,
            "cnam_lookup=enabled": 0,
        }.items():
            assert len(ask("GET", f"Number/?{query}")[1]["objects"]) == count, query
        assert len(ask("GET", "Application/?subaccount=SA1")[1]["objects"]) == 0

    def test_pages_and_their_links(self, box, ask):
        box.plivo.seed_numbers(42)
        body = ask("GET", "Number/?services=voice&limit=20&offset=20")[1]
        path = f"/v1/Account/{box.plivo.account.auth_id}/Number/"
        assert body["meta"] == {
            "limit": 20,
            "offset": 20,
            "total_count": 45,
            "next": f"{path}?services=voice&limit=20&offset=40",
            "previous": f"{path}?services=voice&limit=20&offset=0",
        }
        last = ask("GET", "Number/?limit=20&offset=40")[1]
        assert (len(last["objects"]), last["meta"]["next"]) == (5, None)
        odd = ask("GET", "Number/?limit=20&offset=5")[1]
        assert [item["number"] for item in odd["objects"]] == [number.number for number in box.plivo.numbers[5:25]]
        assert (odd["meta"]["offset"], odd["meta"]["total_count"]) == (5, 45)
        assert ask("GET", "Number/?limit=20&offset=60")[1]["objects"] == []

    def test_not_every_record_has_every_key(self, ask):
        records = ask("GET", "Number/")[1]["objects"]
        assert ["active" in record for record in records] == [True, True, False]

    def test_a_route_that_is_neither_application_nor_trunk(self, box, ask):
        box.plivo.numbers[0].other_route = "/v1/Account/MA1/Phlo/x/"
        assert ask("GET", "Number/14155550100/")[1]["application"] == "/v1/Account/MA1/Phlo/x/"

    def test_no_default_application_leaves_a_number_alone(self, box, ask):
        box.plivo.default_application.default_app = False
        box.plivo.numbers[0].app_id = box.plivo.applications[0].app_id
        assert ask("POST", "Number/14155550100/", {})[0] == 202
        assert box.plivo.numbers[0].app_id == box.plivo.applications[0].app_id

    @pytest.mark.parametrize("header", ["", "Bearer x", "Basic !", "Basic /w=="])
    def test_broken_authorization(self, box, header):
        url = f"https://api.plivo.com/v1/Account/{box.plivo.account.auth_id}/"
        assert box.wire("GET", url, {"Authorization": header})[0] == 401


class TestFaults:
    def test_page_faults(self, box, ask):
        box.plivo.seed_numbers(37)

        def page(number):
            body = ask("GET", f"Number/?limit=20&offset={20 * (number - 1)}")[1]
            return [item["number"] for item in body["objects"]], body["meta"]

        first, second = page(1)[0], page(2)[0]
        box.fail("plivo", "list_numbers", Fault.duplicate_at_page_edge())
        assert page(2)[0] == [first[-1], *second[:19]]
        box.heal()
        box.fail("plivo", "list_numbers", Fault.repeat_page())
        assert (page(2)[0], page(2)[1]["offset"]) == (first, 0)
        box.heal()
        box.fail("plivo", "list_numbers", Fault.endless_pages())
        assert page(9)[1]["next"] is not None
        box.heal()
        box.fail("plivo", "list_numbers", Fault.lying_total(2))
        assert page(1)[1]["total_count"] == 80
        box.heal()
        box.fail("plivo", "list_numbers", Fault.status(503), page=2)
        assert (ask("GET", "Number/")[0], ask("GET", "Number/?offset=20")[0]) == (200, 503)

    @pytest.mark.parametrize(
        "kind", ["truncated_json", "json_array", "empty_body", "nulls", "empty_strings", "extra_field"]
    )
    def test_spoiled_answers(self, box, ask, kind):
        whole = ask("GET", "Number/")[1]
        box.fail("plivo", "list_numbers", getattr(Fault, kind)())
        spoiled = ask("GET", "Number/")[1]
        assert spoiled != whole
        if kind == "nulls":
            assert [item["number"] for item in spoiled["objects"]] == [item["number"] for item in whole["objects"]]
            assert spoiled["objects"][0]["region"] is None

    def test_a_secret_in_an_error(self, box, ask):
        box.fail("plivo", "account", Fault.echo_secret())
        assert ask("GET", "")[0] == 401
        assert box.plivo.account.auth_token.encode() in ask.raw

    def test_a_fault_with_a_code(self, box, ask):
        box.fail("plivo", "account", Fault.status(418, code="teapot"))
        assert "teapot" in ask("GET", "")[1]["error"]

    def test_a_lost_answer_to_a_write(self, box, ask):
        box.fail("plivo", "update_number", Fault.timeout(applied=True))
        with pytest.raises(TimeoutError):
            ask("POST", "Number/14155550100/", {"app_id": box.plivo.applications[0].app_id})
        assert box.plivo.numbers[0].app_id is not None
        assert len(box.writes) == 1


class TestIncidents:
    def test_a_number_on_a_foreign_trunk(self, box, ask):
        box.incident("number-on-foreign-trunk")
        trunk_id = ask("GET", "Number/14155550100/")[1]["application"].split("/")[-2]
        assert ask("GET", f"Zentrunk/Trunk/{trunk_id}/")[1]["object"]["name"] == "Front desk PBX"

    def test_page_3(self, box, ask):
        box.incident("page-3-times-out")
        assert ask("GET", "Number/?offset=60")[1]["meta"]["total_count"] == 61
        with pytest.raises(TimeoutError):
            ask("GET", "Number/?offset=40")

    def test_too_many_requests(self, box, ask):
        box.incident("429-without-retry-after")
        assert ask("GET", "")[0] == 429
        assert "Retry-After" not in ask.headers

    def test_no_numbers(self, box, ask):
        box.incident("empty-account")
        box.incident("number-on-foreign-trunk")
        assert ask("GET", "Number/")[1]["objects"] == []

    def test_trial(self, box, ask):
        box.incident("trial-account")
        assert ask("GET", "")[1]["account_type"] == "developer"


class TestTheBox:
    def test_no_document_describes_it_and_that_is_counted(self, box, ask):
        ask("GET", "Number/")
        documents = Documents(Path())
        assert documents.violations(box.requests[0]) == []
        assert documents.unchecked == {"api.plivo.com": 1}

    def test_two_boxes_of_one_seed_are_alike(self):
        one, other = Sandbox(7), Sandbox(7)
        assert one.credentials("plivo") == other.credentials("plivo")
        assert list(one.plivo.numbers) == list(other.plivo.numbers)
        assert Sandbox(8).credentials("plivo") != one.credentials("plivo")

    def test_credentials_without_an_application(self, box):
        box.plivo.applications.clear()
        assert box.credentials("plivo").keys() == {"auth_id", "auth_token"}
        assert box.sip_config("plivo") == {}

    def test_the_auth_id_has_the_form_that_the_sdk_asks_for(self, box):
        auth_id = box.plivo.account.auth_id
        assert (len(auth_id), auth_id[:2], urlsplit(auth_id).path) == (20, "MA", auth_id)

    def test_other_hosts_of_plivo_are_not_there(self, loose_box):
        with pytest.raises(ConnectionError):
            loose_box.wire("GET", "https://lookup.plivo.com/v1/Number/14155550100")
