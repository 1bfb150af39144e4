"""The house a command works in. Its databases are let go of when the command ends, however it ends.

SQLite's files are shared with workers in other processes: a connection that lingers behind a finished
command may find its write-ahead log taken away by the last of them.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from sottovoce.settings import Workspace
from sottovoce.wiring.house import House

_doors = ExitStack()


def house_at(root: Path, *, actor: str = "cli") -> House:
    """The workspace there. Raises WorkspaceError where there is none."""
    house = House(Workspace(root), actor=actor)
    _doors.callback(house.close)
    return house


def leave() -> None:
    """Shut every house that was opened."""
    _doors.close()
