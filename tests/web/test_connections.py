"""Connections over HTTP, on the sandbox's Telnyx."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from tests.records import e164
from tests.web.conftest import client_of, make_host, make_service
from voipkit.models import NewPhoneNumber
from voipkit.sandbox import Fault
from voipkit.web import listing

SEED_FIELDS = {
    "id", "name", "provider", "setup_method", "status", "inferred_name", "sip_config", "last_tested_at",
    "numbers_imported", "created_at", "updated_at",
}  # fmt: skip


# --- test, suggest-name ----------------------------------------------------------------------------------------------


def test_a_test_gives_evidence_and_says_what_it_saw(client, telnyx):
    answer = client.post("/v1/voip-connections/test", json=telnyx.given)

    assert answer.status_code == 200
    found = answer.json()
    assert found["status"] == "pass"
    assert uuid.UUID(found["verification_evidence_id"])
    assert found["suggested_connection_name"].startswith("Telnyx: ")
    assert found["checks"] == {"credentials_valid": True, "inbound_reachable": True, "outbound_authorized": True}
    assert {check["direction"] for check in found["details"]} == {"account", "inbound", "outbound"}


def test_refused_credentials_are_an_answer_without_evidence(client, telnyx):
    telnyx.given["credentials"] = {**telnyx.given["credentials"], "api_key": "KEY" + "0" * 32 + "_" + "a" * 22}

    answer = client.post("/v1/voip-connections/test", json=telnyx.given)

    assert answer.status_code == 200
    found = answer.json()
    assert (found["status"], found["verification_evidence_id"], found["evidence"]) == ("fail", None, None)
    assert found["checks"]["credentials_valid"] is False
    assert any(check["fix"] for check in found["details"] if check["status"] == "fail")


def test_both_spellings_are_taken(client, telnyx):
    given = telnyx.given
    camel = {"apiKey": given["credentials"]["api_key"], "connectionId": given["credentials"]["connection_id"]}

    answer = client.post(
        "/v1/voip-connections/test",
        json={"provider": "telnyx", "credentials": camel, "sipConfig": given["sip_config"], "setupMethod": "api_key"},
    )

    assert answer.json()["status"] == "pass"


def test_a_name_is_suggested(client, telnyx):
    answer = client.post("/v1/voip-connections/suggest-name", json=telnyx.given)

    assert answer.status_code == 200
    assert answer.json()["suggested_connection_name"].startswith("Telnyx: ")
    assert answer.json()["suggested_connection_name_inferred"] is True


# --- create, read ----------------------------------------------------------------------------------------------------


def test_a_connection_is_created_as_the_seed_says(client, telnyx):
    connection = telnyx.created(client, name="Acme Telnyx Main", setup_method="api_key")

    assert connection.keys() >= SEED_FIELDS
    assert (connection["name"], connection["provider"], connection["status"]) == (
        "Acme Telnyx Main", "telnyx", "connected",
    )  # fmt: skip
    assert connection["inferred_name"] is False
    assert connection["numbers_imported"] == 0
    assert datetime.fromisoformat(connection["last_tested_at"]).utcoffset() is not None
    assert telnyx.secret not in str(connection)
    assert connection["key_hint"].endswith(telnyx.secret[-4:])
    assert client.get(f"/v1/voip-connections/{connection['id']}").json() == connection


def test_without_a_name_the_suggested_one_is_taken(client, telnyx):
    connection = telnyx.created(client)

    assert connection["name"].startswith("Telnyx: ")
    assert connection["inferred_name"] is True


def test_the_full_token_is_evidence_too(client, telnyx):
    token = client.post("/v1/voip-connections/test", json=telnyx.given).json()["evidence"]

    answer = client.post("/v1/voip-connections", json={**telnyx.given, "verification_evidence_id": token})

    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"verification_evidence_id": None}, 400, "evidence_missing"),
        ({"verification_evidence_id": str(uuid.uuid4())}, 400, "evidence_invalid"),
        ({"verification_evidence_id": "nonsense"}, 400, "evidence_invalid"),
        ({"sip_config": {"domain": "other.sip.telnyx.com"}}, 400, "evidence_credentials_mismatch"),
    ],
)
def test_evidence_must_fit(client, telnyx, change, status, code):
    answer = client.post("/v1/voip-connections", json={**telnyx.create_body(client), **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "verification_evidence_id" in [error["field"] for error in answer.json()["errors"]]
    assert client.get("/v1/voip-connections").json() == []


def test_evidence_of_another_carrier_is_refused(client, telnyx, box):
    evidence = telnyx.tested(client)

    answer = client.post(
        "/v1/voip-connections",
        json={"provider": "twilio", "credentials": box.credentials("twilio"), "verification_evidence_id": evidence},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "evidence_provider_mismatch")


def test_evidence_is_good_once(client, telnyx):
    body = telnyx.create_body(client)
    assert client.post("/v1/voip-connections", json=body).status_code == 201

    answer = client.post("/v1/voip-connections", json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "evidence_reused")


def test_a_repeated_request_gives_the_first_answer(client, telnyx):
    body, key = telnyx.create_body(client), {"Idempotency-Key": "order-1"}

    first = client.post("/v1/voip-connections", json=body, headers=key)
    again = client.post("/v1/voip-connections", json=body, headers=key)
    other = client.post("/v1/voip-connections", json={**body, "name": "Other"}, headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")
    assert [(e["location"], e["field"]) for e in other.json()["errors"]] == [("header", "Idempotency-Key")]
    assert len(client.get("/v1/voip-connections").json()) == 1


def test_connections_are_listed_newest_first_and_in_pages(client, telnyx):
    ids = [telnyx.created(client, name=f"No. {n}")["id"] for n in range(5)]

    assert [c["id"] for c in client.get("/v1/voip-connections").json()] == ids[::-1]

    seen, where = [], "/v1/voip-connections?limit=2"
    while where:
        page = client.get(where)
        assert len(page.json()) <= 2
        seen += [c["id"] for c in page.json()]
        link = page.links.get("next")
        where = f"/v1/voip-connections{link['url']}" if link else ""
    assert seen == ids[::-1]


def test_a_listing_is_never_cut_short(client, telnyx, monkeypatch):
    """Without a limit it is whole, however many pages the store gives; what is too long is refused."""
    monkeypatch.setattr(listing, "_PAGE", 2)
    monkeypatch.setattr(listing, "MOST_AT_ONCE", 4)
    ids = [telnyx.created(client, name=f"No. {n}")["id"] for n in range(4)]

    assert [c["id"] for c in client.get("/v1/voip-connections").json()] == ids[::-1]

    telnyx.created(client, name="One too many")
    answer = client.get("/v1/voip-connections")
    assert answer.status_code == 422
    assert [(e["location"], e["field"], e["code"]) for e in answer.json()["errors"]] == [
        ("query", "limit", "limit_required")
    ]


# --- change ----------------------------------------------------------------------------------------------------------


def test_a_name_is_changed_without_asking_the_carrier(client, telnyx, box):
    connection = telnyx.created(client)
    box.clear()

    answer = client.patch(f"/v1/voip-connections/{connection['id']}", json={"name": "Renamed"})

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["inferred_name"]) == ("Renamed", False)
    assert box.requests == []


def test_new_credentials_need_evidence(client, telnyx):
    connection = telnyx.created(client)

    answer = client.patch(f"/v1/voip-connections/{connection['id']}", json={"credentials": telnyx.given["credentials"]})

    assert (answer.status_code, answer.json()["code"]) == (400, "evidence_missing")


def test_credentials_are_rotated(client, telnyx):
    connection = telnyx.created(client, name="Main")

    answer = client.patch(
        f"/v1/voip-connections/{connection['id']}",
        json={"credentials": telnyx.given["credentials"], "verification_evidence_id": telnyx.tested(client)},
    )

    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["name"]) == ("connected", "Main")


def test_a_rotation_that_would_lose_numbers_is_refused_unless_forced(client, telnyx, box):
    connection = telnyx.created(client)
    number = telnyx.available(client, connection["id"])[0]
    telnyx.imported(client, connection["id"], number)
    box.telnyx.numbers.remove(next(mine.id for mine in box.telnyx.numbers if e164(mine) == number))
    rotation = {"credentials": telnyx.given["credentials"], "verification_evidence_id": telnyx.tested(client)}

    refused = client.patch(f"/v1/voip-connections/{connection['id']}", json=rotation)
    forced = client.patch(f"/v1/voip-connections/{connection['id']}", json={**rotation, "force": True})

    assert (refused.status_code, refused.json()["code"], refused.json()["numbers"]) == (
        409, "rotation_refused", [number],
    )  # fmt: skip
    assert forced.status_code == 200, forced.text


def test_a_connection_becomes_the_default(client, telnyx):
    first, second = (telnyx.created(client, name=name)["id"] for name in ("one", "two"))

    for chosen in (first, second):
        answer = client.post(f"/v1/voip-connections/{chosen}/set-default-outbound")
        assert (answer.status_code, answer.json()["default_outbound"]) == (200, True)

    listed = client.get("/v1/voip-connections").json()
    assert [c["id"] for c in listed if c["default_outbound"]] == [second]


# --- test again ------------------------------------------------------------------------------------------------------


def test_a_key_that_is_good_again_clears_the_error(each_store, telnyx, box):
    """Revoked at the carrier and noticed by a listing; then restored there, and tested again."""
    with client_of(make_host(make_service(each_store, box))) as client:
        one = f"/v1/voip-connections/{telnyx.created(client)['id']}"
        box.clear()
        box.telnyx.api_key = "KEY" + "0" * 32 + "_" + "a" * 22
        assert client.get(f"{one}/available-numbers").status_code == 422

        refused = client.post(f"{one}/test")
        assert (refused.status_code, refused.json()["status"]) == (200, "fail")
        assert refused.json()["checks"]["credentials_valid"] is False
        assert any(check["fix"] for check in refused.json()["details"] if check["status"] == "fail")
        assert client.get(one).json()["status"] == "error"
        assert "connection.error" in client.get("/v1/voip-connection-warnings").json()["counts"]

        box.telnyx.api_key = telnyx.secret
        passed = client.post(f"{one}/test")
        assert (passed.status_code, passed.json()["status"]) == (200, "pass")
        assert passed.json()["checks"]["credentials_valid"] is True
        assert client.get(one).json()["status"] == "connected"
        assert "connection.error" not in client.get("/v1/voip-connection-warnings").json()["counts"]

    assert box.writes == []
    assert telnyx.secret not in refused.text + passed.text


def test_a_test_of_a_connection_makes_no_evidence(client, telnyx, store):
    connection = telnyx.created(client)

    found = client.post(f"/v1/voip-connections/{connection['id']}/test").json()

    assert (found["status"], found.keys()) == ("pass", {"status", "checks", "details"})
    with store.transaction("acme") as tx:
        entry = tx.audit(object_type="connection", object_id=connection["id"]).items[0]
    assert (entry.action, entry.actor) == ("connection.tested", "acme-user")


def test_a_carrier_that_cannot_be_asked_changes_no_status(client, telnyx, box):
    one = f"/v1/voip-connections/{telnyx.created(client)['id']}"
    box.fail("telnyx", "*", Fault.status(500))

    answer = client.post(f"{one}/test")

    assert (answer.status_code, answer.json()["status"]) == (200, "fail")
    assert answer.json()["checks"]["credentials_valid"] is None
    assert client.get(one).json()["status"] == "connected"


# --- numbers ---------------------------------------------------------------------------------------------------------


def test_available_numbers_look_as_the_seed_says(client, telnyx):
    connection = telnyx.created(client)

    numbers = client.get(f"/v1/voip-connections/{connection['id']}/available-numbers").json()

    assert numbers
    assert all(n.keys() >= {"id", "number", "friendlyName", "type", "capabilities", "region"} for n in numbers)
    assert all("monthlyFee" in n and n["number"].startswith("+") for n in numbers)


def test_numbers_are_imported(client, telnyx, box):
    connection = telnyx.created(client)
    first, second, *_ = telnyx.available(client, connection["id"])

    answer = client.post(
        f"/v1/voip-connections/{connection['id']}/import-numbers",
        json={"numbers": [first, "+15005550000", second], "on_conflict": "overwrite"},
    )

    assert answer.status_code == 200, answer.text
    done = answer.json()
    assert done["imported_count"] == 2
    assert done["provider_charge_estimate_cents"] == 0
    assert done["provider_charge_note"]
    assert [(r["number"], r["status"]) for r in done["results"]] == [
        (first, "provisioning"), ("+15005550000", "not_owned"), (second, "provisioning"),
    ]  # fmt: skip
    assert done["results"][1]["id"] is None
    assert first not in telnyx.available(client, connection["id"])
    assert client.get(f"/v1/voip-connections/{connection['id']}").json()["numbers_imported"] == 2


def test_a_repeated_import_gives_the_first_answer(client, telnyx, box):
    path = f"/v1/voip-connections/{telnyx.created(client)['id']}/import-numbers"
    number, another, *_ = telnyx.available(client, 1)
    body = {"numbers": [number], "on_conflict": "overwrite"}
    key = {"Idempotency-Key": "import-1"}

    first = client.post(path, json=body, headers=key)
    box.clear()
    again = client.post(path, json=body, headers=key)
    other = client.post(path, json={**body, "numbers": [another]}, headers=key)

    assert first.json() == again.json()
    assert box.writes == []
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_conflict")


def test_no_answer_shows_a_secret_of_a_webhooks_url(client, service, box):
    account = {"credentials": box.credentials("twilio"), "sip_config": box.sip_config("twilio")}
    tested = service.test("acme", "twilio", account["credentials"], sip_config=account["sip_config"])
    evidence = tested.verification_evidence_id
    connection = service.create("acme", provider="twilio", **account, evidence=evidence)
    marks = ["PWcanary1", "TKcanary1", "PWcanary2", "TKcanary2"]
    url = "https://user:{}@hooks.example/voice?token={}"
    number = box.twilio.add_number("+14155550177", voice_url=url.format(*marks[:2]))
    route = {"kind": "webhook", "target": url.format(*marks[2:]), "method": "POST"}
    path = f"/v1/voip-connections/{connection.id}"

    def take(**more):
        return client.post(
            f"{path}/import-numbers", json={"numbers": [number.phone_number], "route": route, **more}
        ).text  # fmt: skip

    shown = [client.get(f"{path}/available-numbers").text, take(), take(on_conflict="overwrite", dry_run=True)]
    assert "webhook POST https://user:***@hooks.example/voice?***" in shown[1]  # the conflict
    shown += [take(on_conflict="overwrite"), client.get("/v1/phone-numbers").text]
    assert number.voice_url == route["target"]
    verified = client.post(f"/v1/phone-numbers/{service.numbers('acme').items[0].id}/verify-voip")
    assert verified.status_code == 200
    shown.append(verified.text)
    shown.append(client.post(f"{path}/phone-numbers", json={"phone_number": number.phone_number}).text)
    shown.append(client.delete(path, headers={"Prefer": "return=representation"}).text)
    assert "https://user:***@hooks.example/voice?***" in shown[-1]
    assert [mark for mark in marks if mark in "".join(shown)] == []


def test_a_dry_run_writes_nothing(client, telnyx, box):
    connection = telnyx.created(client)
    number = telnyx.available(client, connection["id"])[0]
    box.clear()

    answer = client.post(
        f"/v1/voip-connections/{connection['id']}/import-numbers",
        json={"numbers": [number], "on_conflict": "overwrite", "dry_run": True},
    )

    assert (answer.status_code, answer.json()["dry_run"]) == (200, True)
    assert box.writes == []
    assert client.get("/v1/phone-numbers").json() == []


def test_numbers_of_a_connection_are_added_listed_and_removed(client, telnyx):
    connection, other = telnyx.created(client), telnyx.created(client)
    number = telnyx.available(client, connection["id"])[-1]
    path = f"/v1/voip-connections/{connection['id']}/phone-numbers"

    added = client.post(path, json={"phone_number": number, "label": "San Francisco Office"})

    assert added.status_code == 201, added.text
    assert (added.json()["number"], added.json()["label"]) == (number, "San Francisco Office")
    assert [n["id"] for n in client.get(path).json()] == [added.json()["id"]]
    elsewhere = f"/v1/voip-connections/{other['id']}/phone-numbers/{added.json()['id']}"
    assert client.delete(elsewhere).status_code == 404
    assert client.delete(f"{path}/{added.json()['id']}").status_code == 204
    assert client.get(f"/v1/phone-numbers/{added.json()['id']}").json()["status"] == "released"


def test_a_number_that_was_added_before_and_is_routed_elsewhere_now_is_a_conflict(client, telnyx, box):
    connection = telnyx.created(client)
    number = telnyx.available(client, connection["id"])[-1]
    path = f"/v1/voip-connections/{connection['id']}/phone-numbers"
    assert client.post(path, json={"phone_number": number}).status_code == 201
    elsewhere = box.telnyx.add_connection(name="Somebody else's")
    next(each for each in box.telnyx.numbers if each.phone_number == number).connection_id = elsewhere.id

    again = client.post(path, json={"phone_number": number, "label": "Desk"})

    assert (again.status_code, again.json()["code"]) == (409, "number_conflict"), again.text
    assert [n["label"] for n in client.get(path).json()] == [None]


def test_a_number_that_is_not_added_says_why(client, telnyx):
    connection = telnyx.created(client)

    answer = client.post(
        f"/v1/voip-connections/{connection['id']}/phone-numbers", json={"phone_number": "+15005550000"}
    )

    assert (answer.status_code, answer.json()["code"]) == (422, "number_not_owned")
    assert [error["field"] for error in answer.json()["errors"]] == ["phone_number"]


# --- delete ----------------------------------------------------------------------------------------------------------


def test_a_deleted_connection_leaves_its_numbers(client, telnyx, box):
    connection = telnyx.created(client)
    (number, *_) = telnyx.imported(client, connection["id"], telnyx.available(client, connection["id"])[0])
    box.clear()

    answer = client.delete(f"/v1/voip-connections/{connection['id']}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert box.writes == []
    assert client.get(f"/v1/voip-connections/{connection['id']}").status_code == 404
    assert client.get(f"/v1/phone-numbers/{number['id']}").json()["voip_connection_id"] is None


def test_a_deletion_reports_when_it_is_asked(client, telnyx):
    connection = telnyx.created(client)
    telnyx.imported(client, connection["id"], telnyx.available(client, connection["id"])[0])

    answer = client.delete(f"/v1/voip-connections/{connection['id']}", headers={"Prefer": "return=representation"})

    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "return=representation")
    assert (answer.json()["connection_id"], answer.json()["numbers_kept"]) == (connection["id"], 1)


def test_routing_is_restored_when_it_is_asked(client, telnyx, box):
    connection = telnyx.created(client)
    number = telnyx.available(client, connection["id"])[0]
    telnyx.imported(client, connection["id"], number)

    answer = client.delete(
        f"/v1/voip-connections/{connection['id']}?restore_routing=true", headers={"Prefer": "return=representation"}
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["restored"] + [left["number"] for left in answer.json()["left"]] == [number]


# --- carriers and warnings -------------------------------------------------------------------------------------------


def test_carriers_come_with_their_forms(client):
    carriers = {carrier["id"]: carrier for carrier in client.get("/v1/voip-providers/metadata").json()}

    assert carriers.keys() >= {"twilio", "telnyx", "signalwire", "vonage", "plivo", "cloudonix", "vobiz"}
    (method, *_) = carriers["telnyx"]["setup_methods"]
    assert {field["name"] for field in method["fields"]} >= {"api_key", "connection_id"}
    assert method["credential_schema"]["type"] == "object"


def test_warnings_are_counted_and_listed(client, telnyx):
    connection = telnyx.created(client)
    telnyx.imported(client, connection["id"], telnyx.available(client, connection["id"])[0])

    counts = client.get("/v1/voip-connection-warnings").json()
    listed = client.get(f"/v1/voip-connections/{connection['id']}/warnings").json()

    assert counts["total"] == sum(counts["counts"].values()) > 0
    assert {warning["code"] for warning in listed} <= counts["counts"].keys()
    assert all(warning["connection_id"] in (connection["id"], None) for warning in listed)


# --- later issues ----------------------------------------------------------------------------------------------------


def test_guided_set_up_is_not_offered_yet(client, telnyx):
    answer = client.post("/v1/voip-connections/test", json={**telnyx.given, "setup_method": "guided_telnyx"})

    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")


def test_warnings_that_are_left_out_are_counted(client, telnyx, store):
    connection = telnyx.created(client)
    path = f"/v1/voip-connections/{connection['id']}/warnings"
    assert "warnings-left-out" not in client.get(path).headers
    moment = datetime.now(UTC)
    with store.transaction("acme") as tx:
        tx.add_numbers([
            NewPhoneNumber(number=f"+1212{n:07}", voip_connection_id=connection["id"], created_at=moment, updated_at=moment)
            for n in range(2_000_000, 2_001_003)
        ])  # fmt: skip

    answer = client.get(path)

    assert (len(answer.json()), answer.headers["warnings-left-out"]) == (1000, "3")
