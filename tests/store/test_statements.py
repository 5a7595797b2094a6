"""What it costs: statements are counted, and no page costs more than another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from sqlalchemy import Connection as Database
from sqlalchemy import event

from voipkit.models import (
    ItemResult,
    NewAuditEntry,
    NewConnection,
    NewJob,
    NewNumberVersion,
    NewOperation,
    NewPhoneNumber,
)
from voipkit.store import SqlStore
from voipkit.store.sql_transaction import SqlTransaction
from voipkit.testing.stores import EVIDENCE, MINUTE, T0, sealed

Counting = Callable[[], "contextmanager[list[str]]"]


@pytest.fixture
def counting(store: SqlStore) -> Counting:
    """Count every statement that the driver is given; one with many parameter sets counts once."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        seen: list[str] = []

        def note(_c: object, _cursor: object, statement: str, _p: object, _x: object, _many: object) -> None:
            seen.append(statement)

        event.listen(store._engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            event.remove(store._engine, "before_cursor_execute", note)

    store.check()
    return count


def numbers(count: int, connection_id: int | None, first: int = 0) -> list[NewPhoneNumber]:
    return [
        NewPhoneNumber(number=f"+1555{n:07}", voip_connection_id=connection_id, created_at=T0 + n * MINUTE)
        for n in range(first, first + count)
    ]


def fill(store: SqlStore, size: int) -> int:
    with store.transaction("a") as tx:
        made = tx.add_connection(NewConnection(name="x", provider="p", setup_method="s"))
        tx.add_credentials(sealed("a", made.id))
        tx.add_numbers(numbers(size, made.id))
        tx.add_versions(
            [NewNumberVersion(number_id=1, number="+15550000000", action="x", status="active") for _ in range(size)]
        )
        tx.add_audit([NewAuditEntry(action="x", object_type="x", created_at=T0 + n * MINUTE) for n in range(size)])
        tx.add_job(NewJob(kind="verify"), [f"+1555{n:07}" for n in range(size)])
        for _ in range(3):
            tx.begin_operation(NewOperation(kind="k", step="s", worker="w", lease_until=T0))
    return made.id


@pytest.mark.parametrize("size", [1, 500])
def test_every_method_sends_as_many_statements_for_many_as_for_one(
    store: SqlStore, counting: Counting, size: int
) -> None:
    made = fill(store, size)
    locks = int(store._engine.dialect.name == "postgresql")  # SQLite has one writer, so there are no rows to lock
    calls = {
        "connection": (1, lambda tx: tx.connection(made)),
        "connections": (1, lambda tx: tx.connections()),
        "update_connection": (2, lambda tx: tx.update_connection(made, name="y")),
        "set_default_outbound": (2 + locks, lambda tx: tx.set_default_outbound(made)),
        "generations": (1, lambda tx: tx.generations(made)),
        "set_generation": (1, lambda tx: tx.set_generation(made, 1, "active")),
        "numbers": (1, lambda tx: tx.numbers(limit=100)),
        "numbers of a connection": (1, lambda tx: tx.numbers(connection_id=made, statuses=["active"])),
        "number": (1, lambda tx: tx.number(1)),
        "numbers_named": (1, lambda tx: tx.numbers_named([f"+1555{n:07}" for n in range(size)])),
        "locked": (1, lambda tx: tx.numbers_named([f"+1555{n:07}" for n in range(size)], lock=True)),
        "number_counts": (1, lambda tx: tx.number_counts()),
        "update_number": (1, lambda tx: tx.update_number(1, label="x")),
        "update_numbers": (1, lambda tx: tx.update_numbers({n + 1: {"status": "active"} for n in range(size)})),
        "versions": (1, lambda tx: tx.versions(1)),
        "audit": (1, lambda tx: tx.audit()),
        "spend": (1, lambda tx: tx.spend(EVIDENCE, 2e9)),
        "operations": (1, lambda tx: tx.operations()),
        "job": (2, lambda tx: tx.job(1)),
        "jobs": (2, lambda tx: tx.jobs()),
        "job_items": (1, lambda tx: tx.job_items(1)),
        "claim_items": (1, lambda tx: tx.claim_items(1, "w", limit=size, at=T0, lease_until=T0 + MINUTE)),
        "settle_items": (
            3,
            lambda tx: tx.settle_items(1, "w", [ItemResult(item_id=n + 1, status="done") for n in range(size)], at=T0),
        ),
        "delete_numbers": (2 + locks, lambda tx: tx.delete_numbers(range(1, size // 2 + 1) or [1])),
        "delete_connection": (4 + locks, lambda tx: tx.delete_connection(made)),
    }
    sent = {}
    for name, (_, call) in calls.items():
        with store.transaction("a") as tx, counting() as seen:
            call(tx)
        sent[name] = len(seen)

    assert sent == {name: wanted for name, (wanted, _) in calls.items()}


def test_an_import_of_1000_numbers_is_a_handful_of_statements(store: SqlStore, counting: Counting) -> None:
    with store.transaction("a") as tx:
        made = tx.add_connection(NewConnection(name="x", provider="p", setup_method="s"))
    with counting() as seen:
        taken = store.taken([f"+1555{n:07}" for n in range(1000)])
        with store.transaction("a") as tx:
            added = tx.add_numbers(numbers(1000, made.id))
            tx.add_versions(
                [NewNumberVersion(number_id=n.id, number=n.number, action="x", status=n.status) for n in added]
            )
            tx.add_audit([NewAuditEntry(action="x", object_type="number", object_id=n.id) for n in added])
            tx.update_numbers({n.id: {"status": "active", "updated_at": T0} for n in added})

    assert (len(taken), len(added)) == (0, 1000)
    assert len(seen) <= 8, seen


def test_the_first_use_looks_at_the_schema_and_the_next_does_not(url: str) -> None:
    seen: list[str] = []
    store = SqlStore(url)
    event.listen(store._engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    for _ in range(3):
        with store.transaction("a", read_only=True) as tx:
            tx.numbers()
    store.close()

    assert len([text for text in seen if "voipkit_schema" in text and "version_num" in text]) == 1
    assert len([text for text in seen if "FROM voipkit_numbers" in text]) == 3


# --- pages -----------------------------------------------------------------------------------------------------------

_LISTINGS = {
    "numbers": lambda tx, cursor: tx.numbers(limit=100, cursor=cursor),
    "numbers of a connection": lambda tx, cursor: tx.numbers(limit=100, connection_id=1, cursor=cursor),
    "versions": lambda tx, cursor: tx.versions(1, limit=100, cursor=cursor),
    "audit": lambda tx, cursor: tx.audit(limit=100, cursor=cursor),
}


@pytest.mark.parametrize("name", _LISTINGS)
def test_a_page_is_found_by_an_index(store: SqlStore, name: str) -> None:
    """The first and a later one: nothing is read and thrown away, and nothing is sorted."""
    fill(store, 2000)
    with store.transaction("a") as tx:
        tx.add_numbers(numbers(5, 1, 5000))
    sent: list[tuple[str, object]] = []
    with store.transaction("a") as tx:
        if store._engine.dialect.name == "postgresql":
            tx._database.exec_driver_sql("ANALYZE")
        event.listen(store._engine, "before_cursor_execute", lambda *given: sent.append((given[2], given[3])))
        page = _LISTINGS[name](tx, None)
        _LISTINGS[name](tx, page.next_cursor)
        plans = [_plan(tx._database, *each) for each in list(sent)]

    assert len(plans) == 3  # the first page, the rest of a moment, and what is older
    for plan in plans:
        assert "SCAN" not in plan
        assert "Seq Scan" not in plan
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan
        assert "USING INDEX ix_voipkit" in plan or "using ix_voipkit" in plan, plan
    assert re.search(r"created_at=\? AND (id|rowid)<\?|Index Cond: .*created_at = .*id < ", plans[1]), plans[1]
    assert re.search(r"created_at<\?|Index Cond: .*created_at < ", plans[2]), plans[2]


def _plan(database: Database, statement: str, parameters: object) -> str:
    word = "EXPLAIN QUERY PLAN" if database.dialect.name == "sqlite" else "EXPLAIN"
    rows = database.exec_driver_sql(f"{word} {statement}", parameters)
    return "\n".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "all at one moment"])
def test_a_late_page_costs_what_the_first_one_costs(store: SqlStore, at_once: bool) -> None:
    """Of 10,000 numbers; a bulk import makes all of its numbers at one moment."""
    with store.transaction("a") as tx:
        made = tx.add_connection(NewConnection(name="x", provider="p", setup_method="s"))
        for first in range(0, 10_000, 5000):
            new = numbers(5000, made.id, first)
            tx.add_numbers([n.model_copy(update={"created_at": T0}) for n in new] if at_once else new)
    cursors: list[str | None] = [None]
    with store.transaction("a") as tx:
        if store._engine.dialect.name == "postgresql":
            tx._database.exec_driver_sql("ANALYZE")  # otherwise it takes the table for small, and reads all of it
        while cursor := tx.numbers(limit=100, cursor=cursors[-1]).next_cursor:
            cursors.append(cursor)
        assert len(cursors) == 100
        first, last = _work(tx, cursors[0]), _work(tx, cursors[-1])

    assert last / first <= 1.5


def _work(tx: SqlTransaction, cursor: str | None) -> int:
    """Return what a page costs the database: SQLite's instructions, or the blocks that PostgreSQL looks at."""
    sent: list[tuple[str, object]] = []

    def note(*given: object) -> None:
        sent.append((given[2], given[3]))

    event.listen(tx._database, "before_cursor_execute", note)
    steps = count()
    driver = tx._database.connection.driver_connection
    if tx._database.dialect.name == "sqlite":
        driver.set_progress_handler(lambda: next(steps) < 0, 1)
    assert len(tx.numbers(limit=100, cursor=cursor).items) == 100
    event.remove(tx._database, "before_cursor_execute", note)
    if tx._database.dialect.name == "sqlite":
        driver.set_progress_handler(None, 0)
        return next(steps)
    explained = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    plans = [tx._database.exec_driver_sql(explained + text, values).scalar()[0]["Plan"] for text, values in sent]
    return sum(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] for plan in plans)
