"""Spectral envelopes as mel cepstra, and back to any frequency axis.

A cepstrum here is the cosine series of the log power envelope over the mel scale (O'Shaughnessy 1987,
as in HTK): its order is low, so that it holds formants and not the harmonics of one voice's pitch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.grid import Grid

LOWEST_HZ: Final = 60.0
NARROWEST_HZ: Final = 100.0
"""Half a filter's width at least: as wide as most voices' pitch, so that harmonics do not show."""
BANDS: Final = {8_000: 30, 16_000: 40}
ORDER: Final = {8_000: 18, 16_000: 24}

SPREAD: Final = np.array(
    [
        1.68, 1.15, 0.88, 0.72, 0.66, 0.51, 0.49, 0.40, 0.40, 0.37, 0.36, 0.32,
        0.31, 0.31, 0.29, 0.27, 0.26, 0.25, 0.25, 0.22, 0.20, 0.20, 0.19, 0.19,
    ]
)  # fmt: skip
"""How far cepstra spread within one utterance, in nepers of power: the mean over 45 speakers."""

LONG_TERM: Final = np.array(
    [
        (63, 38.6), (80, 43.5), (100, 54.4), (125, 57.7), (160, 56.8), (200, 60.2), (250, 60.3), (315, 59.0),
        (400, 62.1), (500, 62.1), (630, 60.5), (800, 56.8), (1000, 53.7), (1250, 53.0), (1600, 52.0), (2000, 48.7),
        (2500, 48.1), (3150, 46.8), (4000, 45.6), (5000, 44.5), (6300, 44.3), (8000, 43.7),
    ]
)  # fmt: skip
"""Third-octave levels of speech in the long run, Hz and dB: Byrne and others, JASA 96(4), 1994, both sexes."""


def mel(hertz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(np.asarray(hertz, dtype=float) / 700.0)


def hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700.0 * np.expm1(mels / 1127.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MelCepstrum:
    """Power spectra of `grid` to cepstra of shape (frames, order) and back to log amplitude."""

    order: int
    nyquist: float
    centres: NDArray[np.float64]
    filters: NDArray[np.float32]
    cosines: NDArray[np.float32]

    @classmethod
    def of(cls, grid: Grid) -> MelCepstrum:
        bands, order = BANDS[grid.rate], ORDER[grid.rate]
        centres = hertz(np.linspace(mel(LOWEST_HZ), mel(grid.nyquist), bands + 2))
        width = np.maximum(np.gradient(centres), NARROWEST_HZ)[1:-1]
        distance = np.abs(grid.frequencies[:, None] - centres[None, 1:-1])
        filters = np.clip(1 - distance / width, 0, None)
        places = mel(centres[1:-1]) / mel(grid.nyquist)
        cosines = 2 * np.gradient(places)[:, None] * np.cos(np.pi * np.outer(places, np.arange(1, order + 1)))
        return cls(
            order=order,
            nyquist=grid.nyquist,
            centres=centres[1:-1],
            filters=(filters / filters.sum(axis=0)).astype(np.float32),
            cosines=cosines.astype(np.float32),
        )

    @property
    def spread(self) -> NDArray[np.float64]:
        """How far each coefficient goes in ordinary speech."""
        return SPREAD[: self.order]

    def analyse(self, power: NDArray[np.float32]) -> NDArray[np.float32]:
        """Without the coefficient of order 0: level is kept apart."""
        return np.asarray(np.log(power @ self.filters + 1e-10) @ self.cosines, dtype=np.float32)

    def basis(self, frequencies: NDArray[np.float64]) -> NDArray[np.float32]:
        """Shape (order, frequencies): cepstra @ basis are log amplitudes there."""
        places = mel(np.clip(frequencies, 0, self.nyquist)) / mel(self.nyquist)
        return np.asarray(0.5 * np.cos(np.pi * np.outer(np.arange(1, self.order + 1), places)), dtype=np.float32)

    def long_term(self) -> NDArray[np.float64]:
        """The cepstrum of speech in the long run."""
        density = LONG_TERM[:, 1] - 10 * np.log10(0.23 * LONG_TERM[:, 0])
        level = np.interp(np.log(self.centres), np.log(LONG_TERM[:, 0]), density)
        return np.asarray(level * np.log(10) / 10 @ self.cosines, dtype=np.float64)
