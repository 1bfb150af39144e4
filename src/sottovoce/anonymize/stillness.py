"""What holds no voice stays as it is: digital silence, and the tone that stands where speech was redacted.

A vocoder would make a hum of either, and a hum where something was taken out sounds like speech.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.grid import HOP_S

SILENCE_S: Final = 0.01
"""Shorter runs of zeros are the crossings of coarsely quantised speech."""
FADE_S: Final = 0.004
TONE_S: Final = 0.064
"""Shorter lines are whistled consonants."""


def kept(original: NDArray[np.float32], disguised: NDArray[np.float32], tonal: NDArray[np.bool_], *, rate: int) -> None:
    """Write tones and digital silence of `original` into `disguised`, in place, faded at their edges.

    `tonal` has a value for each frame of 8 ms.
    """
    fade = max(1, round(FADE_S * rate))
    for start, end in _runs(tonal, least=round(TONE_S / HOP_S)):
        _restore(original, disguised, round(start * HOP_S * rate), round((end - 1) * HOP_S * rate), fade)
    for start, end in _runs(original == 0, least=max(1, round(SILENCE_S * rate))):
        _silence(disguised, start, end, fade)


def _runs(holds: NDArray[np.bool_], *, least: int) -> list[tuple[int, int]]:
    """Half-open runs of at least `least`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    long = ends - starts >= least
    return list(zip(starts[long].tolist(), ends[long].tolist(), strict=True))


def _restore(original: NDArray[np.float32], disguised: NDArray[np.float32], start: int, end: int, fade: int) -> None:
    end = min(end, len(original))
    weight = np.minimum(np.arange(end - start), np.arange(end - start)[::-1]) / fade
    weight = np.clip(weight, 0, 1).astype(np.float32)
    disguised[start:end] += weight * (original[start:end] - disguised[start:end])


def _silence(disguised: NDArray[np.float32], start: int, end: int, fade: int) -> None:
    disguised[start:end] = 0
    before = disguised[max(0, start - fade) : start]
    before *= np.linspace(0, 1, fade + 1, dtype=np.float32)[: len(before)][::-1]
    after = disguised[end : end + fade]
    after *= np.linspace(0, 1, fade + 1, dtype=np.float32)[: len(after)]
