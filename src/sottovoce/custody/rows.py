"""What the registry answers: frozen values, one for each kind of row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sottovoce.domain.outcome import Evidence, OutcomeStatus, Reason

ReleasedFact = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What admission said of a recording under one policy."""

    line: str
    recording: str
    admitted: bool
    reason: Reason | None
    rules: tuple[str, ...]
    policy_digest: str
    stratum: Mapping[str, str]
    evidence: Evidence
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one (line, recording) ended."""

    line: str
    recording: str
    status: OutcomeStatus
    reason: Reason | None
    predecessor: str | None
    key_id: str | None
    facts: Evidence
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One sealed object as the registry knows it; `deleted` once erasure or retention removed it."""

    id: str
    line: str
    recording: str
    kind: str
    channel: int | None
    location: str
    digest: str
    size: int
    rev: int
    deleted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusVersion:
    """One version of a corpus, such as `corpus@3`, under the root of its signed manifest."""

    version: str
    root: str
    manifest_digest: str
    created_at: datetime
    facts: Mapping[str, ReleasedFact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusSample:
    """One sample as it enters a version: its opaque id, and the recording that it must not name.

    `location` is that of the sealed object it was made into; `released` only what SPEC 11.1 lists.
    """

    corpus_id: str
    recording: str
    split: str
    released: Mapping[str, ReleasedFact]
    channel: int | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedSample:
    """One sample as those who train see it: nothing leads from here to a recording."""

    corpus_id: str
    split: str
    released: Mapping[str, ReleasedFact]
    erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusIdentity:
    """What a corpus id stands for. For the role that may know (SPEC 11.1)."""

    corpus_id: str
    recording: str
    channel: int | None
    object_id: str | None


def milliseconds(at: datetime) -> int:
    """Since 1970, UTC."""
    return int(at.timestamp() * 1000)


def moment(at_ms: int) -> datetime:
    """The time of a row, in UTC."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC)
