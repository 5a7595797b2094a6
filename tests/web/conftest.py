"""A host with two tenants on the sandbox, and a client of each."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
import pytest
import uvicorn
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI, Header, HTTPException

import voipkit
from voipkit.evidence import KeyRing, generate_key
from voipkit.sandbox import Sandbox
from voipkit.service import ConnectionService
from voipkit.store import MemoryStore, SqlStore, Store
from voipkit.web import create_router

USERS = {"acme-user": "acme", "globex-user": "globex"}


@pytest.fixture
def store() -> Store:
    return MemoryStore()


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def each_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of every kind, in turn."""
    match request.param:
        case "memory":
            made: MemoryStore | SqlStore = MemoryStore()
        case "sqlite":
            made = SqlStore(tmp_path / "voipkit.db")
            made.upgrade()
        case _:
            made = SqlStore(request.getfixturevalue("postgres_url"))
    yield made
    made.close()


@pytest.fixture
def service(store: Store, box: Sandbox) -> ConnectionService:
    return make_service(store, box)


def make_service(store: Store, box: Sandbox) -> ConnectionService:
    return ConnectionService(
        store,
        KeyRing.from_text(generate_key()),
        http=voipkit.HttpOptions(wire=box.wire, rate=10_000, retries=0),
        authorize_transfer=lambda transfer: "globex" in (transfer.from_org_id, transfer.to_org_id),
    )


def authenticate(authorization: Annotated[str, Header()] = "") -> str:
    user = authorization.removeprefix("Bearer ")
    if user not in USERS:
        raise HTTPException(401, "who are you?")
    return user


def tenant(authorization: Annotated[str, Header()]) -> str:
    return USERS[authorization.removeprefix("Bearer ")]


def make_host(service: ConnectionService, **options: Any) -> FastAPI:
    app = FastAPI()
    app.include_router(create_router(service, authenticate=authenticate, tenant=tenant, **options))
    return app


@pytest.fixture
def host(service: ConnectionService) -> FastAPI:
    return make_host(service)


class Client:
    """`httpx.AsyncClient` over an application in this process, for tests that are no coroutines.

    Starlette's own test client warns about httpx since 1.0.
    """

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self._portal = portal
        self._client = client

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, path, **more))

    def __getattr__(self, method: str) -> Callable[..., httpx.Response]:
        if method not in ("get", "post", "put", "patch", "delete"):
            raise AttributeError(method)
        return partial(self.request, method.upper())


@contextmanager
def client_of(app: FastAPI, user: str | None = "acme-user", *, raising: bool = True) -> Iterator[Client]:
    """Open a client; what the application raises is raised here unless ``raising`` is False."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=raising)
    headers = {"Authorization": f"Bearer {user}"} if user else {}
    client = httpx.AsyncClient(transport=transport, base_url="http://host", headers=headers)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield Client(portal, client)


@contextmanager
def server_of(app: FastAPI, lifespan: Literal["on", "off"] = "off") -> Iterator[str]:
    """Serve an application on the loopback interface, in a thread; gives its URL."""
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan=lifespan))
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def client(host: FastAPI) -> Iterator[Client]:
    """Acme's."""
    with client_of(host) as made:
        yield made


@pytest.fixture
def stranger(host: FastAPI) -> Iterator[Client]:
    """Globex's."""
    with client_of(host, "globex-user") as made:
        yield made


class Telnyx:
    """What a client sends for the sandbox's Telnyx account."""

    def __init__(self, box: Sandbox) -> None:
        self.given: dict[str, Any] = {
            "provider": "telnyx",
            "credentials": box.credentials("telnyx"),
            "sip_config": box.sip_config("telnyx"),
        }
        self.secret: str = self.given["credentials"]["api_key"]

    def tested(self, client: Client | httpx.Client) -> str:
        answer = client.post("/v1/voip-connections/test", json=self.given)
        assert answer.status_code == 200, answer.text
        evidence: str = answer.json()["verification_evidence_id"]
        return evidence

    def create_body(self, client: Client | httpx.Client, **more: Any) -> dict[str, Any]:
        return {**self.given, "verification_evidence_id": self.tested(client), **more}

    def created(self, client: Client | httpx.Client, **more: Any) -> dict[str, Any]:
        answer = client.post("/v1/voip-connections", json=self.create_body(client, **more))
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    def available(self, client: Client | httpx.Client, connection_id: int) -> list[str]:
        answer = client.get(f"/v1/voip-connections/{connection_id}/available-numbers")
        assert answer.status_code == 200, answer.text
        return [number["number"] for number in answer.json()]

    def imported(self, client: Client | httpx.Client, connection_id: int, *numbers: str) -> list[dict[str, Any]]:
        answer = client.post(
            f"/v1/voip-connections/{connection_id}/import-numbers",
            json={"numbers": numbers, "on_conflict": "overwrite"},
        )
        assert answer.status_code == 200, answer.text
        results: list[dict[str, Any]] = answer.json()["results"]
        return results


@pytest.fixture
def telnyx(box: Sandbox) -> Telnyx:
    return Telnyx(box)


def rows(store: Store, *orgs: str) -> dict[str, list[Any]]:
    """Everything that the store holds of these tenants, to see that nothing was written."""
    found = {}
    for org in orgs or ("acme", "globex"):
        with store.transaction(org) as tx:
            found[org] = [
                tx.connections(limit=1000).items,
                tx.numbers(limit=1000).items,
                tx.audit(limit=1000).items,
            ]
    return found
