"""How high and how voiced each frame is, by autocorrelation (Boersma, IFA Proceedings 17, 1993).

Worked out at 4 kHz: pitch is flattened afterwards, so that a fine estimate would be waste.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.grid import BLOCK, HOP_S, hann

RATE: Final = 4_000
WINDOW: Final = 160
TRANSFORM: Final = 256
LAGS: Final = np.arange(10, 64)
"""400 Hz down to 63 Hz."""
LONGER_COSTS: Final = 0.0025
"""A lag of two periods fits as well as one of one: the shorter wins."""


def pitch(samples: NDArray[np.float32], *, rate: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """For `count` frames 8 ms apart: pitch in Hz, and how periodic the frame is from 0 to 1."""
    import soxr

    low = np.asarray(soxr.resample(samples, rate, RATE), dtype=np.float32)
    hop = round(HOP_S * RATE)
    padded = np.pad(low, (WINDOW // 2, max(0, count * hop + WINDOW - len(low))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::hop][:count]
    parts = [_block(frames[at : at + BLOCK]) for at in range(0, count, BLOCK)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def _block(frames: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    window = hann(WINDOW)
    own = _autocorrelation(window[None])
    found = _autocorrelation((frames - frames.mean(axis=1, keepdims=True)) * window)
    periodic = found[:, LAGS] / (found[:, :1] + 1e-9) * (own[0, 0] / own[0, LAGS])
    periodic *= 1 - LONGER_COSTS * LAGS
    best = periodic.argmax(axis=1)
    strength = np.clip(periodic[np.arange(len(frames)), best], 0, 1)
    return (RATE / LAGS[best]).astype(np.float32), strength.astype(np.float32)


def _autocorrelation(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    spectra = np.fft.rfft(frames, TRANSFORM)
    power = np.square(spectra.real) + np.square(spectra.imag)
    return np.asarray(np.fft.irfft(power, TRANSFORM), dtype=np.float32)
