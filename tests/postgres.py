"""A real PostgreSQL server for the tests, from Debian's packages: one a process, gone with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

__all__ = ["Postgres", "postgres", "postgres_url"]

PASSWORD = "canary-Pg-9f2c41d7e8"  # never to be seen in any output
_START = 30.0  # seconds


class Postgres:
    """A running server that listens on a Unix socket in a folder of its own, and nowhere else.

    Attributes:
        folder: Where socket, data and log are.
        process: The server.
    """

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._user = _unprivileged()
        self._names = count(1)
        self.folder = Path(tempfile.mkdtemp(prefix="voipkit-pg-", dir="/tmp"))  # a socket's path has 107 bytes at most
        if self._user:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)  # gone right below
        self._run(
            "initdb", "--username=voipkit", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync",
            "--encoding=UTF8", "--locale=C", f"--pgdata={self.folder}/data",
        )  # fmt: skip
        secret.unlink()
        self.start()
        self.execute("CREATE DATABASE template_voipkit")
        from voipkit.store import SqlStore

        store = SqlStore(self.url("template_voipkit"))
        store.upgrade()
        store.close()

    def url(self, database: str) -> str:
        """Return a database's URL, password and all."""
        return f"postgresql://voipkit:{PASSWORD}@/{database}?host={self.folder}"

    def fresh(self, *, empty: bool = False) -> str:
        """Make a database with voipkit's tables, or an empty one, and return its URL."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}" + ("" if empty else " TEMPLATE template_voipkit"))
        return self.url(name)

    def execute(self, statement: str) -> None:
        """Run a statement as the administrator."""
        import psycopg  # conftest.py imports this module for every test, also where the extra is not installed

        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def cut(self, url: str) -> None:
        """Cut every connection to a database, as a failing network or a restart does."""
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_name(url)}'")

    def drop(self, url: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.execute(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def start(self) -> None:
        """Start the server and wait for it."""
        import psycopg

        options = (
            "listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off", "synchronous_commit=off",
            "shared_buffers=32MB", "max_connections=60", "log_statement=all",
        )  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", *(f"--{o}" for o in options)],
                user=self._user, stdout=log, stderr=log, cwd="/", env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            )  # fmt: skip
        deadline = time.monotonic() + _START
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail(f"PostgreSQL did not start: {self.log()[-2000:]}")
                time.sleep(0.05)

    def stop(self) -> None:
        """End the server at once, connections and all."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=_START)

    def remove(self) -> None:
        """End the server and delete everything."""
        self.stop()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        """Return what the server wrote: every statement it was sent among it."""
        return (self.folder / "log").read_text(errors="replace")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments], user=self._user, cwd="/", capture_output=True, text=True,
            timeout=120, check=False, env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {account.pw_name for account in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _binaries() -> Path | None:
    """Return the folder of the newest server that is installed."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3]))
    found = debian[-1] if debian else shutil.which("postgres")
    return Path(found).parent if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server; without the package the test is skipped, and in CI it fails."""
    binaries = _binaries()
    if binaries is None:
        text = "PostgreSQL's server is not installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(text)
        pytest.skip(text)
    server = Postgres(binaries)
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a database of its own, with voipkit's tables and nothing in them; gone after the test."""
    url = postgres.fresh()
    yield url
    postgres.drop(url)
