"""What an external engine was asked. Times are milliseconds since 1970, UTC.

`locator` leads to the recording and `facts` says how long it is and what was removed; both are emptied when the
question is over. What stays is that it was asked, and the digest of the answer that stands.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

from sottovoce.database.tables import metadata

engine_questions: Final = Table(
    "engine_questions",
    metadata,
    Column("subject", String(128), primary_key=True),
    Column("correlation", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("locator", Text),
    Column("facts", JSON, nullable=False),
    Column("object", String(64)),
    Column("opened", Integer, nullable=False),
    Column("answer", String(64)),
    Column("available_ms", BigInteger, nullable=False),
    Column("link_until_ms", BigInteger),
    Column("answer_until_ms", BigInteger),
    Column("changed_ms", BigInteger, nullable=False),
    Index("ix_engine_questions_correlation", "correlation", unique=True),
)
"""One for each recording. `object` is the redacted sound it may fetch, `opened` how often that was."""
