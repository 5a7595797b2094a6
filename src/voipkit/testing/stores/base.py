"""The fixture, the moment at which everything happens, and how records are made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier, Thread
from typing import Any

import pytest

from voipkit.models import (
    Check,
    Connection,
    Job,
    NewConnection,
    NewJob,
    NewNumberVersion,
    NewOperation,
    NewPhoneNumber,
    Page,
    PhoneNumber,
    SealedCredentials,
)
from voipkit.store.port import Store

T0 = datetime(2026, 4, 20, 18, 24, 10, 113_001, tzinfo=UTC)
"""The moment at which everything here happens, give or take."""
MINUTE = timedelta(minutes=1)
EVIDENCE = "b9a2c1d0-0000-4000-8000-000000000001"


# --- how records are made --------------------------------------------------------------------------------------------


def check(code: str = "telnyx.key") -> Check:
    """Return a check with every field that a store must keep."""
    return Check(
        name="Key", direction="account", status="pass", code=code, message="Größe, 'quoted' %s :x", checked_at=T0
    )


def connection(name: str = "Acme", **fields: Any) -> NewConnection:
    """Return a connection to be stored."""
    return NewConnection(
        **{"name": name, "provider": "telnyx", "setup_method": "api_key", "created_at": T0, "updated_at": T0, **fields}
    )


def number(text: str, **fields: Any) -> NewPhoneNumber:
    """Return a number to be stored."""
    return NewPhoneNumber(**{"number": text, "created_at": T0, "updated_at": T0, **fields})


def sealed(org_id: str, connection_id: int, generation: int = 1, **fields: Any) -> SealedCredentials:
    """Return credentials to be stored; a store does not know that this ciphertext is none."""
    place = {"org_id": org_id, "connection_id": connection_id, "generation": generation, "provider": "telnyx"}
    return SealedCredentials(
        **{**place, "kid": "k1", "sealed": b"\x01\x00\xff sealed", "state": "active", "created_at": T0, **fields}
    )


def operation(**fields: Any) -> NewOperation:
    """Return an operation to be begun."""
    return NewOperation(
        **{"kind": "rotate", "step": "stage", "worker": "w1", "lease_until": T0 + MINUTE, "created_at": T0, **fields}
    )


class StoreTestsBase:
    """What every part of the contract is made of."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """Yield an empty store: the one fixture that a store's author writes."""
        msg = f"{type(self).__name__} needs a fixture 'store' that yields an empty store"
        raise NotImplementedError(msg)

    def connection(self, store: Store, org_id: str = "a", **fields: Any) -> Connection:
        """Store a connection."""
        with store.transaction(org_id) as tx:
            return tx.add_connection(connection(**fields))

    def numbers(self, store: Store, *texts: str) -> tuple[PhoneNumber, ...]:
        """Store numbers of tenant a."""
        with store.transaction("a") as tx:
            return tx.add_numbers([number(text) for text in texts])

    def job(self, store: Store, size: int) -> Job:
        """Store a job of tenant a."""
        with store.transaction("a") as tx:
            return tx.add_job(NewJob(kind="verify", created_at=T0), [f"+1555000{n:04}" for n in range(size)])


class Undo(Exception):
    """Leave a block without a trace."""


def version(of: PhoneNumber, action: str = "number.assigned", created_at: datetime = T0) -> NewNumberVersion:
    """Return a version to be stored."""
    return NewNumberVersion(
        number_id=of.id, number=of.number, action=action, actor="ann", status=of.status, inbound_agent_id="x",
        created_at=created_at,
    )  # fmt: skip


def every(page: Any, size: int) -> list[Any]:
    """Walk every page, and look that none is too large and that the last one says so."""
    found: list[Any] = []
    cursor = None
    for _ in count():
        got: Page[Any] = page(size, cursor)
        assert len(got.items) <= size
        found += got.items
        cursor = got.next_cursor
        if cursor is None:
            return found
        assert len(got.items) == size
    raise AssertionError


def race(threads: int, run: Any) -> list[Any]:
    """Run something in threads that begin at the same moment, and return what each returned."""
    barrier = Barrier(threads)
    results: list[Any] = [None] * threads

    def one(n: int) -> None:
        barrier.wait(10)
        try:
            results[n] = run(n)
        except BaseException as error:
            results[n] = error

    running = [Thread(target=one, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
        assert not thread.is_alive()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results
