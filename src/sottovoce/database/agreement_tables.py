"""Papers on file with destinations. The papers themselves stay outside; here are codes, dates and digests.

Rows are never deleted and, but for being superseded or withdrawn, never changed.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Date, Integer, String, Table

from sottovoce.database.tables import metadata

agreements = Table(
    "agreements",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("destination", String(64), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("reference", String(128), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("signed", Date, nullable=False),
    Column("effective", Date, nullable=False),
    Column("expires", Date),
    Column("classes", JSON, nullable=False),
    Column("module", String(16)),
    Column("from_zones", JSON, nullable=False),
    Column("to_zones", JSON, nullable=False),
    Column("retention_years", Integer),
    Column("notes", JSON, nullable=False),
    Column("recorded_by", String(128), nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("superseded_by", String(64)),
    Column("superseded_on", Date),
    Column("withdrawn_by", String(128)),
    Column("withdrawn_why", String(64)),
    Column("withdrawn_ms", BigInteger),
)
