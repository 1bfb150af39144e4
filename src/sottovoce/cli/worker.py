"""`sottovoce worker`: one slot of this machine for one line, until it is told to stop."""

from __future__ import annotations

import platform
from enum import StrEnum
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say
from sottovoce.cli.stopping import stopping
from sottovoce.pipeline.lines import ANALYTICS, CORPUS


class Work(StrEnum):
    """Whose queue is worked off."""

    CORPUS = "corpus"
    ANALYTICS = "analytics"
    COMPLIANCE = "compliance"


def worker(
    workspace: InWorkspace = HERE,
    *,
    slot: Annotated[int, typer.Option(min=0, help="Which slot of this machine; each is held by one process.")] = 0,
    node: Annotated[str, typer.Option(help="This machine's name among all that share the database.")] = "",
    line: Annotated[Work, typer.Option(help="Whose recordings.")] = Work.CORPUS,
    as_json: AsJson = False,
) -> None:
    """Take recordings from a line's queue, one at a time. `run` and `compliance run` start their own."""
    from sottovoce.compliance.task import QUEUE as JUDGING
    from sottovoce.wiring.corridor import task_of

    name = node or platform.node().split(".")[0] or "node"
    carried = ANALYTICS if line is Work.ANALYTICS else CORPUS
    house = house_at(workspace, actor=f"worker.{slot}", line=carried)
    stop = stopping()
    judging = line is Work.COMPLIANCE
    task, queue = (house.compliance.task(), JUDGING) if judging else (task_of(house), carried.queue)
    if as_json:
        answer({"node": name, "slot": slot, "line": line.value})
    else:
        say(f"{name}, slot {slot}: taking recordings; Ctrl-C ends it after the one at hand.")
    with house.signing():
        house.worker(node=name, slot=slot, queue=queue).serve(task, stop)
