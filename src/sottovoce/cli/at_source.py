"""What is asked of the sources: to let go (`erase sources`), and to keep nothing too long (`retention source`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say, table
from sottovoce.custody.at_source import SourceErasure
from sottovoce.custody.source_sweeps import SourceSweep
from sottovoce.domain.at_source import SourceState

STUCK = frozenset({SourceState.PENDING, SourceState.REFUSED})


def show_sources(
    workspace: InWorkspace = HERE,
    *,
    every: Annotated[bool, typer.Option("--all", help="What is done too.")] = False,
    by: Annotated[str | None, typer.Option(help="Who asks: a pseudonymous id.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the sources again for what they are to let go of, and show how far each is. Exit code 1 when one is stuck."""
    house = house_at(workspace)
    open_ = house.custody.sources.pursue(by=by or house.actor)
    house.ledger.checkpoint()
    shown = house.custody.sources.list() if every else open_
    if as_json:
        answer([describe(each) for each in shown])
    else:
        if not shown:
            say("No source is asked for anything.")
        owed_table(shown)
    if any(each.state in STUCK for each in open_):
        raise typer.Exit(1)


def show_kept(
    workspace: InWorkspace = HERE,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Have the sources delete it, by jobs of their own.")] = False,
    by: Annotated[str | None, typer.Option(help="Who asks: a pseudonymous id.")] = None,
    as_json: AsJson = False,
) -> None:
    """What sources keep longer than `source_days`, and how far their jobs are. Exit code 1 while there is any."""
    house = house_at(workspace)
    sweeps, who = house.custody.source_sweeps, by or house.actor
    sweeps.pursue(by=who)
    kept = sweeps.kept_too_long()
    for source in (name for name, count in kept.items() if count and delete):
        sweeps.start(source, by=who)
    house.ledger.checkpoint()
    jobs = [_job(each) for each in sweeps.list()]
    if as_json:
        answer({"kept_too_long": dict(kept), "jobs": jobs})
    else:
        table("Kept too long at the source", ("source", "recordings"), list(kept.items()))
        table("Jobs", tuple(jobs[0]) if jobs else (), [tuple(job.values()) for job in jobs])
        if not kept:
            say("No source has `source_days` in the policy.")
    if any(kept.values()):
        raise typer.Exit(1)


def _job(each: SourceSweep) -> dict[str, object]:
    counts = {name: each.counts.get(name, 0) for name in ("total", "deleted", "skipped", "failed")}
    return {
        "source": each.source,
        "before": each.before.date().isoformat(),
        "state": each.state.value,
        **counts,
        "code": each.code or "",
    }


def describe(each: SourceErasure) -> dict[str, object]:
    return {
        "recording": each.recording,
        "source": each.source,
        "way": each.way.value,
        "state": each.state.value,
        "code": each.code or "",
        "since": each.owed_at.date().isoformat(),
        "looked": each.changed_at.isoformat(timespec="minutes"),
    }


def owed_table(erasures: Sequence[SourceErasure]) -> None:
    """How far each source is."""
    rows = [describe(each) for each in erasures]
    table(
        "At the source (`sottovoce erase sources`)",
        tuple(rows[0]) if rows else (),
        [tuple(row.values()) for row in rows],
    )
