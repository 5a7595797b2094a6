"""What a client gets wrong: always a 4xx problem that names the field, and nothing written, here or at the carrier."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from tests.web.conftest import client_of, make_host, rows
from voipkit.web import bodies, wording
from voipkit.web.problem import MEDIA_TYPE, Refused

NUL, LINE = "Acme\x00", "Acme\nMain"
NEW = "/v1/voip-connections"
ONE = "/v1/voip-connections/{connection}"
NUMBER = "/v1/phone-numbers/{number}"
IMPORT = "/v1/voip-connections/{connection}/import-numbers"


@pytest.fixture
def things(client, telnyx, store, box):
    """A connection and a number, and what must be as it was at the end: records, and the carrier."""
    connection = telnyx.created(client)["id"]
    free = telnyx.available(client, connection)
    number = telnyx.imported(client, connection, free[0])[0]["id"]
    evidence = telnyx.tested(client)
    before = rows(store)
    box.clear()
    yield {"connection": connection, "number": number, "free": free[1], "evidence": evidence, **telnyx.given}
    assert rows(store) == before
    assert box.writes == []


def good(things: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = {name: things[name] for name in ("provider", "credentials", "sip_config")}
    return {**body, "verification_evidence_id": things["evidence"], **changes}


# Method, path, body (from the things at hand), and the field that is named.
Case = tuple[str, str, Callable[[dict[str, Any]], Any], str]
CASES: dict[str, Case] = {
    # create
    "unknown field": ("POST", NEW, lambda t: good(t, colour="red"), "colour"),
    "unknown field that may be a value": ("POST", NEW, lambda t: good(t, **{"KEY0123456789 0123": 1}), ""),
    "unknown provider": ("POST", NEW, lambda t: good(t, provider="carrierpigeon"), "provider"),
    "no provider": ("POST", NEW, lambda t: {k: v for k, v in good(t).items() if k != "provider"}, "provider"),
    "provider with NUL": ("POST", NEW, lambda t: good(t, provider=NUL), "provider"),
    "name too long": ("POST", NEW, lambda t: good(t, name="x" * 101), "name"),
    "name empty": ("POST", NEW, lambda t: good(t, name="  "), "name"),
    "name with NUL": ("POST", NEW, lambda t: good(t, name=NUL), "name"),
    "name with a newline": ("POST", NEW, lambda t: good(t, name=LINE), "name"),
    "name that is no text": ("POST", NEW, lambda t: good(t, name=5), "name"),
    "no credentials": ("POST", NEW, lambda t: good(t, credentials=None), "credentials"),
    "credentials as text": ("POST", NEW, lambda t: good(t, credentials="KEY0123"), "credentials"),
    "credentials with an unknown field": (
        "POST", NEW, lambda t: good(t, credentials={**t["credentials"], "colour": "red"}), "credentials.colour",
    ),
    "credentials with NUL": (
        "POST", NEW, lambda t: good(t, credentials={**t["credentials"], "api_key": NUL}), "credentials.api_key",
    ),
    "credentials of numbers": ("POST", NEW, lambda t: good(t, credentials={"api_key": 5}), "credentials.api_key"),
    "credentials nested": ("POST", NEW, lambda t: good(t, credentials={"api_key": {"a": [1]}}), "credentials.api_key"),
    "SIP configuration as a list": ("POST", NEW, lambda t: good(t, sip_config=[1]), "sip_config"),
    "SIP configuration with an unknown field": (
        "POST", NEW, lambda t: good(t, sip_config={"colour": "red"}), "sip_config.colour",
    ),
    "no evidence": ("POST", NEW, lambda t: good(t, verification_evidence_id=None), "verification_evidence_id"),
    "evidence left out": (
        "POST", NEW, lambda t: {k: v for k, v in good(t).items() if k[0] != "v"}, "verification_evidence_id",
    ),
    "evidence that is none": ("POST", NEW, lambda t: good(t, verification_evidence_id="x"), "verification_evidence_id"),
    "evidence with NUL": ("POST", NEW, lambda t: good(t, verification_evidence_id=NUL), "verification_evidence_id"),
    "evidence without end": (
        "POST", NEW, lambda t: good(t, verification_evidence_id="x" * 20_000), "verification_evidence_id",
    ),
    "a field in both spellings": ("POST", NEW, lambda t: good(t, sipConfig=t["sip_config"]), "sip_config"),
    "a list": ("POST", NEW, lambda t: [good(t)], ""),
    "text": ("POST", NEW, lambda t: "create", ""),
    # test
    "test of an unknown provider": ("POST", NEW + "/test", lambda t: {"provider": "x", "credentials": {}}, "provider"),
    "test with evidence": ("POST", NEW + "/test", good, "verification_evidence_id"),
    # update
    "changed provider": ("PATCH", ONE, lambda t: {"provider": "twilio"}, "provider"),
    "changed id": ("PATCH", ONE, lambda t: {"id": 7}, "id"),
    "rename to null": ("PATCH", ONE, lambda t: {"name": None}, "name"),
    "rename too long": ("PATCH", ONE, lambda t: {"name": "x" * 101}, "name"),
    "rename with NUL": ("PATCH", ONE, lambda t: {"name": NUL}, "name"),
    "rotation without evidence": (
        "PATCH", ONE, lambda t: {"credentials": t["credentials"]}, "verification_evidence_id",
    ),
    "rotation to null": ("PATCH", ONE, lambda t: {"credentials": None}, "credentials"),
    "force as text": ("PATCH", ONE, lambda t: {"force": "yes"}, "force"),
    # import
    "no numbers": ("POST", IMPORT, lambda t: {"numbers": []}, "numbers"),
    "numbers left out": ("POST", IMPORT, lambda t: {}, "numbers"),
    "numbers as text": ("POST", IMPORT, lambda t: {"numbers": t["free"]}, "numbers"),
    "a number that is not E.164": ("POST", IMPORT, lambda t: {"numbers": [t["free"], "555-1234"]}, "numbers[1]"),
    "a number with NUL": ("POST", IMPORT, lambda t: {"numbers": [t["free"] + "\x00"]}, "numbers[0]"),
    "a number that is none": ("POST", IMPORT, lambda t: {"numbers": [15550001234]}, "numbers[0]"),
    "a repeated number": ("POST", IMPORT, lambda t: {"numbers": [t["free"], t["free"]]}, "numbers[1]"),
    "100,000 numbers": (
        "POST", IMPORT, lambda t: {"numbers": [f"+1555{n:07}" for n in range(100_000)]}, "numbers",
    ),
    "an unknown rule": ("POST", IMPORT, lambda t: {"numbers": [t["free"]], "on_conflict": "merge"}, "on_conflict"),
    "an unknown kind of route": (
        "POST", IMPORT, lambda t: {"numbers": [t["free"]], "route": {"kind": "pigeon", "target": "x"}}, "route.kind",
    ),
    "a route that is none": (
        "POST", IMPORT, lambda t: {"numbers": [t["free"]], "route": {"kind": "webhook", "target": "x"}}, "route",
    ),
    "added number that is not E.164": (
        "POST", ONE + "/phone-numbers", lambda t: {"phone_number": "5551234"}, "phone_number",
    ),
    "added label too long": (
        "POST", ONE + "/phone-numbers", lambda t: {"phone_number": t["free"], "label": "x" * 101}, "label",
    ),
    # numbers
    "agent as a list": ("PATCH", NUMBER, lambda t: {"inbound_agent_id": [1]}, "inbound_agent_id"),
    "agent as a boolean": ("PATCH", NUMBER, lambda t: {"outbound_agent_id": True}, "outbound_agent_id"),
    "agent with NUL": ("PATCH", NUMBER, lambda t: {"inbound_agent_id": NUL}, "inbound_agent_id"),
    "agent too large": ("PATCH", NUMBER, lambda t: {"inbound_agent_id": 2**64}, "inbound_agent_id"),
    "agent too long": ("PATCH", NUMBER, lambda t: {"inbound_agent_id": "x" * 201}, "inbound_agent_id"),
    "status that the server sets": ("PATCH", NUMBER, lambda t: {"status": "provisioning"}, "status"),
    "changed number": ("PATCH", NUMBER, lambda t: {"number": t["free"]}, "number"),
    "transfer to nobody": ("POST", NUMBER + "/transfer", lambda t: {"to_org_id": ""}, "to_org_id"),
    "transfer to NUL": ("POST", NUMBER + "/transfer", lambda t: {"to_org_id": NUL}, "to_org_id"),
    "transfer without a tenant": ("POST", NUMBER + "/transfer", lambda t: {}, "to_org_id"),
    "order with a wrong area code": ("POST", "/v1/phone-numbers", lambda t: {"area_code": "4155"}, "area_code"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_body_is_refused(case, client, things):
    method, path, body, field = CASES[case]

    answer = client.request(method, path.format(**things), json=body(things))

    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text
    assert all(error["problem"] for error in answer.json()["errors"])
    assert things["credentials"]["api_key"] not in answer.text


@pytest.mark.parametrize(
    ("numbers", "named"),
    [
        (["555-1234"], ["numbers[0]"]),
        (["1", None], ["numbers[0]", "numbers[1]"]),
        (["+15550001234", "1"], ["numbers[1]"]),
        ([], ["numbers"]),
    ],
)
def test_of_wrong_numbers_each_is_named_once_and_nothing_else(numbers, named, client, things):
    answer = client.post(IMPORT.format(**things), json={"numbers": numbers})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == named
    assert answer.json()["detail"] == f"The body is wrong at: {', '.join(named)}."


def test_too_many_numbers_are_told_how_many_there_may_be(client, things):
    answer = client.post(IMPORT.format(**things), json={"numbers": [f"+1555{n:07}" for n in range(10_001)]})

    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["field"], error["code"]) == (422, "numbers", "too_long")
    assert error["problem"] == "must have at most 10,000 items."


WORDS: dict[str, tuple[type[bodies.Body], dict[str, Any], dict[str, str]]] = {
    "a name": (bodies.UpdateConnection, {"name": "x" * 101}, {"name": "must have at most 100 characters."}),
    "a label": (bodies.UpdateNumber, {"label": "x" * 101}, {"label": "must have at most 100 characters."}),
    "a tenant": (bodies.TransferNumber, {"to_org_id": ""}, {"to_org_id": "must have at least 1 character."}),
    "no numbers": (bodies.ImportNumbers, {"numbers": []}, {"numbers": "must have at least 1 item."}),
    "a number": (
        bodies.ImportNumbers, {"numbers": ["5"]}, {"numbers[0]": "must be a number in E.164, such as +15550001234."},
    ),
    "a status": (bodies.UpdateNumber, {"status": "x"}, {"status": "must be active or released."}),
    "a choice": (
        bodies.ImportNumbers,
        {"numbers": ["+15550001234"], "on_conflict": "x", "dry_run": 1},
        {"on_conflict": "must be 'refuse' or 'overwrite'.", "dry_run": "must be true or false."},
    ),
    "what is absent or strange": (
        bodies.TestCredentials,
        {"colour": "red", "credentials": []},
        {"provider": "is missing.", "credentials": "must be a JSON object.", "colour": "is not a field of this body."},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WORDS)
def test_what_is_wrong_is_said_in_words_of_ours(case):
    model, body, said = WORDS[case]

    with pytest.raises(Refused) as refused:
        bodies._validated(model, body)

    assert {error.field: error.problem for error in refused.value.problem.errors or ()} == said


def test_no_field_is_answered_in_words_of_pydantic(client, things):
    """Neither of a body, nor of a parameter."""
    answers = [
        client.request(method, path.format(**things), json=body(things)) for method, path, body, _ in CASES.values()
    ]
    answers.append(client.get("/v1/phone-numbers", params={"limit": 0, "cursor": "a b"}))
    answers.append(client.get("/v1/phone-numbers", params={"limit": "x", "cursor": "x" * 2000}))
    answers.append(client.get("/v1/voip-connections/0"))
    said = [error["problem"] for answer in answers for error in answer.json().get("errors") or ()]

    assert len(said) > len(answers)
    assert [text for text in said if re.search("should|Field required|Extra inputs|Input ", text)] == []


def test_every_form_that_openapi_tells_has_words(client):
    def patterns(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("pattern"), str):
                yield part["pattern"]
            part = [value for name, value in part.items() if not name.startswith("example")]
        for child in part if isinstance(part, list) else ():
            yield from patterns(child)

    told = set(patterns(client.get("/openapi.json").json()["paths"]))

    assert wording.E164 in told
    assert {form for form in told if not form.startswith("^urn:")} <= set(wording._FORMS)


RAW = {
    "invalid JSON": (b'{"provider": "telnyx",', "application/json", 400, "invalid_json"),
    "no body": (b"", "application/json", 400, "invalid_json"),
    "not UTF-8": (b'{"provider": "\xff"}', "application/json", 400, "invalid_json"),
    "NaN": (b'{"provider": NaN}', "application/json", 400, "invalid_json"),
    "null": (b"null", "application/json", 422, "invalid_field"),
    "two documents": (b"{}{}", "application/json", 400, "invalid_json"),
    "lone surrogate": (b'{"provider": "\\ud800"}', "application/json", 400, "invalid_json"),
    "endless nesting": (b'{"credentials":' * 100_000, "application/json", 400, "invalid_json"),
    "endless number": (b'{"provider":' + b"9" * 100_000 + b"}", "application/json", 4, ""),
    "form": (b"provider=telnyx", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
    "no content type": (b"{}", None, 415, "unsupported_media_type"),
    "text": (b"{}", "text/plain", 415, "unsupported_media_type"),
    "almost JSON": (b"{}", "application/jsonp", 415, "unsupported_media_type"),
    "compressed": (b"\x1f\x8b\x08", "application/gzip", 415, "unsupported_media_type"),
}


@pytest.mark.parametrize("case", RAW)
@pytest.mark.parametrize(("method", "path"), [("POST", NEW), ("PATCH", ONE), ("POST", IMPORT), ("PUT", NUMBER)])
def test_a_body_that_cannot_be_read_is_refused(case, method, path, client, things):
    content, content_type, status, code = RAW[case]
    headers = {"Content-Type": content_type} if content_type else {}

    answer = client.request(method, path.format(**things), content=content, headers=headers)

    assert answer.status_code == status or (status == 4 and 400 <= answer.status_code < 500), answer.text
    assert answer.json()["code"] == code or not code
    assert answer.json()["errors"]
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_json_with_parameters_or_a_suffix_is_json(client, telnyx):
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/vnd.acme+json"):
        answer = client.post(NEW + "/test", content=json.dumps(telnyx.given), headers={"Content-Type": content_type})
        assert answer.status_code == 200


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """What httpx sends without a length."""
    yield body[:500]
    yield body[500:]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large_is_refused(announced, service, telnyx):
    body = json.dumps({**telnyx.given, "name": "x" * 2000}).encode()
    content = body if announced else in_chunks(body)
    with client_of(make_host(service, most_bytes=1000)) as client:
        answer = client.post(NEW, content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def too_slow(body: bytes) -> AsyncIterator[bytes]:
    yield body[:10]
    await asyncio.sleep(30)


def test_a_body_that_does_not_end_is_not_waited_for(client, things, monkeypatch):
    monkeypatch.setattr(bodies, "_PATIENCE", 0.1)

    answer = client.post(NEW, content=too_slow(b'{"provider"'), headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (408, "body_unfinished")


@pytest.mark.parametrize("wrong", ["0", "-1", "x", "1.5", str(2**63), "%00", "1%00", "9" * 400])
def test_an_id_that_can_be_none_is_refused(wrong, client, things):
    for method, path in (("GET", NEW), ("DELETE", NEW), ("GET", "/v1/phone-numbers"), ("DELETE", "/v1/phone-numbers")):
        answer = client.request(method, f"{path}/{wrong}")

        assert answer.status_code == 422, answer.text
        (error,) = answer.json()["errors"]
        assert (error["location"], error["field"]) == ("path", "connection_id" if path == NEW else "phone_number_id")


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("cursor=%00", "cursor")]
)
def test_a_wrong_query_is_refused(query, field, client, things):
    for path in (NEW, "/v1/phone-numbers", f"/v1/phone-numbers/{things['number']}/versions"):
        answer = client.get(f"{path}?{query}")

        assert answer.status_code == 422
        assert [(e["location"], e["field"]) for e in answer.json()["errors"]] == [("query", field)]


@pytest.mark.parametrize("key", ["", "x" * 201, "a b"])
def test_a_wrong_idempotency_key_is_refused(key, client, things):
    answer = client.post(NEW, json=good(things), headers={"Idempotency-Key": key})

    assert answer.status_code == 422
    assert [(e["location"], e["field"].lower()) for e in answer.json()["errors"]] == [("header", "idempotency-key")]


# --- tenants ---------------------------------------------------------------------------------------------------------

FOREIGN = [
    ("GET", ONE, None),
    ("PATCH", ONE, {"name": "Mine"}),
    ("DELETE", ONE, None),
    ("POST", ONE + "/test", None),
    ("GET", ONE + "/available-numbers", None),
    ("POST", IMPORT, {"numbers": ["+15550001234"]}),
    ("POST", ONE + "/set-default-outbound", None),
    ("GET", ONE + "/warnings", None),
    ("GET", ONE + "/phone-numbers", None),
    ("POST", ONE + "/phone-numbers", {"phone_number": "+15550001234"}),
    ("DELETE", ONE + "/phone-numbers/{number}", None),
    ("GET", NUMBER, None),
    ("PATCH", NUMBER, {"label": "Mine"}),
    ("PUT", NUMBER, {"label": "Mine"}),
    ("DELETE", NUMBER, None),
    ("POST", NUMBER + "/transfer", {"to_org_id": "acme"}),
    ("GET", NUMBER + "/versions", None),
    ("POST", NUMBER + "/verify-voip", None),
]


@pytest.mark.parametrize(("method", "path", "body"), FOREIGN)
def test_another_tenant_s_ids_are_as_if_absent(method, path, body, stranger, things, box):
    theirs = stranger.request(method, path.format(**things), json=body)
    nobody_s = stranger.request(method, path.format(connection=10**9, number=10**9), json=body)

    assert (theirs.status_code, nobody_s.status_code) == (404, 404)
    same = [a.json() | {"detail": ""} for a in (theirs, nobody_s)]
    assert same[0] == same[1]
    assert "acme" not in theirs.text
    assert box.requests == []


def test_every_path_with_an_id_is_tried_by_a_stranger(host):
    tried = {
        (method, path.format(connection="{connection_id}", number="{phone_number_id}")) for method, path, _ in FOREIGN
    }
    with_id = {
        (method.upper(), path) for path, methods in host.openapi()["paths"].items() if "{" in path for method in methods
    }

    assert tried == with_id


def test_listings_do_not_cross_tenants(stranger, things):
    for path in (NEW, "/v1/phone-numbers"):
        assert stranger.get(path).json() == []
    assert stranger.get("/v1/voip-connection-warnings").json()["total"] == 0
