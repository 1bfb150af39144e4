"""A memory of finished recordings, for tests of screening."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInMemory:
    """`done` are the keys of finished recordings, `sounds` maps media digests to the keys that had them."""

    done: frozenset[str] = frozenset()
    sounds: Mapping[str, str] = field(default_factory=dict)

    def processed(self, key: str) -> bool:
        return key in self.done

    def key_of_sound(self, digest: str) -> str | None:
        return self.sounds.get(digest)
