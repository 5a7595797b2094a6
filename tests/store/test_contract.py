"""The contract of a store, on all three."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voipkit.store import MemoryStore, SqlStore
from voipkit.testing.stores import StoreTests


class TestMemory(StoreTests):
    @pytest.fixture
    def store(self) -> Iterator[MemoryStore]:
        store = MemoryStore()
        yield store
        store.close()


class TestSqlite(StoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqlStore]:
        store = SqlStore(tmp_path / "voipkit.db")
        store.upgrade()
        yield store
        store.close()


class TestPostgresql(StoreTests):
    @pytest.fixture
    def store(self, postgres_url: str) -> Iterator[SqlStore]:
        store = SqlStore(postgres_url)
        yield store
        store.close()


def test_memory_and_sealing_need_no_database_layer() -> None:
    code = (
        "import sys; from voipkit.store import MemoryStore, Sealer, Store; MemoryStore().check(); "
        "print(*{'sqlalchemy', 'alembic', 'psycopg', 'sqlite3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
