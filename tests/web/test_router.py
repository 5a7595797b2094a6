"""The router in a host: who gets in, what is kept secret, and that nothing blocks the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback

import httpx
import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from tests.web.conftest import authenticate, client_of, make_host, tenant
from voipkit.errors import ConfigurationError
from voipkit.sandbox import Fault
from voipkit.web import create_router

# --- the host's part -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ["authenticate", "tenant"]),
        ({"authenticate": authenticate}, ["tenant"]),
        ({"tenant": tenant}, ["authenticate"]),
    ],
)
def test_a_router_without_authentication_and_tenant_does_not_start(service, given, named):
    with pytest.raises(ConfigurationError) as caught:
        create_router(service, **given)

    assert all(name in caught.value.message for name in named)


def test_who_is_not_let_in_gets_the_host_s_own_answer(host):
    with client_of(host, None) as client:
        answers = [
            client.request(method.upper(), path.format(connection_id=1, phone_number_id=1), json={})
            for path, methods in host.openapi()["paths"].items()
            for method in methods
        ]

    assert len(answers) > 20
    assert {(answer.status_code, answer.json()["detail"]) for answer in answers} == {(401, "who are you?")}


def test_nothing_is_read_before_authentication(host):
    """A body that would be refused, and one without end, meet the 401 first."""
    with client_of(host, None) as client:
        answer = client.post("/v1/voip-connections", content=b"x" * 10_000_000, headers={"Content-Type": "text/plain"})

    assert answer.status_code == 401


@pytest.mark.parametrize("org_id", [None, "", 5, "x" * 201])
def test_a_tenant_that_is_none_is_the_host_s_mistake(service, org_id):
    app = FastAPI()
    app.include_router(create_router(service, authenticate=lambda: "me", tenant=lambda: org_id))
    with client_of(app) as client:
        answer = client.get("/v1/voip-connections")

    assert (answer.status_code, answer.json()["code"]) == (500, "voipkit_error")


def test_the_router_takes_a_prefix(service):
    app = FastAPI()
    app.include_router(create_router(service, authenticate=lambda: "me", tenant=lambda: "acme"), prefix="/api/phones")
    with client_of(app) as client:
        assert client.get("/api/phones/v1/voip-connections").json() == []
        assert client.get("/api/phones/v1/voip-connections/5").json()["code"] == "object_not_found"


@pytest.mark.parametrize("prefix", ["", "/api/phones"])
def test_a_method_that_a_path_has_not_is_told_which_it_has(service, prefix):
    app = FastAPI()
    app.include_router(create_router(service, authenticate=lambda: "me", tenant=lambda: "acme"), prefix=prefix)
    paths = {path: {method.upper() for method in methods} for path, methods in app.openapi()["paths"].items()}
    with client_of(app) as client:
        for path, methods in paths.items():
            word = path.endswith(("-connections/test", "/suggest-name"))  # where other paths have a connection's id
            for other in {"PUT", "OPTIONS"} if word else {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
                answer = client.request(other, path.format(connection_id=1, phone_number_id=1))
                assert answer.status_code == 405, (other, path)
                assert set(answer.headers["allow"].split(", ")) == methods, (other, path)

    assert max(len(methods) for methods in paths.values()) >= 4


def test_two_routers_in_one_application_stay_apart(service, box):
    app = FastAPI()
    for org in ("acme", "globex"):
        router = create_router(service, authenticate=lambda: "me", tenant=lambda org=org: org)
        app.include_router(router, prefix=f"/{org}")
    given = {"provider": "telnyx", "credentials": box.credentials("telnyx"), "sip_config": box.sip_config("telnyx")}
    with client_of(app) as client:
        evidence = client.post("/acme/v1/voip-connections/test", json=given).json()["verification_evidence_id"]
        made = client.post("/acme/v1/voip-connections", json={**given, "verification_evidence_id": evidence})
        assert made.status_code == 201
        assert len(client.get("/acme/v1/voip-connections").json()) == 1
        assert client.get("/globex/v1/voip-connections").json() == []


# --- carriers that are in trouble ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Fault.status(401), 422, "credentials_rejected"),
        (Fault.status(403), 422, "permission_denied"),
        (Fault.status(429, headers={"Retry-After": "7"}), 429, "rate_limited"),
        (Fault.status(500), 503, "provider_unavailable"),
        (Fault.reset(), 503, "provider_unavailable"),
        (Fault.timeout(), 504, "provider_timeout"),
        (Fault.html(200), 502, "unexpected_response"),
        (Fault.truncated_json(), 502, "unexpected_response"),
    ],
)
def test_a_carrier_in_trouble_is_a_problem(client, telnyx, box, fault, status, code):
    connection = telnyx.created(client)
    box.fail("telnyx", "*", fault)

    answer = client.get(f"/v1/voip-connections/{connection['id']}/available-numbers")

    assert (answer.status_code, answer.json()["code"], answer.json()["provider"]) == (status, code, "telnyx")
    assert "errors" not in answer.json()  # the request itself is good
    assert answer.headers.get("retry-after") == {429: "7", 503: "5"}.get(status)
    assert telnyx.secret not in answer.text


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_no_answer_repeats_a_credential(client, telnyx, box):
    """Good, refused, malformed, misplaced: the key is nowhere in what comes back."""
    key = telnyx.secret
    given = {**telnyx.given, "verification_evidence_id": telnyx.tested(client)}
    bodies = [
        {**given, "credentials": {**given["credentials"], "api_key": f"{key}\n"}},
        {**given, "credentials": {key: key}},
        {**given, "credentials": [key]},
        {**given, "credentials": key},
        {**given, "sip_config": {"domain": key, key: key}},
        {**given, "provider": key},
        {**given, "name": [key]},
        {**given, key: key},
        {**given, "verification_evidence_id": key},
        {**given, "setup_method": key},
        [key],
    ]
    box.fail("telnyx", "*", Fault.echo_secret())
    answers = [client.post("/v1/voip-connections", json=body) for body in bodies]
    answers += [client.post("/v1/voip-connections/test", json=given)]
    answers += [client.post("/v1/voip-connections/test", json=telnyx.given)]
    answers += [client.post("/v1/voip-connections", content=f'{{"credentials": {{"api_key": "{key}"'.encode())]
    box.heal()
    made = telnyx.created(client)
    answers += [client.get("/v1/voip-connections"), client.get(f"/v1/voip-connections/{made['id']}")]

    leaks = [answer.text for answer in answers if key in answer.text]
    assert leaks == []


def test_no_log_and_no_frame_holds_a_credential(service, telnyx, caplog, monkeypatch):
    """Even when our own code breaks: the traceback with the locals of our frames, as Sentry would send it."""

    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError

    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(type(service), "create", broken)
    with (
        client_of(make_host(service)) as client,
        pytest.raises(ZeroDivisionError) as caught,
    ):
        client.post("/v1/voip-connections", json=telnyx.given)

    frames = [
        f for f, _ in traceback.walk_tb(caught.value.__traceback__) if "voipkit" in f.f_globals.get("__name__", "")
    ]
    assert [f.f_globals["__name__"] for f in frames if f.f_globals["__name__"].startswith("voipkit.web")]
    assert telnyx.secret not in "".join(f"{name}={value!r}" for f in frames for name, value in f.f_locals.items())
    assert telnyx.secret not in caplog.text


def test_a_refused_body_never_becomes_a_validation_error_of_fastapi(service, telnyx, monkeypatch):
    """FastAPI keeps the whole body on that error, and its telemetry sends it on."""

    def kept(self: object, *_args: object, **_kwargs: object) -> None:
        raise AssertionError("made")

    monkeypatch.setattr(RequestValidationError, "__init__", kept)
    with client_of(make_host(service)) as client:
        answer = client.post("/v1/voip-connections", json={**telnyx.given, "name": 5})

    assert answer.status_code == 422


# --- the event loop --------------------------------------------------------------------------------------------------


def test_a_slow_carrier_blocks_nobody(service, telnyx, box):
    """Twice as many requests as threads wait for a carrier; the loop ticks on, and listings are answered meanwhile."""
    threads, pause = 4, 0.4
    app = make_host(service, carrier_threads=threads, store_threads=2)
    original = box.exchange

    def slow(*args):
        time.sleep(pause)
        return original(*args)

    async def run() -> tuple[float, list[int], list[int]]:
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": "Bearer acme-user"}
        async with httpx.AsyncClient(transport=transport, base_url="http://host", headers=headers) as client:
            box.exchange = slow
            waiting = [
                asyncio.create_task(client.post("/v1/voip-connections/suggest-name", json=telnyx.given))
                for _ in range(2 * threads)
            ]
            longest, answered = 0.0, []
            await asyncio.sleep(0.05)
            while not all(task.done() for task in waiting):
                began = time.monotonic()
                await asyncio.sleep(0)
                longest = max(longest, time.monotonic() - began)
                answered.append((await client.get("/v1/voip-connections")).status_code)
                await asyncio.sleep(0.01)
            return longest, answered, [task.result().status_code for task in waiting]

    longest, answered, slow_ones = asyncio.run(run())

    assert set(slow_ones) == {200}
    assert longest < pause / 2
    assert len(answered) >= 5
    assert set(answered) == {200}


def test_of_many_requests_with_one_evidence_one_wins(service, telnyx, client):
    app, body = make_host(service), telnyx.create_body(client)

    async def run() -> list[httpx.Response]:
        headers = {"Authorization": "Bearer acme-user"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host", headers=headers) as each:
            return await asyncio.gather(*(each.post("/v1/voip-connections", json=body) for _ in range(8)))

    answers = asyncio.run(run())

    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 400} == {"evidence_reused"}
    assert len(client.get("/v1/voip-connections").json()) == 1
