"""Words with their times, in integer samples of the recording's own rate."""

from __future__ import annotations

from dataclasses import dataclass

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.spans import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One token as the transcriber wrote it (it may be a numeral such as `4716`)."""

    text: Confidential[str]
    span: Span
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch the transcriber decoded in one go, with the words in it."""

    span: Span
    words: tuple[Word, ...]
    no_speech_probability: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTranscript:
    """What was said on one channel. `unheard` is audible speech that no words account for (SPEC 5.3).

    `noisy` where speech hardly stands out of the line's noise, so that even probable words may be wrong.
    """

    channel: int
    segments: tuple[Segment, ...]
    speech: tuple[Span, ...]
    unheard: tuple[Span, ...] = ()
    noisy: bool = False

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(w for s in self.segments for w in s.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Every channel of one recording, and what heard it."""

    channels: tuple[ChannelTranscript, ...]
    rate: int
    engine: str
    model_digest: str
    language: str
