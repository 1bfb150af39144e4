"""`sottovoce erase sources`: what sources are asked to let go of, and how far each is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say, table
from sottovoce.custody.at_source import SourceErasure
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
