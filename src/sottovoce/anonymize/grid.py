"""The grid everything is measured on: 8 or 16 kHz, a frame every 8 ms, at the same sample in and out.

Words keep their times because frame i is about sample i * hop before and after, and nothing is stretched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

NARROW_HZ: Final = 8_000
WIDE_HZ: Final = 16_000
HOP_S: Final = 0.008
BLOCK: Final = 2048
"""Frames handled at once: 16 s, so that an hour needs no more memory than a minute, but for its tracks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """`rate` in Hz, `count` frames, `samples` samples."""

    rate: int
    samples: int

    @property
    def hop(self) -> int:
        return round(self.rate * HOP_S)

    @property
    def size(self) -> int:
        """Length of the transform: four hops, 32 ms."""
        return 4 * self.hop

    @property
    def count(self) -> int:
        return self.samples // self.hop + 2

    @property
    def nyquist(self) -> float:
        return self.rate / 2

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Of the transform's bins, in Hz."""
        return np.linspace(0, self.nyquist, self.size // 2 + 1)

    def blocks(self) -> list[slice]:
        """Frames in runs of `BLOCK`."""
        return [slice(at, min(at + BLOCK, self.count)) for at in range(0, self.count, BLOCK)]

    def frames(self, samples: NDArray[np.float32], which: slice, width: int) -> NDArray[np.float32]:
        """Frames of `width` samples about each frame's centre, shape (which, width); silence beyond the ends."""
        first = which.start * self.hop - width // 2
        last = (which.stop - 1) * self.hop - width // 2 + width
        inside = samples[max(first, 0) : max(last, 0)]
        padded = np.pad(inside, (max(-first, 0), last - max(first, 0) - len(inside)))
        return np.lib.stride_tricks.sliding_window_view(padded, width)[:: self.hop]


def working_rate(rate: int) -> int:
    """8 kHz for telephone sound, 16 kHz for all other: what lies above 8 kHz tells of people, not of words."""
    return NARROW_HZ if rate <= NARROW_HZ else WIDE_HZ


def hann(width: int) -> NDArray[np.float32]:
    """Periodic: shifted by half its width it adds up to one."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(width) / width), dtype=np.float32)


def decibels(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """10 log10, no lower than -90 dB."""
    return np.asarray(10 * np.log10(power + 1e-9), dtype=np.float32)
