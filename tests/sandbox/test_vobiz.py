"""The simulated Vobiz, asked in process and through Vobiz's own SDK."""

import json
import os
from pathlib import Path
from unittest import mock

import pytest
import requests

from tests.openapi import Documents
from tests.sandbox.test_plivo import Wire
from voipkit.sandbox import Fault, Sandbox

with mock.patch.dict(os.environ, PYTHON_DOTENV_DISABLED="1"):  # the SDK loads a .env file when it is imported
    import vobiz

NUMBER = "+918065480001"
SAFE = NUMBER.replace("+", "%2B")


@pytest.fixture
def sdk(box):
    with vobiz.RestClient(box.vobiz.account.auth_id, box.vobiz.account.auth_token) as client:
        client.session.mount("https://api.vobiz.ai", Wire(box))
        yield client


@pytest.fixture
def ask(box):
    """Ask as a program with no SDK would; paths are below the account."""

    def send(method, path, body=None, *, user=None, token=None, base="Account/{}/"):
        user, token = user or box.vobiz.account.auth_id, token or box.vobiz.account.auth_token
        url = f"https://api.vobiz.ai/api/v1/{base.format(user)}{path}"
        raw = None if body is None else json.dumps(body).encode()
        status, _, send.raw = box.wire(method, url, {"X-Auth-ID": user, "X-Auth-Token": token}, raw)
        return status, json.loads(send.raw) if send.raw else None

    return send


class TestWithTheSdk:
    def test_account_and_money(self, box, sdk):
        me = sdk.accounts.get()
        assert (me.auth_id, me.is_active, me.auth_secret) == (sdk.auth_id, True, box.vobiz.account.auth_token)
        assert sdk.accounts.get_balance(sdk.auth_id, "INR").available_balance == 4250.75
        assert sdk.accounts.get_concurrency(sdk.auth_id).concurrent_calls_limit == 10
        with pytest.raises(vobiz.exceptions.ResourceNotFoundError):
            sdk.accounts.get_balance(sdk.auth_id, "USD")

    def test_lists_every_number(self, box, sdk):
        box.vobiz.seed_numbers(240)
        pages = [sdk.phone_numbers.list(page=page, per_page=100) for page in (1, 2, 3)]
        assert [(page.page, page.per_page, page.total) for page in pages] == [(n, 100, 243) for n in (1, 2, 3)]
        listed = [item.e164 for page in pages for item in page.items]
        assert listed == [number.e164 for number in box.vobiz.numbers]

    def test_search_finds_a_part_of_a_number(self, sdk):
        assert [item.e164 for item in sdk.phone_numbers.list(search=NUMBER).items] == [NUMBER]
        assert sdk.phone_numbers.list(search="80654").total == 2

    def test_attaches_and_detaches(self, box, sdk):
        app, number = box.vobiz.applications[0], box.vobiz.numbers[0]
        answer = sdk.applications.attach_number(SAFE, app.app_id)
        assert (answer.number, answer.application.answer_url) == (NUMBER, app.answer_url)
        assert sdk.phone_numbers.list(search=NUMBER).items[0].application_id == app.app_id
        assert sdk.applications.detach_number(SAFE).number == NUMBER
        assert sdk.applications.detach_number(SAFE).number == NUMBER
        assert number.application_id is None
        assert "application_id" not in sdk.phone_numbers.list(search=NUMBER).items[0]
        assert [recorded.operation for recorded in box.writes] == ["attach_application", *["detach_application"] * 2]

    def test_a_trunk_must_be_left_before_another_is_entered(self, box, sdk):
        first, second = box.vobiz.trunks[0].trunk_id, box.vobiz.add_trunk("inbound").trunk_id
        assert sdk.phone_numbers.assign_to_trunk(SAFE, first) is None
        with pytest.raises(vobiz.exceptions.ValidationError):
            sdk.phone_numbers.assign_to_trunk(SAFE, second)
        sdk.phone_numbers.unassign_from_trunk(SAFE)
        with pytest.raises(vobiz.exceptions.ResourceNotFoundError):
            sdk.phone_numbers.unassign_from_trunk(SAFE)
        sdk.phone_numbers.assign_to_trunk(SAFE, second)
        assert box.vobiz.numbers[0].trunk_group_id == second

    def test_application_and_trunk_do_not_exclude_each_other(self, box, sdk):
        sdk.phone_numbers.assign_to_trunk(SAFE, box.vobiz.trunks[0].trunk_id)
        sdk.applications.attach_number(SAFE, box.vobiz.applications[0].app_id)
        assert box.vobiz.numbers[0].trunk_group_id
        assert box.vobiz.numbers[0].application_id

    def test_a_plain_plus_in_a_path_is_not_found(self, box, sdk):
        with pytest.raises(vobiz.exceptions.ResourceNotFoundError):
            sdk.applications.attach_number(NUMBER, box.vobiz.applications[0].app_id)

    def test_only_the_word_false_leaves_subaccounts_out(self, box, sdk):
        box.vobiz.numbers[2].account_id = box.vobiz.add_subaccount()[0]
        assert sdk.phone_numbers.list().total == 3
        assert sdk.phone_numbers.list(include_subaccounts=False).total == 3  # sent as "False"
        assert sdk.phone_numbers.list(include_subaccounts="false").total == 2

    def test_applications(self, box, sdk):
        with pytest.raises(vobiz.exceptions.ValidationError):
            sdk.applications.create("ivr2", "https://ivr.example.com/x")
        app_id = sdk.applications.create("ivr2", "https://ivr.example.com/x", app_name="ivr2").app_id
        assert sdk.applications.get(app_id).answer_url == "https://ivr.example.com/x"
        assert sdk.applications.update(app_id, answer_method="GET").message == "changed"
        listed = sdk.applications.list()
        assert (listed.meta.total_count, listed.objects[1].answer_method) == (2, "GET")
        box.vobiz.numbers[0].application_id = app_id
        with pytest.raises(vobiz.exceptions.InvalidRequestError):
            sdk.applications.delete(app_id)
        box.vobiz.numbers[0].application_id = None
        assert sdk.applications.delete(app_id) is None

    def test_trunks_and_their_parts(self, box, sdk):
        with pytest.raises(vobiz.exceptions.ValidationError):
            sdk.origination_uris.create("sip:x.example.com:5060")
        uri = sdk.origination_uris.create("", name="x", sip_uri="sip:x.example.com:5060", priority=1)
        rule = sdk.ip_access_control_lists.create("192.0.2.1", name="office")
        login = sdk.credentials.create("acme2", "12345678")
        assert (uri.uri, rule.ip_address, login.password) == ("sip:x.example.com:5060", "192.0.2.1", "<redacted>")
        trunk = sdk.sip_trunks.create("in2", trunk_direction="inbound", primary_uri_uuid=uri.id)
        assert (trunk.trunk_domain, trunk.inbound_destination) == (f"{trunk.trunk_id[:8]}.sip.vobiz.ai", uri.uri)
        assert sdk.sip_trunks.update(trunk.trunk_id, trunk_status="disabled").trunk_status == "disabled"
        assert sdk.sip_trunks.get(trunk.trunk_id).trunk_status == "disabled"
        assert sdk.sip_trunks.list(limit=2, offset=2).meta.total == 3
        assert [item.id for item in sdk.credentials.list().objects][1:] == [login.id]
        assert sdk.ip_access_control_lists.list().objects[0].enabled is True
        assert sdk.origination_uris.update(uri.id, sip_uri="sip:y.example.com:5060").uri == "sip:y.example.com:5060"
        box.vobiz.numbers[0].trunk_group_id = trunk.trunk_id
        box.vobiz.trunks[trunk.trunk_id].live_calls = 1
        with pytest.raises(vobiz.exceptions.InvalidRequestError):
            sdk.sip_trunks.delete(trunk.trunk_id)
        box.vobiz.trunks[trunk.trunk_id].live_calls = 0
        sdk.sip_trunks.delete(trunk.trunk_id)
        assert uri.id not in box.vobiz.origination_uris
        assert box.vobiz.numbers[0].trunk_group_id is None

    def test_credentials_are_unique_and_keep_their_name(self, sdk):
        with pytest.raises(vobiz.exceptions.InvalidRequestError):
            sdk.credentials.create("acmevoice", "12345678")
        with pytest.raises(vobiz.exceptions.ValidationError):
            sdk.credentials.create("acme2", "short")
        made = sdk.credentials.create("acme2", "12345678")
        with pytest.raises(vobiz.exceptions.ValidationError):
            sdk.credentials.update(made.id, username="other")
        assert sdk.credentials.update(made.id, enabled=False).enabled is False

    def test_releasing_takes_a_day(self, box, sdk):
        assert sdk.phone_numbers.release(SAFE).status == "pending_release"
        assert sdk.phone_numbers.list(search=NUMBER).items[0].status == "pending_release"

    def test_refusals(self, box, sdk):
        box.fail("vobiz", "me", Fault.status(429, retry_after=2), times=1)
        with pytest.raises(vobiz.exceptions.VobizRestError, match="429"):
            sdk.accounts.get()
        assert json.loads(box.requests[0].response_body)["error"]["details"]["limitType"] == "cps"
        box.vobiz.account.is_active = False
        with pytest.raises(vobiz.exceptions.ForbiddenError):
            sdk.accounts.get()
        assert json.loads(box.requests[1].response_body)["error"]["code"] == "ACCOUNT_INACTIVE"
        box.vobiz.account.auth_token = "x"
        with pytest.raises(vobiz.exceptions.AuthenticationError):
            sdk.accounts.get()

    def test_over_a_socket(self, box):
        account = box.vobiz.account
        with box.serve() as base, requests.Session() as session:
            session.trust_env = False
            session.headers.update({"X-Auth-ID": account.auth_id, "X-Auth-Token": account.auth_token})
            url = f"{base}/api.vobiz.ai/api/v1/Account/{account.auth_id}/numbers/{SAFE}/application"
            body = {"application_id": box.vobiz.applications[0].app_id}
            assert session.post(url, json=body, timeout=5).json()["number"] == NUMBER
        assert all("x-auth-token" not in recorded.request_headers for recorded in box.requests)


class TestByHand:
    def test_every_operation(self, box, ask):
        app, trunk = box.vobiz.applications[0].app_id, box.vobiz.trunks[1].trunk_id
        rule = ask("POST", "ip-acl", {"name": "x", "ip_address": "192.0.2.1"})[1]["id"]
        uri = ask("POST", "origination-uris", {"name": "x", "sip_uri": "sip:x.example.com", "priority": 2})[1]["id"]
        login = ask("POST", "credentials", {"username": "x", "password": "12345678"})[1]["id"]
        assert ask("GET", "auth/me", base="")[0] == 200
        for path in (
            *("balance/INR", "concurrency", "numbers", "Application/", f"Application/{app}/", "trunks"),
            *(f"trunks/{trunk}", "trunks/credentials", "trunks/ip-acl", "trunks/origination-uris"),
            *(f"credentials/{login}", f"ip-acl/{rule}", f"origination-uris/{uri}"),
        ):
            assert ask("GET", path)[0] == 200, path
        for method, path, body, status in (
            ("POST", "Application/", {"app_name": "y"}, 201),
            ("POST", f"Application/{app}/", {"enabled": True}, 200),
            ("POST", "trunks", {"name": "y", "trunk_direction": "outbound", "ipacl_uuid": rule}, 201),
            ("PUT", f"trunks/{trunk}", {"credential_uuid": login}, 200),
            ("PUT", f"ip-acl/{rule}", {"ip_address": "192.0.2.2"}, 200),
            ("PUT", f"origination-uris/{uri}", {"weight": 5}, 200),
            ("PUT", f"credentials/{login}", {"enabled": True}, 200),
            ("POST", f"numbers/{SAFE}/application", {"application_id": app}, 200),
            ("DELETE", f"numbers/{SAFE}/application", None, 200),
            ("POST", f"numbers/{SAFE}/assign", {"trunk_group_id": trunk}, 204),
            ("DELETE", f"numbers/{SAFE}/assign", None, 204),
            ("DELETE", f"numbers/{SAFE}", None, 200),
            ("DELETE", f"ip-acl/{rule}", None, 204),
            ("DELETE", f"origination-uris/{uri}", None, 204),
            ("DELETE", f"trunks/{trunk}", None, 204),
            ("DELETE", f"Application/{app}/", None, 204),
            ("DELETE", f"credentials/{box.vobiz.add_sip_credential('z').id}", None, 204),
        ):
            assert ask(method, path, body)[0] == status, path
        assert {recorded.operation for recorded in box.requests} == set(box.vobiz.operations)

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", "numbers?per_page=101", None, 400),
            ("GET", "numbers?page=0", None, 400),
            ("GET", "trunks?limit=101", None, 400),
            ("GET", "Application/?limit=x", None, 400),
            ("GET", "Application/1/", None, 404),
            ("POST", "Application/1/", {}, 404),
            ("DELETE", "Application/1/", None, 404),
            ("GET", "trunks/1", None, 404),
            ("PUT", "trunks/1", {}, 404),
            ("DELETE", "trunks/1", None, 404),
            ("POST", "trunks", {"name": "x", "trunk_direction": "both"}, 400),
            ("POST", "trunks", {"name": "x", "trunk_direction": "inbound", "trunk_status": "active"}, 400),
            ("POST", "trunks", {"name": "x", "trunk_direction": "inbound", "primary_uri_uuid": "1"}, 400),
            ("POST", "ip-acl", {"ip_address": "192.0.2.1"}, 400),
            ("GET", "ip-acl/1", None, 404),
            ("PUT", "ip-acl/1", {}, 404),
            ("DELETE", "ip-acl/1", None, 404),
            ("POST", f"numbers/{SAFE}/application", {}, 400),
            ("POST", f"numbers/{SAFE}/application", {"application_id": "1"}, 404),
            ("POST", f"numbers/{SAFE}/assign", {}, 400),
            ("POST", f"numbers/{SAFE}/assign", {"trunk_group_id": "1"}, 404),
            *[
                (verb, f"numbers/%2B1/{what}", {}, 404)
                for verb in ("POST", "DELETE")
                for what in ("application", "assign")
            ],
            ("DELETE", "numbers/%2B1", None, 404),
            ("GET", f"numbers/{SAFE}", None, 404),
        ],
    )
    def test_what_is_refused(self, box, ask, method, path, body, status):
        assert ask(method, path, body)[0] == status
        assert box.writes == []

    def test_other_refusals(self, box, ask):
        path = f"Application/{box.vobiz.applications[0].app_id}/"
        assert ask("POST", path, [])[0] == 400
        assert ask("PUT", f"trunks/{box.vobiz.trunks[0].trunk_id}", {"trunk_status": "off"})[0] == 400
        box.vobiz.forbidden = {"list_numbers"}
        assert ask("GET", "numbers")[0] == 403
        assert ask("GET", "trunks", base="Account/MA_OTHER/")[0] == 403

    @pytest.mark.parametrize(
        ("form", "keys"),
        [
            ("coded", {"status", "error", "requestId"}),
            ("message", {"error", "message"}),
            ("api_id", {"api_id", "error"}),
        ],
    )
    def test_errors_have_three_forms(self, box, ask, form, keys):
        box.vobiz.error_form = form
        assert ask("GET", "numbers", token="wrong")[1].keys() == keys

    def test_both_spellings_of_account(self, box, ask):
        assert ask("GET", "numbers", base="account/{}/")[0] == 200
        assert ask("GET", "Application")[0] == 200
        box.vobiz.strict_paths = True
        assert ask("GET", "numbers", base="account/{}/")[0] == 404
        assert ask("GET", "Application")[0] == 404
        assert ask("GET", "numbers/")[0] == 404
        assert ask("GET", "numbers")[0] == 200
        assert ask("GET", "Application/")[0] == 200

    def test_attaching_may_be_refused(self, box, ask):
        other = box.vobiz.add_application("other")
        box.vobiz.numbers[0].application_id = other.app_id
        body = {"application_id": box.vobiz.applications[0].app_id}
        box.vobiz.attach_conflicts = True
        assert ask("POST", f"numbers/{SAFE}/application", body)[0] == 409
        box.vobiz.attach_conflicts = False
        assert ask("POST", f"numbers/{SAFE}/application", body)[0] == 200

    def test_sub_accounts(self, box, ask):
        user, token = box.vobiz.add_subaccount()
        box.vobiz.numbers[0].account_id = user
        own = ask("GET", "numbers", user=user, token=token)[1]
        assert [item["account_id"] for item in own["items"]] == [user]
        assert ask("GET", "auth/me", user=user, token=token, base="")[1]["type"] == "sub"
        body = {"application_id": box.vobiz.applications[0].app_id}
        assert ask("POST", f"numbers/{SAFE}/application", body) == (403, {"error": "forbidden"})

    def test_fees_are_numbers_and_tags_may_be_null(self, ask):
        items = ask("GET", "numbers")[1]["items"]
        assert [item["monthly_fee"] for item in items] == [500, 300.5, 500]
        assert [item["tags"] for item in items] == [[], None, ["sales"]]

    def test_pages_past_the_end_are_empty(self, ask):
        body = ask("GET", "numbers?page=9")[1]
        assert (body["items"], body["page"], body["per_page"], body["total"]) == ([], 9, 25, 3)
        assert ask("GET", "trunks?limit=5&offset=7")[1]["objects"] == []


class TestFaults:
    def test_page_faults(self, box, ask):
        box.vobiz.seed_numbers(197)
        first, second = (
            [item["e164"] for item in ask("GET", f"numbers?per_page=100&page={n}")[1]["items"]] for n in (1, 2)
        )

        def page(number):
            body = ask("GET", f"numbers?per_page=100&page={number}")[1]
            return [item["e164"] for item in body["items"]], body

        box.fail("vobiz", "list_numbers", Fault.duplicate_at_page_edge())
        assert page(2)[0] == [first[-1], *second[:99]]
        box.heal()
        box.fail("vobiz", "list_numbers", Fault.repeat_page())
        assert (page(2)[0], page(2)[1]["page"]) == (first, 1)
        box.heal()
        box.fail("vobiz", "list_numbers", Fault.endless_pages())
        assert page(9)[1]["total"] == 1000
        box.heal()
        box.fail("vobiz", "list_numbers", Fault.lying_total())
        assert page(1)[1]["total"] == 300
        box.heal()
        box.fail("vobiz", "list_numbers", Fault.status(500), page=2)
        assert [ask("GET", f"numbers?page={n}")[0] for n in (1, 2)] == [200, 500]
        box.fail("vobiz", "list_trunks", Fault.status(500), page=2)
        assert [ask("GET", f"trunks?limit=1&offset={n}")[0] for n in (0, 1)] == [200, 500]

    @pytest.mark.parametrize(
        "kind", ["truncated_json", "json_array", "empty_body", "nulls", "empty_strings", "extra_field"]
    )
    def test_spoiled_answers(self, box, kind):
        box.fail("vobiz", "list_numbers", getattr(Fault, kind)())
        account = box.vobiz.account
        headers = {"X-Auth-ID": account.auth_id, "X-Auth-Token": account.auth_token}
        url = f"https://api.vobiz.ai/api/v1/Account/{account.auth_id}/numbers"
        raw = box.wire("GET", url, headers)[2]
        if kind in ("nulls", "empty_strings"):
            body = json.loads(raw)
            assert (body["total"], body["items"][0]["e164"], body["items"][0]["region"]) == (
                3,
                NUMBER,
                body["items"][1]["region"],
            )
            assert not body["items"][0]["region"]
        box.heal()
        assert raw != box.wire("GET", url, headers)[2]

    def test_a_fault_leaves_an_empty_answer_empty(self, box, ask):
        box.fail("vobiz", "assign_trunk", Fault.nulls())
        assert ask("POST", f"numbers/{SAFE}/assign", {"trunk_group_id": box.vobiz.trunks[0].trunk_id}) == (204, None)

    def test_a_secret_in_an_error(self, box, ask):
        box.fail("vobiz", "me", Fault.echo_secret())
        assert box.vobiz.account.auth_token in ask("GET", "auth/me", base="")[1]["error"]["message"]


class TestIncidents:
    def test_a_number_on_a_foreign_trunk(self, box, ask):
        box.incident("number-on-foreign-trunk")
        trunk_id = ask("GET", "numbers")[1]["items"][0]["trunk_group_id"]
        assert ask("GET", f"trunks/{trunk_id}")[1]["name"] == "Front desk PBX"

    def test_page_3(self, box, ask):
        box.incident("page-3-times-out")
        assert ask("GET", "numbers?per_page=100&page=4")[1]["total"] == 301
        with pytest.raises(TimeoutError):
            ask("GET", "numbers?per_page=100&page=3")

    def test_too_many_requests(self, box, ask):
        box.incident("429-without-retry-after")
        assert ask("GET", "numbers")[1]["error"]["code"] == "RATE_LIMIT_EXCEEDED"

    def test_no_numbers(self, box, ask):
        box.incident("empty-account")
        box.incident("number-on-foreign-trunk")
        assert ask("GET", "numbers")[1]["items"] == []

    def test_trial(self, box, ask):
        box.incident("trial-account")
        assert ask("GET", "auth/me", base="")[1]["is_trial_account"] is True
        assert ask("GET", "balance/INR")[1]["available_balance"] == 0

    def test_suspended(self, box, ask):
        box.incident("suspended-account")
        assert ask("GET", "numbers")[1]["error"]["code"] == "ACCOUNT_INACTIVE"


class TestTheBox:
    def test_no_document_describes_it_and_that_is_counted(self, box, ask):
        ask("GET", "numbers")
        documents = Documents(Path())
        assert documents.violations(box.requests[0]) == []
        assert documents.unchecked == {"api.vobiz.ai": 1}

    def test_two_boxes_of_one_seed_are_alike(self):
        one, other = Sandbox(7), Sandbox(7)
        assert one.credentials("vobiz") == other.credentials("vobiz")
        assert list(one.vobiz.numbers) == list(other.vobiz.numbers)

    def test_credentials_without_an_application(self, box):
        box.vobiz.applications.clear()
        assert box.credentials("vobiz").keys() == {"auth_id", "auth_token"}
        assert box.sip_config("vobiz") == {}

    def test_seeding_twice_makes_new_numbers(self, box):
        assert len({number.e164 for number in box.vobiz.seed_numbers(5) + box.vobiz.seed_numbers(5)}) == 10
