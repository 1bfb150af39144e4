"""How much of one sound is still in another: the measure all others rest on.

The magnitude of the normalised cross-correlation over a stretch, at its best lag within 30 ms, at 8 kHz.
Below 0.35 the original carries less than an eighth of what is heard there. Everything is judged in batches:
one FFT for all stretches of about the same length.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Signal = NDArray[np.float64]
Cuts = NDArray[np.int64]
"""Shape (n, 2): start and end in samples, half open."""

RATE: Final = 8000
LAG: Final = 240
"""30 ms: more than the delay of a telephone codec, less than a phone."""
HEARD: Final = 0.35
FRAME: Final = 800
_SHORTEST: Final = 80
_SILENT: Final = 10 ** (-55 / 20)
_ROWS: Final = 1024
_TINY: Final = 1e-12


def similarity(original: Signal, other: Signal, cuts: Cuts) -> Signal:
    """Of each cut, 0..1: how much of the original's is in the other's, both one channel of one length.

    A cut under 10 ms, or whose other sound lies below -55 dB of full scale, is 0.
    """
    found = np.zeros(len(cuts))
    bounds = np.clip(cuts, 0, min(len(original), len(other)))
    lengths = bounds[:, 1] - bounds[:, 0]
    sizes = np.where(lengths >= _SHORTEST, 1 << np.ceil(np.log2(np.maximum(lengths, 1) + LAG)).astype(np.int64), 0)
    for size in np.unique(sizes[sizes > 0]):
        rows = np.flatnonzero(sizes == size)
        for part in np.array_split(rows, -(-len(rows) // _ROWS)):
            found[part] = _of_size(original, other, bounds[part], int(size))
    return found


def _of_size(original: Signal, other: Signal, cuts: Cuts, size: int) -> Signal:
    a, b = _centred(original, cuts), _centred(other, cuts)
    lengths = cuts[:, 1] - cuts[:, 0]
    spectrum = fft.rfft(a, size, axis=1).conj() * fft.rfft(b, size, axis=1)
    curve = fft.irfft(spectrum, size, axis=1)
    best = np.maximum(np.abs(curve[:, : LAG + 1]).max(axis=1), np.abs(curve[:, -LAG:]).max(axis=1))
    heard = np.sqrt(np.einsum("ij,ij->i", b, b) / lengths) >= _SILENT
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + _TINY
    return np.asarray(np.where(heard, best / scale, 0.0))


def _centred(signal: Signal, cuts: Cuts) -> Signal:
    """Each cut as a row without its mean, filled with zeros to the longest."""
    lengths = (cuts[:, 1] - cuts[:, 0])[:, None]
    offsets = np.arange(lengths.max())[None, :]
    inside = offsets < lengths
    rows = np.where(inside, signal[np.minimum(cuts[:, :1] + offsets, len(signal) - 1)], 0.0)
    return np.asarray(np.where(inside, rows - rows.sum(axis=1, keepdims=True) / lengths, 0.0))


def frames_of(start: int, end: int, *, step: int = FRAME) -> Cuts:
    """The whole frames of a stretch, one after the other."""
    starts = np.arange(start, max(start, end - step + 1), step, dtype=np.int64)
    return np.stack([starts, starts + step], axis=1)


def levels(signal: Signal, cuts: Cuts) -> Signal:
    """The root mean square of each cut; the cuts are of one length and lie within the signal."""
    if not len(cuts):
        return np.zeros(0)
    rows = signal[cuts[:, :1] + np.arange(cuts[0, 1] - cuts[0, 0])[None, :]]
    return np.asarray(np.sqrt(np.mean(rows**2, axis=1)))


def samples(seconds: float) -> int:
    return int(seconds * RATE)
