"""Where a recording went: decisions, objects, corpus samples and versions, and the ledger's word for it (SPEC 12.2).

`lineage_of` answers for a conversation, `corpus_members` the other way round: which customer recordings are in the
corpus. Both lead from conversation ids to corpus ids and are for the role that may know; once a recording is
erased, no conversation id leads to it any more, and only its opaque key still answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, select

from sottovoce.custody.nodes import recording_node
from sottovoce.custody.records import PRESENT, decision_of, decisions_about, objects_of, outcomes_of
from sottovoce.custody.rows import Decision, Outcome, StoredObject, moment
from sottovoce.database.batches import batches
from sottovoce.database.engine import reading
from sottovoce.database.tables import corpus_identities, corpus_samples, lineage, recordings
from sottovoce.ledger.ledger import entries_about


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleLineage:
    """A sample made from a recording, and a version it was released in."""

    corpus_id: str
    version: str
    split: str
    channel: int | None
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLineage:
    """All that is known of one recording's way, by its opaque key. `ledger` numbers the entries about it."""

    recording: str
    source: str
    first_seen_at: datetime
    held_since: datetime | None
    erasing_since: datetime | None
    erased_at: datetime | None
    decisions: tuple[Decision, ...]
    outcomes: tuple[Outcome, ...]
    objects: tuple[StoredObject, ...]
    samples: tuple[SampleLineage, ...]
    ledger: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The recordings of a conversation; none when it is unknown, or was erased."""

    recordings: tuple[RecordingLineage, ...]

    @property
    def in_corpus(self) -> tuple[SampleLineage, ...]:
        """Samples of the conversation that are still in a corpus version."""
        return tuple(sample for each in self.recordings for sample in each.samples if not sample.erased)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusMember:
    """A customer recording that is in the corpus, as which sample and in which version."""

    conversation_id: str = field(repr=False)
    recording: str
    corpus_id: str
    version: str


def lineage_of(engine: Engine, conversation_id: str) -> Lineage:
    """The lineage of every recording of a conversation."""
    return _lineage(engine, recordings.c.conversation_id == conversation_id)


def lineage_of_recording(engine: Engine, key: str) -> Lineage:
    """The lineage of one recording by its opaque key, which also answers after erasure."""
    return _lineage(engine, recordings.c.key == key)


def corpus_members(engine: Engine) -> tuple[CorpusMember, ...]:
    """Every customer recording in the corpus, version by version."""
    same_id = corpus_samples.c.corpus_id == corpus_identities.c.corpus_id
    joined = corpus_identities.join(recordings).join(corpus_samples, same_id)
    columns = (
        recordings.c.conversation_id,
        recordings.c.key.label("recording"),
        corpus_samples.c.corpus_id,
        corpus_samples.c.version,
    )
    wanted = select(*columns).select_from(joined).where(corpus_samples.c.state == PRESENT)
    with reading(engine) as connection:
        rows = connection.execute(wanted.order_by(corpus_samples.c.version, corpus_samples.c.corpus_id)).mappings()
        return tuple(CorpusMember(**row) for row in rows)


def descendants(connection: Connection, key: str) -> tuple[str, ...]:
    """Every node that was made from a recording, directly or not, nearest first."""
    return descendants_of_all(connection, [key])[key]


def descendants_of_all(connection: Connection, keys: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """The same for a batch of recordings, each with its own, in one query a generation."""
    found: dict[str, dict[str, None]] = {key: {} for key in keys}
    frontier: dict[str, set[str]] = {recording_node(key): {key} for key in keys}
    while frontier:
        following: dict[str, set[str]] = {}
        for parent, child in _edges_from(connection, list(frontier)):
            new = {key for key in frontier[parent] if child not in found[key]}
            for key in new:
                found[key][child] = None
            if new:
                following.setdefault(child, set()).update(new)
        frontier = following
    return {key: tuple(nodes) for key, nodes in found.items()}


def _edges_from(connection: Connection, parents: Sequence[str]) -> list[tuple[str, str]]:
    edges = select(lineage.c.parent, lineage.c.child)
    rows = (connection.execute(edges.where(lineage.c.parent.in_(some))) for some in batches(parents))
    return sorted(((row.parent, row.child) for found in rows for row in found), key=lambda edge: edge[1])


def _lineage(engine: Engine, where: ColumnElement[bool]) -> Lineage:
    wanted = select(recordings).where(where).order_by(recordings.c.first_seen_ms, recordings.c.key)
    with reading(engine) as connection:
        rows = connection.execute(wanted).mappings().all()
        return Lineage(recordings=tuple(_recording(connection, row) for row in rows))


def _recording(connection: Connection, row: RowMapping) -> RecordingLineage:
    key = row["key"]
    return RecordingLineage(
        recording=key,
        source=row["source"],
        first_seen_at=moment(row["first_seen_ms"]),
        held_since=_when(row["held_since_ms"]),
        erasing_since=_when(row["erasing_ms"]),
        erased_at=_when(row["erased_ms"]),
        decisions=tuple(map(decision_of, connection.execute(decisions_about(key)).mappings())),
        outcomes=outcomes_of(connection, key),
        objects=objects_of(connection, key),
        samples=_samples(connection, key),
        ledger=tuple(seq for seq, _ in entries_about(connection, key)),
    )


def _samples(connection: Connection, key: str) -> tuple[SampleLineage, ...]:
    """By the lineage's own edges, because erasure removes what a corpus id stands for."""
    ids = [node.removeprefix("sample:") for node in descendants(connection, key) if node.startswith("sample:")]
    known = select(corpus_identities).where(corpus_identities.c.corpus_id.in_(ids))
    channels = {row.corpus_id: row.channel for row in connection.execute(known)}
    wanted = select(corpus_samples).where(corpus_samples.c.corpus_id.in_(ids))
    rows = connection.execute(wanted.order_by(corpus_samples.c.version, corpus_samples.c.corpus_id)).mappings()
    return tuple(
        SampleLineage(
            corpus_id=row["corpus_id"],
            version=row["version"],
            split=row["split"],
            channel=channels.get(row["corpus_id"]),
            erased=row["state"] != PRESENT,
        )
        for row in rows
    )


def _when(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else moment(at_ms)
