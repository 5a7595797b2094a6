"""The tables, as the newest migration leaves them. A test holds the two against each other.

Every table has ``org_id``, the tenant. Foreign keys between records of a tenant name it too, so the database itself
refuses a link that crosses tenants.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

__all__ = [
    "SCHEMAS", "audit", "connections", "credentials", "evidence", "job_items", "jobs", "metadata", "numbers",
    "operations", "reservations", "spent", "versions",
]  # fmt: skip

SCHEMAS = ("0001",)
"""Every released schema, oldest first; this version of voipkit needs the last."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, to the microsecond: ``timestamptz`` in PostgreSQL, microseconds since 1970 in SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the database's own type."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write."""
        if value is None or dialect.name == "postgresql":
            return value
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as inherited
        """Read."""
        return _EPOCH + timedelta(microseconds=value) if isinstance(value, int) else value


class Json(TypeDecorator[Any]):
    """A JSON value as text; None is NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - as inherited
        """Write; models as their fields in snake_case."""
        return None if value is None else to_json(value, by_alias=False).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 - as inherited
        """Read."""
        return None if value is None else from_json(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    # SQLite counts up only a column of exactly the type INTEGER; sqlite_autoincrement keeps it from giving the id of a
    # deleted record again, which sealed credentials are bound to.
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _org_id() -> Column[str]:
    return Column("org_id", String(200), nullable=False)


def _moment(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, Moment, nullable=nullable)


# --- connections -----------------------------------------------------------------------------------------------------

connections = Table(
    "voipkit_connections",
    metadata,
    _id(),
    _org_id(),
    Column("name", String(100), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("setup_method", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("inferred_name", Boolean, nullable=False),
    Column("sip_config", Json, nullable=False),
    Column("key_hint", Text),
    _moment("last_tested_at", nullable=True),
    Column("default_outbound", Boolean, nullable=False),
    Column("checks", Json, nullable=False),
    Column("generation", Integer, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    UniqueConstraint("org_id", "id"),
    Index("ix_voipkit_connections_newest", "org_id", "created_at", "id"),
    Index(
        "uq_voipkit_connections_default", "org_id", unique=True,
        sqlite_where=text("default_outbound"), postgresql_where=text("default_outbound"),
    ),
    sqlite_autoincrement=True,
)  # fmt: skip

credentials = Table(
    "voipkit_credentials",
    metadata,
    _id(),
    _org_id(),
    Column("connection_id", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("provider", String(64), nullable=False),
    Column("kid", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    _moment("retire_at", nullable=True),
    _moment("created_at"),
    ForeignKeyConstraint(["org_id", "connection_id"], ["voipkit_connections.org_id", "voipkit_connections.id"]),
    UniqueConstraint("org_id", "connection_id", "generation"),
    Index(
        "uq_voipkit_credentials_state", "connection_id", "state", unique=True,
        sqlite_where=text("state <> 'former'"), postgresql_where=text("state <> 'former'"),
    ),
    Index("ix_voipkit_credentials_kid", "kid", "id"),
    Index("ix_voipkit_credentials_retire_at", "retire_at"),
    sqlite_autoincrement=True,
)  # fmt: skip

# --- numbers ---------------------------------------------------------------------------------------------------------

numbers = Table(
    "voipkit_numbers",
    metadata,
    _id(),
    _org_id(),
    Column("number", String(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("inbound_agent_id", Json),
    Column("outbound_agent_id", Json),
    Column("voip_connection_id", BigInteger),
    Column("voip_verification_status", String(16), nullable=False),
    _moment("voip_last_verified_at", nullable=True),
    Column("label", String(100)),
    Column("provider_number_id", Text),
    Column("route", Json),
    Column("snapshot", Json),
    Column("checks", Json, nullable=False),
    _moment("created_at"),
    _moment("updated_at"),
    ForeignKeyConstraint(["org_id", "voip_connection_id"], ["voipkit_connections.org_id", "voipkit_connections.id"]),
    # A number lives in one tenant at a time.
    Index(
        "uq_voipkit_numbers_in_use", "number", unique=True,
        sqlite_where=text("status <> 'released'"), postgresql_where=text("status <> 'released'"),
    ),
    Index("ix_voipkit_numbers_newest", "org_id", "created_at", "id"),
    Index("ix_voipkit_numbers_of_connection", "org_id", "voip_connection_id", "created_at", "id"),
    Index("ix_voipkit_numbers_counted", "org_id", "voip_connection_id", "status", "voip_verification_status"),
    sqlite_autoincrement=True,
)  # fmt: skip

versions = Table(
    "voipkit_number_versions",
    metadata,
    _id(),
    _org_id(),
    Column("number_id", BigInteger, nullable=False),
    Column("number", String(16), nullable=False),
    Column("action", String(64), nullable=False),
    Column("actor", Text),
    Column("status", String(16), nullable=False),
    Column("inbound_agent_id", Json),
    Column("outbound_agent_id", Json),
    Column("voip_connection_id", BigInteger),
    Column("label", String(100)),
    _moment("created_at"),
    Index("ix_voipkit_number_versions_newest", "org_id", "number_id", "created_at", "id"),
    sqlite_autoincrement=True,
)

# --- the journal -----------------------------------------------------------------------------------------------------

audit = Table(
    "voipkit_audit",
    metadata,
    _id(),
    _org_id(),
    Column("action", String(64), nullable=False),
    Column("actor", Text),
    Column("object_type", String(32), nullable=False),
    Column("object_id", BigInteger),
    Column("before", Json),
    Column("after", Json),
    _moment("created_at"),
    Index("ix_voipkit_audit_newest", "org_id", "created_at", "id"),
    Index("ix_voipkit_audit_of_object", "org_id", "object_type", "object_id", "created_at", "id"),
    sqlite_autoincrement=True,
)

evidence = Table(
    "voipkit_evidence",
    metadata,
    Column("id", String(36), primary_key=True),
    _org_id(),
    Column("token", Text, nullable=False),
    Column("suggestion", Json),
    Column("checks", Json, nullable=False),
    _moment("expires_at"),
    _moment("created_at"),
    Index("ix_voipkit_evidence_expires_at", "expires_at"),
)

spent = Table(
    "voipkit_spent_evidence",
    metadata,
    Column("id", String(36), primary_key=True),
    _org_id(),  # empty where it was spent outside any tenant's transaction
    _moment("expires_at"),
)

reservations = Table(
    "voipkit_reservations",
    metadata,
    Column("org_id", String(200), primary_key=True),
    Column("operation", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("answer", Json),
    _moment("created_at"),
    Index("ix_voipkit_reservations_created_at", "created_at"),
)

operations = Table(
    "voipkit_operations",
    metadata,
    _id(),
    _org_id(),
    Column("kind", String(64), nullable=False),
    Column("step", String(64), nullable=False),
    Column("connection_id", BigInteger),
    Column("number_id", BigInteger),
    Column("data", Json, nullable=False),
    Column("worker", String(255), nullable=False),
    _moment("lease_until"),
    _moment("created_at"),
    Index("ix_voipkit_operations_lease", "lease_until", "id"),
    Index("ix_voipkit_operations_tenant", "org_id", "id"),
    sqlite_autoincrement=True,
)

# --- jobs ------------------------------------------------------------------------------------------------------------

jobs = Table(
    "voipkit_jobs",
    metadata,
    _id(),
    _org_id(),
    Column("kind", String(16), nullable=False),
    Column("connection_id", BigInteger),
    Column("request", Json, nullable=False),
    Column("actor", Text),
    Column("status", String(16), nullable=False),
    _moment("created_at"),
    _moment("finished_at", nullable=True),
    UniqueConstraint("org_id", "id"),
    Index("ix_voipkit_jobs_newest", "org_id", "created_at", "id"),
    Index("ix_voipkit_jobs_finished_at", "finished_at", "id"),
    sqlite_autoincrement=True,
)

job_items = Table(
    "voipkit_job_items",
    metadata,
    _id(),
    _org_id(),
    Column("job_id", BigInteger, nullable=False),
    Column("number", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("worker", String(255)),
    _moment("lease_until", nullable=True),
    Column("result", Json),
    ForeignKeyConstraint(["org_id", "job_id"], ["voipkit_jobs.org_id", "voipkit_jobs.id"]),
    Index("ix_voipkit_job_items_in_order", "org_id", "job_id", "id"),
    Index("ix_voipkit_job_items_by_status", "org_id", "job_id", "status", "id"),
    sqlite_autoincrement=True,
)
