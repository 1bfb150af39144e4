"""The house a command works in. Its databases are let go of when the command ends, however it ends.

SQLite's files are shared with workers in other processes: a connection that lingers behind a finished
command may find its write-ahead log taken away by the last of them.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import date
from pathlib import Path

from sottovoce.cli import doors
from sottovoce.errors import SottovoceError
from sottovoce.pipeline.lines import CORPUS, Line
from sottovoce.settings import Workspace
from sottovoce.wiring.house import House

_doors = ExitStack()


UNNAMED = "cli"
"""The actor of a command that asks nobody; any other acts in the name of whoever is signed in."""


def house_at(root: Path, *, actor: str = UNNAMED, line: Line = CORPUS, since: date | None = None) -> House:
    """The workspace there, opened to whoever may do what the running command does.

    Raises WorkspaceError where there is none, NotSignedIn, AccessRefused, AccessSuspended.
    """
    house = House(Workspace(root), actor=actor, line=line, since=since)
    _doors.callback(house.close)
    _doors.callback(_sign, house)
    operation = doors.needed()
    if operation is not None:
        me = house.access.require(operation)
        house.actor = me.id if actor == UNNAMED else actor
    elif doors.running() == "init":
        house.access.found()
    return house


def _sign(house: House) -> None:
    """What a command left in the ledger by asking is signed when it ends, also when it was refused."""
    desk = house.__dict__.get("access")
    noun = doors.running().partition(" ")[0]
    if desk is not None and (desk.unsigned or noun in {"access", "grant", "login"}):
        with suppress(SottovoceError):
            house.ledger.checkpoint()


def leave() -> None:
    """Shut every house that was opened."""
    _doors.close()
    doors.ended()
