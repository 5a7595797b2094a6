"""Where a host's connections, numbers and their history are kept; credentials are there sealed, never plain.

    store = MemoryStore()                                    # for tests: gone with the process
    store = SqlStore()                                       # SQLite in the user's data folder; voipkit[sql]
    store = SqlStore("postgresql://voipkit@db.example/voipkit")

    with store.transaction("tenant-1") as tx:                # all of it, or nothing
        connection = tx.add_connection(NewConnection(name="Acme", provider="telnyx", setup_method="api_key"))

Read on in `port` (what a store is), `sealing` (how credentials are encrypted), `memory` (and `memory_...`) and `sql`
(made of `sql_engine`, `sql_tables`, `sql_rows`, `sql_transaction`, `sql_work` and `migrations`). Importing this package
loads no database.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from voipkit.errors import MissingExtra

if TYPE_CHECKING:
    from voipkit.store.memory import MemoryStore
    from voipkit.store.port import Store, StoreTransaction
    from voipkit.store.sealing import Sealer, rekey
    from voipkit.store.sql import SqlStore

__all__ = ["MemoryStore", "Sealer", "SqlStore", "Store", "StoreTransaction", "rekey"]

_HOME = {
    "MemoryStore": "memory",
    "Sealer": "sealing",
    "SqlStore": "sql",
    "Store": "port",
    "StoreTransaction": "port",
    "rekey": "sealing",
}
_SQL = ("sqlalchemy", "alembic", "psycopg", "platformdirs")  # what the extra installs


def __getattr__(name: str) -> object:
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    if name == "SqlStore" and any(find_spec(each) is None for each in _SQL):
        raise MissingExtra("The database layer is not installed.", fix="pip install 'voipkit[sql]'")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
