"""Hearing costs what there is to hear, and nothing that is sound is left out (PERFORMANCE.md, goal B)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.speech.models import load_model
from sottovoce.speech.sparing import BEHIND_FRAMES, LEAST_FRAMES, SparingWhisper, kept_frames

WHOLE = 3000


def window(used: int) -> np.ndarray:
    """Mel features of a window whose first frames hold sound."""
    features = np.zeros((80, WHOLE), np.float32)
    features[3, :used] = -0.4
    return features


@given(used=st.integers(0, WHOLE))
def test_no_frame_with_sound_is_left_out(used):
    """What is kept holds every frame with sound, some emptiness behind it where there was any, and fits the encoder."""
    kept = kept_frames(window(used))
    assert min(WHOLE, max(LEAST_FRAMES, used + BEHIND_FRAMES)) <= kept <= WHOLE
    assert kept % 2 == 0


def test_a_pause_within_the_sound_is_kept():
    """Emptiness is only left out behind the last sound."""
    features = window(100)
    features[:, 2000] = 0.1
    assert kept_frames(features) == 2001 + BEHIND_FRAMES + 99


def test_a_batch_is_kept_to_its_longest():
    """Several windows at once are cut alike."""
    assert kept_frames(np.stack([window(10), window(2100)])) == 2100 + BEHIND_FRAMES


@pytest.mark.slow
def test_short_windows_are_encoded_short():
    """The encoder answers with one position for two frames of what was kept."""
    model = SparingWhisper(
        "tiny.en", device="cpu", compute_type="int8", cpu_threads=1, files=dict(load_model("tiny.en").files)
    )
    assert list(model.encode(window(300)).shape)[1] == LEAST_FRAMES // 2
    assert list(model.encode(window(WHOLE)).shape)[1] == WHOLE // 2
