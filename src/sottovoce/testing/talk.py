"""Sound that stands for talk: bursts of shaped noise over a faint line, and redactors with small ears around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.redact.protocol import Ear, Finder
from sottovoce.redact.redactor import Redactor
from sottovoce.testing.redaction import ScriptedEar, ScriptedFinder, ScriptedTranscriber

RATE = 8000
CALL = (Role.AGENT, Role.CUSTOMER)
Stretch = tuple[int, float, float]
"""A channel, and the seconds between which somebody speaks on it."""


def talk(
    *stretches: Stretch,
    seconds: float = 10.0,
    rate: int = RATE,
    roles: tuple[Role, ...] = CALL,
    level: float = 0.1,
    seed: int = 5,
) -> Sound:
    """Noise at `level` (RMS, full scale 1) in the stretches, and at 0.0003 elsewhere."""
    noise = np.random.default_rng(seed)
    samples = noise.normal(0, 0.0003, (len(roles), round(seconds * rate)))
    for channel, start, end in stretches:
        span = slice(round(start * rate), round(end * rate))
        samples[channel, span] += noise.normal(0, level, samples[channel, span].shape)
    return Sound(samples=samples.astype(np.float32).clip(-1, 1), rate=rate, roles=roles)


def word(text: str, start_s: float, end_s: float, *, rate: int = RATE, probability: float = 0.9) -> Word:
    return Word(text=Confidential(text), span=Span.of_seconds(start_s, end_s, rate=rate), probability=probability)


def said(
    *channels: Sequence[Word],
    speech: Sequence[tuple[Span, ...]] = (),
    unheard: Sequence[tuple[Span, ...]] = (),
    rate: int = RATE,
    language: str = "en",
) -> Transcript:
    """A transcript of one line of words a channel."""
    return Transcript(
        channels=tuple(
            ChannelTranscript(
                channel=c,
                segments=tuple(Segment(span=w.span, words=(w,)) for w in words),
                speech=speech[c] if speech else (),
                unheard=unheard[c] if unheard else (),
            )
            for c, words in enumerate(channels)
        ),
        rate=rate,
        engine="said",
        model_digest="0" * 64,
        language=language,
    )


def redactor_of(
    heard: Transcript | Exception,
    *,
    finder: Finder | None = None,
    finds: tuple[Finding, ...] | Exception = (),
    ears: tuple[Ear, ...] | None = None,
    languages: frozenset[str] = frozenset({"en"}),
) -> Redactor:
    """The product's redactor around a scripted transcriber; finder and ears scripted unless given."""
    return Redactor(
        transcriber=ScriptedTranscriber(heard),
        finder=finder or ScriptedFinder(finds),
        ears=(ScriptedEar(),) if ears is None else ears,
        noise_source=lambda: np.random.default_rng(0),
        languages=languages,
    )
