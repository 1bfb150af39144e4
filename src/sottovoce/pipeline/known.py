"""What a line has finished with, as screening asks for it."""

from __future__ import annotations

from sottovoce.custody.registry import Registry


class LineKnown:
    """Answers from the registry each time, because a stale no would let a recording in twice."""

    def __init__(self, *, registry: Registry, line: str) -> None:
        self._registry = registry
        self._line = line

    def processed(self, key: str) -> bool:
        return self._registry.outcome(self._line, key) is not None

    def key_of_sound(self, digest: str) -> str | None:
        return self._registry.key_of_sound(self._line, digest)
