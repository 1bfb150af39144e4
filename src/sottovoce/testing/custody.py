"""Keys, objects, notes and a source in memory, for tests of erasure: they fail for what they are told to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sottovoce.domain.at_source import SourceAnswer, SourceState, Way
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import (
    KeyFrozen,
    KeyRefused,
    KeyUnavailable,
    ObjectLocked,
    ObjectMissing,
    SourceUnavailable,
    StorageError,
    VaultError,
)


@dataclass
class MemoryVault:
    """Keys and objects that are there or not. `failing` do not answer, `locked` are kept by their store."""

    keys: set[str] = field(default_factory=set)
    objects: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)

    def shred(self, rid: str) -> None:
        if rid in self.failing:
            raise KeyUnavailable("the key service does not answer")
        if rid in self.frozen:
            raise KeyFrozen("a legal hold keeps this key")
        self.keys.discard(rid)

    def shred_all(self, rids: Iterable[str]) -> list[Any]:
        for rid in rids:
            self.shred(rid)
        return []

    def delete_all(self, names: Iterable[str]) -> dict[str, VaultError]:
        wanted = set(names)
        self.objects -= wanted - self.failing - self.locked
        failed: dict[str, VaultError] = {name: StorageError("no answer") for name in wanted & self.failing}
        return failed | {name: ObjectLocked("locked") for name in wanted & self.locked}

    def freeze(self, rid: str) -> None:
        if rid in self.failing:
            raise KeyUnavailable("the key service does not answer")
        if rid not in self.keys:
            raise KeyRefused("there is no key for this recording")
        self.frozen.add(rid)

    def thaw(self, rid: str) -> None:
        if rid in self.failing:
            raise KeyUnavailable("the key service does not answer")
        self.frozen.discard(rid)

    def alive(self, rid: str) -> bool:
        return rid in self.keys


@dataclass
class MemoryNotes:
    """A place for notes outside the database; `broken` refuses to keep anything."""

    kept: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False

    def put(self, name: str, data: bytes) -> None:
        if self.broken:
            raise StorageError("the object store does not answer")
        self.kept[name] = data

    def get(self, name: str) -> bytes:
        try:
            return self.kept[name]
        except KeyError:
            raise ObjectMissing("there is no such object") from None

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted(name for name in self.kept if name.startswith(f"{prefix}/")))


@dataclass
class MemorySource:
    """A source that lets go when it is looked at `slow` times; `guarded` are locators it may not let go of."""

    slow: int = 1
    silent: bool = False
    guarded: set[str] = field(default_factory=set)
    asked: list[tuple[str, Way]] = field(default_factory=list)
    looked: list[str] = field(default_factory=list)

    def ask(self, locator: Confidential[str], way: Way) -> SourceAnswer:
        self._answers()
        if locator.reveal() in self.guarded:
            return SourceAnswer(state=SourceState.REFUSED, code="PROTECTED_AT_SOURCE")
        self.asked.append((locator.reveal(), way))
        done = way is Way.RECORDINGS and self.asked.count((locator.reveal(), way)) > self.slow
        reference = "request-a" if way is Way.GDPR_REQUEST else None
        return SourceAnswer(state=SourceState.DONE if done else SourceState.ASKED, reference=reference)

    def look(self, reference: str) -> SourceAnswer:
        self._answers()
        self.looked.append(reference)
        return SourceAnswer(state=SourceState.DONE, reference=reference)

    def _answers(self) -> None:
        if self.silent:
            raise SourceUnavailable("the source does not answer")


@dataclass
class MemoryGuard:
    """A source that protects conversations; `unknown` ones it cannot, and `silent` it does not answer."""

    kept: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    silent: bool = False

    def protected(self, conversations: Sequence[str]) -> set[str]:
        self._answers()
        return self.kept & set(conversations)

    def protect(self, conversations: Sequence[str], *, lift: bool = False) -> set[str]:
        self._answers()
        change = self.kept.difference_update if lift else self.kept.update
        change(set(conversations) - self.unknown)
        return self.unknown & set(conversations)

    def _answers(self) -> None:
        if self.silent:
            raise SourceUnavailable("the source does not answer")
