"""What goes wrong with a database: a typed error that tells no secret, and nothing half done."""

from __future__ import annotations

import io
import logging
import os
import pickle
import sqlite3
import stat
import threading
import traceback
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import event

from tests.postgres import PASSWORD, Postgres
from voipkit.errors import (
    ConfigurationError,
    StoreBusy,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreNotFound,
    StoreRefused,
    StoreSchema,
    StoreUnavailable,
)
from voipkit.models import NewAuditEntry, NewConnection, NewPhoneNumber, Reservation
from voipkit.store import SqlStore, sql_engine
from voipkit.testing.stores import EVIDENCE, T0


def a_connection(**fields: object) -> NewConnection:
    return NewConnection(**{"name": "Acme", "provider": "telnyx", "setup_method": "api_key", **fields})


@pytest.fixture
def sqlite(tmp_path: Path) -> SqlStore:
    store = SqlStore(tmp_path / "voipkit.db")
    store.upgrade()
    yield store
    store.close()


@pytest.fixture
def pg(postgres_url: str) -> SqlStore:
    store = SqlStore(postgres_url)
    yield store
    store.close()


# --- SQLite ----------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_nothing_is_half_done(sqlite: SqlStore) -> None:
    """SQLite answers a limit on its pages exactly as a disk without room: SQLITE_FULL."""
    with sqlite.transaction("a") as tx:
        kept = tx.add_connection(a_connection())
    sqlite.close()  # the next connection gets the limit

    @event.listens_for(sqlite._engine, "connect")
    def no_room(connection: sqlite3.Connection, _record: object) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")

    with pytest.raises(StoreFull) as caught, sqlite.transaction("a") as tx:
        tx.update_connection(kept.id, name="changed")
        tx.spend(EVIDENCE, 2e9)
        tx.add_audit([NewAuditEntry(action="x" * 60, object_type="x", after={"text": "y" * 900})] * 100)

    assert (caught.value.kind, caught.value.retryable) == ("store_full", False)
    with sqlite.transaction("a") as tx:
        assert tx.connections().items == (kept,)
        assert tx.audit().items == ()
    event.remove(sqlite._engine, "connect", no_room)
    sqlite.close()
    assert sqlite.spend(EVIDENCE, 2e9)


def test_a_full_file_system_is_said(tmp_path: Path) -> None:
    """A real one, of 1 MB; it can be mounted by root only."""
    where = tmp_path / "small"
    where.mkdir()
    if os.geteuid() != 0 or os.system(f"mount -t tmpfs -o size=1m tmpfs {where} 2>/dev/null") != 0:
        pytest.skip("no file system can be mounted here; the limit on pages above stands in")
    store = SqlStore(where / "voipkit.db")
    try:
        store.upgrade()
        made = 0
        with pytest.raises(StoreFull):
            for _ in range(100):
                with store.transaction("a") as tx:
                    tx.add_audit([NewAuditEntry(action="x", object_type="x", after={"text": "y" * 9000})] * 10)
                made += 10
        with store.transaction("a", read_only=True) as tx:
            assert len(tx.audit(limit=1000).items) == made > 0
    finally:
        store.close()
        assert os.system(f"umount {where}") == 0


def test_a_locked_database_is_said_after_a_while(
    sqlite: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers go on meanwhile; afterwards the same call works."""
    monkeypatch.setattr(sql_engine, "_LOCK", 0.2)
    impatient = SqlStore(tmp_path / "voipkit.db")
    with sqlite.transaction("a") as tx:
        tx.add_connection(a_connection())
        with pytest.raises(StoreBusy) as caught, impatient.transaction("a"):
            pass
        with impatient.transaction("a", read_only=True) as reader:
            assert reader.connections().items == ()
    assert caught.value.retryable
    with impatient.transaction("a") as tx:
        assert len(tx.connections().items) == 1
    impatient.close()


def test_file_and_folder_are_private(tmp_path: Path) -> None:
    store = SqlStore(tmp_path / "new" / "folder" / "voipkit.db")
    store.upgrade()
    with store.transaction("a") as tx:
        tx.add_connection(a_connection())
        files = sorted((tmp_path / "new" / "folder").iterdir())

        assert [f.name for f in files] == ["voipkit.db", "voipkit.db-shm", "voipkit.db-wal"]
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
        assert stat.S_IMODE((tmp_path / "new" / "folder").stat().st_mode) == 0o700
    store.close()


def test_the_default_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    store = SqlStore()

    assert store.where == f"sqlite+pysqlite:///{tmp_path}/voipkit/voipkit.db"
    with pytest.raises(StoreSchema, match="is not there yet.*voipkit db upgrade"):
        store.check()
    assert not (tmp_path / "voipkit").exists()
    store.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "voipkit.db"
    file.write_bytes(content)
    store = SqlStore(file)
    for ask in (store.check, store.upgrade, lambda: store.spend(EVIDENCE, 2e9)):
        with pytest.raises(StoreUnavailable):
            ask()
    store.close()

    assert file.read_bytes() == content


def test_a_folder_in_place_of_the_file_is_said(tmp_path: Path) -> None:
    store = SqlStore(tmp_path)
    with pytest.raises(StoreUnavailable, match="directory"):
        store.upgrade()
    store.close()


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def test_a_lost_connection_is_said_and_the_next_one_works(postgres: Postgres, postgres_url: str, pg: SqlStore) -> None:
    """In the middle of a unit of work, which is undone."""
    with pytest.raises(StoreUnavailable) as caught, pg.transaction("a") as tx:
        tx.add_connection(a_connection())
        postgres.cut(postgres_url)
        tx.connections()
    assert caught.value.retryable

    with pg.transaction("a") as tx:
        assert tx.connections().items == ()
        kept = tx.add_connection(a_connection())
    postgres.cut(postgres_url)  # while it lies in the pool: nobody notices
    with pg.transaction("a") as tx:
        assert tx.connections().items == (kept,)


def test_a_connection_lost_at_the_end_is_said(postgres: Postgres, postgres_url: str, pg: SqlStore) -> None:
    with pytest.raises(StoreUnavailable), pg.transaction("a") as tx:
        tx.add_connection(a_connection())
        postgres.cut(postgres_url)
    with pg.transaction("a") as tx:
        assert tx.connections().items == ()


def test_a_server_that_is_down_is_said(postgres: Postgres, postgres_url: str, pg: SqlStore) -> None:
    with pg.transaction("a") as tx:
        kept = tx.add_connection(a_connection())
    postgres.stop()
    try:
        for ask in (pg.check, lambda: pg.spend(EVIDENCE, 2e9), lambda: pg.taken(["+15550000001"])):
            with pytest.raises(StoreUnavailable):
                ask()
    finally:
        postgres.start()
    with pg.transaction("a") as tx:
        assert tx.connections().items == (kept,)


def test_a_server_that_says_nothing_is_given_up_on(
    postgres: Postgres, pg: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query that outlasts our patience stands for a server that was stopped or cut off."""
    monkeypatch.setattr(sql_engine, "_SILENCE", 0.3)
    with pytest.raises(StoreUnavailable, match=r"no answer within 0\.3 s"), pg.transaction("a") as tx:
        tx._rows(sqlalchemy.text("SELECT pg_sleep(20)"))
    pg.check()


def test_a_row_that_is_locked_is_busy(postgres_url: str, pg: SqlStore) -> None:
    """After the server's lock_timeout, here shortened."""
    with pg.transaction("a") as tx:
        made = tx.add_connection(a_connection())
    with pg.transaction("a") as tx:
        tx.connection(made.id, lock=True)
        with pytest.raises(StoreBusy), pg.transaction("a") as other:
            other._database.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            other.update_connection(made.id, name="x")


@pytest.mark.parametrize(
    ("state", "error"),
    [("53100", StoreFull), ("40001", StoreBusy), ("40P01", StoreBusy), ("53300", StoreBusy), ("57014", StoreBusy),
     ("42P01", StoreSchema), ("22P05", StoreRefused), ("23514", StoreRefused), ("58030", StoreUnavailable),
     ("XX001", StoreUnavailable), ("25006", StoreUnavailable)],
)  # fmt: skip
def test_what_the_server_says_is_told_apart(
    postgres: Postgres, postgres_url: str, pg: SqlStore, state: str, error: type[StoreError]
) -> None:
    """A trigger of the server's own raises what a full disk, a dead lock or a broken block would."""
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION 'could not extend' USING ERRCODE = '{state}'; END $$"
        )
        admin.execute("CREATE TRIGGER fail BEFORE INSERT ON voipkit_audit EXECUTE FUNCTION fail()")
    with pytest.raises(error) as caught, pg.transaction("a") as tx:
        tx.add_connection(a_connection())
        tx.add_audit([NewAuditEntry(action="x", object_type="x")])

    assert type(caught.value) is error
    with pg.transaction("a") as tx:
        assert tx.connections().items == ()


def test_a_swallowed_error_does_not_pass_for_success(store: SqlStore) -> None:
    """PostgreSQL undoes everything of such a block and calls it completed; on SQLite it is no other."""
    with store.transaction("a") as tx:
        tx.add_connection(a_connection(default_outbound=True))
    with pytest.raises(StoreConflict), store.transaction("a") as tx:
        tx.add_numbers([NewPhoneNumber(number="+15550000001")])
        with pytest.raises(StoreConflict):
            tx.add_connection(a_connection(default_outbound=True))
    assert store.taken(["+15550000001"]) == frozenset()


# --- values ----------------------------------------------------------------------------------------------------------


def test_a_value_that_cannot_be_held_is_refused(pg: SqlStore) -> None:
    for fields in ({"name": "a\x00b"}, {"key_hint": "\x00"}):
        with pytest.raises((StoreRefused, ValueError)) as caught, pg.transaction("a") as tx:
            tx.add_connection(a_connection(**fields))
        assert isinstance(caught.value, StoreRefused)
    with pytest.raises(StoreRefused), pg.transaction("a") as tx:
        tx.reserve(Reservation(org_id="a", operation="x", key="k" * 300, fingerprint="f", created_at=T0))


@pytest.mark.parametrize("number_id", [0, -1, 2**63 - 1])
def test_an_id_that_cannot_be_is_absent(store: SqlStore, number_id: int) -> None:

    with pytest.raises(StoreNotFound), store.transaction("a") as tx:
        tx.number(number_id)


@pytest.mark.parametrize("number_id", [2**63, 2**70, -(2**70)])
def test_an_id_that_no_database_can_hold_is_a_typed_error(store: SqlStore, number_id: int) -> None:
    with pytest.raises(StoreError), store.transaction("a") as tx:
        tx.number(number_id)


def test_text_is_never_part_of_a_statement(store: SqlStore) -> None:
    evil = "x'); DROP TABLE voipkit_connections; -- %s :name \\"
    with store.transaction(evil) as tx:
        made = tx.add_connection(a_connection(name=evil))
        assert tx.connection(made.id).name == evil
        assert tx.numbers_named([evil]) == ()
        with pytest.raises(StoreError):
            tx.evidence(evil)
    with store.transaction("a") as tx:
        assert tx.connections().items == ()


# --- secrets ---------------------------------------------------------------------------------------------------------

_SECRET = "canary-Url-71ffab20c3"


@pytest.mark.parametrize(
    "where",
    [
        f"postgresql://voipkit:{_SECRET}@127.0.0.1:1/x", f"postgres://voipkit:{_SECRET}@/x?host=/nonexistent",
        f"postgresql+psycopg://voipkit@127.0.0.1:1/x?password={_SECRET}", f"postgresql://voipkit:{_SECRET}@[::1/x",
        f"mysql://voipkit:{_SECRET}@db/x", f"postgresql://voipkit:{_SECRET}@host:notaport/x", f"://{_SECRET}",
        f"sqlite://user:{_SECRET}@/x.db", f"postgresql://voipkit:{_SECRET}@127.0.0.1:1/x?sslmode=prefer&nonsense=1",
    ],
)  # fmt: skip
def test_the_password_of_a_url_is_never_shown(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a repr, an error, its causes, a traceback that shows every local, or a log at its most talkative."""
    caplog.set_level(logging.DEBUG)
    del_where = io.StringIO()
    error = _attempt([where], del_where)

    assert isinstance(error, StoreUnavailable | ConfigurationError | StoreRefused), repr(error)
    assert _SECRET not in del_where.getvalue()
    assert _SECRET not in caplog.text


def _attempt(where: list[str], shown: io.StringIO) -> Exception:
    """Open and ask a store, and write down everything that can be seen of it; ``where`` is emptied."""
    try:
        store = SqlStore(where.pop())
        shown.write(f"{store!r} {store.where} {store._engine!r} {store._engine.url!r}")
        store.check()
    except Exception as error:
        full = traceback.TracebackException.from_exception(error, capture_locals=True)
        ours = [f for f in full.stack if "voipkit" in f.filename]
        shown.write("".join(full.format()))
        assert ours
        return error
    raise AssertionError


def test_a_wrong_password_is_not_shown(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = io.StringIO()
    error = _attempt([postgres.url("postgres").replace(PASSWORD, _SECRET)], shown)

    assert isinstance(error, StoreUnavailable)
    assert _SECRET not in shown.getvalue() + caplog.text


def test_a_store_is_not_pickled(store: SqlStore) -> None:
    with pytest.raises(TypeError, match="in each process"):
        pickle.dumps(store)


def test_a_store_is_used_from_many_threads(store: SqlStore) -> None:
    """More than the pool has connections: they wait for one another."""
    errors: list[BaseException] = []

    def run(n: int) -> None:
        try:
            for _ in range(3):
                with store.transaction(f"t{n}") as tx:
                    tx.add_connection(a_connection())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    for n in range(24):
        with store.transaction(f"t{n}") as tx:
            assert len(tx.connections().items) == 3
