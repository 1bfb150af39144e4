"""Calls made from scripts of words: transcripts with even timing, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word

RATE = 8000
WORD_S = 0.4
PAUSE_S = 1.5
"""Silence between two turns."""


def call_of(
    *turns: tuple[int, str], roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER), probability: float = 0.9
) -> tuple[Sound, Transcript]:
    """A call in which (channel, text) turns follow one another; a word takes 0.4 s, `...` is a second of silence."""
    words: dict[int, list[Word]] = {c: [] for c in range(len(roles))}
    speech: dict[int, list[Span]] = {c: [] for c in range(len(roles))}
    at = RATE
    for channel, text in turns:
        start = at
        for said in text.split():
            if said == "...":
                at += RATE
                continue
            end = at + int(WORD_S * RATE)
            words[channel].append(Word(text=Confidential(said), span=Span(at, end), probability=probability))
            at = end
        speech[channel].append(Span(start, at))
        at += int(PAUSE_S * RATE)
    sound = Sound(samples=np.zeros((len(roles), at), np.float32), rate=RATE, roles=roles)
    return sound, _transcript(words, speech)


def _transcript(words: dict[int, list[Word]], speech: dict[int, list[Span]]) -> Transcript:
    return Transcript(
        channels=tuple(
            ChannelTranscript(channel=c, segments=_segments(words[c]), speech=tuple(speech[c])) for c in words
        ),
        rate=RATE,
        engine="script",
        model_digest="script",
        language="en",
    )


def _segments(words: Sequence[Word]) -> tuple[Segment, ...]:
    if not words:
        return ()
    return (Segment(span=Span(words[0].span.start, words[-1].span.end), words=tuple(words)),)
