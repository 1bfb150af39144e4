"""Where the original lies in a redacted file: shifted in time, or moved between channels.

Both are estimated outside the sensitive passages. A leak may hide from a judge who looks in the right place
only, so what was shifted or swapped is put back and judged again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from sottovoce.conformance.similarity import RATE, Signal

Channels = NDArray[np.float64]
"""Shape (channels, frames) at 8 kHz."""

REACH: Final = 5 * RATE
"""A shift is looked for up to five seconds."""
_RECOGNIZED: Final = 0.3
_IN_PLACE: Final = 0.9
_MIXED: Final = 0.5
"""Another channel at half the level of a channel's own: no codec couples as much (Vorbis at its loosest 0.4)."""
_ALIKE: Final = 0.9
_FAINT: Final = 1e-3
_PRESENT: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """`shift` in samples at 8 kHz, positive when the redacted file is late. `sources[i]` is the redacted channel
    that carries original channel i. `mixed` when a channel carries several."""

    shift: int
    sources: tuple[int, ...]
    mixed: bool

    @property
    def swapped(self) -> bool:
        return not self.mixed and self.sources != tuple(range(len(self.sources)))

    def put_back(self, redacted: Channels, shape: tuple[int, int]) -> Channels:
        """The redacted sound with its channels and its time where the original has them."""
        out = np.zeros(shape)
        late, early = max(0, self.shift), max(0, -self.shift)
        length = min(shape[1] - early, redacted.shape[1] - late)
        out[:, early : early + length] = redacted[list(self.sources), late : late + length]
        return out


def locate(original: Channels, redacted: Channels, sensitive: NDArray[np.bool_]) -> Placement:
    """The placement of `redacted`, not padded or cut; nothing moved where it cannot be recognized.

    `sensitive` marks the samples, of shape (frames,), that are no help because they may be gone.
    """
    masked = np.where(sensitive, 0.0, original)
    audible = np.sqrt((masked**2).mean(axis=1)) > _FAINT
    same = tuple(min(i, len(redacted) - 1) for i in range(len(original)))
    shift = _shift(masked[audible], redacted)
    if shift is None or len(redacted) == 1:
        return Placement(shift=shift or 0, sources=same, mixed=len(redacted) < int(audible.sum()))
    aligned = Placement(shift=shift, sources=tuple(range(len(redacted))), mixed=False)
    there = aligned.put_back(redacted, (len(redacted), original.shape[1]))
    sources, mixed = _channels(masked, np.where(sensitive, 0.0, there), audible, same)
    return Placement(shift=shift, sources=sources, mixed=mixed)


def _shift(original: Channels, redacted: Channels) -> int | None:
    """The lag of the strongest correlation of any pair of channels; None when no pair has one."""
    best, found = _RECOGNIZED, None
    length = min(original.shape[1], redacted.shape[1])
    if len(original) == len(redacted) and _in_place(original[:, :length], redacted[:, :length]):
        return 0
    size = fft.next_fast_len(max(original.shape[1], redacted.shape[1]) + REACH, real=True)
    theirs = [fft.rfft(y.astype(np.float32), size) for y in redacted]
    for x in original:
        mine = fft.rfft(x.astype(np.float32), size).conj()
        for y, spectrum in zip(redacted, theirs, strict=True):
            curve = np.abs(fft.irfft(mine * spectrum, size))
            curve[REACH + 1 : -REACH] = 0
            peak = int(curve.argmax())
            score = curve[peak] / (np.linalg.norm(x) * np.linalg.norm(y) + 1e-12)
            if score > best:
                best, found = float(score), peak if peak <= REACH else peak - size
    return found


def _in_place(original: Channels, redacted: Channels) -> bool:
    """Alike without any shift, channel for channel, where the original is not masked."""
    kept = np.where(original == 0, 0.0, redacted)
    norms = np.linalg.norm(original, axis=1) * np.linalg.norm(kept, axis=1) + 1e-12
    return bool(np.all(np.einsum("ij,ij->i", original, kept) / norms > _IN_PLACE))


def _channels(
    original: Channels, redacted: Channels, audible: NDArray[np.bool_], same: tuple[int, ...]
) -> tuple[tuple[int, ...], bool]:
    """Which redacted channel carries which original one, by least squares over all of them."""
    heard = np.flatnonzero(audible)
    if len(heard) < 2 or _any_alike(original[heard]):
        return same, False
    gram = original[heard] @ original[heard].T
    gain = np.abs(np.linalg.solve(gram, original[heard] @ redacted.T))
    sources = list(same)
    for row, channel in enumerate(heard):
        if gain[row].max() > _PRESENT:
            sources[channel] = int(gain[row].argmax())
    runner_up = np.sort(gain, axis=0)[-2]
    mixed = bool(np.any(runner_up > np.maximum(_MIXED * gain.max(axis=0), _PRESENT)))
    return tuple(sources), mixed


def _any_alike(channels: Channels) -> bool:
    corr = np.abs(np.corrcoef(channels)) - np.eye(len(channels))
    return bool(corr.max() > _ALIKE)


def similarity_at_any_shift(original: Signal, other: Signal) -> tuple[float, int]:
    """The strongest normalised correlation of two sounds at any lag, and the lag in samples."""
    size = fft.next_fast_len(len(original) + len(other), real=True)
    spectrum = fft.rfft(original.astype(np.float32), size).conj() * fft.rfft(other.astype(np.float32), size)
    curve = np.abs(fft.irfft(spectrum, size))
    peak = int(curve.argmax())
    score = float(curve[peak] / (np.linalg.norm(original) * np.linalg.norm(other) + 1e-12))
    return score, peak if peak < len(other) else peak - size
