"""What a throat filters: pulses at the drawn pitch and noise, with nothing of the speaker's own.

Made anew, because what is left of speech after its envelope is taken off still carries the glottis,
its roughness and its breath.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.grid import Grid, hann

VOICED_HZ: Final = (500.0, 4000.0)
"""Up to where a barely and a fully voiced frame is periodic; the same for everybody."""
EDGE_HZ: Final = 350.0
LEAST_NOISE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Excitation:
    """Spectra of unit power for any block of frames, taken in order."""

    grid: Grid
    cycles: NDArray[np.float64]
    voicing: NDArray[np.float32]
    random: np.random.Generator
    _carried: list[NDArray[np.float32]] = field(default_factory=list)

    @classmethod
    def of(
        cls, *, grid: Grid, pitch: NDArray[np.float32], voicing: NDArray[np.float32], random: np.random.Generator
    ) -> Excitation:
        """`pitch` in Hz and `voicing`, a value a frame."""
        cycles = np.concatenate([[0.0], np.cumsum(pitch * (grid.hop / grid.rate), dtype=np.float64)])
        return cls(grid=grid, cycles=cycles, voicing=voicing, random=random)

    def spectra(self, which: slice) -> NDArray[np.complex64]:
        """Shape (which, bins). Blocks must be asked for in order: noise runs on from one to the next."""
        length = (which.stop - which.start + 1) * self.grid.hop
        periodic = self._weights(which)
        noisy = np.sqrt(np.maximum(1 - np.square(periodic), LEAST_NOISE**2))
        pulses = self._transformed(self._pulses(which.start, length))
        return np.asarray(pulses * periodic + self._transformed(self._noise(length)) * noisy, dtype=np.complex64)

    def _weights(self, which: slice) -> NDArray[np.float32]:
        voicing = self.voicing[which, None]
        low, high = VOICED_HZ
        slope = (self.grid.frequencies.astype(np.float32) - (low + (high - low) * voicing)) / EDGE_HZ
        return np.asarray(np.clip(3 * voicing, 0, 1) / (1 + np.exp(slope)), dtype=np.float32)

    def _pulses(self, first: int, length: int) -> NDArray[np.float32]:
        """One where a cycle begins, between two samples in proportion, as strong as a period is long."""
        places = first - 1 + np.arange(-1, length + 1) / self.grid.hop
        phase = np.interp(places, np.arange(len(self.cycles)), self.cycles)
        whole = np.floor(phase)
        at = np.flatnonzero(np.diff(whole) > 0)
        step = phase[at + 1] - phase[at]
        late = (phase[at + 1] - whole[at + 1]) / step
        out = np.zeros(length + 2, dtype=np.float32)
        out[at + 1] += (1 - late) / np.sqrt(step)
        out[at] += late / np.sqrt(step)
        return out[1:-1]

    def _noise(self, length: int) -> NDArray[np.float32]:
        carried = self._carried.pop() if self._carried else self.random.standard_normal(self.grid.hop, np.float32)
        fresh = self.random.standard_normal(length - self.grid.hop, np.float32)
        out = np.concatenate([carried, fresh])
        self._carried.append(out[length - self.grid.hop :])
        return out

    def _transformed(self, samples: NDArray[np.float32]) -> NDArray[np.complex64]:
        hop = self.grid.hop
        frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * hop)[::hop]
        padded = np.zeros((len(frames), self.grid.size), dtype=np.float32)
        padded[:, hop : 3 * hop] = frames * hann(2 * hop)
        return np.asarray(np.fft.rfft(padded), dtype=np.complex64)
