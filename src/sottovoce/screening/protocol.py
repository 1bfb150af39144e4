"""What screening asks of whoever keeps the outcomes."""

from __future__ import annotations

from typing import Protocol


class Known(Protocol):
    """What one line has finished with. Answers must be current: a stale no lets a recording in twice."""

    def processed(self, key: str) -> bool:
        """Whether the recording of that key already has its outcome in this line."""
        ...

    def key_of_sound(self, digest: str) -> str | None:
        """The key of a recording this line has kept whose media had that SHA-256, or None."""
        ...
