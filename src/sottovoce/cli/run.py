"""`sottovoce run`: everything new, from admission to seal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, facts, say, span, table
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import RecordingErased
from sottovoce.pipeline.run import Runner, Summary, summarise
from sottovoce.pipeline.supervisor import Supervisor
from sottovoce.wiring.house import House


def run(
    workspace: InWorkspace = HERE,
    *,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = os.cpu_count() or 1,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what was quarantined or wrongly refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Process what is new: find, admit, fetch, redact, verify, disguise, seal; then sum up."""
    house = house_at(workspace)
    summary = drive(house, workers=workers, retry=retry, quiet=as_json)
    if as_json:
        answer(summary.as_json())
    else:
        show(summary)


def drive(house: House, *, workers: int, retry: bool = False, quiet: bool = False) -> Summary:
    """The whole run, with a progress bar on standard error unless quiet."""
    began = time.monotonic()
    house.vault.epochs()  # a ring that does not open is said here, before workers die of it one by one
    with house.signing(), bar(quiet=quiet) as progress:
        looking = progress.add_task("looking at what there is", total=None)
        surveyor = house.surveyor()
        if retry:
            house.reopen_quarantined()
        survey = surveyor.look(seen=lambda count: progress.update(looking, completed=count))
        if retry and house.reopen_mended():
            survey = surveyor.look()
        before = {o.recording for o in house.registry.outcomes(house.line.name)}
        progress.update(looking, total=survey.seen, completed=survey.seen)
        house.erase_withdrawn(survey.withdrawn)
        keys = surveyor.settle(survey)
        carrying = progress.add_task("admission to seal", total=len(keys))
        restarts = _carry(house, keys, workers, lambda count: progress.update(carrying, completed=count))
    house.uploads.sweep()
    house.ledger.checkpoint()
    outcomes = [o for o in house.registry.outcomes(house.line.name) if o.recording not in before]
    ended_at = _ends(house, [o.recording for o in outcomes])
    return summarise(survey, outcomes, ended_at, restarts=restarts, seconds=time.monotonic() - began)


def _carry(house: House, keys: Sequence[str], workers: int, done: Callable[[int], None]) -> int:
    """Workers of this machine until every key has its outcome; answers how many had to be started again."""
    if not keys:
        return 0
    queue = house.queue()
    supervisor = Supervisor(
        command=lambda slot: worker_command(house, slot), slots=min(workers, len(keys)), logs=house.workspace.logs
    )
    try:
        runner = Runner(line=house.line, registry=house.registry, queue=queue, closer=house.concluder())
        runner.submit(keys)
        with supervisor.working():
            runner.wait(keys, supervisor, done=done)
        runner.purge()
    finally:
        queue.close()
    return supervisor.restarts


def worker_command(house: House, slot: int) -> list[str]:
    """What starts a worker of this machine."""
    return [sys.executable, "-m", "sottovoce", "worker", "-w", str(house.workspace.root), "--slot", str(slot)]


def _ends(house: House, keys: Sequence[str]) -> dict[str, datetime]:
    """When each call ended, where that is known."""
    ends = {}
    for key in keys:
        try:
            _, metadata = house.registry.recall(key)
        except RecordingErased:
            continue
        if metadata.started_at is not None:
            ends[key] = metadata.started_at + timedelta(seconds=metadata.duration_s or 0.0)
    return ends


def show(summary: Summary) -> None:
    """The closing summary."""
    facts(
        "Run",
        {
            "recordings seen": summary.seen,
            "decided before": summary.decided_before,
            **({"not selected yet": summary.not_selected} if summary.not_selected else {}),
            "admitted": summary.chosen,
            **summary.by_status,
            "sound sealed": span(summary.sealed_hours * 3600),
            "call end to seal": _lag(summary),
            **({"workers started again": summary.restarts} if summary.restarts else {}),
            "took": span(summary.seconds),
        },
    )
    table("Withheld", ("reason", "recordings"), list(summary.by_reason.items()))
    table("Removed from the sound", ("entity", "seconds"), list(summary.removed_s.items()))
    if summary.by_status.get(OutcomeStatus.QUARANTINED):
        say("What is quarantined stays where it was; `sottovoce run --retry` tries it again.")
    if not summary.by_status:
        say("Nothing new: every recording has its outcome, or was not selected.")


def _lag(summary: Summary) -> str:
    if not summary.lag_s:
        return "nothing sealed"
    return ", ".join(f"{name.upper()} {span(s)}" for name, s in summary.lag_s.items())
