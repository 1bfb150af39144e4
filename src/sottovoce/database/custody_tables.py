"""Training runs, models, retention, deliveries and notices. Times are milliseconds since 1970, UTC.

Nothing here names a person: recordings, erasures and receipts are opaque ids, everything else codes and counts; but
for `source_erasures.locator`, for as long as a source has not let go.
Which samples a run read stands in `lineage`, as edges from sample to run.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Integer, PrimaryKeyConstraint, String, Table, Text

from sottovoce.database.tables import metadata

training_runs = Table(
    "training_runs",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("version", ForeignKey("corpus_versions.version"), nullable=False, index=True),
    Column("splits", JSON, nullable=False),
    Column("purpose", String(64), nullable=False),
    Column("framework", String(128), nullable=False),
    Column("parameters", String(128)),
    Column("reads", String(16), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
)
"""`parameters` is a digest; `reads` says whether the samples read are presumed or recorded."""

models = Table(
    "models",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("digest", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)

model_decisions = Table(
    "model_decisions",
    metadata,
    Column("erasure", ForeignKey("erasures.id"), nullable=False),
    Column("node", String(192), nullable=False),
    Column("recordings", Integer, nullable=False),
    Column("decision", String(16)),
    Column("why", String(64)),
    Column("decided_by", String(128)),
    Column("due_ms", BigInteger, nullable=False),
    Column("decided_ms", BigInteger),
    PrimaryKeyConstraint("erasure", "node"),
)
"""What becomes of a run or model that saw erased data; `decision` is empty until somebody decides."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("recording", ForeignKey("recordings.key"), nullable=False, index=True),
    Column("destination", String(64), nullable=False),
    Column("receipt", String(128), nullable=False),
    Column("delivered_ms", BigInteger, nullable=False),
    Column("erasure", String(64), index=True),
)
"""`receipt` is what the recipient can find it by; `erasure` the one that recalls it."""

notices = Table(
    "notices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("erasure", ForeignKey("erasures.id"), nullable=False, index=True),
    Column("destination", String(64), nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", String(64)),
    Column("reference", String(128)),
    Column("made_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("sent_ms", BigInteger),
    Column("acknowledged_ms", BigInteger),
)

holds = Table(
    "holds",
    metadata,
    Column("matter", String(64), nullable=False),
    Column("recording", ForeignKey("recordings.key"), nullable=False, index=True),
    Column("why", String(64), nullable=False),
    Column("placed_by", String(128), nullable=False),
    Column("placed_ms", BigInteger, nullable=False),
    Column("released_by", String(128)),
    Column("released_ms", BigInteger),
    PrimaryKeyConstraint("matter", "recording"),
)
"""A recording is held while any matter holds it; `recordings.legal_hold` repeats that."""

deferred_erasures = Table(
    "deferred_erasures",
    metadata,
    Column("recording", ForeignKey("recordings.key"), primary_key=True),
    Column("erasure", String(64), nullable=False),
    Column("requested_by", String(128), nullable=False),
    Column("why", String(64), nullable=False),
    Column("asked_ms", BigInteger, nullable=False),
)
"""Erasures that a hold put off: what is left of the recording goes when the hold is lifted."""

sweeps = Table(
    "sweeps",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("swept_by", String(128), nullable=False),
    Column("policy_digest", String(128), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
)

source_erasures = Table(
    "source_erasures",
    metadata,
    Column("recording", ForeignKey("recordings.key"), primary_key=True),
    Column("erasure", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("way", String(16), nullable=False),
    Column("locator", Text),
    Column("state", String(16), nullable=False, index=True),
    Column("code", String(64)),
    Column("reference", String(128)),
    Column("attempts", Integer, nullable=False),
    Column("owed_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
"""What a source is to let go of. `locator` is how it finds it, and is blanked once that is done."""

source_protections = Table(
    "source_protections",
    metadata,
    Column("recording", ForeignKey("recordings.key"), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("applied_ms", BigInteger, nullable=False),
)
"""Recordings whose conversation we protect at its source: what the source then states is our own hold."""

source_sweeps = Table(
    "source_sweeps",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("source", String(64), nullable=False, index=True),
    Column("before_ms", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("counts", JSON, nullable=False),
    Column("code", String(64)),
    Column("swept_by", String(128), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
)
"""Jobs of a source that delete what it keeps too long, under the source's own numbers."""

event_cursors = Table(
    "event_cursors",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""Up to which ledger entry a consumer was told; the next one it is told of has this number."""
