"""A registry of files for tests of the engine alone: any process may read and write it, and may be killed.

What was begun is one line a time in `began`, an outcome is a file that is made once, a heartbeat is the
age of a file.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from sottovoce.custody.rows import Outcome
from sottovoce.domain.outcome import OutcomeStatus


class FolderHearts:
    """Heartbeats as files."""

    def __init__(self, folder: Path) -> None:
        self._hearts = folder / "hearts"
        self._hearts.mkdir(parents=True, exist_ok=True)

    def beat(self, executor: str) -> None:
        (self._hearts / executor).touch()

    def silent_executors(self, *, seconds: float) -> tuple[str, ...]:
        since = time.time() - seconds
        return tuple(sorted(path.name for path in self._hearts.iterdir() if path.stat().st_mtime < since))

    def bury(self, executor: str) -> None:
        (self._hearts / executor).unlink(missing_ok=True)


class FolderTask(FolderHearts):
    """A `Task` and the registry it concludes in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._began = folder / "began"
        self._outcomes = folder / "outcomes"
        self._outcomes.mkdir(exist_ok=True)
        self.generations: dict[str, int] = {}

    def carry(self, line: str, key: str) -> str:
        self.began(key)
        return self.ended(line, key, "sealed")

    def close(self, line: str, key: str, code: str) -> str:
        return self.ended(line, key, f"quarantined {code}")

    def began(self, key: str) -> None:
        """Written before anything else is done, and there whatever happens next."""
        with self._began.open("ab", buffering=0) as file:
            os.write(file.fileno(), f"{key}\n".encode())

    def ended(self, line: str, key: str, how: str) -> str:
        """The first outcome stays."""
        with contextlib.suppress(FileExistsError), (self._outcomes / f"{line}-{key}").open("x") as file:
            file.write(how)
        return self.how(line, key).split()[0]

    def how(self, line: str, key: str) -> str:
        """Status, and the code of a quarantine; empty while there is none."""
        path = self._outcomes / f"{line}-{key}"
        return path.read_text() if path.exists() else ""

    def beginnings(self, key: str) -> int:
        return self._began.read_text().split().count(key) if self._began.exists() else 0

    def outcome(self, line: str, key: str) -> Outcome | None:
        how = self.how(line, key)
        if not how:
            return None
        return Outcome(
            line=line,
            recording=key,
            status=OutcomeStatus(how.split()[0]),
            reason=None,
            predecessor=None,
            key_id=None,
            facts={},
            at=datetime.now(UTC),
        )

    def generation(self, line: str, key: str) -> int:  # noqa: ARG002
        return self.generations.get(key, 1)

    def recall(self, key: str) -> str:
        return key
