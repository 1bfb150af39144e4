"""Papers on file with destinations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agreements",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("reference", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("signed", sa.Date, nullable=False),
        sa.Column("effective", sa.Date, nullable=False),
        sa.Column("expires", sa.Date),
        sa.Column("classes", sa.JSON, nullable=False),
        sa.Column("module", sa.String(16)),
        sa.Column("from_zones", sa.JSON, nullable=False),
        sa.Column("to_zones", sa.JSON, nullable=False),
        sa.Column("retention_years", sa.Integer),
        sa.Column("notes", sa.JSON, nullable=False),
        sa.Column("recorded_by", sa.String(128), nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.Column("superseded_by", sa.String(64)),
        sa.Column("superseded_on", sa.Date),
        sa.Column("withdrawn_by", sa.String(128)),
        sa.Column("withdrawn_why", sa.String(64)),
        sa.Column("withdrawn_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_agreements"),
    )
    op.create_index("ix_agreements_destination", "agreements", ["destination"])
