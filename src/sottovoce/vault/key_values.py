"""What the key store answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sottovoce.domain.confidential import Confidential
from sottovoce.kms.protocol import Destruction
from sottovoce.vault.key_tables import EpochState, RecordingKeyState


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingKey:
    """One recording's key, opened. `id` names it in ledgers and never changes."""

    id: str
    epoch: str
    suite: str
    state: RecordingKeyState
    key: Confidential[bytes] = field(repr=False)


class KeyFate(StrEnum):
    """What a request to shred came to."""

    SHREDDED = "shredded"
    ALREADY = "already"
    """It had been shredded before."""
    NEVER = "never"
    """There was no key; a tombstone now keeps one from being made."""
    FROZEN = "frozen"
    """A legal hold keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shredding:
    """The fate of each key, and whether the database's own files are known to hold no trace.

    Those in `backed_up` open from older backups of the key store until their epoch is rolled.
    """

    fates: Mapping[str, KeyFate]
    backed_up: frozenset[str]
    traces_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochStatus:
    """An epoch as `keys list` shows it."""

    name: str
    state: EpochState
    kms: str
    provider_key: str
    recordings: int
    created_ms: int
    ended_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRoll:
    """Survivors moved from one epoch to another. `destruction` says when older backups are dead for good.

    It is None where the provider has one standing key: backups then live as long as that key.
    """

    old: str
    new: str
    rewrapped: int
    destruction: Destruction | None
    traces_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochMove:
    """An epoch's key, wrapped by another provider key than before; nothing under it was touched."""

    epoch: str
    old_kms: str
    old_key: str
    new_kms: str
    new_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMoves:
    """What a rotation or migration came to. What an earlier one left undone is in `destroyed` too."""

    moved: tuple[EpochMove, ...]
    destroyed: tuple[Destruction, ...]
    """Provider keys of ours that wrap nothing any more, and when each is gone for good."""
    kept: tuple[str, ...]
    """Provider keys of ours that were to be destroyed and that the service would not: asked for again next time."""
    traces_gone: bool
