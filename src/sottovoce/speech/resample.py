"""Another sample rate, by soxr's band-limited interpolation."""

from __future__ import annotations

from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from sottovoce.domain.sound import Sound

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


def channel_at_16k(sound: Sound, channel: int) -> NDArray[np.float32]:
    """One channel as Whisper wants it: mono, 16 kHz, float32."""
    one = sound.samples[channel : channel + 1]
    return resample(one, from_rate=sound.rate, to_rate=WHISPER_RATE).reshape(-1)


def mono_16k(sound: Sound) -> NDArray[np.float32]:
    """All channels mixed to one at 16 kHz."""
    mixed = sound.samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return resample(mixed, from_rate=sound.rate, to_rate=WHISPER_RATE).reshape(-1)
