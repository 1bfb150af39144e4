"""What can be wrong with a redacted file besides a leak, and what a score says of one call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Failure(StrEnum):
    """A way in which a file fails to conform."""

    MISSING = "missing"
    UNREADABLE = "unreadable"
    MIXED_TONE = "mixed_tone"
    TIME_SHIFTED = "time_shifted"
    SPANS_SHIFTED = "spans_shifted"
    CUT_SHORT = "cut_short"
    CHANGED_LENGTH = "changed_length"
    CHANGED_RATE = "changed_rate"
    CHANGED_CHANNELS = "changed_channels"
    CHANGED_CODEC = "changed_codec"
    DOWNMIXED = "downmixed"
    SWAPPED_CHANNELS = "swapped_channels"
    DIRTY_METADATA = "dirty_metadata"
    UNREDACTED_COPY = "unredacted_copy"


MEANING: Final = {
    Failure.MISSING: "there is no redacted file for the call",
    Failure.UNREADABLE: "the redacted file is not sound that can be read",
    Failure.MIXED_TONE: "a tone was laid over the speech, which is there again when the tone is subtracted",
    Failure.TIME_SHIFTED: "the whole file is early or late",
    Failure.SPANS_SHIFTED: "the sound beside a passage was removed, and the passage was not",
    Failure.CUT_SHORT: "a passage was removed in part only",
    Failure.CHANGED_LENGTH: "the file is longer or shorter than the original",
    Failure.CHANGED_RATE: "the sample rate is another",
    Failure.CHANGED_CHANNELS: "the number of channels is another",
    Failure.CHANGED_CODEC: "the container or codec is another",
    Failure.DOWNMIXED: "channels were mixed, so that one carries another's speech",
    Failure.SWAPPED_CHANNELS: "channels changed places",
    Failure.DIRTY_METADATA: "the file carries something besides sound",
    Failure.UNREDACTED_COPY: "a file still holds the call as it was",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A failure, with kinds, counts and times: never anything that was said or tagged."""

    failure: Failure
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageScore:
    """One passage's units: heard as the file is, and heard again once a tone, shift or swap was undone."""

    type: str
    units: int
    leaked: int
    recovered: int = 0
    leaked_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScore:
    """What one call's redacted file still holds, lost without need, and how it fails. Seconds are of the original."""

    id: str
    duration_s: float
    passages: tuple[PassageScore, ...]
    failures: tuple[Found, ...]
    judged_s: float = 0.0
    removed_s: float = 0.0
    keep_units: int = 0
    keep_lost: int = 0
    wrong_length: bool = False

    def fails(self, failure: Failure) -> bool:
        return any(found.failure is failure for found in self.failures)
