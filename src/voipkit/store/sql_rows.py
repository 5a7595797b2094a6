"""Between rows and models, and the statements that several methods share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection as Database
from sqlalchemy import Executable, RowMapping, Select, Table, select

from voipkit.errors import ConfigurationError, StoreError
from voipkit.models.base import Model
from voipkit.store.cursors import Listing, cursor_after, page_size, place_of
from voipkit.store.sql_engine import translated

__all__ = ["Asking", "batches", "values_of"]

R = TypeVar("R", bound=Model)
T = TypeVar("T")
# Values in one statement: as many as one import has, so that one statement locks them all, in one order. SQLite takes
# 32,766 (SQLITE_MAX_VARIABLE_NUMBER), PostgreSQL 65,535.
_BATCH = 10_000


def batches(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that one statement can take."""
    rest = iter(values)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def values_of(new: Model, **more: object) -> dict[str, Any]:
    """Return what is to be inserted; nested models stay models, the JSON columns write them."""
    return {**dict(new), **more}


class Asking:
    """Sends statements of one tenant; the base of the parts of `SqlTransaction`."""

    def __init__(self, database: Database, org_id: str, *, read_only: bool) -> None:
        self._database = database
        self._org_id = org_id
        self._read_only = read_only
        self._open = True
        self._failed: StoreError | None = None

    @property
    def org_id(self) -> str:
        """The tenant."""
        return self._org_id

    def end(self) -> None:
        """Refuse everything from now on."""
        self._open = False

    def check_complete(self) -> None:
        """Raise again what a statement raised: PostgreSQL would undo everything and call it completed."""
        if self._failed is not None:
            raise self._failed

    @contextmanager
    def _sending(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except StoreError as error:
            self._failed = error
            raise

    def _rows(self, statement: Executable, parameters: Sequence[Mapping[str, Any]] = ()) -> Sequence[RowMapping]:
        self._check(statement)
        with self._sending():
            return self._database.execute(statement, parameters or None).mappings().all()

    def _row(self, statement: Executable) -> RowMapping | None:
        return next(iter(self._rows(statement)), None)

    def _count(self, statement: Executable, parameters: Sequence[Mapping[str, Any]] = ()) -> int:
        """Change something, and return how many rows that met."""
        self._check(statement)
        with self._sending():
            # SQLAlchemy asks the driver for an INSERT's count only when told so.
            options = {"preserve_rowcount": True}
            return self._database.execute(statement, parameters or None, execution_options=options).rowcount

    def _lock_rows(self, table: Table, *where: Any) -> None:
        """Lock rows in the order of their ids, before a statement that would lock them in the order it finds them in.

        Two that lock the same rows in different orders wait for each other until PostgreSQL ends one of them. SQLite
        has one writer at a time.
        """
        if self._database.dialect.name == "postgresql":
            self._rows(select(table.c.id).where(*where).order_by(table.c.id).with_for_update())

    def _check(self, statement: Executable) -> None:
        if not self._open:
            raise ConfigurationError("This transaction has ended.", fix="Use it inside its with block only.")
        if self._read_only and getattr(statement, "is_dml", False):
            raise ConfigurationError("This transaction is read-only.", fix="Begin one without read_only=True.")

    def _newest(
        self, listing: Listing, kind: type[R], table: Table, query: Select[Any], limit: int, cursor: str | None
    ) -> tuple[tuple[R, ...], str | None]:
        """Return one page of records, newest first, and the cursor of the next."""
        place, size = place_of(listing, cursor), page_size(limit)
        by = (table.c.created_at.desc(), table.c.id.desc())
        rows: list[RowMapping] = []
        for part in _after(place, query, table):
            if len(rows) <= size:
                rows += self._rows(part.order_by(*by).limit(size + 1 - len(rows)))
        items = tuple(kind.model_validate(dict(row)) for row in rows[:size])
        end = rows[size - 1] if len(rows) > size else None
        return items, cursor_after(listing, end["created_at"], end["id"]) if end else None


def _after(place: tuple[datetime, int] | None, query: Select[Any], table: Table) -> tuple[Select[Any], ...]:
    """Return what finds the rows right after a place: the rest of that moment, then what was made before it.

    In two parts, since SQLite 3.40 searches an index for ``(created_at, id) < (?, ?)`` by the first of the two only
    (EXPLAIN QUERY PLAN), and a bulk import makes thousands of numbers at one moment.
    """
    if place is None:
        return (query,)
    return query.where(table.c.created_at == place[0], table.c.id < place[1]), query.where(
        table.c.created_at < place[0]
    )
