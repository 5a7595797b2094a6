"""``voipkit db``: make the tables, look at them, and change the key under which credentials lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from voipkit.cli import output
from voipkit.cli.guard import FAILED, OK, guarded
from voipkit.cli.options import AsJson
from voipkit.evidence import KeyRing
from voipkit.store.sealing import Sealer
from voipkit.store.sealing import rekey as rekey_store

if TYPE_CHECKING:
    from voipkit.store import SqlStore

__all__ = ["VARIABLE", "Where", "app", "opened_store"]

VARIABLE = "VOIPKIT_DATABASE_URL"

app = typer.Typer(
    help="The database of connections: make its tables, look at it, change its key.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Where = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help=f"SQLite file, or postgresql://user@host/database; default {VARIABLE}, else a file in the user's data "
        "folder. Give a password by the environment: other users can see arguments.",
    ),
]


def upgrade(*, database: Where = None, as_json: AsJson = False) -> int:
    """Make the tables, or bring them up to date.

    What is there stays. Several processes may do it at once; a schema that is newer than this voipkit is left alone.
    """
    with opened_store(database) as store:
        before = store.upgrade()
        after = store.schema
        if as_json:
            output.emit({"database": store.where, "before": before, "after": after})
        elif before == after:
            output.line(f"{store.where} is up to date (schema {after}).", "green")
        else:
            output.line(f"{store.where}: schema {after}, from {before or 'nothing'}.", "green")
    return OK


def check(*, database: Where = None, as_json: AsJson = False) -> int:
    """Look whether the database is there and of this version.

    Exit code 1 when its tables are absent, older or newer, 3 when it cannot be reached.
    """
    with opened_store(database) as store:
        store.check()
        if as_json:
            output.emit({"database": store.where, "schema": store.schema})
        else:
            output.line(f"{store.where} is good (schema {store.schema}).", "green")
    return OK


def rekey(
    *,
    database: Where = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Records in one unit of work.")] = 100,
    as_json: AsJson = False,
) -> int:
    """Seal all credentials, and secrets in URLs, again under the newest key of VOIPKIT_SECRET_KEY.

    Put the new key before the old one, run this, then take the old one out. When it is cut short, run it again. Exit
    code 1 means that something did not open; it was left as it was.
    """
    ring = KeyRing.from_env()
    with opened_store(database) as store, output.working("Sealing secrets again"):
        report = rekey_store(store, Sealer(ring), batch=batch)
    if as_json:
        output.emit({"kid": report.kid, "resealed": report.resealed, "failed": list(report.failed)})
    else:
        for text in report.failed:
            output.line(text, "red")
        output.line(f"{report.resealed:,} sealed again; key {report.kid}.", "red" if report.failed else "green")
    return FAILED if report.failed else OK


@contextmanager
def opened_store(database: str | None) -> Iterator[SqlStore]:
    """Open the store that an option or the environment names.

    Args:
        database: The option's value, or None.

    Raises:
        MissingExtra: The database layer is not installed.
        ConfigurationError: The URL is none that can be used.
    """
    from voipkit.store import SqlStore

    store = SqlStore(database or os.environ.get(VARIABLE) or None)
    del database  # a traceback that shows locals must not show a password
    try:
        yield store
    finally:
        store.close()


app.command("upgrade")(guarded(upgrade))
app.command("check")(guarded(check))
app.command("rekey")(guarded(rekey))
