"""Who may touch what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "principals",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("label", sa.String(64)),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.String(64)),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_principals"),
    )
    op.create_index("ix_principals_label", "principals", ["label"])
    op.create_table(
        "principal_logins",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_principal_logins"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_principal_logins_principal"),
    )
    op.create_index("ix_principal_logins_principal", "principal_logins", ["principal"])
    op.create_table(
        "principal_roles",
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("origin", sa.String(16), nullable=False),
        sa.Column("given_by", sa.String(64), nullable=False),
        sa.Column("given_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("principal", "role", name="pk_principal_roles"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_principal_roles_principal"),
    )
    op.create_table(
        "access_tokens",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.Column("used_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_access_tokens"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_access_tokens_principal"),
    )
    op.create_index("ix_access_tokens_principal", "access_tokens", ["principal"])
    op.create_table(
        "access_uses",
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("times", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("principal", "operation", name="pk_access_uses"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_access_uses_principal"),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("issued_by", sa.String(64), nullable=False),
        sa.Column("revocation", sa.String(128), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("operations", sa.JSON, nullable=False),
        sa.Column("prefix", sa.String(256), nullable=False),
        sa.Column("recordings", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("per_minute", sa.BigInteger),
        sa.Column("bound", sa.Integer, nullable=False),
        sa.Column("root_key", sa.Integer, nullable=False),
        sa.Column("issued_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.Column("revoked_why", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sa.ForeignKeyConstraint(["holder"], ["principals.id"], name="fk_grants_holder"),
    )
    op.create_index("ix_grants_holder", "grants", ["holder"])
    op.create_index("ix_grants_revocation", "grants", ["revocation"])
    op.create_table(
        "grant_revocations",
        sa.Column("block", sa.String(128), nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("revoked_by", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_grant_revocations"),
    )
    op.create_table(
        "grant_counters",
        sa.Column("block", sa.String(128), nullable=False),
        sa.Column("recordings", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("block", name="pk_grant_counters"),
    )
    op.create_table(
        "grant_recordings",
        sa.Column("block", sa.String(128), nullable=False),
        sa.Column("object", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("block", "object", name="pk_grant_recordings"),
    )
    op.create_table(
        "reads",
        sa.Column("id", _NUMBER, nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("operation", sa.String(32), nullable=False),
        sa.Column("object", sa.String(128), nullable=False),
        sa.Column("grant", sa.String(32)),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("commit", sa.String(64)),
        sa.Column("detail", sa.LargeBinary),
        sa.PrimaryKeyConstraint("id", name="pk_reads"),
        sa.ForeignKeyConstraint(["principal"], ["principals.id"], name="fk_reads_principal"),
    )
    op.create_index("ix_reads_grant", "reads", ["grant"])
    op.create_index("ix_reads_object", "reads", ["object"])
    op.create_index("ix_reads_stream", "reads", ["principal", "purpose", "id"])
    op.create_table(
        "access_baselines",
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("state", sa.JSON, nullable=False),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("principal", "purpose", name="pk_access_baselines"),
    )
    op.create_table(
        "canaries",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("object", sa.JSON, nullable=False),
        sa.Column("planted_by", sa.String(64), nullable=False),
        sa.Column("planted_ms", sa.BigInteger, nullable=False),
        sa.Column("touched_ms", sa.BigInteger),
        sa.Column("touched_by", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_canaries"),
    )
    op.create_table(
        "access_alerts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("principal", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("sent", sa.JSON, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("done_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_access_alerts"),
    )
    op.create_table(
        "access_reviews",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("signed_by", sa.String(64)),
        sa.Column("signed_ms", sa.BigInteger),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_access_reviews"),
    )
