"""Steady noise taken down before a transcriber hears, where a line is noisy (SPEC 5.3).

The log-spectral amplitude estimator of Ephraim and Malah (1985) with their decision-directed estimate of the signal
to noise ratio (1984). The noise is what the quietest fifth of the frames hold, in windows of fifteen seconds that
overlap, so that it follows a line that gets noisier. Only for hearing: nothing that is released is made of it.
Works through a channel in blocks, so that memory does not grow with the spectra of an hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_FRAME_S: Final = 0.032
_OVERLAP: Final = 4
_NOISE_WINDOW_S: Final = 15.0
_QUIETEST: Final = 20
"""Per cent."""
_MEMORY: Final = 0.98
_LEAST_PRIOR: Final = 10 ** (-25 / 10)
_LEAST_GAIN: Final = 0.1
"""Some noise is kept: speech that stands in nothing at all is what transcribers never learnt. Of 0.1 and 0.3, and
of plain Wiener gains, this one left the fewest numbers unheard at 5 dB (shared calls, tiny.en)."""
_BLOCK: Final = 2048
"""Frames worked on at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    """How a channel is cut into frames of `size` samples, `hop` apart, in a channel padded by `size` on both sides."""

    size: int
    hop: int
    window: Floats

    @classmethod
    def at(cls, rate: int) -> _Grid:
        size = 1 << max(4, round(np.log2(_FRAME_S * rate)))
        window = np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32)
        return cls(size=size, hop=size // _OVERLAP, window=window)

    def spectra(self, frames: Floats) -> NDArray[np.complex64]:
        from scipy import fft

        spectra: NDArray[np.complex64] = fft.rfft(frames * self.window, axis=1)
        return spectra


def denoised(channel: Floats, rate: int) -> Floats:
    """The channel with its steady noise some 20 dB lower, as many samples, in no other order and no later."""
    if not len(channel):
        return channel
    grid = _Grid.at(rate)
    padded = np.pad(channel, (grid.size, grid.size + -len(channel) % grid.hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, grid.size)[:: grid.hop]
    out = np.zeros(len(padded), np.float32)
    for first, cleaned in _cleaned(frames, grid, rate):
        for k, frame in enumerate(cleaned, first):
            out[k * grid.hop : k * grid.hop + grid.size] += frame
    return out[grid.size : grid.size + len(channel)] / np.float32(_OVERLAP / 2)


def _cleaned(frames: Floats, grid: _Grid, rate: int) -> Iterator[tuple[int, Floats]]:
    """(first frame, frames of sound) of each block, in order."""
    from scipy import fft

    noise = _Noise.of(frames, grid, rate)
    before = np.zeros(grid.size // 2 + 1, np.float32)
    for first in range(0, len(frames), _BLOCK):
        spectra = grid.spectra(frames[first : first + _BLOCK])
        power = (np.square(np.abs(spectra)) / noise.at(first, len(spectra))).astype(np.float32)
        gains, before = _gains(power, before)
        yield first, fft.irfft(spectra * gains, grid.size, axis=1) * grid.window


def _gains(posterior: Floats, before: Floats) -> tuple[Floats, Floats]:
    """A gain for each (frame, bin) of power over noise, and what the next block must know of the last frame."""
    from scipy.special import exp1

    heard = np.minimum(posterior, np.float32(1e3))
    gains = np.empty_like(heard)
    for k, ratio in enumerate(heard):
        prior = np.maximum(_MEMORY * before + (1 - _MEMORY) * np.maximum(ratio - 1, 0), _LEAST_PRIOR)
        wiener = prior / (1 + prior)
        gain = np.minimum(wiener * np.exp(0.5 * exp1(np.maximum(wiener * ratio, 1e-6))), 1)
        before = gain**2 * ratio
        gains[k] = gain
    return np.maximum(gains, np.float32(_LEAST_GAIN)), before


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    """Mean noise power of each bin around some frames, joined linearly between them."""

    centres: NDArray[np.float64]
    power: Floats

    @classmethod
    def of(cls, frames: Floats, grid: _Grid, rate: int) -> _Noise:
        width = round(_NOISE_WINDOW_S * rate / grid.hop)
        starts = range(0, max(1, len(frames) - width // 2), width // 2)
        power = [_quiet(np.square(np.abs(grid.spectra(frames[s : s + width])))) for s in starts]
        return cls(centres=np.array([s + width / 2 for s in starts]), power=np.stack(power) + np.float32(1e-10))

    def at(self, first: int, count: int) -> Floats:
        """(count, bins)"""
        last = len(self.centres) - 1
        place = np.interp(np.arange(first, first + count), self.centres, np.arange(last + 1))
        low = np.minimum(place.astype(np.intp), max(0, last - 1))
        share = (place - low).astype(np.float32)[:, None]
        mixed: Floats = self.power[low] * (1 - share) + self.power[np.minimum(low + 1, last)] * share
        return mixed


def _quiet(power: Floats) -> Floats:
    """Of (frames, bins), the mean over the quietest frames."""
    total = power.sum(axis=1)
    quiet: Floats = power[total <= np.percentile(total, _QUIETEST)].mean(axis=0)
    return quiet
