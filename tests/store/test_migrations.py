"""The tables: every released schema can be brought up to date, and each version knows which it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from voipkit.errors import StoreSchema
from voipkit.models import (
    AuditEntry,
    Connection,
    IssuedEvidence,
    Job,
    JobItem,
    NewConnection,
    NewPhoneNumber,
    NumberVersion,
    Operation,
    PhoneNumber,
    Reservation,
    SealedCredentials,
)
from voipkit.store import SqlStore, sql_tables
from voipkit.store.migrations import config_of, upgrade
from voipkit.store.sql_tables import SCHEMAS, metadata


def test_the_schemas_that_are_known_are_the_migrations_that_are_there(store: SqlStore) -> None:
    with store._unit() as database:
        scripts = ScriptDirectory.from_config(config_of(database))
    linear = [script.revision for script in scripts.walk_revisions()]

    assert linear == list(reversed(SCHEMAS))


@pytest.mark.parametrize("released", SCHEMAS)
def test_a_database_of_every_released_schema_is_brought_up_to_date(empty_url: str, released: str) -> None:
    """And then it is exactly what the tables of this version say."""
    store = SqlStore(empty_url)
    with store._unit(looked=False) as database:
        upgrade(database, released)
    with pytest.raises(StoreSchema) if released != SCHEMAS[-1] else _nothing():
        store.check()
    assert store.upgrade() == released
    with store._unit() as database:
        context = MigrationContext.configure(
            database, opts={"compare_type": True, "version_table": "voipkit_schema", "target_metadata": metadata}
        )
        differences = compare_metadata(context, metadata)
        partial = {
            index["name"]
            for table in metadata.tables
            for index in inspect(database).get_indexes(table)
            if any(key.endswith("_where") for key in index.get("dialect_options", {}))
        }
    store.close()

    assert differences == []
    assert partial == {"uq_voipkit_connections_default", "uq_voipkit_credentials_state", "uq_voipkit_numbers_in_use"}


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_what_is_there_survives_an_upgrade(store: SqlStore) -> None:
    with store.transaction("a") as tx:
        made = tx.add_connection(NewConnection(name="Acme", provider="telnyx", setup_method="api_key"))
        (number,) = tx.add_numbers([NewPhoneNumber(number="+15550000001", voip_connection_id=made.id)])
    assert store.upgrade() == SCHEMAS[-1]
    with store.transaction("a") as tx:
        assert tx.connection(made.id).name == "Acme"
        assert tx.number(number.id) == number


def test_a_database_without_tables_says_what_to_run(empty_url: str) -> None:
    store = SqlStore(empty_url)
    for ask in (store.check, lambda: store.taken([]), lambda: store.transaction("a").__enter__()):
        with pytest.raises(StoreSchema, match="voipkit db upgrade"):
            ask()
    store.upgrade()
    assert store.taken([]) == frozenset()
    store.close()


@pytest.mark.parametrize(("found", "message"), [("0000", "older|newer"), ("9999", "newer"), ("x" * 32, "newer")])
def test_a_schema_of_another_version_is_told(store: SqlStore, url: str, found: str, message: str) -> None:
    """An unknown one is newer, since every older one is known; nothing is tried on it."""
    with store._unit() as database:
        database.exec_driver_sql(f"UPDATE voipkit_schema SET version_num = '{found}'")
    late = SqlStore(url)
    for ask in (late.check, late.upgrade, lambda: late.taken([])):
        with pytest.raises(StoreSchema, match=message):
            ask()
    late.close()


def test_an_older_schema_says_what_to_run(store: SqlStore, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the next version of voipkit will see this one's database."""
    monkeypatch.setattr("voipkit.store.sql.SCHEMAS", (*SCHEMAS, "9999"))
    late = SqlStore(url)
    with pytest.raises(StoreSchema, match=r"older than 9999.*voipkit db upgrade"):
        late.check()
    late.close()
    assert store.schema == SCHEMAS[-1]


def test_an_upgrade_that_fails_changes_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the tables would be worse than none."""
    store = SqlStore(empty_url)

    def broken(database: object) -> None:
        upgrade(database)
        raise KeyError

    monkeypatch.setattr("voipkit.store.migrations.upgrade", broken)
    with pytest.raises(KeyError):
        store.upgrade()
    with store._unit(looked=False) as database:
        assert inspect(database).get_table_names() == []
    monkeypatch.undo()
    assert store.upgrade() is None
    store.close()


def test_every_table_has_a_tenant() -> None:
    for table in metadata.tables.values():
        assert not table.c.org_id.nullable, table.name
        for key in table.foreign_key_constraints:
            assert "org_id" in key.column_keys, table.name


@pytest.mark.parametrize(
    ("table", "model", "elsewhere"),
    [
        ("connections", Connection, {"numbers_imported", "capacity"}), ("credentials", SealedCredentials, set()),
        ("numbers", PhoneNumber, set()), ("versions", NumberVersion, set()), ("audit", AuditEntry, set()),
        ("evidence", IssuedEvidence, set()), ("reservations", Reservation, set()), ("operations", Operation, set()),
        ("jobs", Job, {"counts"}), ("job_items", JobItem, set()),
    ],
)  # fmt: skip
def test_every_field_has_a_column(table: str, model: type, elsewhere: set[str]) -> None:
    """A model that gains a field needs a migration."""
    columns = set(getattr(sql_tables, table).c.keys())

    assert set(model.model_fields) - columns == elsewhere
    assert columns - set(model.model_fields) <= {"id"}


def test_every_statement_on_a_table_names_the_tenant() -> None:
    """Those that do not are the few of `Store` that go across tenants; each is named here."""
    across = {"taken", "claim_operations", "unfinished_jobs", "retire_generations", "purge", "sealed_elsewhere"}
    source = (Path(sql_tables.__file__).parent / "sql.py").read_text()
    methods = re.split(r"\n    def ", source)
    touching = {m.partition("(")[0] for m in methods if re.search(r"\b(select|update|delete)\(", m.partition('"""')[2])}

    assert touching == across | {"replace_sealed", "rewrite_urls"}
