"""Contributors and what they sent in. Times are milliseconds since 1970, UTC.

Contributors are pseudonymous ids; who they are is nowhere here. Nothing of what they sent stands in the
clear: an upload's own metadata stays inside its ciphertext.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, String, Table, Text

from sottovoce.database.tables import metadata

contributors: Final = Table(
    "contributors",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("inbox", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

contributor_credentials: Final = Table(
    "contributor_credentials",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("contributor", String(64), nullable=False, index=True),
    Column("form", String(16), nullable=False),
    Column("public", LargeBinary(32), nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)
"""`public` verifies what the credential signed; its private half is with the contributor alone."""

inbox_keys: Final = Table(
    "inbox_keys",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("inbox", String(64), nullable=False, index=True),
    Column("public", LargeBinary(32), nullable=False),
    Column("kms", String(64), nullable=False),
    Column("provider_key", String(256), nullable=False),
    Column("wrapped", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ends_ms", BigInteger),
)
"""`wrapped` is the private key as its provider returned it, and NULL once it was destroyed."""

inbox_wordings: Final = Table(
    "inbox_wordings",
    metadata,
    Column("inbox", String(64), nullable=False),
    Column("version", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("published_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("inbox", "version", "digest"),
)
"""Which words stood under which version: consent names both."""

uploads: Final = Table(
    "uploads",
    metadata,
    Column("inbox", String(64), nullable=False),
    Column("location", String(512), nullable=False),
    Column("stamp", String(128), nullable=False),
    Column("contributor", String(64)),
    Column("upload", String(64)),
    Column("recording", String(128), index=True),
    Column("key", String(64)),
    Column("digest", String(64)),
    Column("size", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(64)),
    Column("receipt", Text),
    Column("received_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("inbox", "location"),
    Index("ix_uploads_contributor_upload", "contributor", "upload"),
)
"""One row for each object that was found. `stamp` is the store's mark of its content: another one is another
object. `digest` is the SHA-256 of the ciphertext."""
