"""Patching a WAV's own bytes: what is planned is replaced, every other byte of sound is the file's (SPEC 7.3)."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.domain import wav
from sottovoce.domain.finding import PlannedSpan
from sottovoce.domain.spans import Span, merged
from sottovoce.redact.media import patched

FRAMES = 400


def recording(codec: str) -> bytes:
    samples = np.random.default_rng(5).uniform(-0.9, 0.9, (FRAMES, 2))
    out = io.BytesIO()
    soundfile.write(out, samples, 8000, format="WAV", subtype=codec)
    return out.getvalue()


def planned(channel: int, pairs: list[tuple[int, int]]) -> list[PlannedSpan]:
    spans = merged(Span(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1])
    return [PlannedSpan(channel=channel, span=s, findings=(), label="PHONE_1") for s in spans]


def silence(p: PlannedSpan) -> np.ndarray:
    return np.zeros(p.span.length, np.float32)


places = st.lists(st.tuples(st.integers(0, FRAMES), st.integers(0, FRAMES)), max_size=4)


@pytest.mark.parametrize("codec", ["ULAW", "ALAW", "PCM_16", "PCM_24", "PCM_U8"])
@given(left=places, right=places)
def test_only_planned_samples_change(codec, left, right):
    """On each channel the planned samples are the fill and all others are as they were, also where both overlap."""
    plan = planned(1, right) + planned(0, left)
    raw = recording(codec)
    before, _ = soundfile.read(io.BytesIO(raw), dtype="int32", always_2d=True)
    after, _ = soundfile.read(io.BytesIO(patched(raw, plan, silence)), dtype="int32", always_2d=True)
    for p in plan:
        assert np.abs(after[p.span.start : p.span.end, p.channel]).max() <= 1 << 20
        before[p.span.start : p.span.end, p.channel] = after[p.span.start : p.span.end, p.channel]
    assert np.array_equal(before, after)


def test_sound_in_several_chunks_becomes_one():
    """All data chunks count as sound, joined in order, and are written as one."""
    raw = recording("ULAW")
    layout = wav.parse(raw)
    ((start, end),) = layout.data
    half = (start + end) // 2
    body = raw[:start][12:-8]
    pieces = [b"data" + len(part).to_bytes(4, "little") + part for part in (raw[start:half], raw[half:end])]
    several = b"RIFF" + bytes(4) + b"WAVE" + body + b"".join(pieces)
    assert len(wav.parse(several).data) == 2
    assert patched(several, [], silence) == patched(raw, [], silence)
