"""What is handed to destinations, and its receipts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "parcels",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("recording", sa.String(128), sa.ForeignKey("recordings.key", name="fk_parcels_recording"), nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_ms", sa.BigInteger, nullable=False),
        sa.Column("began_ms", sa.BigInteger, nullable=False),
        sa.Column("waybill", sa.JSON),
        sa.Column("reference", sa.String(128)),
        sa.Column("confirmed", sa.String(16)),
        sa.Column("lag_ms", sa.BigInteger),
        sa.Column("is_warned", sa.Boolean),
        sa.Column("at_ms", sa.BigInteger),
        sa.Column("reason", sa.String(48)),
        sa.Column("error", sa.String(48)),
        sa.PrimaryKeyConstraint("id", name="pk_parcels"),
    )
    op.create_index("ix_parcels_recording", "parcels", ["recording"])
    op.create_index("ix_parcels_once", "parcels", ["line", "recording", "destination"], unique=True)
    op.create_index("ix_parcels_mark", "parcels", ["mark"], unique=True)
    op.create_index("ix_parcels_state", "parcels", ["state", "at_ms"])
