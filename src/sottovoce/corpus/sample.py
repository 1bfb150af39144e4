"""What is released about a sample, and nothing else (SPEC 11.1).

Never a conversation, agent, customer, number or time of day; the year alone, coarse words that were
checked to be codes, and the length to a tenth of a second: finer, a length would find its call in a
telephone bill.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sottovoce.corpus.identity import is_corpus_id
from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import ReleaseRefused
from sottovoce.screening.rule import code


class Split(StrEnum):
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One released sample. Words outside the pattern of a code become `other`."""

    corpus_id: str
    queue_category: str
    duration_s: float
    audio_format: str
    capture_year: int
    accent_region: str
    audio_quality: str
    language: str
    split: Split

    def released(self) -> dict[str, str | int | float]:
        """The metadata as it leaves: these nine keys."""
        return {
            "corpusId": self.corpus_id,
            "queueCategory": code(self.queue_category),
            "durationSeconds": round(self.duration_s, 1),
            "audioFormat": self.audio_format,
            "captureYear": self.capture_year,
            "accentRegion": code(self.accent_region),
            "audioQuality": code(self.audio_quality),
            "language": code(self.language),
            "split": self.split.value,
        }

    @classmethod
    def of_released(cls, released: Mapping[str, object]) -> Sample:
        """The sample of its released metadata; raises ReleaseRefused for more, fewer or other keys."""
        if set(released) != RELEASED_KEYS or not is_corpus_id(str(released["corpusId"])):
            raise ReleaseRefused("this is not the metadata of a released sample")
        try:
            return cls(
                corpus_id=str(released["corpusId"]),
                queue_category=str(released["queueCategory"]),
                duration_s=float(str(released["durationSeconds"])),
                audio_format=str(released["audioFormat"]),
                capture_year=int(str(released["captureYear"])),
                accent_region=str(released["accentRegion"]),
                audio_quality=str(released["audioQuality"]),
                language=str(released["language"]),
                split=Split(str(released["split"])),
            )
        except ValueError:
            raise ReleaseRefused("this is not the metadata of a released sample") from None


RELEASED_KEYS = frozenset(
    {
        "corpusId",
        "queueCategory",
        "durationSeconds",
        "audioFormat",
        "captureYear",
        "accentRegion",
        "audioQuality",
        "language",
        "split",
    }
)


def format_name(made: MediaFormat) -> str:
    """`flac_16khz_mono`: container, rate and channels of what was sealed."""
    layout = {1: "mono", 2: "stereo"}.get(made.channels, f"{made.channels}ch")
    return f"{made.container.lower()}_{made.rate / 1000:g}khz_{layout}"
