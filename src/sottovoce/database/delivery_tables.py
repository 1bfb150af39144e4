"""What is handed to destinations: one row for each recording, line and destination. Times are milliseconds since 1970.

A row names what left by opaque ids, digests and codes; what was said in it, and whose it was, stands nowhere.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table

from sottovoce.database.tables import metadata

parcels: Final = Table(
    "parcels",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("line", String(64), nullable=False),
    Column("recording", ForeignKey("recordings.key"), nullable=False, index=True),
    Column("destination", String(64), nullable=False),
    Column("mark", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("waybill", JSON),
    Column("reference", String(128)),
    Column("confirmed", String(16)),
    Column("lag_ms", BigInteger),
    Column("is_warned", Boolean),
    Column("at_ms", BigInteger),
    Column("reason", String(48)),
    Column("error", String(48)),
    Index("ix_parcels_once", "line", "recording", "destination", unique=True),
    Index("ix_parcels_mark", "mark", unique=True),
    Index("ix_parcels_state", "state", "at_ms"),
)
"""`id` is `line:recording:destination`. `mark` is what the destination knows it by. `waybill` says what was sent
(names, digests, sizes, format) from before the first byte leaves; a delivered row is the receipt. `lease_ms` is
until when somebody is at it."""
