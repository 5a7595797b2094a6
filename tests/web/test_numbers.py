"""Phone numbers over HTTP, imported from the sandbox's Telnyx."""

from __future__ import annotations

import pytest

SEED_FIELDS = {
    "id", "number", "source", "status", "inbound_agent_id", "outbound_agent_id", "voip_connection_id",
    "voip_verification_status", "voip_last_verified_at",
}  # fmt: skip


@pytest.fixture
def connection(client, telnyx):
    return telnyx.created(client)


@pytest.fixture
def number(client, telnyx, connection):
    """One that would pass its verification."""
    found = telnyx.imported(client, connection["id"], telnyx.available(client, connection["id"])[0])[0]
    return client.get(f"/v1/phone-numbers/{found['id']}").json()


def verified(client, number):
    answer = client.post(f"/v1/phone-numbers/{number['id']}/verify-voip")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_imported_number_looks_as_the_seed_says(number, connection):
    assert number.keys() >= SEED_FIELDS
    assert (number["source"], number["status"], number["voip_connection_id"]) == (
        "voip", "provisioning", connection["id"],
    )  # fmt: skip
    assert (number["voip_verification_status"], number["voip_last_verified_at"]) == ("unverified", None)


def test_a_verified_number_is_active(client, number):
    found = verified(client, number)

    assert (found["status"], found["voip_verification_status"]) == ("active", "verified")
    assert found["voip_last_verified_at"]
    assert found["checks"] == {"inbound_reachable": True, "outbound_authorized": True}
    assert found["details"]


def test_a_number_that_fails_says_what_failed(client, number, box):
    box.incident("telnyx-d38")

    found = verified(client, number)

    assert (found["status"], found["voip_verification_status"]) == ("provisioning", "failed")
    assert found["checks"]["outbound_authorized"] is False
    assert [check["fix"] for check in found["details"] if check["status"] == "fail"]


def test_agents_are_assigned_and_cleared_and_what_is_not_sent_stays(client, number):
    path = f"/v1/phone-numbers/{number['id']}"

    both = client.patch(path, json={"inbound_agent_id": 12, "outbound_agent_id": "agent-b"}).json()
    one = client.put(path, json={"inbound_agent_id": None, "label": "Front desk"}).json()

    assert (both["inbound_agent_id"], both["outbound_agent_id"]) == (12, "agent-b")
    assert (one["inbound_agent_id"], one["outbound_agent_id"], one["label"]) == (None, "agent-b", "Front desk")


def test_editing_never_asks_the_carrier(client, number, box):
    box.clear()

    for change in ({"label": "x"}, {"inbound_agent_id": 1}):
        assert client.patch(f"/v1/phone-numbers/{number['id']}", json=change).status_code == 200
    assert client.delete(f"/v1/phone-numbers/{number['id']}").status_code == 204

    assert box.requests == []


def test_status_moves_between_active_and_released_only(client, number):
    path = f"/v1/phone-numbers/{number['id']}"

    early = client.patch(path, json={"status": "active"})
    verified(client, number)
    released = client.patch(path, json={"status": "released"})
    back = client.patch(path, json={"status": "active"})

    assert (early.status_code, early.json()["code"]) == (409, "state_conflict")
    assert (released.json()["status"], back.json()["status"]) == ("released", "active")
    wrong = client.patch(path, json={"status": "provisioning"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "status")


def test_a_released_number_is_kept_as_a_record(client, number, box):
    box.clear()

    assert client.delete(f"/v1/phone-numbers/{number['id']}").status_code == 204

    assert client.get(f"/v1/phone-numbers/{number['id']}").json()["status"] == "released"
    assert box.requests == []


def test_numbers_are_listed_newest_first_and_in_pages(client, telnyx, connection):
    wanted = telnyx.available(client, connection["id"])[:3]
    ids = {r["id"] for r in telnyx.imported(client, connection["id"], *wanted)}

    everything = client.get("/v1/phone-numbers").json()
    first = client.get("/v1/phone-numbers?limit=2")
    rest = client.get(f"/v1/phone-numbers{first.links['next']['url']}")

    assert {n["id"] for n in everything} == ids
    assert [n["created_at"] for n in everything] == sorted((n["created_at"] for n in everything), reverse=True)
    assert first.json() + rest.json() == everything
    assert "next" not in rest.links


def test_an_unreadable_cursor_is_refused(client, number):
    answer = client.get("/v1/phone-numbers?limit=2&cursor=nonsense")

    assert answer.status_code == 422
    assert [(e["location"], e["field"]) for e in answer.json()["errors"]] == [("query", "cursor")]


def test_history_says_who_changed_what(client, number):
    client.patch(f"/v1/phone-numbers/{number['id']}", json={"inbound_agent_id": 12})

    versions = client.get(f"/v1/phone-numbers/{number['id']}/versions").json()

    assert (versions[0]["inbound_agent_id"], versions[0]["actor"]) == (12, "acme-user")
    assert versions[0]["number"] == number["number"]


def test_a_number_is_transferred(client, stranger, number):
    client.patch(f"/v1/phone-numbers/{number['id']}", json={"inbound_agent_id": 12})

    answer = client.post(f"/v1/phone-numbers/{number['id']}/transfer", json={"to_org_id": "globex"})

    assert answer.status_code == 200, answer.text
    assert (answer.json()["number"], answer.json()["inbound_agent_id"]) == (number["number"], None)
    assert client.get(f"/v1/phone-numbers/{number['id']}").status_code == 404
    assert [n["number"] for n in stranger.get("/v1/phone-numbers").json()] == [number["number"]]


def test_a_transfer_that_the_host_does_not_want_is_refused(client, number):
    answer = client.post(f"/v1/phone-numbers/{number['id']}/transfer", json={"to_org_id": "initech"})

    assert (answer.status_code, answer.json()["code"]) == (403, "transfer_refused")
    assert client.get(f"/v1/phone-numbers/{number['id']}").status_code == 200


def test_ordering_is_not_offered_yet(client):
    answer = client.post("/v1/phone-numbers", json={"area_code": "415"})

    assert (answer.status_code, answer.json()["code"]) == (422, "unsupported")
