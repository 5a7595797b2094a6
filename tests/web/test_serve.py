"""`voipkit serve`: a process of its own, on SQLite, with one token; and the application that it runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from tests.adapting.server import localhost_context, reply
from tests.adapting.server import serving as serving_tls
from tests.web.conftest import Telnyx, client_of
from voipkit.errors import ConfigurationError
from voipkit.evidence import generate_key
from voipkit.sandbox import Sandbox
from voipkit.web import create_app

TOKEN = "a-token-of-a-test-run"


# --- the application -------------------------------------------------------------------------------------------------


@pytest.fixture
def app(service):
    return create_app(service, token=SecretStr(TOKEN))


def test_a_short_token_is_refused(service):
    with pytest.raises(ConfigurationError):
        create_app(service, token=SecretStr("short"))


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü", TOKEN]
)
def test_only_the_token_lets_in(app, header):
    headers = {} if header is None else {"Authorization": header.encode()}
    with client_of(app, None) as client:
        answer = client.get("/v1/voip-connections", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_no_page_of_strangers_scripts_is_served(app, path):
    with client_of(app, TOKEN) as client:
        assert client.get(path).status_code == 404
        assert client.get("/openapi.json").json()["info"]["title"] == "voipkit"


def test_the_token_lets_in(app):
    with client_of(app, None) as client:
        assert client.get("/v1/voip-connections", headers={"Authorization": f"bearer {TOKEN}"}).json() == []


def test_unknown_paths_and_methods_are_problems(app):
    with client_of(app, TOKEN) as client:
        missing, method = client.get("/v1/nothing"), client.put("/v1/voip-connections")

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (method.status_code, method.json()["code"]) == (405, "method_not_allowed")
    assert method.headers["allow"] == "GET, POST"


def test_a_mistake_of_ours_tells_the_client_nothing(app, service, monkeypatch):
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError("a detail")

    monkeypatch.setattr(type(service), "list", broken)
    with client_of(app, TOKEN, raising=False) as client:
        answer = client.get("/v1/voip-connections")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "a detail" not in answer.text


def test_the_application_recovers_when_it_starts_and_survives_its_failure(app, service, monkeypatch, caplog):
    done = threading.Event()

    def broken(_self: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(service), "recover", broken)
    monkeypatch.setattr(type(service), "maintain", lambda _self: done.set())

    async def started() -> None:
        async with app.router.lifespan_context(app):
            assert await asyncio.to_thread(done.wait, 10)

    asyncio.run(started())
    assert "ZeroDivisionError" in caplog.text


# --- the process -----------------------------------------------------------------------------------------------------


@contextmanager
def serving(box: Sandbox, folder: Path, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `voipkit serve` on the sandbox; gives its URL."""
    with box.serve() as sandbox:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "voipkit.cli", "serve", "--port", "0", "--json"],
            env={
                **os.environ,
                "VOIPKIT_BASE_URL": sandbox,
                "VOIPKIT_DATABASE_URL": f"sqlite:///{folder / 'voipkit.db'}",
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, process.communicate(timeout=10)
            yield json.loads(line), process
        finally:
            process.kill()
            process.communicate(timeout=10)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_keeps_and_stops(stop, box, tmp_path):
    key = generate_key()
    telnyx = Telnyx(box)
    with serving(box, tmp_path, VOIPKIT_SECRET_KEY=key) as (said, process):
        with httpx.Client(
            base_url=said["url"], headers={"Authorization": f"Bearer {said['token']}"}, timeout=60
        ) as client:
            connection = telnyx.created(client, name="Kept")
            assert telnyx.available(client, connection["id"])
        process.send_signal(stop)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert not list(tmp_path.glob("*-wal"))  # the store was closed in order
        assert telnyx.secret not in out + err
        assert said["token"] not in out + err

    with serving(box, tmp_path, VOIPKIT_SECRET_KEY=key, VOIPKIT_API_TOKEN=TOKEN) as (said, _):
        assert said["token"] is None
        with httpx.Client(base_url=said["url"], headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60) as client:
            assert [c["name"] for c in client.get("/v1/voip-connections").json()] == ["Kept"]
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert telnyx.secret.encode() not in everything


def test_carriers_are_asked_by_the_authorities_of_the_environment(box, tmp_path):
    context, pem = localhost_context(tmp_path)
    telnyx = Telnyx(box)
    with serving_tls(lambda handler, _: reply(handler, status=401), context) as (url, seen):
        environment = {"VOIPKIT_SECRET_KEY": generate_key(), "VOIPKIT_API_TOKEN": TOKEN, "VOIPKIT_BASE_URL": url}
        with serving(box, tmp_path, **environment, VOIPKIT_CA_BUNDLE=str(pem)) as (said, _):
            answer = httpx.post(
                said["url"] + "/v1/voip-connections/test",
                json=telnyx.given, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60,
            )  # fmt: skip

    assert seen.requests, answer.text


def ended(tmp_path, *options, **environment):
    """Run `voipkit serve` where it ends by itself; a variable that is None is not set."""
    given = {**os.environ, "VOIPKIT_DATABASE_URL": f"sqlite:///{tmp_path / 'voipkit.db'}", **environment}
    return subprocess.run(
        [sys.executable, "-m", "voipkit.cli", "serve", *options],
        env={name: value for name, value in given.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_bundle_that_cannot_be_read_ends_it_before_it_serves(tmp_path):
    (tmp_path / "broken.pem").write_text("no certificate")
    bundle = str(tmp_path / "broken.pem")
    done = ended(tmp_path, "--port", "0", "--ca-bundle", bundle, VOIPKIT_SECRET_KEY=generate_key())

    assert done.returncode == 2
    assert "ca_bundle" in done.stderr


def test_it_says_what_is_missing(tmp_path):
    done = ended(tmp_path, "--port", "0", VOIPKIT_SECRET_KEY=None)

    assert done.returncode == 2
    assert "VOIPKIT_SECRET_KEY" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = ended(tmp_path, "--port", str(taken.getsockname()[1]), VOIPKIT_SECRET_KEY=generate_key())

    assert done.returncode == 2
    assert "cannot be used" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
