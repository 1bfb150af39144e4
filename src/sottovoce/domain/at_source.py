"""What a source answers when it is asked to let go of what is erased here, or of what is too old (SPEC 12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Way(StrEnum):
    """How a source is asked: for this recording, or for the person, by the source's own procedure."""

    RECORDINGS = "recordings"
    GDPR_REQUEST = "gdpr_request"


class SourceState(StrEnum):
    """`PENDING`: not asked, or nobody answered. `ASKED`: taken, and not seen to be done. Written to ledgers."""

    PENDING = "pending"
    ASKED = "asked"
    REFUSED = "refused"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceAnswer:
    """How far it is; `code` says why it is no further, `reference` is the source's own number of the request."""

    state: SourceState
    code: str | None = None
    reference: str | None = None


class JobState(StrEnum):
    """A source's own job of deleting, as Genesys Cloud names it: it is prepared, then has to be executed."""

    PENDING = "PENDING"
    READY = "READY"
    PROCESSING = "PROCESSING"
    FULFILLED = "FULFILLED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"

    @property
    def over(self) -> bool:
        return self in (JobState.FULFILLED, JobState.CANCELLED, JobState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLook:
    """How far a job is; `counts` of recordings by what became of them."""

    state: JobState
    counts: Mapping[str, int] = field(default_factory=dict)
