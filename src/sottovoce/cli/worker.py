"""`sottovoce worker`: one slot of this machine, until it is told to stop."""

from __future__ import annotations

import platform
import signal
import threading
from typing import Annotated

import typer

from sottovoce.cli.house import house_at
from sottovoce.cli.output import HERE, AsJson, InWorkspace, answer, say


def worker(
    workspace: InWorkspace = HERE,
    *,
    slot: Annotated[int, typer.Option(min=0, help="Which slot of this machine; each is held by one process.")] = 0,
    node: Annotated[str, typer.Option(help="This machine's name among all that share the database.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take recordings from the queue, one at a time. `run` starts its own; start more on other machines."""
    name = node or platform.node().split(".")[0] or "node"
    house = house_at(workspace, actor=f"worker.{slot}")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    house.warm()
    if as_json:
        answer({"node": name, "slot": slot})
    else:
        say(f"{name}, slot {slot}: taking recordings; Ctrl-C ends it after the one at hand.")
    with house.signing():
        house.worker(node=name, slot=slot).serve(house.carrier(), stop)
