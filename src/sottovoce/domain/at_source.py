"""What a source answers when it is asked to let go of a recording that is erased here (SPEC 12.4)."""

from __future__ import annotations

from dataclasses import dataclass
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
