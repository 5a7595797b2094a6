"""The simulated Telnyx, asked in process and through Telnyx's own SDK."""

import pytest
import telnyx

from voipkit.sandbox import Fault


@pytest.fixture
def sdk(box):
    with box.serve() as url:
        client = telnyx.Telnyx(
            api_key=box.telnyx.api_key,
            client_id="",
            client_secret="",
            public_key="",
            base_url=f"{url}/api.telnyx.com/v2",
            max_retries=0,
            timeout=10,
        )
        yield client
        client.close()


class TestWithTheSdk:
    def test_reads_the_balance(self, box, sdk):
        assert sdk.balance.retrieve().data.available_credit == "350.00"

    def test_lists_every_number_of_four_pages(self, box, sdk):
        box.telnyx.seed_numbers(800)
        first = sdk.phone_numbers.list(page_size=250, page_number=1, sort="phone_number")
        assert (first.meta.total_pages, first.meta.total_results) == (4, 803)
        rest = [sdk.phone_numbers.list(page_size=250, page_number=page, sort="phone_number") for page in (2, 3, 4)]
        listed = [number.phone_number for page in (first, *rest) for number in page.data]
        assert listed == sorted(number.phone_number for number in box.telnyx.numbers)

    def test_filters(self, box, sdk):
        connection = box.telnyx.connections[0]
        box.telnyx.numbers[0].connection_id = connection.id
        by_connection = sdk.phone_numbers.list(filter={"connection_id": connection.id}).data
        assert [number.phone_number for number in by_connection] == ["+13125550100"]
        assert by_connection[0].connection_name == "Acme Main"
        countries = sdk.phone_numbers.list(filter={"country_iso_alpha2": ["GB", "IE"]}).data
        assert {number.country_iso_alpha2 for number in countries} == {"GB", "IE"}
        named = sdk.phone_numbers.list(filter={"voice_connection_name": {"contains": "Acme"}}).data
        assert len(named) == 1
        assert len(sdk.phone_numbers.list(filter={"phone_number": "555010"}).data) == 1
        assert sdk.phone_numbers.list(filter={"phone_number": "+1312"}).data == []

    def test_slim_listing(self, box, sdk):
        (number, *_) = sdk.phone_numbers.slim_list(page_size=1, include_connection=True).data
        assert not hasattr(number, "connection_name")

    def test_attaches_and_detaches(self, box, sdk):
        number, connection_id = box.telnyx.numbers[0], box.telnyx.credentials["connection_id"]
        assert sdk.phone_numbers.update(number.id, connection_id=connection_id).data.connection_id == connection_id
        assert sdk.phone_numbers.voice.retrieve(number.id).data.connection_id == connection_id
        assert sdk.phone_numbers.update(number.id, connection_id="").data.connection_id is None
        assert [recorded.operation for recorded in box.writes] == ["update_number", "update_number"]

    def test_ownership_and_features_are_reads(self, box, sdk):
        asked = ["+13125550100", "+12125550199"]
        data = sdk.phone_numbers.actions.verify_ownership(phone_numbers=asked).data
        assert [found.id for found in data.found] == [box.telnyx.numbers[0].id]
        assert data.not_found == ["+12125550199"]
        assert [entry.features for entry in sdk.numbers_features.create(phone_numbers=asked).data] == [["sms", "voice"]]
        assert box.writes == []

    def test_a_batch_job_is_done_after_a_while(self, box, sdk):
        numbers, connection_id = box.telnyx.numbers, box.telnyx.credentials["connection_id"]
        ids = [number.id for number in numbers]
        job = sdk.phone_numbers.jobs.update_batch(phone_numbers=ids, connection_id=connection_id).data
        assert job.status == "pending"
        assert sdk.phone_numbers.jobs.retrieve(job.id).data.status == "in_progress"
        assert numbers[0].connection_id is None
        assert sdk.phone_numbers.jobs.retrieve(job.id).data.status == "completed"
        assert {number.connection_id for number in numbers} == {connection_id}

    def test_connections_profiles_and_where_they_lead(self, box, sdk):
        connection = sdk.connections.retrieve(box.telnyx.credentials["connection_id"]).data
        assert (connection.record_type, connection.active) == ("fqdn_connection", True)
        profile = sdk.outbound_voice_profiles.retrieve(connection.outbound_voice_profile_id).data
        assert (profile.enabled, profile.connections_count) == (True, 1)
        assert sdk.fqdns.list(filter={"connection_id": connection.id}).data[0].fqdn == "pbx.example.com"
        assert sdk.ips.list(filter={"connection_id": connection.id}).data == []
        assert len(sdk.connections.list(filter={"connection_name": {"contains": "acme"}}).data) == 1
        assert len(sdk.outbound_voice_profiles.list(filter={"name": {"contains": "acme"}}).data) == 1
        assert sdk.fqdn_connections.retrieve(connection.id).data.transport_protocol == "UDP"
        with pytest.raises(telnyx.NotFoundError):
            sdk.ip_connections.retrieve(connection.id)

    def test_registration(self, box, sdk):
        connection = box.telnyx.add_connection(user_name="acme1", registration="Registered")
        status = sdk.credential_connections.actions.check_registration_status(connection.id).data
        assert (status.status, status.sip_username) == ("Registered", "acme1")
        found = sdk.sip_registration_status.list(credential_type="sip_credential_connection", username="acme1")
        assert found.registered is True
        assert sdk.credential_connections.retrieve(connection.id).data.password == "********"
        assert box.writes == []

    def test_applications(self, box, sdk):
        control = box.telnyx.add_connection(
            "call_control_application", "bot", webhook_event_url="https://bot.example/ws"
        )
        texml = box.telnyx.add_connection("texml_application", "ivr", webhook_event_url="https://ivr.example/x")
        assert sdk.call_control_applications.retrieve(control.id).data.application_name == "bot"
        assert sdk.texml_applications.retrieve(texml.id).data.voice_url == "https://ivr.example/x"
        assert {item.record_type for item in sdk.connections.list().data} >= {control.kind, texml.kind}

    def test_errors_reach_the_sdk_as_the_real_ones_do(self, box, sdk):
        with pytest.raises(telnyx.UnprocessableEntityError) as caught:
            sdk.phone_numbers.update(box.telnyx.numbers[0].id, connection_id="2" * 19)
        (error,) = caught.value.body["errors"]
        assert (error["code"], error["source"]) == ("10015", {"pointer": "/connection_id"})
        box.telnyx.forbidden = {"balance"}
        with pytest.raises(telnyx.PermissionDeniedError) as caught:
            sdk.balance.retrieve()
        assert caught.value.body["errors"][0]["code"] == "10010"
        box.fail("telnyx", "list_numbers", Fault.status(429))
        with pytest.raises(telnyx.RateLimitError) as caught:
            sdk.phone_numbers.list()
        assert caught.value.response.headers["x-ratelimit-remaining"] == "0"
        assert "retry-after" not in caught.value.response.headers


class TestByHand:
    def test_a_wrong_key(self, ask):
        status, body = ask.telnyx("GET", "/balance", key="KEYwrong")
        assert (status, body["errors"][0]["code"]) == (401, "10009")

    @pytest.mark.parametrize("host", ["api.telnyx.eu", "api.telnyx.com.au", "api.telnyx.ca", "api.telnyx.me"])
    def test_regional_hosts_share_the_account(self, box, ask, host):
        assert len(ask.telnyx("GET", f"https://{host}/v2/phone_numbers")[1]["data"]) == 3

    def test_null_does_not_detach(self, loose_box, loose):
        number = loose_box.telnyx.numbers[0]
        status, body = loose.telnyx("PATCH", f"/phone_numbers/{number.id}", {"connection_id": None})
        assert (status, body["errors"][0]["source"]["pointer"]) == (422, "/connection_id")
        assert loose.telnyx("PATCH", f"/phone_numbers/{number.id}", {"tags": "x"})[0] == 422
        assert loose_box.writes == []

    @pytest.mark.parametrize("query", ["page[size]=251", "page[size]=0", "page[number]=0", "filter[colour]=red"])
    def test_queries_that_the_document_forbids(self, loose, query):
        status, body = loose.telnyx("GET", f"/phone_numbers?{query}")
        assert (status, "parameter" in body["errors"][0]["source"]) == (400, True)

    def test_the_default_order_is_youngest_first_and_the_page_20(self, box, ask):
        box.telnyx.seed_numbers(30)
        body = ask.telnyx("GET", "/phone_numbers")[1]
        assert [item["id"] for item in body["data"]] == [number.id for number in list(box.telnyx.numbers)[::-1][:20]]
        assert body["meta"] == {"page_number": 1, "page_size": 20, "total_pages": 2, "total_results": 33}

    def test_filters_in_every_spelling(self, box, ask):
        box.telnyx.add_number("+12125550123", tags=["vip"], status="ported-out", customer_reference="R1")
        box.telnyx.numbers[0].billing_group_id = "bg"
        for query, count in {
            "filter[country_iso_alpha2][]=GB&filter[country_iso_alpha2][]=IE": 2,
            "filter[country_iso_alpha2]=GB,IE": 2,
            "filter[tag]=vip": 1,
            "filter[without_tags]=true": 3,
            "filter[status]=active": 3,
            "filter[status]=ported-out": 1,
            "filter[customer_reference]=R1": 1,
            "filter[billing_group_id]=null": 3,
            "filter[number_type][eq]=local": 4,
            "filter[source]=ported": 0,
            "filter[voice.usage_payment_method]=channel": 0,
            "filter[phone_number]=12": 0,
        }.items():
            assert len(ask.telnyx("GET", f"/phone_numbers?{query}")[1]["data"]) == count, query

    @pytest.mark.parametrize("sort", ["purchased_at", "connection_name", "usage_payment_method", "phone_number"])
    def test_sorts(self, ask, sort):
        assert len(ask.telnyx("GET", f"/phone_numbers?sort={sort}")[1]["data"]) == 3

    def test_voice_settings_can_be_changed(self, box, ask):
        number = box.telnyx.numbers[0]
        forwarding = {"call_forwarding_enabled": True, "forwards_to": "+13125550111", "forwarding_type": "always"}
        body = ask.telnyx("PATCH", f"/phone_numbers/{number.id}/voice", {"call_forwarding": forwarding})[1]
        assert body["data"]["call_forwarding"] == forwarding
        assert number.forwards_to == "+13125550111"

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"phone_numbers": [], "tags": []}, "/phone_numbers"),
            ({"phone_numbers": ["+13125550100", "123"], "tags": []}, "/phone_numbers"),
            ({"phone_numbers": ["+12125550000"], "tags": []}, "/phone_numbers"),
            ({"phone_numbers": ["+13125550100"]}, "/updateable_fields"),
            ({"phone_numbers": ["+13125550100"], "connection_id": "1"}, "/connection_id"),
        ],
    )
    def test_batches_that_are_refused(self, box, ask, body, pointer):
        status, answer = ask.telnyx("POST", "/phone_numbers/jobs/update_phone_numbers", body)
        assert (status, answer["errors"][0]["source"]["pointer"]) == (422, pointer)

    def test_no_more_than_20_open_jobs(self, box, ask):
        body = {"phone_numbers": ["+13125550100"], "voice": {"tech_prefix_enabled": True}}
        statuses = [ask.telnyx("POST", "/phone_numbers/jobs/update_phone_numbers", body)[0] for _ in range(21)]
        assert statuses == [202] * 20 + [422]

    @pytest.mark.parametrize("numbers", [[], ["x"], "no list", [1]])
    def test_lists_of_numbers_that_are_refused(self, loose, numbers):
        for path in ("/phone_numbers/actions/verify_ownership", "/numbers_features"):
            assert loose.telnyx("POST", path, {"phone_numbers": numbers})[0] == 422

    def test_a_deleted_number_is_not_owned(self, box, ask):
        box.telnyx.numbers[0].status = "deleted"
        body = ask.telnyx("POST", "/phone_numbers/actions/verify_ownership", {"phone_numbers": ["+13125550100"]})[1]
        assert body["data"]["not_found"] == ["+13125550100"]

    def test_bodies_that_are_no_objects(self, loose_box, loose):
        number = loose_box.telnyx.numbers[0]
        for path in (f"/phone_numbers/{number.id}", f"/phone_numbers/{number.id}/voice"):
            assert loose.telnyx("PATCH", path, [1])[0] == 400

    @pytest.mark.parametrize("query", ["", "credential_type=uac_external_credential", "credential_type=nonsense"])
    def test_registration_lookups_that_are_refused(self, loose, query):
        assert loose.telnyx("GET", f"/sip_registration_status?{query}")[0] == 400

    def test_objects_that_are_not_there(self, ask):
        for path in ("phone_numbers/1", "phone_numbers/1/voice", "connections/1", "outbound_voice_profiles/1"):
            status, body = ask.telnyx("GET", f"/{path}")
            assert (status, body["errors"][0]["code"]) == (404, "10005")
        assert ask.telnyx("PATCH", "/phone_numbers/1", {})[0] == 404
        assert ask.telnyx("PATCH", "/phone_numbers/1/voice", {})[0] == 404
        assert ask.telnyx("GET", "/phone_numbers/jobs/1")[0] == 404
        assert ask.telnyx("POST", "/credential_connections/1/actions/check_registration_status")[0] == 404

    def test_connections_are_filtered_and_sorted(self, box, ask):
        box.telnyx.add_connection("ip_connection", "Zeta")
        for query, names in {
            "filter[fqdn]=pbx.example.com": ["Acme Main"],
            f"filter[outbound_voice_profile_id]={box.telnyx.outbound_profiles[0].id}": ["Acme Main"],
            "sort=connection_name": ["Acme Main", "Zeta"],
            "": ["Zeta", "Acme Main"],
        }.items():
            found = ask.telnyx("GET", f"/connections?{query}")[1]["data"]
            assert [item["connection_name"] for item in found] == names

    def test_a_kind_that_does_not_exist(self, box):
        with pytest.raises(ValueError, match="no connection of kind"):
            box.telnyx.add_connection("carrier_pigeon")
