"""`sottovoce run`: everything new, from admission to seal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.lines import Carried, OnLine, Since
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, bar, facts, say, span, table
from sottovoce.cli.stopping import stopping
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.pipeline.run import Runner, Summary, summarise
from sottovoce.pipeline.supervisor import Supervisor
from sottovoce.wiring.corridor import call_ends, closer_of, rows_of
from sottovoce.wiring.house import House

if TYPE_CHECKING:
    from sottovoce.pipeline.engine import Queue

REST_S = 600.0
"""How long a run stays while all that is left waits for a destination; it goes on with the next run."""


def run(
    workspace: InWorkspace = HERE,
    *,
    line: OnLine = Carried.CORPUS,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine.")] = os.cpu_count() or 1,
    follow: Annotated[bool, typer.Option("--follow", help="Go on: look again and again until interrupted.")] = False,
    since: Since = None,
    retry: Annotated[bool, typer.Option("--retry", help="Try again what was quarantined or wrongly refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Process what is new: find, admit, fetch, redact, verify, disguise, seal; for analytics, deliver; then sum up."""
    if follow and line is not Carried.ANALYTICS:
        raise typer.BadParameter("a corpus is not a feed: use it with --line analytics", param_hint="--follow")
    house = house_at(workspace, line=line.line, since=since.date() if since else None)
    if follow:
        from sottovoce.cli.follow import follow as go_on

        go_on(house, workers=workers, stop=stopping(), as_json=as_json)
        return
    summary = drive(house, workers=workers, retry=retry, quiet=as_json)
    if as_json:
        answer(summary.as_json() | _delivered_json(house))
    else:
        show(summary)
        show_deliveries(house)


def drive(house: House, *, workers: int, retry: bool = False, quiet: bool = False) -> Summary:
    """The whole run, with a progress bar on standard error unless quiet."""
    began = time.monotonic()
    house.vault.epochs()  # a ring that does not open is said here, before workers die of it one by one
    with house.signing(), bar(quiet=quiet) as progress:
        looking = progress.add_task("looking at what there is", total=None)
        surveyor = house.surveyor()
        again = _reopened(house) if retry else ()
        survey = surveyor.look(seen=lambda count: progress.update(looking, completed=count))
        if retry and house.reopen_mended():
            survey = surveyor.look()
        before = {o.recording for o in house.registry.outcomes(house.line.name)}
        progress.update(looking, total=survey.seen, completed=survey.seen)
        house.erase_withdrawn(survey.withdrawn)
        keys = [*oldest_first(house, surveyor.settle(survey)), *again]
        title = "admission to delivery" if house.line is ANALYTICS else "admission to seal"
        carrying = progress.add_task(title, total=len(keys))
        restarts = _carry(house, keys, workers, lambda count: progress.update(carrying, completed=count))
    house.uploads.sweep()
    house.ledger.checkpoint()
    outcomes = [o for o in house.registry.outcomes(house.line.name) if o.recording not in before]
    ended_at = call_ends(house, [o.recording for o in outcomes])
    return summarise(survey, outcomes, ended_at, restarts=restarts, seconds=time.monotonic() - began)


def oldest_first(house: House, keys: Sequence[str]) -> Sequence[str]:
    """A vendor waits for what ended first; a corpus is carried in the order it was chosen."""
    if house.line is not ANALYTICS:
        return keys
    ends = call_ends(house, keys)
    return sorted(keys, key=lambda key: (key not in ends, ends.get(key)))


def _reopened(house: House) -> Sequence[str]:
    """What was withheld in doubt is decided anew; deliveries that were withheld are tried again."""
    house.reopen_quarantined()
    return house.analytics.errands.reopen() if house.line is ANALYTICS else ()


def _carry(house: House, keys: Sequence[str], workers: int, done: Callable[[int], None]) -> int:
    """Workers of this machine until every key is over; answers how many had to be started again."""
    if not keys:
        return 0
    queue = house.queue(house.line.queue, line=house.line.name)
    supervisor = supervisor_of(house, min(workers, len(keys)))
    try:
        runner = runner_of(house, queue)
        runner.submit(keys)
        with supervisor.working():
            runner.wait(keys, supervisor, done=done, rest_s=REST_S if house.line is ANALYTICS else None)
        runner.purge()
    finally:
        queue.close()
    return supervisor.restarts


def runner_of(house: House, queue: Queue) -> Runner:
    return Runner(line=house.line, registry=rows_of(house), queue=queue, closer=closer_of(house))


def supervisor_of(house: House, workers: int) -> Supervisor:
    logs = house.workspace.logs / house.line.name if house.line is ANALYTICS else house.workspace.logs
    return Supervisor(command=lambda slot: worker_command(house, slot), slots=workers, logs=logs)


def worker_command(house: House, slot: int) -> list[str]:
    """What starts a worker of this machine."""
    root, line = str(house.workspace.root), house.line.name
    return [sys.executable, "-m", "sottovoce", "worker", "-w", root, "--line", line, "--slot", str(slot)]


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


def show_deliveries(house: House) -> None:
    """How deliveries stand, on the line that has any."""
    if house.line is not ANALYTICS:
        return
    told = house.analytics.delivered()
    rows = [(name, state, count) for name, states in told.by_destination.items() for state, count in states.items()]
    table("Deliveries", ("destination", "state", "recordings"), rows)
    table("Withheld from destinations", ("reason", "recordings"), list(told.withheld.items()))
    if told.lag_s:
        lag = ", ".join(f"{name.upper()} {span(s)}" for name, s in told.lag_s.items())
        late = "; P95 is beyond it" if told.is_late else ""
        say(f"From the end of the call to its delivery: {lag}; the objective is {span(told.objective_s)}{late}.")


def _delivered_json(house: House) -> dict[str, object]:
    return house.analytics.delivered().as_json() if house.line is ANALYTICS else {}


def _lag(summary: Summary) -> str:
    if not summary.lag_s:
        return "nothing sealed"
    return ", ".join(f"{name.upper()} {span(s)}" for name, s in summary.lag_s.items())
