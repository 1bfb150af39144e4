"""Whisper's encoder over as much as there is to hear, and not always over thirty seconds.

faster-whisper fills every window up to 30 s with nothing and encodes the nothing too: a tail of two seconds
costs as much as a whole window, and calls have many. The encoder takes shorter windows. A little emptiness
behind the speech is kept, and no window is shorter than fifteen seconds, because Whisper learnt on windows
that end in emptiness and repeats itself where there is none.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

LEAST_FRAMES: Final = 1500
"""Of 10 ms. Chosen on the shared calls with BEHIND_FRAMES: at 10 s more harmless speech is taken for something else."""
BEHIND_FRAMES: Final = 600
_STEP: Final = 100


class SparingWhisper(WhisperModel):  # type: ignore[misc] # faster-whisper has no types
    """A WhisperModel that hears the same and leaves most of the empty part of a window out."""

    def encode(self, features: NDArray[np.float32]) -> Any:
        """Of mel features (bands, frames), the encoder's output."""
        return super().encode(features[..., : kept_frames(features)])


def kept_frames(features: NDArray[np.float32]) -> int:
    """How many frames of a window filled up with zeros are worth encoding: never fewer than hold sound."""
    filled = np.flatnonzero(features.any(axis=tuple(range(features.ndim - 1))))
    used = int(filled[-1]) + 1 if len(filled) else 0
    wanted = max(LEAST_FRAMES, used + BEHIND_FRAMES)
    return min(int(features.shape[-1]), -(-wanted // _STEP) * _STEP)
