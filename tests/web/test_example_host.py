"""examples/fastapi_host.py does what the embedding guide says, as a real server would run it."""

from __future__ import annotations

import importlib.util
import logging
import sys
from pathlib import Path

import httpx
import pytest

from tests.web.conftest import Telnyx, server_of
from voipkit.evidence import generate_key
from voipkit.store import SqlStore

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "fastapi_host.py"


@pytest.fixture
def example():
    spec = importlib.util.spec_from_file_location("fastapi_host", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules["fastapi_host"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["fastapi_host"]


@pytest.fixture
def ada(example, box, tmp_path, monkeypatch):
    """Ada's browser, at a running host."""
    database = f"sqlite:///{tmp_path / 'host.db'}"
    store = SqlStore(database)
    store.upgrade()
    store.close()
    monkeypatch.setenv("VOIPKIT_SECRET_KEY", generate_key())
    monkeypatch.setenv("VOIPKIT_DATABASE_URL", database)
    with box.serve() as carriers:
        monkeypatch.setenv("VOIPKIT_BASE_URL", carriers)
        with server_of(example.host(), lifespan="on") as url:
            headers = {"Authorization": "Bearer token-of-ada", "X-Organization": "acme"}
            with httpx.Client(base_url=f"{url}/telephony", headers=headers, timeout=30) as client:
                yield client


def test_a_customer_brings_a_carrier_along(ada, box, caplog):
    caplog.set_level(logging.INFO, "host")
    telnyx = Telnyx(box)

    connection = telnyx.created(ada)
    (number,) = telnyx.imported(ada, connection["id"], telnyx.available(ada, connection["id"])[0])
    assert ada.post(f"/v1/phone-numbers/{number['id']}/verify-voip").json()["status"] == "active"
    moved = ada.post(f"/v1/phone-numbers/{number['id']}/transfer", json={"to_org_id": "globex"})

    assert moved.status_code == 200, moved.text
    globex = ada.get("/v1/phone-numbers", headers={"X-Organization": "globex"})
    assert [n["number"] for n in globex.json()] == [number["number"]]
    assert "connection.created in acme by ada" in caplog.text
    assert telnyx.secret not in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer token-of-grace"}, 403),
        ({"X-Organization": "initech"}, 403),
    ],
)
def test_others_stay_out(ada, headers, status):
    assert ada.get("/v1/voip-connections", headers=headers).status_code == status


def test_a_transfer_needs_both_sides(ada, box):
    telnyx = Telnyx(box)
    connection = telnyx.created(ada)
    (number,) = telnyx.imported(ada, connection["id"], telnyx.available(ada, connection["id"])[0])

    answer = ada.post(f"/v1/phone-numbers/{number['id']}/transfer", json={"to_org_id": "initech"})

    assert (answer.status_code, answer.json()["code"]) == (403, "transfer_refused")


def test_the_embedding_guide_shows_it():
    """The formatter once took the marker for an expression, and the page showed the marker."""
    assert '\n--8<-- "examples/fastapi_host.py"\n' in (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")
