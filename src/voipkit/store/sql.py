"""The store in SQL: SQLite by default, PostgreSQL 13 and later by URL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Connection as Database
from sqlalchemy import Text, bindparam, delete, or_, select, text, type_coerce, update

from voipkit.errors import ConfigurationError, StoreError, StoreSchema
from voipkit.models import Job, Operation, SealedCredentials
from voipkit.store.cursors import check_tenant
from voipkit.store.port import HoldsUrls
from voipkit.store.sql_engine import BEGIN, connected, engine_of, shown, translated
from voipkit.store.sql_rows import Asking, batches
from voipkit.store.sql_tables import SCHEMAS, credentials, evidence, job_items, jobs, numbers, operations, reservations
from voipkit.store.sql_transaction import SqlTransaction
from voipkit.store.sql_work import free_items, tallied

__all__ = ["SqlStore"]

_OLDEST_POSTGRESQL = (13, 0)


class SqlStore:
    """A store in an SQL database; safe for threads, shared with other processes.

    The tables are made and brought up to date by `upgrade` (``voipkit db upgrade``), never on the side: the first use
    looks at them once and raises `StoreSchema` when they are not this version's.

    Args:
        where: The path of an SQLite file, a URL (``sqlite:////absolute/path.db``, ``postgresql://user@host/database``),
            or None for ``voipkit.db`` in the user's data folder. PostgreSQL's password may also come from the
            environment (``PGPASSWORD``) or ``~/.pgpass``.

    Attributes:
        where: The database's URL for people, without password.

    Raises:
        ConfigurationError: ``where`` is none of these.
    """

    def __init__(self, where: str | Path | None = None) -> None:
        engine = engine_of(where)
        del where  # a traceback that shows locals must not show a password
        self.where = "?" if engine is None else shown(engine)
        if engine is None:
            raise ConfigurationError(
                "The store's URL is not one that can be used.",
                fix="Give sqlite:////absolute/path.db, a file's path, or postgresql://user@host/database.",
            )
        self._engine = engine
        self._known_good = False

    def __repr__(self) -> str:
        return f"SqlStore({self.where!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "An SqlStore holds database connections and is not pickled or copied; make one in each process."
        raise TypeError(msg)

    @property
    def schema(self) -> str | None:
        """The schema that the database is of, such as ``0001``, or None where there are no tables yet."""
        with self._unit(read_only=True, looked=False) as database:
            return schema_of(database)

    # --- units of work ---

    @contextmanager
    def transaction(self, org_id: str, *, read_only: bool = False) -> Iterator[SqlTransaction]:
        """Begin a unit of work for one tenant; see `port.Store.transaction`."""
        org_id = check_tenant(org_id)
        with self._unit(read_only=read_only) as database:
            tx = SqlTransaction(database, org_id, read_only=read_only)
            try:
                yield tx
                tx.check_complete()
            finally:
                tx.end()

    @contextmanager
    def transfer(self, org_id: str, to_org_id: str) -> Iterator[tuple[SqlTransaction, SqlTransaction]]:
        """Begin one unit of work for two tenants; see `port.Store.transfer`."""
        org_id, to_org_id = check_tenant(org_id), check_tenant(to_org_id)
        with self._unit() as database:
            giver = SqlTransaction(database, org_id, read_only=False)
            taker = SqlTransaction(database, to_org_id, read_only=False)
            try:
                yield giver, taker
                giver.check_complete()
                taker.check_complete()
            finally:
                giver.end()
                taker.end()

    @contextmanager
    def _unit(self, *, read_only: bool = False, looked: bool = True) -> Iterator[Database]:
        """Lend a connection with a transaction begun; completed at the end of the block, undone when it raises."""
        if looked and not self._known_good:
            self.check()
        database = connected(self._engine)
        if isinstance(database, StoreError):
            raise database
        try:
            with translated():
                if read_only:
                    database = database.execution_options(**{BEGIN: "DEFERRED", "postgresql_readonly": True})
                database.begin()
            yield database
            with translated():
                database.commit()
        finally:
            with translated():
                database.close()  # undoes what was not completed; a broken connection is thrown away

    @contextmanager
    def _across(self, *, read_only: bool = False) -> Iterator[Asking]:
        """Begin a unit of work of no tenant."""
        with self._unit(read_only=read_only) as database:
            yield Asking(database, "", read_only=read_only)

    # --- across tenants ---

    def taken(self, numbers: Collection[str]) -> frozenset[str]:
        """Return which numbers are in use; see `port.Store.taken`."""
        found: set[str] = set()
        with self._across(read_only=True) as ask:
            for batch in batches(numbers):
                in_use = _NUMBERS.c.number.in_(batch), _NUMBERS.c.status != "released"
                found.update(row["number"] for row in ask._rows(select(_NUMBERS.c.number).where(*in_use)))
        return frozenset(found)

    def spend(self, evidence_id: str, expires_at: float) -> bool:
        """Mark evidence as used; see `port.Store.spend`."""
        with self._unit() as database:
            return SqlTransaction(database, "", read_only=False).spend(evidence_id, expires_at)

    def claim_operations(
        self, worker: str, *, at: datetime, lease_until: datetime, limit: int = 100
    ) -> tuple[Operation, ...]:
        """Take over operations that nobody is at; see `port.Store.claim_operations`."""
        left = select(operations.c.id).where(operations.c.lease_until <= at).order_by(operations.c.id).limit(limit)
        chosen = left.with_for_update(skip_locked=True).cte("chosen")
        statement = update(operations).where(operations.c.id.in_(select(chosen.c.id)))
        with self._across() as ask:
            rows = ask._rows(statement.values(worker=worker, lease_until=lease_until).returning(operations))
        found = (Operation.model_validate(dict(row)) for row in rows)
        return tuple(sorted(found, key=lambda operation: operation.id))

    def unfinished_jobs(self, *, at: datetime, limit: int = 100) -> tuple[Job, ...]:
        """Return jobs with items that nobody is at; see `port.Store.unfinished_jobs`."""
        own = job_items.c.org_id == jobs.c.org_id, job_items.c.job_id == jobs.c.id
        waiting = select(job_items.c.id).where(*own, free_items(at)).exists()
        with self._across(read_only=True) as ask:
            query = select(jobs).where(jobs.c.finished_at.is_(None), waiting).order_by(jobs.c.id).limit(limit)
            return tallied(ask, ask._rows(query))

    def retire_generations(self, *, at: datetime) -> int:
        """Destroy former credentials whose time has come; see `port.Store.retire_generations`."""
        with self._across() as ask:
            return ask._count(delete(credentials).where(credentials.c.state == "former", credentials.c.retire_at <= at))

    def purge(self, *, before: datetime) -> int:
        """Delete what is of no more use; see `port.Store.purge`."""
        with self._across() as ask:
            expired = ask._count(delete(evidence).where(evidence.c.expires_at < before))
            return expired + ask._count(delete(reservations).where(reservations.c.created_at < before))

    def sealed_elsewhere(
        self, kid: str, *, limit: int = 100, after: int = 0
    ) -> tuple[tuple[int, SealedCredentials], ...]:
        """Return credentials that another key sealed; see `port.Store.sealed_elsewhere`."""
        query = select(credentials).where(credentials.c.kid != kid, credentials.c.id > after)
        with self._across(read_only=True) as ask:
            rows = ask._rows(query.order_by(credentials.c.id).limit(limit))
        return tuple((row["id"], SealedCredentials.model_validate(dict(row))) for row in rows)

    def replace_sealed(self, changed: Sequence[tuple[SealedCredentials, SealedCredentials]]) -> int:
        """Put one ciphertext in the place of another; see `port.Store.replace_sealed`."""
        names = ("org_id", "connection_id", "generation", "sealed")
        statement = update(credentials).where(*(credentials.c[name] == bindparam(f"old_{name}") for name in names))
        rows = [
            {**{f"old_{name}": getattr(old, name) for name in names}, "kid": new.kid, "sealed": new.sealed}
            for old, new in changed
        ]
        with self._across() as ask:
            return ask._count(statement, rows) if rows else 0

    def rewrite_urls(
        self, kind: HoldsUrls, change: Callable[[str, int, Any], Any], *, limit: int = 100, after: int = 0
    ) -> int | None:
        """Change the values of records that hold sealed secrets; see `port.Store.rewrite_urls`."""
        table, columns = _HOLDS_URLS[kind]
        sealed = or_(*(type_coerce(column, Text).contains("sealed.") for column in columns))
        query = select(table.c.id, table.c.org_id, *columns).where(table.c.id > after, sealed).order_by(table.c.id)
        with self._across() as ask:
            rows = ask._rows(query.limit(limit).with_for_update())
            before = {row["id"]: {column.name: row[column.name] for column in columns} for row in rows}
            now = {row["id"]: change(row["org_id"], row["id"], before[row["id"]]) for row in rows}
            changed = [{**values, "row_id": n} for n, values in now.items() if values != before[n]]
            if changed:
                ask._count(update(table).where(table.c.id == bindparam("row_id")), changed)
        return rows[-1]["id"] if len(rows) == limit else None

    # --- the database ---

    def check(self) -> None:
        """Look whether the database is there and of this version; see `port.Store.check`."""
        file = self._engine.url.database if self._engine.dialect.name == "sqlite" else None
        if file and not Path(file).exists():  # connecting would make it
            raise StoreSchema(f"{self.where} is not there yet.", fix=_UPGRADE)
        with self._unit(read_only=True, looked=False) as database:
            schema = schema_of(database)
            server = database.dialect.server_version_info or _OLDEST_POSTGRESQL
        if self._engine.dialect.name == "postgresql" and server < _OLDEST_POSTGRESQL:
            raise StoreSchema(f"The server is PostgreSQL {server[0]}.", fix="Use PostgreSQL 13 or later.")
        if schema is None:
            raise StoreSchema(f"{self.where} has no tables of voipkit yet.", fix=_UPGRADE)
        if schema not in SCHEMAS:
            raise StoreSchema(
                f"The schema {schema[:40]!r} of {self.where} is newer than this voipkit, which knows {SCHEMAS[-1]}.",
                fix="Install the version of voipkit that made it, or a later one.",
            )
        if schema != SCHEMAS[-1]:
            raise StoreSchema(f"The schema {schema} of {self.where} is older than {SCHEMAS[-1]}.", fix=_UPGRADE)
        self._known_good = True

    def upgrade(self) -> str | None:
        """Make the tables, or bring them up to date; several processes may try at once.

        Returns:
            The schema that was there before, or None when there was none.

        Raises:
            StoreSchema: It is newer than this version of voipkit.
            StoreError: The database cannot be asked; then nothing was changed.
        """
        from voipkit.store.migrations import upgrade  # Alembic is needed here only

        with self._unit(looked=False) as database:
            if database.dialect.name == "postgresql":
                with translated():  # any number will do, as long as nobody else takes it
                    database.execute(text("SELECT pg_advisory_xact_lock(7649545400)"))
            before = schema_of(database)
            if before is not None and before not in SCHEMAS:
                raise StoreSchema(
                    f"The schema {before[:40]!r} of {self.where} is newer than this voipkit.",
                    fix="Install the version of voipkit that made it, or a later one.",
                )
            with translated():
                upgrade(database)
        self.check()
        return before

    def close(self) -> None:
        """Let go of the database; see `port.Store.close`."""
        self._engine.dispose()


_HOLDS_URLS = {
    "numbers": (numbers, (numbers.c.route, numbers.c.snapshot)),
    "operations": (operations, (operations.c.data,)),
    "jobs": (jobs, (jobs.c.request,)),
}
_NUMBERS = numbers  # inside `taken` the word means its argument
_UPGRADE = "Run `voipkit db upgrade`."


def schema_of(database: Database) -> str | None:
    """Return the schema's revision, or None where there are no tables."""
    with translated():
        if not database.dialect.has_table(database, "voipkit_schema"):
            return None
        found = database.execute(text("SELECT version_num FROM voipkit_schema")).scalar()
    return None if found is None else str(found)
