"""Where signed checkpoints are kept out of the ledger's own reach (SECURITY.md 3.3).

Whoever can rewrite the database can cut its tail together with the checkpoints over it; a copy kept
elsewhere is what betrays that. A folder on another disk or account is the simplest such place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sottovoce.errors import LedgerUnavailable


class Anchor(Protocol):
    """Keeps checkpoints: each size once, for ever."""

    def publish(self, size: int, note: str) -> None:
        """Keeps the note; afterwards it can be neither replaced nor removed by the ledger's operator."""
        ...

    def latest(self) -> str | None:
        """The note of the largest size kept, or None."""
        ...


class FolderAnchor:
    """Checkpoints as files named by size, each created once and never opened for writing again."""

    def __init__(self, *, folder: Path) -> None:
        self._folder = folder

    def publish(self, size: int, note: str) -> None:
        """Raises LedgerUnavailable when the folder cannot be written, or holds another note of that size."""
        path = self._folder / f"{size:020d}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(note)
        except FileExistsError:
            if path.read_text(encoding="utf-8") != note:
                raise LedgerUnavailable("the anchor holds another checkpoint of this size") from None
        except OSError as failure:
            raise LedgerUnavailable(f"the anchor cannot be written ({failure.strerror})") from None

    def latest(self) -> str | None:
        names = sorted(self._folder.glob("[0-9]*")) if self._folder.is_dir() else []
        return names[-1].read_text(encoding="utf-8") if names else None
