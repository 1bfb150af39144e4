"""`sottovoce worker`: one slot of this machine for one line, until it is told to stop."""

from __future__ import annotations

import platform
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say
from sottovoce.cli.stopping import stopping

if TYPE_CHECKING:
    from sottovoce.pipeline.protocol import Task
    from sottovoce.wiring.house import House


class Work(StrEnum):
    """Whose queue is worked off."""

    CORPUS = "corpus"
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
    name = node or platform.node().split(".")[0] or "node"
    house = house_at(workspace, actor=f"worker.{slot}")
    stop = stopping()
    task, queue = _task(house, line)
    if as_json:
        answer({"node": name, "slot": slot, "line": line.value})
    else:
        say(f"{name}, slot {slot}: taking recordings; Ctrl-C ends it after the one at hand.")
    with house.signing():
        house.worker(node=name, slot=slot, queue=queue).serve(task, stop)


def _task(house: House, line: Work) -> tuple[Task, str]:
    """A line's task with its models warm, and the name of its queue."""
    if line is Work.COMPLIANCE:
        from sottovoce.compliance.task import QUEUE

        return house.compliance.task(), QUEUE
    from sottovoce.pipeline.lines import RECORDINGS

    house.warm()
    return house.carrier(), RECORDINGS
