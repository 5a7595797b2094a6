"""From a URL to an engine that waits for nothing without end, and from its exceptions to voipkit's own."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

import platformdirs
import psycopg
from psycopg.errors import _WaitTimeout
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import Pool

from voipkit.errors import (
    StoreBusy,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreNotFound,
    StoreRefused,
    StoreSchema,
    StoreUnavailable,
)

__all__ = ["BEGIN", "connected", "engine_of", "shown", "translated"]

BEGIN = "voipkit_begin"
"""Execution option: how SQLite begins a transaction, ``IMMEDIATE`` (the default: it may write) or ``DEFERRED``."""

# Seconds. PostgreSQL itself ends what takes longer; ours is for a server that does not answer at all.
_CONNECT = 5
_LOCK = 5
_STATEMENT = 30
_SILENCE = 40.0
_POOL = 10.0
_ORPHAN = 60


# --- the engine ------------------------------------------------------------------------------------------------------


def engine_of(where: str | Path | None) -> Engine | None:
    """Make an engine; nothing is connected yet.

    Args:
        where: A URL, the path of an SQLite file, or None for the file in the user's data folder.

    Returns:
        The engine, or None when ``where`` is none of these: raising here would show a password in this frame.
    """
    url = _url(where)
    if url is None:
        return None
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
    event.listen(engine, "begin", _begin)
    _engines.add(engine)
    return engine


def shown(engine: Engine) -> str:
    """Return the URL for people: without password, and without the query, which may hold one too."""
    return engine.url._replace(password=None, query=URL.create("x").query).render_as_string()


def connected(engine: Engine) -> Connection | StoreError:
    """Connect, or return what went wrong: the frames of the driver's own exception hold the password."""
    try:
        return engine.connect()
    except _RAISED as error:
        return _translation(error)


def _url(where: str | Path | None) -> URL | None:
    if where is None:
        where = platformdirs.user_data_path("voipkit", appauthor=False) / "voipkit.db"
    if isinstance(where, Path) or "://" not in where:
        return URL.create("sqlite+pysqlite", database=str(Path(where).absolute()))
    try:
        url = make_url(where)
    except (SQLAlchemyError, ValueError):
        return None
    name = url.drivername.partition("+")[0]
    if name in ("postgres", "postgresql"):
        hidden = url.query.get("password")  # libpq takes it there too; nobody hides a query
        return url.difference_update_query(["password"]).set(
            drivername="postgresql+psycopg", password=hidden if isinstance(hidden, str) else url.password
        )
    file = url.database if not (url.username or url.password or url.host or url.query) else None
    if name == "sqlite" and file and file != ":memory:":
        return URL.create("sqlite+pysqlite", database=str(Path(file).absolute()))
    return None


def _begin(connection: Connection) -> None:
    # By the driver's own cursor, so that it counts as little as PostgreSQL's BEGIN, which psycopg sends by itself.
    if connection.dialect.name == "sqlite":
        mode = connection.get_execution_options().get(BEGIN, "IMMEDIATE")
        connection.connection.cursor().execute(f"BEGIN {mode}")


_engines: WeakSet[Engine] = WeakSet()
_inherited: list[Pool] = []  # never closed here: that would say good-bye in the other process's name


def _leave_to_parent() -> None:
    """After a fork (gunicorn's preload, multiprocessing), leave the parent's connections alone."""
    for engine in _engines:
        _inherited.append(engine.pool)
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_leave_to_parent)


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, pool_timeout=_POOL, connect_args={"timeout": _LOCK}, skip_autocommit_rollback=False
    )

    @event.listens_for(engine, "do_connect")
    def private(_dialect: object, _record: object, args: list[Any], _options: object) -> None:
        """Make file and folder before SQLite does, readable by nobody else."""
        file = Path(args[0])
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only where there is none: closing a second descriptor of a database drops every lock that this process has on
        # it (https://sqlite.org/howtocorrupt.html section 2.2), and another process then deletes the log in use.
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions are begun by `_begin`
        for setting in (
            "journal_mode=WAL",
            "synchronous=FULL",  # what was completed survives a power cut
            "foreign_keys=ON",
            "secure_delete=ON",  # destroyed credentials are overwritten
        ):
            connection.execute(f"PRAGMA {setting}").close()

    return engine


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


class _Bounded(psycopg.Connection[Any]):
    """A connection that gives up on a server that says nothing, such as one that was stopped or cut off."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait, but not for ever."""
        try:
            return super().wait(gen, interval, timeout or _SILENCE)
        except _WaitTimeout:
            self.pgconn.finish()  # the answer may still come, so this connection is of no more use
        raise psycopg.OperationalError(f"no answer within {_SILENCE:g} s")


def _postgresql(url: URL) -> Engine:
    limits = {
        "statement_timeout": _STATEMENT,
        "lock_timeout": _LOCK,
        "idle_in_transaction_session_timeout": _ORPHAN,
    }
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=_POOL,
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": _CONNECT,
            "application_name": "voipkit",
            "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items()),
        },
    )

    @event.listens_for(engine, "do_connect")
    def bounded(_dialect: object, _record: object, args: list[Any], options: dict[str, Any]) -> psycopg.Connection[Any]:
        return _Bounded.connect(*args, **options)

    return engine


# --- errors ----------------------------------------------------------------------------------------------------------


_RAISED = (SQLAlchemyError, sqlite3.Error, psycopg.Error, OSError, OverflowError, ValueError)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what SQLAlchemy and the drivers raise on an open connection into a `StoreError`; see also `connected`."""
    try:
        yield
    except _RAISED as error:
        raise _translation(error) from error


def _translation(error: Exception) -> StoreError:
    driver = getattr(error, "orig", None) or error
    if isinstance(driver, PoolTimeout):
        return StoreBusy(f"No connection to the database was free within {_POOL:g} s.", fix="Try again.")
    said = str(driver).partition("\n")[0].strip()[:300]  # further lines repeat values
    if isinstance(driver, sqlite3.Error):
        return _of_sqlite(driver, said)
    if isinstance(driver, psycopg.Error):
        return _of_postgresql(driver, said)
    if isinstance(driver, ValueError | OverflowError):
        return StoreRefused(f"The database cannot hold a value ({type(driver).__name__}).")
    if isinstance(driver, OSError):
        return StoreUnavailable(f"The database file cannot be opened: {driver.strerror}.", fix=_LOOK)
    return StoreRefused(f"The database layer refused: {type(driver).__name__}.")


_LOOK = "Look whether the database is there, and whether this user may read and write it."
_MIGRATE = "Run `voipkit db check`, then `voipkit db upgrade`."


def _of_sqlite(error: sqlite3.Error, said: str) -> StoreError:
    code = getattr(error, "sqlite_errorcode", 0)
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreBusy(f"Another process has held the database for {_LOCK} s.", fix="Try again.")
        case sqlite3.SQLITE_FULL:
            return StoreFull("The database has no room left.", fix="Make room on the disk, then do it again.")
        case sqlite3.SQLITE_CONSTRAINT:
            return _of_constraint(unique="UNIQUE" in said, link="FOREIGN KEY" in said, said=said)
        case sqlite3.SQLITE_ERROR if "no such table" in said or "no such column" in said:
            return StoreSchema(f"The database's tables are not what was expected: {said}.", fix=_MIGRATE)
        case sqlite3.SQLITE_ERROR | sqlite3.SQLITE_MISMATCH | sqlite3.SQLITE_TOOBIG | 0:
            return StoreRefused(f"The database refused a value: {said}.")
    return StoreUnavailable(f"The database cannot be used: {said}.", fix=_LOOK)


_OF_STATE: dict[str, tuple[type[StoreError], str, str]] = {  # PostgreSQL 13 documentation, appendix A
    **dict.fromkeys(("40001", "40P01", "55P03", "57014", "53300"), (StoreBusy, "The database was busy", "Try again.")),
    **dict.fromkeys(
        ("53100", "53200"),
        (StoreFull, "The database has no room left", "Make room at the server, then do it again."),
    ),
    **dict.fromkeys(
        ("42P01", "42703", "3F000"), (StoreSchema, "The database's tables are not what was expected", _MIGRATE)
    ),
}


def _of_postgresql(error: psycopg.Error, said: str) -> StoreError:
    state = error.sqlstate or ""
    if state in _OF_STATE:
        kind, text, fix = _OF_STATE[state]
        return kind(f"{text}: {said}.", fix=fix)
    if state.startswith("23"):
        return _of_constraint(unique=state == "23505", link=state == "23503", said=said)
    if state.startswith(("22", "42")) or isinstance(error, psycopg.DataError):
        return StoreRefused(f"The database refused a value: {said}.")
    return StoreUnavailable(f"The database cannot be reached: {said}.", fix=_LOOK)


def _of_constraint(*, unique: bool, link: bool, said: str) -> StoreError:
    if unique:
        return StoreConflict(_taken(said))
    if link:
        return StoreNotFound("It names a connection or job that the tenant does not have.")
    return StoreRefused(f"The database refused a value: {said}.")


# PostgreSQL names the index, SQLite the columns.
_TAKEN = (
    ("uq_voipkit_numbers_in_use", "voipkit_numbers.number", "The number is in use."),
    (
        "uq_voipkit_connections_default",
        "failed: voipkit_connections.org_id",
        "The tenant has a default connection for outbound calls already.",
    ),
    (
        "uq_voipkit_credentials_state",
        "failed: voipkit_credentials.connection_id, voipkit_credentials.state",
        "The connection has credentials in that state already.",
    ),
    (
        "uq_voipkit_credentials_org_id",
        "voipkit_credentials.generation",
        "The connection has that generation of credentials already.",
    ),
    ("pk_voipkit_evidence", "voipkit_evidence.id", "Evidence of that id is there already."),
)


def _taken(said: str) -> str:
    found = (text for index, columns, text in _TAKEN if index in said or columns in said)
    return next(found, "Somebody else has stored the same.")
