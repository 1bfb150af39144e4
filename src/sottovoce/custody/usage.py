"""Which customer recordings are in the corpus, and when were they used (SPEC 12.2).

One answer: each sample with its conversation, its version, what was consented to, what was done to it, the
training runs that read it, the models made of them, and every time it was opened. It leads from corpus ids to
conversations and is for the role that may know; `without_conversations` is what others may see.

An erased sample stands for nobody any more: it is counted, and not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Select, func, select

from sottovoce.custody.kinds import CORPUS_LINE
from sottovoce.custody.nodes import named, run_node, sample_node
from sottovoce.custody.records import DELETED, PRESENT
from sottovoce.custody.rows import moment
from sottovoce.custody.training import READ
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import training_runs
from sottovoce.database.engine import reading
from sottovoce.database.tables import (
    corpus_identities,
    corpus_samples,
    corpus_versions,
    decisions,
    ledger_leaves,
    lineage,
    outcomes,
    recordings,
)
from sottovoce.domain.outcome import Evidence
from sottovoce.ledger.entry import Action, Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class RunUse:
    """A run that read a sample; `presumed` when it is only known to have had it in its split."""

    run: str
    purpose: str
    started_at: datetime
    ended_at: datetime | None
    status: str
    presumed: bool
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A sample was opened by somebody, for a purpose."""

    at: datetime
    actor: str
    purpose: str | None
    ledger: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedSample:
    """A sample in the corpus. `consent` and `treatment` are the facts of admission, and of redaction and disguise."""

    conversation_id: str | None = field(repr=False)
    recording: str
    corpus_id: str
    version: str
    split: str
    released_at: datetime
    consent: Evidence
    treatment: Evidence
    runs: tuple[RunUse, ...]
    openings: tuple[Opening, ...]

    @property
    def training_run_ids(self) -> tuple[str, ...]:
        return tuple(each.run for each in self.runs)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(model for each in self.runs for model in each.models))

    @property
    def last_used_at(self) -> datetime | None:
        """The end of the last run that read it, or its last opening; a run that goes on counts from its start."""
        used = [each.ended_at or each.started_at for each in self.runs] + [each.at for each in self.openings]
        return max(used, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Every sample in the corpus, and how many more were erased from it."""

    samples: tuple[UsedSample, ...]
    erased: int

    def without_conversations(self) -> Usage:
        """For those who may not know whose recordings these are."""
        return replace(self, samples=tuple(replace(each, conversation_id=None) for each in self.samples))


def usage_of(
    engine: Engine, *, conversation_id: str | None = None, version: str | None = None, run: str | None = None
) -> Usage:
    """All of the corpus, or what is there of one conversation, in one version, or read by one run."""
    where: list[ColumnElement[bool]] = [corpus_samples.c.state == PRESENT]
    if conversation_id is not None:
        where.append(recordings.c.conversation_id == conversation_id)
    if version is not None:
        where.append(corpus_samples.c.version == version)
    with reading(engine) as connection:
        rows = connection.execute(_members().where(*where)).mappings().all()
        samples = _used(connection, rows)
        erased = _erased(connection, version) if conversation_id is None else 0
    return Usage(samples=tuple(s for s in samples if run is None or run in s.training_run_ids), erased=erased)


def _members() -> Select[Any]:
    same = corpus_samples.c.corpus_id == corpus_identities.c.corpus_id
    joined = corpus_identities.join(recordings).join(corpus_samples, same).join(corpus_versions)
    columns = (
        recordings.c.conversation_id,
        recordings.c.key.label("recording"),
        corpus_samples.c.corpus_id,
        corpus_samples.c.version,
        corpus_samples.c.split,
        corpus_versions.c.created_ms,
    )
    wanted = select(*columns).select_from(joined)
    return wanted.order_by(corpus_samples.c.version, recordings.c.key, corpus_samples.c.corpus_id)


def _used(connection: Connection, rows: Sequence[RowMapping]) -> list[UsedSample]:
    corpus_ids = list(dict.fromkeys(row["corpus_id"] for row in rows))
    keys = list(dict.fromkeys(row["recording"] for row in rows))
    readers, openings = _readers(connection, corpus_ids), _openings(connection, corpus_ids)
    consent, treatment = _consent(connection, keys), _treatment(connection, keys)
    return [
        UsedSample(
            conversation_id=row["conversation_id"],
            recording=row["recording"],
            corpus_id=row["corpus_id"],
            version=row["version"],
            split=row["split"],
            released_at=moment(row["created_ms"]),
            consent=consent.get(row["recording"], {}),
            treatment=treatment.get(row["recording"], {}),
            runs=tuple(readers.get((row["corpus_id"], row["version"]), ())),
            openings=tuple(openings.get(row["corpus_id"], ())),
        )
        for row in rows
    ]


def _readers(connection: Connection, corpus_ids: Sequence[str]) -> dict[tuple[str, str], list[RunUse]]:
    """By corpus id and version: a sample keeps its id from one version to the next, and a run reads one version."""
    rows = connection.execute(select(training_runs).order_by(training_runs.c.started_ms, training_runs.c.id)).mappings()
    runs = {row["id"]: row for row in rows.all()}
    models = _models(connection, list(runs))
    found: dict[tuple[str, str], list[RunUse]] = {}
    for parent, child, relation in _edges(connection, [sample_node(each) for each in corpus_ids], "run:"):
        (run,), (corpus_id,) = named("run", [child]), named("sample", [parent])
        if run in runs:
            use = _use(runs[run], models[run], presumed=relation != READ)
            found.setdefault((corpus_id, runs[run]["version"]), []).append(use)
    return {where: sorted(uses, key=lambda use: (use.started_at, use.run)) for where, uses in found.items()}


def _models(connection: Connection, runs: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {run: [] for run in runs}
    for parent, child, _ in _edges(connection, [run_node(each) for each in runs], "model:"):
        found[parent.removeprefix("run:")] += named("model", [child])
    return found


def _edges(connection: Connection, parents: Sequence[str], to: str) -> Iterable[tuple[str, str, str]]:
    for some in batches(parents):
        wanted = select(lineage).where(lineage.c.parent.in_(some), lineage.c.child.startswith(to, autoescape=True))
        for row in connection.execute(wanted.order_by(lineage.c.child)):
            yield row.parent, row.child, row.relation


def _use(row: RowMapping, models: Sequence[str], *, presumed: bool) -> RunUse:
    return RunUse(
        run=row["id"],
        purpose=row["purpose"],
        started_at=moment(row["started_ms"]),
        ended_at=moment(row["ended_ms"]) if row["ended_ms"] is not None else None,
        status=row["status"],
        presumed=presumed,
        models=tuple(models),
    )


def _openings(connection: Connection, corpus_ids: Sequence[str]) -> dict[str, list[Opening]]:
    """From the ledger: who opened a sample, when and for what."""
    found: dict[str, list[Opening]] = {}
    for some in batches(corpus_ids):
        about = select(ledger_leaves.c.seq, ledger_leaves.c.data).where(ledger_leaves.c.object.in_(some))
        for seq, data in connection.execute(about.order_by(ledger_leaves.c.seq)):
            entry = Entry.decode(bytes(data))
            if entry.action is Action.CORPUS_READ and entry.object:
                opened = Opening(at=entry.at, actor=entry.actor, purpose=entry.purpose, ledger=seq)
                found.setdefault(entry.object, []).append(opened)
    return found


def _consent(connection: Connection, keys: Sequence[str]) -> dict[str, Evidence]:
    """What admission last said of each recording."""
    found: dict[str, Evidence] = {}
    for some in batches(keys):
        wanted = select(decisions).where(decisions.c.recording.in_(some)).order_by(decisions.c.decided_ms)
        for row in connection.execute(wanted).mappings():
            decided = moment(row["decided_ms"]).date().isoformat()
            found[row["recording"]] = {**row["evidence"], "decided": decided, "policy": row["policy_digest"]}
    return found


def _treatment(connection: Connection, keys: Sequence[str]) -> dict[str, Evidence]:
    """What was done to each recording before it was sealed: spans removed, verified, how the voice was disguised."""
    found: dict[str, Evidence] = {}
    for some in batches(keys):
        wanted = select(outcomes.c.recording, outcomes.c.facts).where(outcomes.c.recording.in_(some))
        for row in connection.execute(wanted.where(outcomes.c.line == CORPUS_LINE)):
            found[row.recording] = {name: value for name, value in row.facts.items() if name != "media"}
    return found


def _erased(connection: Connection, version: str | None) -> int:
    wanted = select(func.count()).select_from(corpus_samples).where(corpus_samples.c.state == DELETED)
    if version is not None:
        wanted = wanted.where(corpus_samples.c.version == version)
    return connection.execute(wanted).scalar_one()
