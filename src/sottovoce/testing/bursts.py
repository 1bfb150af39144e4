"""Bursts of noise that a small transcriber can read: what a burst says is told by how long it is.

It needs no script, so it hears a stretch of a recording as it hears the whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word

RATE: Final = 8000
DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOCABULARY: Final = (*DIGITS, "hello", "thanks", "weather")
_SHORTEST_S, _STEP_S, _BETWEEN_S = 0.1, 0.02, 0.06
_AUDIBLE: Final = 0.01


def spoken(
    *lines: Sequence[tuple[float, str]], seconds: float, roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER)
) -> Sound:
    """One line a channel: words of the vocabulary, from a second on. What is beyond the end is cut."""
    noise = np.random.default_rng(7)
    samples = noise.normal(0, 0.0003, (len(roles), round(seconds * RATE)))
    for channel, line in enumerate(lines):
        for start_s, text in line:
            at = round(start_s * RATE)
            for word in text.split():
                length = round((_SHORTEST_S + _STEP_S * VOCABULARY.index(word)) * RATE)
                room = samples[channel, at : at + length]
                room += 0.1 * np.sign(noise.standard_normal(length))[: len(room)]
                at += length + round(_BETWEEN_S * RATE)
    return Sound(samples=samples.astype(np.float32), rate=RATE, roles=roles)


class BurstTranscriber:
    """Reads bursts; cut ones as whatever is nearest."""

    languages = frozenset({"en"})

    def __init__(self) -> None:
        self.heard_frames = 0

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        self.heard_frames += sound.frames
        return Transcript(
            channels=tuple(_channel(number, sound) for number in range(sound.channels)),
            rate=sound.rate,
            engine="bursts",
            model_digest="0" * 64,
            language=language or "en",
        )


def _channel(number: int, sound: Sound) -> ChannelTranscript:
    loud = np.flatnonzero(np.abs(sound.samples[number]) > _AUDIBLE)
    breaks = np.flatnonzero(np.diff(loud) > _BETWEEN_S / 2 * sound.rate) + 1
    edges = [0, *breaks.tolist(), len(loud)]
    spans = [Span(int(loud[a]), int(loud[b - 1]) + 1) for a, b in pairwise(edges) if a < b]
    segments = tuple(Segment(span=s, words=(_word(s, sound.rate),)) for s in spans)
    return ChannelTranscript(channel=number, segments=segments, speech=tuple(spans))


def _word(span: Span, rate: int) -> Word:
    nearest = round((span.length / rate - _SHORTEST_S) / _STEP_S)
    text = VOCABULARY[min(max(nearest, 0), len(VOCABULARY) - 1)]
    return Word(text=Confidential(text), span=span, probability=0.9)
