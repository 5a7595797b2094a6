"""What operations cost the database: statements are counted, and their number does not grow with the data."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from sqlalchemy import event

pytestmark = pytest.mark.parametrize("store", ["sqlite", "postgres"], indirect=True)


@contextmanager
def counted(store):
    """Count what the driver is given, statement by statement; a rewritten batch counts as often as it is sent."""
    seen = []

    def note(_connection, _cursor, statement, *_):
        seen.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


def test_create(desk, service, store):
    evidence = desk.evidence()

    with counted(store) as seen:
        desk.connect(evidence=evidence, idempotency_key="k", name="Acme")

    assert len(seen) <= 8, seen


@pytest.mark.parametrize("size", [10, 1500])
def test_listing_numbers(desk, service, store, size):
    connection = desk.connect()
    from voipkit.models import NewPhoneNumber

    with store.transaction("acme") as tx:
        tx.add_numbers([NewPhoneNumber(number=f"+1555{n:07}", voip_connection_id=connection.id) for n in range(size)])

    with counted(store) as seen:
        page = service.numbers("acme", limit=100)

    assert len(page.items) == min(size, 100)
    assert len(seen) <= 3, seen


def test_importing_a_thousand(desk, service, store):
    connection = desk.connect()
    small, large = desk.bought(10), desk.bought(1000)

    with counted(store) as few:
        service.import_numbers("acme", connection.id, small, idempotency_key="a")
    with counted(store) as many:
        report = service.import_numbers("acme", connection.id, large, idempotency_key="b")

    assert report.imported_count == 1000
    batches = sum("INSERT INTO voipkit_numbers" in s or "INSERT INTO voipkit_number_versions" in s for s in many)
    assert len(many) - batches <= 20, many
    assert len(many) - batches <= len(few)


def test_reading_and_changing_do_not_grow(desk, service, store):
    connection = desk.connect()
    numbers = desk.imported(connection, desk.bought(5))

    def statements(call, *args, **kwargs):
        with counted(store) as seen:
            call(*args, **kwargs)
        return len(seen)

    calls = {
        "get": lambda: service.get("acme", connection.id),
        "list": lambda: service.list("acme"),
        "number": lambda: service.number("acme", numbers[0].id),
        "verify": lambda: service.verify_number("acme", numbers[0].id),
        "capacity": lambda: service.capacity("acme"),
        "warnings": lambda: service.warnings("acme"),
        "rotate": lambda: service.update("acme", connection.id, **desk.account(), evidence=evidence),
    }
    evidence = desk.evidence()
    before = {name: statements(call) for name, call in calls.items()}
    desk.imported(connection, desk.bought(200))
    evidence = desk.evidence()
    after = {name: statements(call) for name, call in calls.items()}

    for name in ("get", "list", "number", "verify", "capacity"):
        assert after[name] <= before[name], name
    assert after["rotate"] <= before["rotate"] + 2  # the history, where a status changes
    assert after["warnings"] <= before["warnings"] + 1
