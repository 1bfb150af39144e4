"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "recordings",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("locator", sa.Text),
        sa.Column("conversation_id", sa.Text),
        sa.Column("recording_id", sa.Text),
        sa.Column("customer_token", sa.Text),
        sa.Column("details", sa.JSON),
        sa.Column("first_seen_ms", sa.BigInteger, nullable=False),
        sa.Column("legal_hold", sa.Boolean, nullable=False),
        sa.Column("held_since_ms", sa.BigInteger),
        sa.Column("erasing_ms", sa.BigInteger),
        sa.Column("erased_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("key", name="pk_recordings"),
    )
    op.create_index("ix_recordings_conversation_id", "recordings", ["conversation_id"])
    op.create_index("ix_recordings_customer_token", "recordings", ["customer_token"])
    op.create_table(
        "decisions",
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("policy_digest", sa.String(128), nullable=False),
        sa.Column("admitted", sa.Boolean, nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("rules", sa.JSON, nullable=False),
        sa.Column("stratum", sa.JSON, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("decided_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("line", "recording", "policy_digest", name="pk_decisions"),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name="fk_decisions_recording"),
    )
    op.create_table(
        "outcomes",
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("predecessor", sa.String(128)),
        sa.Column("key_id", sa.String(128)),
        sa.Column("media", sa.String(128)),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("line", "recording", name="pk_outcomes"),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name="fk_outcomes_recording"),
    )
    op.create_index("ix_outcomes_media", "outcomes", ["media"])
    op.create_table(
        "objects",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("line", sa.String(64), nullable=False),
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("channel", sa.Integer),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("digest", sa.String(128), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("rev", sa.Integer, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_objects"),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name="fk_objects_recording"),
    )
    op.create_index("ix_objects_recording", "objects", ["recording"])
    op.create_table(
        "lineage",
        sa.Column("parent", sa.String(192), nullable=False),
        sa.Column("child", sa.String(192), nullable=False),
        sa.Column("relation", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("parent", "child", "relation", name="pk_lineage"),
    )
    op.create_index("ix_lineage_child", "lineage", ["child"])
    op.create_table(
        "corpus_versions",
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("root", sa.String(128), nullable=False),
        sa.Column("manifest_digest", sa.String(128), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_corpus_versions"),
    )
    op.create_table(
        "corpus_samples",
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("corpus_id", sa.String(128), nullable=False),
        sa.Column("split", sa.String(32), nullable=False),
        sa.Column("released", sa.JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("version", "corpus_id", name="pk_corpus_samples"),
        sa.ForeignKeyConstraint(["version"], ["corpus_versions.version"], name="fk_corpus_samples_version"),
    )
    op.create_table(
        "corpus_identities",
        sa.Column("corpus_id", sa.String(128), nullable=False),
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("channel", sa.Integer),
        sa.Column("object_id", sa.String(64)),
        sa.PrimaryKeyConstraint("corpus_id", name="pk_corpus_identities"),
        sa.ForeignKeyConstraint(["recording"], ["recordings.key"], name="fk_corpus_identities_recording"),
    )
    op.create_index("ix_corpus_identities_recording", "corpus_identities", ["recording"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("subject_kind", sa.String(32), nullable=False),
        sa.Column("requested_by", sa.String(128), nullable=False),
        sa.Column("why", sa.String(64), nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
        sa.Column("certificate", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_table(
        "ledger_leaves",
        sa.Column("seq", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("object", sa.String(128)),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger_leaves"),
    )
    op.create_index("ix_ledger_leaves_object", "ledger_leaves", ["object"])
    op.create_table(
        "ledger_nodes",
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("level", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("seq", "level", name="pk_ledger_nodes"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", _NUMBER, nullable=False, autoincrement=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )
    op.create_table(
        "commitments",
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("recording", sa.String(128), nullable=False),
        sa.Column("opening", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("value", name="pk_commitments"),
    )
    op.create_index("ix_commitments_recording", "commitments", ["recording"])
    op.create_table(
        "heartbeats",
        sa.Column("executor", sa.String(128), nullable=False),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("executor", name="pk_heartbeats"),
    )
