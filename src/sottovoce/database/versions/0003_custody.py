"""Training runs, models, retention and notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "training_runs",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("version", sa.String(128), sa.ForeignKey("corpus_versions.version", name="fk_training_runs_version"), nullable=False),
        sa.Column("splits", sa.JSON, nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("framework", sa.String(128), nullable=False),
        sa.Column("parameters", sa.String(128)),
        sa.Column("reads", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_training_runs"),
    )
    op.create_index("ix_training_runs_version", "training_runs", ["version"])
    op.create_table(
        "models",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
    )
    op.create_table(
        "model_decisions",
        sa.Column("erasure", sa.String(64), sa.ForeignKey("erasures.id", name="fk_model_decisions_erasure"), nullable=False),
        sa.Column("node", sa.String(192), nullable=False),
        sa.Column("recordings", sa.Integer, nullable=False),
        sa.Column("decision", sa.String(16)),
        sa.Column("why", sa.String(64)),
        sa.Column("decided_by", sa.String(128)),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("decided_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("erasure", "node", name="pk_model_decisions"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("recording", sa.String(128), sa.ForeignKey("recordings.key", name="fk_deliveries_recording"), nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("receipt", sa.String(128), nullable=False),
        sa.Column("delivered_ms", sa.BigInteger, nullable=False),
        sa.Column("erasure", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_erasure", "deliveries", ["erasure"])
    op.create_index("ix_deliveries_recording", "deliveries", ["recording"])
    op.create_table(
        "notices",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("erasure", sa.String(64), sa.ForeignKey("erasures.id", name="fk_notices_erasure"), nullable=False),
        sa.Column("destination", sa.String(64), nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failure", sa.String(64)),
        sa.Column("reference", sa.String(128)),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_ms", sa.BigInteger),
        sa.Column("acknowledged_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_erasure", "notices", ["erasure"])
    op.create_table(
        "holds",
        sa.Column("matter", sa.String(64), nullable=False),
        sa.Column("recording", sa.String(128), sa.ForeignKey("recordings.key", name="fk_holds_recording"), nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("placed_by", sa.String(128), nullable=False),
        sa.Column("placed_ms", sa.BigInteger, nullable=False),
        sa.Column("released_by", sa.String(128)),
        sa.Column("released_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("matter", "recording", name="pk_holds"),
    )
    op.create_index("ix_holds_recording", "holds", ["recording"])
    op.create_table(
        "deferred_erasures",
        sa.Column("recording", sa.String(128), sa.ForeignKey("recordings.key", name="fk_deferred_erasures_recording"), nullable=False),
        sa.Column("erasure", sa.String(64), nullable=False),
        sa.Column("requested_by", sa.String(128), nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("asked_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("recording", name="pk_deferred_erasures"),
    )
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("swept_by", sa.String(128), nullable=False),
        sa.Column("policy_digest", sa.String(128), nullable=False),
        sa.Column("counts", sa.JSON, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
    )
    op.create_table(
        "event_cursors",
        sa.Column("consumer", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("consumer", name="pk_event_cursors"),
    )
