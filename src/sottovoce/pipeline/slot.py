"""One living process for each slot of a machine.

A slot's name is an executor id of the engine, and two living processes with one id steal each other's
work (ENGINE.md 1.6): the file lock keeps the second one out.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sottovoce.errors import EngineError


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a slot's lock; the kernel lets go of it however the process ends. EngineError when it is taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "another worker runs here; choose another --slot"
            raise EngineError(f"slot {path.stem} is taken", hint=hint) from None
        yield
