"""Jobs and what follows from verdicts are scheduled by the durable engine: no times, counts and deaths of our own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_intake_jobs_state", "intake_jobs")
    op.drop_index("ix_remediations_state", "remediations")
    with op.batch_alter_table("intake_jobs") as jobs:
        jobs.add_column(sa.Column("generation", sa.Integer, nullable=False, server_default="1"))
        jobs.drop_column("attempts")
        jobs.drop_column("deaths")
        jobs.drop_column("due_ms")
    with op.batch_alter_table("remediations") as steps:
        steps.drop_column("due_ms")
    with op.batch_alter_table("intake_jobs") as jobs:
        jobs.alter_column("generation", server_default=None)
    op.create_index("ix_intake_jobs_state", "intake_jobs", ["state", "received_ms"])
    op.create_index("ix_remediations_state", "remediations", ["state"])
    op.execute("UPDATE intake_jobs SET state = 'ready' WHERE state = 'taken'")
    op.execute(
        "UPDATE intake_jobs SET state = 'ready' WHERE state = 'done' AND subject IN "
        "(SELECT subject FROM remediations WHERE state IN ('ready', 'sent'))"
    )
