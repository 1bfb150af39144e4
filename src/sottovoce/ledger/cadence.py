"""When a checkpoint is due: after so many entries, or so many seconds, whichever comes first (SECURITY.md 3.3).

What no checkpoint covers could still be rewritten by whoever holds the database, so the time until one is signed is
the time a forger has. Every process may keep the cadence: who finds nothing due does nothing.

A clock that was set back makes a checkpoint due rather than never.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sottovoce.errors import SottovoceError
from sottovoce.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Signs when `entries` are unsigned, or any has been for `seconds`."""

    ledger: Ledger
    entries: int
    seconds: float

    def keep(self) -> str | None:
        """Signs what is due: the note, or None when nothing was."""
        unsigned, elapsed = self.ledger.unsigned()
        if unsigned and (unsigned >= self.entries or elapsed >= self.seconds):
            return self.ledger.checkpoint()
        return None

    @contextmanager
    def keeping(self, *, on_failure: Callable[[SottovoceError], object]) -> Iterator[None]:
        """Keeps it in a thread until the block ends, and once more then. Failures are told, and tried again."""
        stop = threading.Event()
        thread = threading.Thread(target=self._run, args=(stop, on_failure), name="checkpoints", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _run(self, stop: threading.Event, on_failure: Callable[[SottovoceError], object]) -> None:
        ended = False
        while not ended:
            ended = stop.wait(self.seconds)
            try:
                self.keep()
            except SottovoceError as failure:
                on_failure(failure)
