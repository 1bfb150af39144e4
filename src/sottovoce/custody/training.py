"""Training runs and models (SPEC 12.2): what was trained on which version of the corpus, when and for what.

A run is registered before it reads. Until its readers say which samples they read, it is presumed to have read
every sample of its splits: a presumption may only be too wide. Each sample read is an edge of the lineage, so that
erasure finds the run, and through it every model made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, delete, func, select, update

from sottovoce.custody.nodes import model_node, named, run_node, sample_node
from sottovoce.custody.records import PRESENT, add_edge
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import models, training_runs
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import corpus_samples, corpus_versions, lineage
from sottovoce.database.upsert import insert_missing, insert_new
from sottovoce.domain.outcome import Fact
from sottovoce.errors import CustodyError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

READ, PRESUMED, TRAINED = "read", "presumed_read", "trained"
"""Relations of the lineage."""


class Reads(StrEnum):
    """How it is known what a run read."""

    PRESUMED = "presumed"
    """Every sample of its splits, because nobody said otherwise."""
    RECORDED = "recorded"
    """Those its readers told of."""


class RunStatus(StrEnum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """One run. `parameters` is a digest of its settings, `samples` how many samples it read."""

    id: str
    version: str
    splits: tuple[str, ...]
    purpose: str
    framework: str
    parameters: str | None
    reads: Reads
    actor: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None
    samples: int = 0
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What came of runs. `state` is `active`, or `suppressed` once that was decided."""

    id: str
    digest: str
    state: str
    made_at: datetime
    runs: tuple[str, ...]


class Training:
    """Registers runs and models; each step is ledgered in its own transaction."""

    def __init__(self, *, engine: Engine, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock

    def register(
        self,
        run: str,
        version: str,
        *,
        purpose: str,
        framework: str,
        actor: str,
        splits: Sequence[str] = ("train",),
        parameters: str | None = None,
        reads: Reads = Reads.PRESUMED,
        started_at: datetime | None = None,
    ) -> TrainingRun:
        """Before the first sample is read. Every word but the version's is a code.

        Raises CustodyError for a version or split there is not, and for a run that is registered already.
        """
        row = {
            "id": run,
            "version": version,
            "splits": list(splits),
            "purpose": purpose,
            "framework": framework,
            "parameters": parameters,
            "reads": reads.value,
            "actor": actor,
            "status": RunStatus.RUNNING.value,
            "started_ms": milliseconds(started_at or self._clock()),
        }
        with writing(self._engine) as connection:
            _check_version(connection, version, splits)
            if not insert_new(connection, training_runs, row):
                raise CustodyError("a run of this id is registered", hint="every run has an id of its own")
            presumed = _samples_of(connection, version, splits) if reads is Reads.PRESUMED else []
            _link(connection, run, presumed, PRESUMED)
            facts: dict[str, Fact] = {"version": version, "framework": framework, "samples": len(presumed)}
            facts |= {"reads": reads.value, "splits": "+".join(splits)}
            facts |= {"parameters": parameters} if parameters else {}
            self._ledger.append(
                connection, [self._entry(Action.TRAINING_STARTED, run_node(run), actor, facts, purpose)]
            )
        return self.run(run)

    def record_reads(self, run: str, corpus_ids: Sequence[str], *, manifest: str, actor: str) -> int:
        """What the run's readers say they read, under the digest of their manifest; how many samples in all.

        The first manifest replaces the presumption. Raises CustodyError for samples the version does not have.
        """
        node = run_node(run)
        with writing(self._engine) as connection:
            row = _run_row(connection, run)
            known = set(_samples_of(connection, row["version"], None, present=False))
            if strangers := len(set(corpus_ids) - known):
                raise CustodyError(f"{strangers} samples are not of the run's version", hint="check the read manifest")
            connection.execute(delete(lineage).where(lineage.c.child == node, lineage.c.relation == PRESUMED))
            _link(connection, run, sorted(set(corpus_ids)), READ)
            change = update(training_runs).where(training_runs.c.id == run)
            connection.execute(change.values(reads=Reads.RECORDED.value))
            facts: dict[str, Fact] = {"manifest": manifest, "samples": len(set(corpus_ids))}
            self._ledger.append(connection, [self._entry(Action.CORPUS_READ, node, actor, facts, row["purpose"])])
        return self.run(run).samples

    def finish(self, run: str, *, status: RunStatus, actor: str, ended_at: datetime | None = None) -> TrainingRun:
        """The run has ended; saying so again changes nothing. Raises CustodyError for a run there is not."""
        ended = milliseconds(ended_at or self._clock())
        with writing(self._engine) as connection:
            row = _run_row(connection, run)
            if row["ended_ms"] is None:
                change = update(training_runs).where(training_runs.c.id == run)
                connection.execute(change.values(status=status.value, ended_ms=ended))
                facts: dict[str, Fact] = {"status": status.value}
                self._ledger.append(connection, [self._entry(Action.TRAINING_ENDED, run_node(run), actor, facts)])
        return self.run(run)

    def record_model(self, model: str, *, digest: str, runs: Sequence[str], actor: str) -> Model:
        """A model and the runs it came of. Raises CustodyError for unknown runs, or another model of this id."""
        with writing(self._engine) as connection:
            for run in runs:
                _run_row(connection, run)
            row = {"id": model, "digest": digest, "state": "active", "made_ms": milliseconds(self._clock())}
            if not runs or not insert_new(connection, models, row):
                raise CustodyError("a model needs an id of its own and the runs it came of")
            for run in runs:
                add_edge(connection, run_node(run), model_node(model), TRAINED)
            facts: dict[str, Fact] = {"digest": digest, "runs": len(runs)}
            self._ledger.append(connection, [self._entry(Action.MODEL_MADE, model_node(model), actor, facts)])
        return next(each for each in self.models() if each.id == model)

    def run(self, run: str) -> TrainingRun:
        """Raises CustodyError."""
        with reading(self._engine) as connection:
            return _run(connection, _run_row(connection, run))

    def runs(self, *, version: str | None = None) -> tuple[TrainingRun, ...]:
        """Every run, oldest first."""
        wanted = select(training_runs).order_by(training_runs.c.started_ms, training_runs.c.id)
        if version is not None:
            wanted = wanted.where(training_runs.c.version == version)
        with reading(self._engine) as connection:
            return tuple(_run(connection, row) for row in connection.execute(wanted).mappings().all())

    def models(self) -> tuple[Model, ...]:
        """Every model, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(models).order_by(models.c.made_ms, models.c.id)).mappings().all()
            return tuple(
                Model(
                    id=row["id"],
                    digest=row["digest"],
                    state=row["state"],
                    made_at=moment(row["made_ms"]),
                    runs=named("run", _parents(connection, model_node(row["id"]))),
                )
                for row in rows
            )

    def _entry(
        self, action: Action, node: str, actor: str, facts: dict[str, Fact], purpose: str | None = None
    ) -> Entry:
        return Entry(at=self._clock(), actor=actor, action=action, object=node, purpose=purpose, facts=facts)


def _check_version(connection: Connection, version: str, splits: Sequence[str]) -> None:
    found = select(corpus_versions.c.version).where(corpus_versions.c.version == version)
    if connection.execute(found).first() is None:
        raise CustodyError("there is no such corpus version", hint="`sottovoce corpus list` names them all")
    there = select(corpus_samples.c.split).where(corpus_samples.c.version == version).distinct()
    if missing := set(splits) - set(connection.execute(there).scalars()):
        raise CustodyError(f"the version has no split {min(missing)}", hint="`sottovoce corpus show` names them")


def _samples_of(
    connection: Connection, version: str, splits: Sequence[str] | None, *, present: bool = True
) -> list[str]:
    where: list[ColumnElement[bool]] = [corpus_samples.c.version == version]
    if splits is not None:
        where.append(corpus_samples.c.split.in_(splits))
    if present:
        where.append(corpus_samples.c.state == PRESENT)
    return list(connection.execute(select(corpus_samples.c.corpus_id).where(*where)).scalars())


def _link(connection: Connection, run: str, corpus_ids: Sequence[str], relation: str) -> None:
    child = run_node(run)
    for some in batches(corpus_ids):
        edges = [{"parent": sample_node(each), "child": child, "relation": relation} for each in some]
        insert_missing(connection, lineage, edges)


def _run_row(connection: Connection, run: str) -> RowMapping:
    row = connection.execute(select(training_runs).where(training_runs.c.id == run)).mappings().first()
    if row is None:
        raise CustodyError("no run of this id is registered", hint="`sottovoce training list` names them")
    return row


def _run(connection: Connection, row: RowMapping) -> TrainingRun:
    node = run_node(row["id"])
    counted = select(func.count()).select_from(lineage).where(lineage.c.child == node)
    children = select(lineage.c.child).where(lineage.c.parent == node).order_by(lineage.c.child)
    return TrainingRun(
        id=row["id"],
        version=row["version"],
        splits=tuple(row["splits"]),
        purpose=row["purpose"],
        framework=row["framework"],
        parameters=row["parameters"],
        reads=Reads(row["reads"]),
        actor=row["actor"],
        status=RunStatus(row["status"]),
        started_at=moment(row["started_ms"]),
        ended_at=moment(row["ended_ms"]) if row["ended_ms"] is not None else None,
        samples=connection.execute(counted).scalar_one(),
        models=named("model", connection.execute(children).scalars()),
    )


def _parents(connection: Connection, node: str) -> list[str]:
    return list(connection.execute(select(lineage.c.parent).where(lineage.c.child == node)).scalars())
