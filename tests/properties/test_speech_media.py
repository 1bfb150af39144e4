"""Damaged media end in a named error or in sound, never in anything else (SPEC 16)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import MediaError
from sottovoce.speech.caps import Caps
from sottovoce.speech.decode import decode
from sottovoce.speech.encode import encode

CAPS = Caps(max_seconds=60)
KINDS = [
    ("WAV", "ULAW"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("WEBM", "OPUS"),
]


def sample(container: str, codec: str) -> bytes:
    rate = 48_000 if container == "WEBM" else 8000
    samples = np.random.default_rng(6).normal(0, 0.1, (1, rate // 2)).astype(np.float32)
    return encode(Sound(samples=samples, rate=rate, roles=(Role.BOTH,)), container=container, codec=codec).reveal()


WHOLE = {kind: sample(*kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids="-".join)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_damaged_files_are_refused_by_name_or_still_sound(kind, data):
    """Bytes changed or cut anywhere, mostly in the headers: finite sound within the caps, or a MediaError."""
    raw = bytearray(WHOLE[kind])
    top = st.one_of(st.integers(0, 200), st.integers(0, len(raw) - 1))
    for at in data.draw(st.lists(top, max_size=6)):
        raw[at] = data.draw(st.integers(0, 255))
    damaged = bytes(raw[: data.draw(st.one_of(st.just(len(raw)), st.integers(0, len(raw))))])
    try:
        samples, shape = decode(Confidential(damaged), caps=CAPS)
    except MediaError:
        return
    assert np.isfinite(samples).all()
    assert samples.shape[0] == shape.channels <= CAPS.max_channels
    assert samples.shape[1] <= CAPS.max_seconds * shape.rate
