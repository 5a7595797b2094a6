"""The documents that contract 001 shows, against what is answered: every field is there, and of the same kind."""

from __future__ import annotations

from typing import Any

import pytest

# As they stand in the contract; `null` is allowed where its tables say so.
TESTED = {
    "status": "pass",
    "verification_evidence_id": "b9a2...",
    "suggested_connection_name": "Telnyx: Acme Main (+15550001234)",
    "checks": {"credentials_valid": True, "inbound_reachable": True, "outbound_authorized": True},
}
NAMED = {"suggested_connection_name": "Telnyx: Acme Main", "suggested_connection_name_inferred": True}
CONNECTION = {
    "id": 5,
    "name": "Acme Telnyx Main",
    "provider": "telnyx",
    "setup_method": "api_key",
    "status": "connected",
    "inferred_name": False,
    "sip_config": {"domain": "acme.sip.telnyx.com"},
    "last_tested_at": "2026-04-20T18:24:10.113Z",
    "numbers_imported": 3,
    "created_at": "2026-04-20T18:24:10.113Z",
    "updated_at": "2026-04-20T18:24:10.113Z",
}
AVAILABLE = [
    {
        "id": "provider-handle-abc",
        "number": "+15550001234",
        "friendlyName": "Main office",
        "type": "local",
        "capabilities": ["voice"],
        "region": "US-CA",
        "monthlyFee": 100,
    }
]
IMPORTED = {
    "imported_count": 2,
    "provider_charge_estimate_cents": 0,
    "provider_charge_note": "No upstream charges for imports through this provider.",
    "results": [
        {"id": 201, "number": "+15550001234", "status": "provisioning"},
        {"id": 202, "number": "+15550009999", "status": "provisioning"},
    ],
}
NUMBER = {
    "id": 201,
    "number": "+15551234567",
    "source": "voip",
    "status": "provisioning",
    "inbound_agent_id": None,
    "outbound_agent_id": None,
    "voip_connection_id": 5,
    "voip_verification_status": "unverified",
    "voip_last_verified_at": None,
}
UNKNOWN = {"monthlyFee", "friendlyName", "region"}  # Telnyx does not tell them of every number


def differences(wanted: Any, given: Any, where: str = "") -> list[str]:
    """What the contract's document has that the answer has not, or of another kind."""
    if where.rpartition(".")[2] in UNKNOWN and given is None:
        return []
    if type(wanted) is not type(given):
        return [f"{where} is {given!r}, not like {wanted!r}"]
    if isinstance(wanted, dict):
        missing = [f"{where}.{name} is missing" for name in wanted.keys() - given.keys()]
        return missing + [
            d
            for name in wanted.keys() & given.keys()
            for d in differences(wanted[name], given[name], f"{where}.{name}")
        ]
    if isinstance(wanted, list):
        return [d for each in given for d in differences(wanted[0], each, f"{where}[]")] or (
            [] if given else [f"{where} is empty"]
        )
    if isinstance(wanted, str) and wanted.endswith("Z") and not given.endswith("Z"):
        return [f"{where} is {given!r}, no UTC time"]
    return []


def test_the_comparison_notices():
    assert differences(NAMED, {}) != []
    assert differences(CONNECTION, {**CONNECTION, "id": "5"}) == [".id is '5', not like 5"]
    assert differences(AVAILABLE, []) == [" is empty"]
    assert differences(IMPORTED, IMPORTED) == []


@pytest.mark.parametrize("carrier", ["telnyx", "twilio", "signalwire", "vonage", "plivo"])
def test_the_documents_of_the_contract(carrier, client, box):
    """The whole of contract 001 in its own order, with the requests that it shows."""
    given = {"provider": carrier, "credentials": box.credentials(carrier), "sip_config": box.sip_config(carrier)}
    tested = client.post("/v1/voip-connections/test", json=given).json()
    assert differences(TESTED, tested) == []
    named = client.post("/v1/voip-connections/suggest-name", json=given).json()
    assert differences(NAMED, named) == []
    evidence = {"verification_evidence_id": tested["verification_evidence_id"]}
    created = client.post(
        "/v1/voip-connections", json={"name": "Acme Main", "setup_method": "api_key", **given, **evidence}
    )
    assert created.status_code == 201, created.text
    shape = {**CONNECTION, "sip_config": {}}
    assert differences(shape, created.json()) == []
    one = f"/v1/voip-connections/{created.json()['id']}"
    assert differences([shape], client.get("/v1/voip-connections").json()) == []
    renamed = client.patch(one, json={"name": "Renamed"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Renamed")
    available = client.get(f"{one}/available-numbers").json()
    assert differences(AVAILABLE, [{**n, "capabilities": n["capabilities"] or ["voice"]} for n in available]) == []
    numbers = [n["number"] for n in available[:2]]
    imported = client.post(f"{one}/import-numbers", json={"numbers": numbers, "on_conflict": "overwrite"}).json()
    assert differences(IMPORTED, imported) == []
    for result in imported["results"]:
        assert differences(NUMBER, client.get(f"/v1/phone-numbers/{result['id']}").json()) == []
    assert client.delete(one).status_code == 204
    kept = client.get("/v1/phone-numbers").json()
    assert sorted(n["number"] for n in kept) == sorted(numbers)
    assert {n["voip_connection_id"] for n in kept} == {None}
