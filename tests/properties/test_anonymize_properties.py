"""What holds for any sound a pseudo-speaker is given."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.anonymize.pseudo_speaker import PseudoSpeakerAnonymizer

RATES = st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000])
PARTS = st.lists(
    st.tuples(
        st.sampled_from(["silence", "noise", "tone", "pulses", "constant"]), st.integers(1, 3_000), st.floats(0, 1)
    ),
    max_size=5,
)


def sound_of(parts) -> np.ndarray:
    random = np.random.default_rng(0)
    made = [np.zeros(0)]
    for kind, length, gain in parts:
        at = np.arange(length)
        wave = {
            "silence": np.zeros(length),
            "noise": random.standard_normal(length) / 4,
            "tone": np.sin(0.4 * at),
            "pulses": (at % 90 == 0) * 1.0,
            "constant": np.ones(length),
        }[kind]
        made.append(gain * wave)
    return np.concatenate(made).astype(np.float32)


@settings(max_examples=60)
@given(parts=PARTS, rate=RATES, seed=st.integers(0, 2**32))
def test_length_range_and_silence_are_kept(parts, rate, seed):
    """Any sound comes back as long, finite, within full scale, and silent where it was."""
    samples = sound_of(parts)
    out = PseudoSpeakerAnonymizer().transform(samples, rate=rate, random=np.random.default_rng(seed))
    assert (out.shape, out.dtype) == (samples.shape, np.float32)
    assert np.isfinite(out).all()
    assert np.abs(out).max(initial=0) < 1
    at = 0
    for kind, length, _ in parts:
        if kind == "silence" and length >= rate * 0.011:
            assert not out[at : at + length].any()
        at += length
