"""Rows of corpus versions: what was released, and apart from it what each corpus id stands for (SPEC 11.1)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from sottovoce.custody.nodes import object_id, object_node, recording_node, sample_node, version_node
from sottovoce.custody.records import PRESENT, add_edge
from sottovoce.custody.rows import (
    CorpusIdentity,
    CorpusSample,
    CorpusVersion,
    ReleasedSample,
    milliseconds,
    moment,
)
from sottovoce.database.tables import corpus_identities, corpus_samples, corpus_versions
from sottovoce.database.upsert import insert_new, insert_or_update
from sottovoce.errors import ReleaseRefused

RELEASED = frozenset(
    {
        "corpusId",
        "queueCategory",
        "durationSeconds",
        "audioFormat",
        "captureYear",
        "accentRegion",
        "audioQuality",
        "language",
        "split",
    }
)
"""All that may be said of a sample (SPEC 11.1): no conversation, agent, customer, number or time of day."""


def store_version(connection: Connection, version: CorpusVersion, samples: Sequence[CorpusSample]) -> bool:
    """Writes a version and its samples; False, with nothing written, when the version is there."""
    for sample in samples:
        if extra := set(sample.released) - RELEASED:
            raise ReleaseRefused(f"a sample would release {', '.join(sorted(extra))}", hint="see SPEC 11.1")
    row = {
        "version": version.version,
        "root": version.root,
        "manifest_digest": version.manifest_digest,
        "facts": dict(version.facts),
        "created_ms": milliseconds(version.created_at),
    }
    if not insert_new(connection, corpus_versions, row):
        return False
    for sample in samples:
        _store_sample(connection, version.version, sample)
    return True


def load_versions(connection: Connection) -> tuple[CorpusVersion, ...]:
    """Every version, oldest first."""
    wanted = select(corpus_versions).order_by(corpus_versions.c.created_ms, corpus_versions.c.version)
    return tuple(
        CorpusVersion(
            version=row["version"],
            root=row["root"],
            manifest_digest=row["manifest_digest"],
            created_at=moment(row["created_ms"]),
            facts=row["facts"],
        )
        for row in connection.execute(wanted).mappings()
    )


def load_samples(connection: Connection, version: str) -> tuple[ReleasedSample, ...]:
    """The samples of a version by corpus id."""
    wanted = select(corpus_samples).where(corpus_samples.c.version == version).order_by(corpus_samples.c.corpus_id)
    return tuple(
        ReleasedSample(
            corpus_id=row["corpus_id"],
            split=row["split"],
            released=row["released"],
            erased=row["state"] != PRESENT,
        )
        for row in connection.execute(wanted).mappings()
    )


def load_identities(connection: Connection, version: str) -> tuple[CorpusIdentity, ...]:
    """What the samples of a version stand for, by corpus id."""
    joined = corpus_identities.join(corpus_samples, corpus_samples.c.corpus_id == corpus_identities.c.corpus_id)
    wanted = select(corpus_identities).select_from(joined).where(corpus_samples.c.version == version)
    rows = connection.execute(wanted.order_by(corpus_identities.c.corpus_id)).mappings()
    return tuple(CorpusIdentity(**row) for row in rows)


def _store_sample(connection: Connection, version: str, sample: CorpusSample) -> None:
    connection.execute(
        insert(corpus_samples).values(
            version=version,
            corpus_id=sample.corpus_id,
            split=sample.split,
            released=dict(sample.released),
            state=PRESENT,
        )
    )
    made_from = object_id(sample.location) if sample.location else None
    identity = {
        "corpus_id": sample.corpus_id,
        "recording": sample.recording,
        "channel": sample.channel,
        "object_id": made_from,
    }
    insert_or_update(connection, corpus_identities, identity)
    parent = object_node(made_from) if made_from else recording_node(sample.recording)
    add_edge(connection, parent, sample_node(sample.corpus_id), "sampled")
    add_edge(connection, sample_node(sample.corpus_id), version_node(version), "member")
