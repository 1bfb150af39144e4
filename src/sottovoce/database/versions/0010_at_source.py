"""What a source is to let go of, what we protect there, and its own sweeps."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "source_erasures",
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("erasure", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("way", sa.String(16), nullable=False),
        sa.Column("locator", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("reference", sa.String(128)),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("owed_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("recording", name="pk_source_erasures"),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name="fk_source_erasures_recording"),
    )
    op.create_index("ix_source_erasures_state", "source_erasures", ["state"])
    op.create_table(
        "source_protections",
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("applied_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("recording", name="pk_source_protections"),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name="fk_source_protections_recording"),
    )
    op.create_table(
        "source_sweeps",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("before_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("swept_by", sa.String(128), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_source_sweeps"),
    )
    op.create_index("ix_source_sweeps_source", "source_sweeps", ["source"])
