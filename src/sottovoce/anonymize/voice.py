"""What is kept of a voice: level, pitch and envelope of each frame. Everything else is left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.grid import Grid, decibels, hann
from sottovoce.anonymize.pitch import pitch
from sottovoce.anonymize.spectrum import MelCepstrum

SILENT_DB: Final = -75.0
ENVELOPE_HOPS: Final = 2.75
"""22 ms: two periods of a low voice, and short enough for a stop's burst."""
LEAST_KEPT: Final = 0.3
"""Of a bin's power, however much noise is taken off."""
LEAST_RANGE_DB: Final = 12.0
"""With less between the quiet and the loud, nothing can be told apart: all counts as speech."""
SPEECH_FROM: Final = 0.2
"""Of the way from the quiet to the loud: weak fricatives lie there."""
SPEECH_OVER_DB: Final = 8.0
LINE_BINS: Final = np.arange(-3, 4)
"""The window's main lobe."""
LINE_SHARE: Final = 0.995
LINE_ABOVE_HZ: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Tracks with one row a frame. `level` in dB, `pitch` in Hz, `voicing` and `speech` from 0 to 1.

    `tonal` frames hold nothing but a tone: no voice, but the fill of a redaction.
    """

    level: NDArray[np.float32]
    cepstra: NDArray[np.float32]
    pitch: NDArray[np.float32]
    voicing: NDArray[np.float32]
    speech: NDArray[np.float32]
    tonal: NDArray[np.bool_]
    quiet_db: float
    loud_db: float

    @property
    def ranges(self) -> bool:
        """There are pauses to tell from speech."""
        return self.loud_db - self.quiet_db > LEAST_RANGE_DB


def listen(samples: NDArray[np.float32], *, grid: Grid, cepstrum: MelCepstrum) -> Voice:
    """Measure every frame of `samples`, which are at the grid's rate."""
    level = _level(samples, grid)
    heard = level[level > SILENT_DB]
    quiet, loud = np.percentile(heard, (8, 92)) if len(heard) else (SILENT_DB, SILENT_DB)
    cepstra, tonal = _spectral(samples, grid, cepstrum, level, float(quiet))
    height, periodic = pitch(samples, rate=grid.rate, count=grid.count)
    return Voice(
        level=level,
        cepstra=cepstra,
        pitch=height,
        voicing=periodic,
        speech=_speech(level, float(quiet), float(loud)) * ~tonal,
        tonal=tonal,
        quiet_db=float(quiet),
        loud_db=float(loud),
    )


def _level(samples: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Over two hops, 16 ms."""
    weight = np.square(hann(2 * grid.hop))
    weight /= weight.sum()
    return np.concatenate(
        [decibels(np.square(grid.frames(samples, which, 2 * grid.hop)) @ weight) for which in grid.blocks()]
    )


def _speech(level: NDArray[np.float32], quiet: float, loud: float) -> NDArray[np.float32]:
    if loud - quiet <= LEAST_RANGE_DB:
        return (level > SILENT_DB).astype(np.float32)
    return np.asarray(np.clip((level - quiet - SPEECH_FROM * (loud - quiet)) / SPEECH_OVER_DB, 0, 1), dtype=np.float32)


def _spectral(
    samples: NDArray[np.float32], grid: Grid, cepstrum: MelCepstrum, level: NDArray[np.float32], quiet: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cepstra, and which frames are pure tones."""
    width = 2 * round(ENVELOPE_HOPS * grid.hop / 2)
    window = hann(width)
    window /= np.sqrt(np.square(window).sum())
    still = (level > SILENT_DB) & (level < quiet + 1.5)
    cepstra, tonal = [], []
    for which in grid.blocks():
        spectra = np.fft.rfft(grid.frames(samples, which, width) * window, grid.size)
        power = np.square(spectra.real) + np.square(spectra.imag)
        cepstra.append(cepstrum.analyse(_without_noise(power, still[which])))
        tonal.append(_tonal(power, grid) & (level[which] > SILENT_DB))
    return np.concatenate(cepstra), np.concatenate(tonal)


def _without_noise(power: NDArray[np.float32], still: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spectral subtraction (Boll 1979): a line's or room's noise tells one caller from another."""
    if not still.any():
        return power
    noise = power[still].mean(axis=0)
    return np.asarray(np.maximum(power - noise, LEAST_KEPT * power))


def _tonal(power: NDArray[np.float32], grid: Grid) -> NDArray[np.bool_]:
    """All of a frame's power in one spectral line, higher than a voice's pitch goes."""
    peak = power.argmax(axis=1)
    about = np.clip(peak[:, None] + LINE_BINS, 0, power.shape[1] - 1)
    share = np.take_along_axis(power, about, axis=1).sum(axis=1) / (power.sum(axis=1) + 1e-12)
    return np.asarray((share > LINE_SHARE) & (grid.frequencies[peak] > LINE_ABOVE_HZ))
