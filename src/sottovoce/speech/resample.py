"""Another sample rate, by soxr's band-limited interpolation."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

WHISPER_RATE: Final = 16_000


def resample(samples: NDArray[np.float32], *, from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """Shape (channels, frames) to (channels, ceil(frames * to_rate / from_rate)), exactly.

    soxr's own count can differ by one frame; the end is cut or filled with silence.
    """
    if from_rate == to_rate:
        return samples
    frames = -(-samples.shape[1] * to_rate // from_rate)
    out = soxr.resample(np.ascontiguousarray(samples.T), from_rate, to_rate).T[:, :frames]
    exact = np.zeros((samples.shape[0], frames), dtype=np.float32)
    exact[:, : out.shape[1]] = out
    return exact
