"""Both databases, and programs that run against them in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Postgres
from voipkit.store import SqlStore

_WORKER = """
import json, sys, traceback
from datetime import UTC, datetime, timedelta
from voipkit.errors import *
from voipkit.models import *
from voipkit.store import *
T0, MINUTE = datetime(2026, 4, 20, tzinfo=UTC), timedelta(minutes=1)
for line in sys.stdin:
    url, warm, program = json.loads(line)
    store = SqlStore(url)
    getattr(store, warm)()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        exec(program, {**globals(), "n": int(sys.argv[1])})
    except Exception:
        print(json.dumps(traceback.format_exc()))
    store.close()
    sys.stdout.flush()
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database with tables."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    path = f"sqlite:///{tmp_path / 'voipkit.db'}"
    with _closing(SqlStore(path)) as store:
        store.upgrade()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables."""
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = server.fresh(empty=True)
        yield url
        server.drop(url)
    else:
        yield f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    """A store on either database."""
    with _closing(SqlStore(url)) as store:
        yield store


class _closing:
    def __init__(self, store: SqlStore) -> None:
        self._store = store

    def __enter__(self) -> SqlStore:
        return self._store

    def __exit__(self, *_: object) -> None:
        self._store.close()


class Processes:
    """Processes that run the same program at the same moment, each on a store of its own at the same database."""

    def __init__(self, count: int) -> None:
        self.running = [
            subprocess.Popen(
                [sys.executable, "-c", _WORKER, str(n)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for n in range(count)
        ]  # fmt: skip

    def race(self, program: str, url: str, *, warm: str = "check") -> list[Any]:
        """Run a program that prints one line of JSON; ``n`` is the number of the process.

        Args:
            program: With ``store``, ``n``, ``T0``, ``MINUTE`` and every model and error at hand.
            url: The database; it may hold a password and is no argument.
            warm: The store's method that is called before the race begins.
        """
        for process in self.running:
            self._say(process, json.dumps([url, warm, program]))
        assert [process.stdout.readline() for process in self.running] == ["ready\n"] * len(self.running)
        for process in self.running:
            self._say(process, "go")
        return [json.loads(process.stdout.readline()) for process in self.running]

    def _say(self, process: subprocess.Popen[str], line: str) -> None:
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def end(self) -> None:
        """Kill them."""
        for process in self.running:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def two() -> Iterator[Processes]:
    """Two processes."""
    processes = Processes(2)
    yield processes
    processes.end()
