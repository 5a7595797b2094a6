"""PostgreSQL locks row by row: two that lock the same rows in different orders wait for each other, and one is ended.

So every change of several rows locks them in one order. Each test stops a first transaction between two rows, lets a
second one come to where it waits, and goes on with the first: that must not meet a row which the second one holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from voipkit.models import NewConnection, NewPhoneNumber
from voipkit.store import SqlStore, StoreTransaction

Step = Callable[[StoreTransaction], object]


@pytest.fixture
def store(postgres_url: str) -> Iterator[SqlStore]:
    """A store on PostgreSQL."""
    opened = SqlStore(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def meet(store: SqlStore, postgres_url: str) -> Iterator[Callable[[Step, Step, Step], None]]:
    """Do the first's two steps in one transaction, and the second's after the first step, at the same time."""
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as observer:

        def until_it_waits() -> None:
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            deadline = time.monotonic() + 4
            while observer.execute(waiting).fetchone() == (0,):
                assert time.monotonic() < deadline, "the second transaction never came to wait for the first"
                time.sleep(0.01)

        def in_one(step: Step) -> None:
            with store.transaction("a") as tx:
                step(tx)

        def run(first: Step, second: Step, then: Step) -> None:
            with ThreadPoolExecutor(1) as pool:
                with store.transaction("a") as tx:
                    first(tx)
                    other = pool.submit(in_one, second)
                    until_it_waits()
                    then(tx)
                other.result()

        yield run


@pytest.fixture
def ids(store: SqlStore) -> list[int]:
    """The ids of numbers of one connection, which a scan finds in reverse, since they were written anew so."""
    with store.transaction("a") as tx:
        connection = tx.add_connection(NewConnection(name="x", provider="p", setup_method="s"))
        new = [NewPhoneNumber(number=f"+1555{k:07}", voip_connection_id=connection.id) for k in range(400)]
        ids = [number.id for number in tx.add_numbers(new)]
    with store.transaction("a") as tx:
        for number_id in reversed(ids):
            tx.update_number(number_id, label="x")
    return ids


def test_numbers_that_are_added(meet: Callable[[Step, Step, Step], None]) -> None:
    def add(*numbers: str) -> Step:
        return lambda tx: tx.add_numbers([NewPhoneNumber(number=number) for number in numbers])

    meet(add("+15550000001"), add("+15550000002", "+15550000001"), add("+15550000002"))


def test_numbers_that_are_changed_differently(meet: Callable[[Step, Step, Step], None], ids: list[int]) -> None:
    one, two, three = ids[:3]

    meet(
        lambda tx: tx.update_number(two, label="y"),
        lambda tx: tx.update_numbers({one: {"label": "z"}, two: {"status": "failed"}, three: {"label": "z"}}),
        lambda tx: tx.update_number(three, label="y"),
    )


def test_numbers_that_are_deleted(meet: Callable[[Step, Step, Step], None], ids: list[int]) -> None:
    meet(
        lambda tx: tx.update_number(ids[0], label="y"),
        lambda tx: tx.delete_numbers(ids),
        lambda tx: tx.update_number(ids[1], label="y"),
    )


def test_numbers_of_a_connection_that_is_deleted(
    meet: Callable[[Step, Step, Step], None], store: SqlStore, ids: list[int]
) -> None:
    with store.transaction("a") as tx:
        connection_id = tx.number(ids[0]).voip_connection_id or 0

    meet(
        lambda tx: tx.update_number(ids[0], label="y"),
        lambda tx: tx.delete_connection(connection_id),
        lambda tx: tx.update_number(ids[1], label="y"),
    )


def test_connections_of_which_one_is_the_default(meet: Callable[[Step, Step, Step], None], store: SqlStore) -> None:
    with store.transaction("a") as tx:
        one, two = [tx.add_connection(NewConnection(name="x", provider="p", setup_method="s")).id for _ in range(2)]

    meet(
        lambda tx: tx.connection(one, lock=True),
        lambda tx: tx.set_default_outbound(two),
        lambda tx: tx.set_default_outbound(two),
    )


def test_numbers_that_are_read_to_be_changed(meet: Callable[[Step, Step, Step], None], ids: list[int]) -> None:
    """They are what the first transaction made of them, and wait for it."""
    names = [f"+1555{k:07}" for k in reversed(range(400))]
    seen = []

    meet(
        lambda tx: tx.update_number(ids[0], label="y"),
        lambda tx: seen.extend(number.label for number in tx.numbers_named(names, lock=True)),
        lambda tx: tx.update_number(ids[1], label="y"),
    )

    assert sorted(seen) == ["x"] * 398 + ["y", "y"]
