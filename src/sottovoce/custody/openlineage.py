"""OpenLineage events (openlineage.io/spec/2-0-2), read off the ledger.

The ledger already says what was released, trained, made, swept and erased, once and in order. So events are
told from it, from a cursor on: none is lost when a collector is down, none is invented, and what a step does
never waits for a collector. Ids are opaque or of the corpus; nothing names a recording or a person.

A run's id is a UUID derived from the ledger's origin and the entry, so that telling twice says the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from sottovoce.custody.training import RunStatus, Training, TrainingRun
from sottovoce.errors import WorkspaceError
from sottovoce.ledger.entry import Action, Entry

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

_ENDS = {RunStatus.COMPLETED: "COMPLETE", RunStatus.FAILED: "FAIL", RunStatus.ABORTED: "ABORT"}
_JOBS = {
    Action.CORPUS_RELEASED: "corpus.release",
    Action.CORPUS_BUILT: "corpus.build",
    Action.ERASURE_CERTIFIED: "erasure",
    Action.RETENTION_SWEPT: "retention.sweep",
}
TOLD = frozenset({*_JOBS, Action.TRAINING_STARTED, Action.TRAINING_ENDED, Action.MODEL_MADE})
"""Entries that events are made of."""

_PRODUCER = f"urn:sottovoce:{installed('sottovoce')}"
"""Who says so, in every event and facet."""

RECORDINGS = "recordings"
"""The dataset that every corpus is made of. It is named as a whole, never by recording."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an entry refers to beyond itself: which versions an erasure touched."""

    versions: tuple[str, ...] = ()


class EventMaker:
    """Makes events of ledger entries. Raises WorkspaceError where the extra `lineage` is not installed."""

    def __init__(self, *, origin: str, namespace: str, training: Training) -> None:
        self._origin = origin
        self._namespace = namespace
        self._training = training

    def events(self, seq: int, entry: Entry, told: Told) -> Iterator[RunEvent]:
        """The events of one entry; none for those that lineage is not about."""
        match entry.action:
            case Action.TRAINING_STARTED | Action.TRAINING_ENDED:
                yield self._trained(entry)
            case Action.MODEL_MADE:
                yield from self._made(entry)
            case action if action in _JOBS:
                yield from self._stepped(seq, entry, told)
            case _:
                return

    def _stepped(self, seq: int, entry: Entry, told: Told) -> Iterator[RunEvent]:
        """A step that began and ended with its entry: START and COMPLETE, as the specification asks."""
        run = self._run_id(f"entry/{seq}")
        releases = entry.action in {Action.CORPUS_RELEASED, Action.CORPUS_BUILT}
        inputs = [self._recordings(entry)] if releases else []
        outputs = [self._released(entry)] if releases else [self._touched(each) for each in told.versions]
        for state in ("START", "COMPLETE"):
            yield self._event(state, entry.at, run, _JOBS[entry.action], _tags(entry), inputs, outputs)

    def _trained(self, entry: Entry) -> RunEvent:
        run = self._training.run(str(entry.object).removeprefix("run:"))
        state = "START" if entry.action is Action.TRAINING_STARTED else _ENDS[run.status]
        tags = {"purpose": run.purpose, "reads": run.reads.value}
        tags |= {"parameters": run.parameters} if run.parameters else {}
        outputs = [] if state == "START" else [self._model(model, None) for model in run.models]
        return self._event(state, entry.at, self._run_id(f"run/{run.id}"), "training", tags, [self._read(run)], outputs)

    def _made(self, entry: Entry) -> Iterator[RunEvent]:
        """A model told of each run it came of, whatever state that is in."""
        model = str(entry.object).removeprefix("model:")
        for made in self._training.models():
            for run in (self._training.run(each) for each in made.runs if made.id == model):
                outputs = [self._model(model, made.digest)]
                run_id = self._run_id(f"run/{run.id}")
                yield self._event("OTHER", entry.at, run_id, "training", {}, [self._read(run)], outputs)

    def _event(
        self,
        state: str,
        at: datetime,
        run_id: str,
        job: str,
        tags: Mapping[str, str],
        inputs: list[Any],
        outputs: list[Any],
    ) -> RunEvent:
        v2, facet = _library()
        job_type = facet.job_type_job.JobTypeJobFacet(processingType="BATCH", integration="SOTTOVOCE", jobType=job)
        listed = [facet.tags_run.TagsRunFacetFields(key=k, value=v, source="SOTTOVOCE") for k, v in tags.items()]
        event: RunEvent = v2.RunEvent(
            eventType=v2.RunState[state],
            eventTime=at.isoformat(),
            run=v2.Run(runId=run_id, facets={"tags": facet.tags_run.TagsRunFacet(tags=listed)} if listed else {}),
            job=v2.Job(namespace=self._namespace, name=job, facets={"jobType": job_type}),
            inputs=inputs,
            outputs=outputs,
            producer=_PRODUCER,
        )
        return event

    def _recordings(self, entry: Entry) -> Any:
        v2, facet = _library()
        statistics = facet.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
        counted = {"inputStatistics": statistics(rowCount=_count(entry, "recordings"))}
        return v2.InputDataset(namespace=self._namespace, name=RECORDINGS, inputFacets=counted)

    def _released(self, entry: Entry) -> Any:
        v2, facet = _library()
        statistics = facet.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
        counted = {"outputStatistics": statistics(rowCount=_count(entry, "samples"))}
        name, _, version = str(entry.object).partition("/")
        facets = self._version(version, "CREATE")
        return v2.OutputDataset(namespace=self._namespace, name=name, facets=facets, outputFacets=counted)

    def _touched(self, version: str) -> Any:
        """A version that lost samples: altered, and never silently the same."""
        v2, _ = _library()
        name, _, number = version.partition("/")
        return v2.OutputDataset(namespace=self._namespace, name=name, facets=self._version(number, "ALTER"))

    def _read(self, run: TrainingRun) -> Any:
        v2, facet = _library()
        statistics = facet.input_statistics_input_dataset.InputStatisticsInputDatasetFacet
        counted = {"inputStatistics": statistics(rowCount=run.samples)}
        name, _, version = run.version.partition("/")
        facets = self._version(version, None)
        return v2.InputDataset(namespace=self._namespace, name=name, facets=facets, inputFacets=counted)

    def _model(self, model: str, digest: str | None) -> Any:
        v2, _ = _library()
        facets = self._version(digest, "CREATE") if digest else {}
        return v2.OutputDataset(namespace=self._namespace, name=f"model/{model}", facets=facets)

    def _version(self, version: str, change: str | None) -> dict[str, Any]:
        _, facet = _library()
        found: dict[str, Any] = {
            "version": facet.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=version)
        }
        if change is not None:
            changes = facet.lifecycle_state_change_dataset
            state = changes.LifecycleStateChange[change]
            found["lifecycleStateChange"] = changes.LifecycleStateChangeDatasetFacet(lifecycleStateChange=state)
        return found

    def _run_id(self, name: str) -> str:
        """RFC 9562, version 5: the same run has the same id whoever tells of it."""
        return str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:{self._origin}"), name))


def as_json(event: RunEvent) -> str:
    """One line, as the library itself writes it."""
    from openlineage.client.serde import Serde

    return Serde.to_json(event)


def _library() -> tuple[Any, Any]:
    try:
        from openlineage.client import event_v2, facet_v2
    except ImportError:
        raise WorkspaceError(
            "OpenLineage events need the extra `lineage`", hint="pip install 'sottovoce[lineage]'"
        ) from None
    event_v2.set_producer(_PRODUCER)
    return event_v2, facet_v2


def _tags(entry: Entry) -> dict[str, str]:
    """The entry's own facts: codes, counts and digests already."""
    return {name: str(value) for name, value in sorted(entry.facts.items())}


def _count(entry: Entry, name: str) -> int | None:
    value = entry.facts.get(name)
    return value if isinstance(value, int) else None
