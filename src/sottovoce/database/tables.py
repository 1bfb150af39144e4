"""Every table of the registry, in one MetaData. Times are milliseconds since 1970, UTC.

Conversation ids, customer tokens and locators are in `recordings`, and for as long as there is work to do in
`intake_jobs`, `remediations` (compliance_tables.py) and `source_erasures` (custody_tables.py); nowhere else. The
mapping from a corpus id to a recording is in `corpus_identities` alone, so that a database role can be kept from it
(SPEC 11.1). Ledger tables hold no personal data at all (SPEC 12.1).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

Number: Final = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on either database; SQLite keeps only an INTEGER primary key without a second tree."""

recordings = Table(
    "recordings",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("locator", Text),
    Column("conversation_id", Text, index=True),
    Column("recording_id", Text),
    Column("customer_token", Text, index=True),
    Column("details", JSON),
    Column("first_seen_ms", BigInteger, nullable=False),
    Column("legal_hold", Boolean, nullable=False),
    Column("held_since_ms", BigInteger),
    Column("erasing_ms", BigInteger),
    Column("erased_ms", BigInteger),
)
"""Once `erasing_ms` is set the recording is refused everywhere; `erased_ms` says that it is done."""

decisions = Table(
    "decisions",
    metadata,
    Column("line", String(64), nullable=False),
    Column("recording", ForeignKey("recordings.key"), nullable=False),
    Column("policy_digest", String(128), nullable=False),
    Column("admitted", Boolean, nullable=False),
    Column("reason", String(64)),
    Column("rules", JSON, nullable=False),
    Column("stratum", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("decided_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("line", "recording", "policy_digest"),
)

outcomes = Table(
    "outcomes",
    metadata,
    Column("line", String(64), nullable=False),
    Column("recording", ForeignKey("recordings.key"), nullable=False),
    Column("status", String(32), nullable=False),
    Column("reason", String(64)),
    Column("predecessor", String(128)),
    Column("key_id", String(128)),
    Column("media", String(128), index=True),
    Column("facts", JSON, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("line", "recording"),
)
"""One outcome for each (line, recording): the primary key says so (SPEC 1.4). `media` repeats the fact of that
name, the digest of the sound as received, so that the same sound under another id is found at once."""

objects = Table(
    "objects",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("line", String(64), nullable=False),
    Column("recording", ForeignKey("recordings.key"), nullable=False, index=True),
    Column("kind", String(64), nullable=False),
    Column("channel", Integer),
    Column("location", Text, nullable=False),
    Column("digest", String(128), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("rev", Integer, nullable=False),
    Column("state", String(16), nullable=False),
)

lineage = Table(
    "lineage",
    metadata,
    Column("parent", String(192), nullable=False),
    Column("child", String(192), nullable=False, index=True),
    Column("relation", String(32), nullable=False),
    PrimaryKeyConstraint("parent", "child", "relation"),
)

corpus_versions = Table(
    "corpus_versions",
    metadata,
    Column("version", String(128), primary_key=True),
    Column("root", String(128), nullable=False),
    Column("manifest_digest", String(128), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

corpus_samples = Table(
    "corpus_samples",
    metadata,
    Column("version", ForeignKey("corpus_versions.version"), nullable=False),
    Column("corpus_id", String(128), nullable=False),
    Column("split", String(32), nullable=False),
    Column("released", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    PrimaryKeyConstraint("version", "corpus_id"),
)

corpus_identities = Table(
    "corpus_identities",
    metadata,
    Column("corpus_id", String(128), primary_key=True),
    Column("recording", ForeignKey("recordings.key"), nullable=False, index=True),
    Column("channel", Integer),
    Column("object_id", String(64)),
)

erasures = Table(
    "erasures",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("subject_kind", String(32), nullable=False),
    Column("requested_by", String(128), nullable=False),
    Column("why", String(64), nullable=False),
    Column("report", JSON, nullable=False),
    Column("certificate", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

ledger_leaves = Table(
    "ledger_leaves",
    metadata,
    Column("seq", Number, primary_key=True, autoincrement=False),
    Column("object", String(128)),
    Column("data", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Index("ix_ledger_leaves_object", "object"),
)
"""`object` repeats what `data` says, to be found by; `verify` holds the two together."""

ledger_nodes = Table(
    "ledger_nodes",
    metadata,
    Column("seq", BigInteger, nullable=False, autoincrement=False),
    Column("level", Integer, nullable=False, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("seq", "level"),
    sqlite_with_rowid=False,
)
"""Roots of full subtrees of 2**level leaves, by the last leaf they cover."""

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("note", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

commitments = Table(
    "commitments",
    metadata,
    Column("value", String(64), primary_key=True),
    Column("recording", String(128), nullable=False, index=True),
    Column("opening", LargeBinary(32), nullable=False),
)
"""What opens a salted commitment in the ledger; erasing the row leaves it closed for ever."""

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("executor", String(128), primary_key=True),
    Column("seen_ms", BigInteger, nullable=False),
)
