"""Contributors and their uploads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contributors",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("inbox", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contributors"),
    )
    op.create_table(
        "contributor_credentials",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("contributor", sa.String(64), nullable=False),
        sa.Column("form", sa.String(16), nullable=False),
        sa.Column("public", sa.LargeBinary(32), nullable=False),
        sa.Column("issued_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_contributor_credentials"),
    )
    op.create_index("ix_contributor_credentials_contributor", "contributor_credentials", ["contributor"])
    op.create_table(
        "inbox_keys",
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("inbox", sa.String(64), nullable=False),
        sa.Column("public", sa.LargeBinary(32), nullable=False),
        sa.Column("kms", sa.String(64), nullable=False),
        sa.Column("provider_key", sa.String(256), nullable=False),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("ends_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_inbox_keys"),
    )
    op.create_index("ix_inbox_keys_inbox", "inbox_keys", ["inbox"])
    op.create_table(
        "inbox_wordings",
        sa.Column("inbox", sa.String(64), nullable=False),
        sa.Column("version", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("published_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("inbox", "version", "digest", name="pk_inbox_wordings"),
    )
    op.create_table(
        "uploads",
        sa.Column("inbox", sa.String(64), nullable=False),
        sa.Column("location", sa.String(512), nullable=False),
        sa.Column("stamp", sa.String(128), nullable=False),
        sa.Column("contributor", sa.String(64)),
        sa.Column("upload", sa.String(64)),
        sa.Column("recording", sa.String(128)),
        sa.Column("key", sa.String(64)),
        sa.Column("digest", sa.String(64)),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("receipt", sa.Text),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("inbox", "location", name="pk_uploads"),
    )
    op.create_index("ix_uploads_recording", "uploads", ["recording"])
    op.create_index("ix_uploads_contributor_upload", "uploads", ["contributor", "upload"])
