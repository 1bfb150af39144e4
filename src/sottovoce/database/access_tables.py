"""Principals, grants, reads and their review. Times are milliseconds since 1970, UTC.

Nobody's name is here: a principal is a random id with a label that is a code, and whatever somebody signs in
with (an account of the machine, a subject at an identity provider) is a keyed digest. Tokens are hashes. What a
reader said of why and where from is sealed under the recording's own key, and dies with it.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from sottovoce.database.tables import Number, metadata

principals: Final = Table(
    "principals",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("label", String(64), index=True),
    Column("state", String(16), nullable=False),
    Column("why", String(64)),
    Column("created_by", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)

principal_logins: Final = Table(
    "principal_logins",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("principal", ForeignKey("principals.id"), nullable=False, index=True),
    Column("provider", String(16), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)
"""`subject` is a keyed digest of whatever was signed in with."""

principal_roles: Final = Table(
    "principal_roles",
    metadata,
    Column("principal", ForeignKey("principals.id"), nullable=False),
    Column("role", String(32), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("given_by", String(64), nullable=False),
    Column("given_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("principal", "role"),
)
"""`origin` says whether a person gave the role or an identity provider's claim did."""

access_tokens: Final = Table(
    "access_tokens",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("principal", ForeignKey("principals.id"), nullable=False, index=True),
    Column("hash", LargeBinary(32), nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("used_ms", BigInteger),
)

access_uses: Final = Table(
    "access_uses",
    metadata,
    Column("principal", ForeignKey("principals.id"), nullable=False),
    Column("operation", String(32), nullable=False),
    Column("times", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("principal", "operation"),
)
"""What was used of what was given. Counted once an hour at most, so that commands need not wait to write."""

grants: Final = Table(
    "grants",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("holder", ForeignKey("principals.id"), nullable=False, index=True),
    Column("issued_by", String(64), nullable=False),
    Column("revocation", String(128), nullable=False, index=True),
    Column("purpose", String(64), nullable=False),
    Column("operations", JSON, nullable=False),
    Column("prefix", String(256), nullable=False),
    Column("recordings", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("per_minute", BigInteger),
    Column("bound", Integer, nullable=False),
    Column("root_key", Integer, nullable=False),
    Column("issued_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("revoked_why", String(64)),
)
"""`revocation` is the id of the grant's first block: revoking it ends everything made from it."""

grant_revocations: Final = Table(
    "grant_revocations",
    metadata,
    Column("block", String(128), primary_key=True),
    Column("why", String(64), nullable=False),
    Column("revoked_by", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

grant_counters: Final = Table(
    "grant_counters",
    metadata,
    Column("block", String(128), primary_key=True),
    Column("recordings", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)

grant_recordings: Final = Table(
    "grant_recordings",
    metadata,
    Column("block", String(128), nullable=False),
    Column("object", String(128), nullable=False),
    PrimaryKeyConstraint("block", "object"),
)
"""Which recordings a block has counted already; emptied once its grant is over."""

reads: Final = Table(
    "reads",
    metadata,
    Column("id", Number, primary_key=True),
    Column("principal", ForeignKey("principals.id"), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("operation", String(32), nullable=False),
    Column("object", String(128), nullable=False, index=True),
    Column("grant", String(32), index=True),
    Column("bytes", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("commit", String(64)),
    Column("detail", LargeBinary),
    Index("ix_reads_stream", "principal", "purpose", "id"),
)
"""Every read, by corpus id. `detail` is sealed under the recording's key; `commit` is what the ledger holds of it."""

access_baselines: Final = Table(
    "access_baselines",
    metadata,
    Column("principal", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("state", JSON, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("principal", "purpose"),
)

canaries: Final = Table(
    "canaries",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("object", JSON, nullable=False),
    Column("planted_by", String(64), nullable=False),
    Column("planted_ms", BigInteger, nullable=False),
    Column("touched_ms", BigInteger),
    Column("touched_by", String(64)),
)

access_alerts: Final = Table(
    "access_alerts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("principal", String(64), nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("sent", JSON, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("done_ms", BigInteger),
)
"""Written with the suspension itself, and sent afterwards until every channel has taken it."""

access_reviews: Final = Table(
    "access_reviews",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("made_by", String(64), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("report", JSON, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("signed_by", String(64)),
    Column("signed_ms", BigInteger),
    Column("note", Text),
)
