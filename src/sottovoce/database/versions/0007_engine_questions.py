"""What an external engine was asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "engine_questions",
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("correlation", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("locator", sa.Text),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("object", sa.String(64)),
        sa.Column("opened", sa.Integer, nullable=False),
        sa.Column("answer", sa.String(64)),
        sa.Column("available_ms", sa.BigInteger, nullable=False),
        sa.Column("link_until_ms", sa.BigInteger),
        sa.Column("answer_until_ms", sa.BigInteger),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_engine_questions"),
    )
    op.create_index("ix_engine_questions_correlation", "engine_questions", ["correlation"], unique=True)
