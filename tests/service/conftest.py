"""A service over each kind of store, on a sandbox that counts what is written at the carriers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

import voipkit
from voipkit.evidence import KeyRing, generate_key
from voipkit.sandbox import Sandbox
from voipkit.service import ConnectionService
from voipkit.store import MemoryStore, SqlStore
from voipkit.store.sql_tables import metadata


class Clock:
    """A clock that tests turn."""

    def __init__(self):
        self.offset = timedelta(0)

    def __call__(self):
        return datetime.now(UTC) + self.offset

    def turn(self, **by):
        self.offset += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def key():
    return generate_key()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "sqlite":
        opened = SqlStore(tmp_path / "voipkit.db")
        opened.upgrade()
    else:
        opened = SqlStore(request.getfixturevalue("postgres_url"))
    yield opened
    opened.close()


def kept(store):
    """Every byte that an SQL store keeps: SQLite's files, or PostgreSQL's rows."""
    if store._engine.dialect.name == "sqlite":
        return b"".join(file.read_bytes() for file in Path(store._engine.url.database).parent.glob("*.db*"))
    with store._engine.connect() as database:
        rows = [database.execute(text(f"SELECT * FROM {name}")).all() for name in metadata.tables]
    return str(rows).encode()


def found_in(content, secrets):
    """Which secrets some bytes hold: as they are, or in base64 at any place of it."""
    return [secret for secret in secrets if any(form in content for form in _forms(secret.encode()))]


def _forms(secret):
    yield secret
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + secret)
        inner = encoded[4 if shift else 0 : -4]  # what the neighbours have no part in
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))


@pytest.fixture
def events():
    return []


class Desk:
    """A service with a sandbox, and short cuts for what most tests begin with."""

    def __init__(self, store, box: Sandbox, key: str, clock, events, **options):
        self.box, self.store, self.clock, self.events = box, store, clock, events
        options.setdefault("http", voipkit.HttpOptions(wire=box.wire, rate=10_000))
        options.setdefault("authorize_transfer", lambda transfer: True)
        self.service = ConnectionService(store, KeyRing.from_text(key), clock=clock, on_event=events.append, **options)

    def account(self, carrier="telnyx"):
        return {"credentials": self.box.credentials(carrier), "sip_config": self.box.sip_config(carrier)}

    def evidence(self, org="acme", carrier="telnyx", **changed):
        account = {**self.account(carrier), **changed}
        tested = self.service.test(org, carrier, account["credentials"], sip_config=account["sip_config"])
        assert tested.status == "pass", tested.test.failures
        return tested.verification_evidence_id

    def connect(self, org="acme", carrier="telnyx", **more):
        more.setdefault("evidence", self.evidence(org, carrier))
        return self.service.create(org, provider=carrier, **self.account(carrier), **more)

    def bought(self, count, carrier="telnyx"):
        """Put fresh numbers, routed nowhere, into the account."""
        return [number.phone_number for number in getattr(self.box, carrier).seed_numbers(count)]

    def imported(self, connection, numbers, org="acme", **more):
        report = self.service.import_numbers(org, connection.id, numbers, **more)
        return [self.service.number(org, result.id) for result in report.results if result.id]


@pytest.fixture
def desk(store, box, key, clock, events):
    return Desk(store, box, key, clock, events)


@pytest.fixture
def service(desk):
    return desk.service
