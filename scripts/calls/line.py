"""The telephone between two speakers: band, line noise, crosstalk, keypad tones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

RATE = 8000
BAND_HZ = (300.0, 3400.0)
"""ITU-T G.712: the telephone band."""

ROWS_HZ = (697, 770, 852, 941)
COLUMNS_HZ = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
"""ITU-T Q.23: the keypad."""
KEY_S, KEY_GAP_S = 0.11, 0.09


def tones(digits: str) -> NDArray[np.float64]:
    """What a keypad sends for these digits, as loud as speech."""
    gap = np.zeros(int(KEY_GAP_S * RATE))
    parts = [part for d in digits for part in (_key(d), gap)]
    return np.concatenate(parts[:-1])


def _key(digit: str) -> NDArray[np.float64]:
    row = next(i for i, keys in enumerate(KEYS) if digit in keys)
    t = np.arange(int(KEY_S * RATE)) / RATE
    pair = (ROWS_HZ[row], COLUMNS_HZ[KEYS[row].index(digit)])
    edge = np.minimum(1.0, np.minimum(t, t[::-1]) / 0.004)
    return 0.11 * edge * sum(np.sin(2 * np.pi * f * t) for f in pair)


def carried(
    channels: NDArray[np.float64], *, noise_db: float, crosstalk_db: float | None, seed: int
) -> NDArray[np.float64]:
    """The channels (frames, n) as a recorder hears them: band-limited, with noise and leakage in dB."""
    band = butter(4, BAND_HZ, btype="bandpass", fs=RATE, output="sos")
    rng = np.random.default_rng(seed)
    heard = channels if crosstalk_db is None else channels + 10 ** (crosstalk_db / 20) * channels[:, ::-1]
    noise = rng.standard_normal(heard.shape) * 10 ** (noise_db / 20)
    return np.clip(sosfiltfilt(band, heard + noise, axis=0), -0.99, 0.99)
