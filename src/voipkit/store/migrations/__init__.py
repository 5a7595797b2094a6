"""Alembic migrations: how the tables came to be what `sql_tables` says, one module a released schema.

To change the tables: change `sql_tables`, add a module to `versions` that does the same to a database of the schema
before, and add its revision to `sql_tables.SCHEMAS`. A test compares the two, and upgrades from every released schema.
"""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

__all__ = ["config_of", "upgrade"]


def config_of(database: Connection) -> Config:
    """Return what Alembic needs to work on an open connection; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", "voipkit.store:migrations")
    config.attributes["connection"] = database
    return config


def upgrade(database: Connection, revision: str = "head") -> None:
    """Bring a database to a revision, inside the transaction that is open."""
    command.upgrade(config_of(database), revision)
