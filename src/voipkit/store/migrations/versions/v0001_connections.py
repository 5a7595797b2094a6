"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = sa.BigInteger().with_variant(TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "voipkit_audit",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("object_type", sa.String(length=32), nullable=False),
        sa.Column("object_id", sa.BigInteger(), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voipkit_audit_newest", "voipkit_audit", ["org_id", "created_at", "id"])
    op.create_index(
        "ix_voipkit_audit_of_object", "voipkit_audit", ["org_id", "object_type", "object_id", "created_at", "id"]
    )
    op.create_table(
        "voipkit_connections",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("setup_method", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("inferred_name", sa.Boolean(), nullable=False),
        sa.Column("sip_config", sa.Text(), nullable=False),
        sa.Column("key_hint", sa.Text(), nullable=True),
        sa.Column("last_tested_at", _MOMENT, nullable=True),
        sa.Column("default_outbound", sa.Boolean(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_connections"),
        sa.UniqueConstraint("org_id", "id", name="uq_voipkit_connections_org_id_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voipkit_connections_newest", "voipkit_connections", ["org_id", "created_at", "id"])
    op.create_index(
        "uq_voipkit_connections_default",
        "voipkit_connections",
        ["org_id"],
        unique=True,
        sqlite_where=sa.text("default_outbound"),
        postgresql_where=sa.text("default_outbound"),
    )
    op.create_table(
        "voipkit_evidence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=True),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_evidence"),
    )
    op.create_index("ix_voipkit_evidence_expires_at", "voipkit_evidence", ["expires_at"])
    op.create_table(
        "voipkit_jobs",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=True),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_jobs"),
        sa.UniqueConstraint("org_id", "id", name="uq_voipkit_jobs_org_id_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voipkit_jobs_finished_at", "voipkit_jobs", ["finished_at", "id"])
    op.create_index("ix_voipkit_jobs_newest", "voipkit_jobs", ["org_id", "created_at", "id"])
    op.create_table(
        "voipkit_number_versions",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("number_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("inbound_agent_id", sa.Text(), nullable=True),
        sa.Column("outbound_agent_id", sa.Text(), nullable=True),
        sa.Column("voip_connection_id", sa.BigInteger(), nullable=True),
        sa.Column("label", sa.String(length=100), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_number_versions"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_voipkit_number_versions_newest", "voipkit_number_versions", ["org_id", "number_id", "created_at", "id"]
    )
    op.create_table(
        "voipkit_operations",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=True),
        sa.Column("number_id", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=False),
        sa.Column("lease_until", _MOMENT, nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_operations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voipkit_operations_lease", "voipkit_operations", ["lease_until", "id"])
    op.create_index("ix_voipkit_operations_tenant", "voipkit_operations", ["org_id", "id"])
    op.create_table(
        "voipkit_reservations",
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "operation", "key", name="pk_voipkit_reservations"),
    )
    op.create_index("ix_voipkit_reservations_created_at", "voipkit_reservations", ["created_at"])
    op.create_table(
        "voipkit_spent_evidence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_spent_evidence"),
    )
    op.create_table(
        "voipkit_credentials",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("connection_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("retire_at", _MOMENT, nullable=True),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "connection_id"],
            ["voipkit_connections.org_id", "voipkit_connections.id"],
            name="fk_voipkit_credentials_voipkit_connections",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_credentials"),
        sa.UniqueConstraint(
            "org_id", "connection_id", "generation", name="uq_voipkit_credentials_org_id_connection_id_generation"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voipkit_credentials_kid", "voipkit_credentials", ["kid", "id"])
    op.create_index("ix_voipkit_credentials_retire_at", "voipkit_credentials", ["retire_at"])
    op.create_index(
        "uq_voipkit_credentials_state",
        "voipkit_credentials",
        ["connection_id", "state"],
        unique=True,
        sqlite_where=sa.text("state <> 'former'"),
        postgresql_where=sa.text("state <> 'former'"),
    )
    op.create_table(
        "voipkit_job_items",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("worker", sa.String(length=255), nullable=True),
        sa.Column("lease_until", _MOMENT, nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["org_id", "job_id"], ["voipkit_jobs.org_id", "voipkit_jobs.id"], name="fk_voipkit_job_items_voipkit_jobs"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_job_items"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_voipkit_job_items_by_status", "voipkit_job_items", ["org_id", "job_id", "status", "id"])
    op.create_index("ix_voipkit_job_items_in_order", "voipkit_job_items", ["org_id", "job_id", "id"])
    op.create_table(
        "voipkit_numbers",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("org_id", sa.String(length=200), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("inbound_agent_id", sa.Text(), nullable=True),
        sa.Column("outbound_agent_id", sa.Text(), nullable=True),
        sa.Column("voip_connection_id", sa.BigInteger(), nullable=True),
        sa.Column("voip_verification_status", sa.String(length=16), nullable=False),
        sa.Column("voip_last_verified_at", _MOMENT, nullable=True),
        sa.Column("label", sa.String(length=100), nullable=True),
        sa.Column("provider_number_id", sa.Text(), nullable=True),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("snapshot", sa.Text(), nullable=True),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["org_id", "voip_connection_id"],
            ["voipkit_connections.org_id", "voipkit_connections.id"],
            name="fk_voipkit_numbers_voipkit_connections",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_voipkit_numbers"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_voipkit_numbers_counted",
        "voipkit_numbers",
        ["org_id", "voip_connection_id", "status", "voip_verification_status"],
    )
    op.create_index("ix_voipkit_numbers_newest", "voipkit_numbers", ["org_id", "created_at", "id"])
    op.create_index(
        "ix_voipkit_numbers_of_connection", "voipkit_numbers", ["org_id", "voip_connection_id", "created_at", "id"]
    )
    op.create_index(
        "uq_voipkit_numbers_in_use",
        "voipkit_numbers",
        ["number"],
        unique=True,
        sqlite_where=sa.text("status <> 'released'"),
        postgresql_where=sa.text("status <> 'released'"),
    )
