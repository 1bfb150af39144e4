"""Events that came in, verdicts and remediations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "intake_events",
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("event", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("job", sa.String(64), nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sender", "event", name="pk_intake_events"),
    )
    op.create_index("ix_intake_events_received_ms", "intake_events", ["received_ms"])
    op.create_table(
        "intake_jobs",
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.Column("locator", sa.Text),
        sa.Column("tokens", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_intake_jobs"),
    )
    op.create_index("ix_intake_jobs_id", "intake_jobs", ["id"], unique=True)
    op.create_index("ix_intake_jobs_state", "intake_jobs", ["state", "due_ms"])
    op.create_table(
        "verdicts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("found", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(48), nullable=False),
        sa.Column("type", sa.String(48), nullable=False),
        sa.Column("confidence", sa.Integer, nullable=False),
        sa.Column("offset_ms", sa.BigInteger),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("action", sa.String(48), nullable=False),
        sa.Column("evidence", sa.String(64)),
        sa.Column("correlation", sa.String(128), nullable=False),
        sa.Column("engine", sa.String(48), nullable=False),
        sa.Column("rules_digest", sa.String(64), nullable=False),
        sa.Column("available_ms", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_subject", "verdicts", ["subject", "rule", "type"], unique=True)
    op.create_table(
        "remediations",
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("code", sa.String(48), nullable=False),
        sa.Column("offset_ms", sa.BigInteger, nullable=False),
        sa.Column("locator", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("error", sa.String(48)),
        sa.PrimaryKeyConstraint("subject", "step", name="pk_remediations"),
    )
    op.create_index("ix_remediations_state", "remediations", ["state", "due_ms"])
    op.create_table(
        "rate_leases",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rate_leases"),
    )
    op.create_index("ix_rate_leases_name", "rate_leases", ["name", "at_ms"])
