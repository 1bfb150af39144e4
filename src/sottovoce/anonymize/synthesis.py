"""Tracks to sound: excitation through minimum-phase envelopes, overlapped and added.

A filter of minimum phase answers at once and fades, as a throat does, so that nothing sounds before its time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.anonymize.draw import PseudoSpeaker
from sottovoce.anonymize.excitation import Excitation
from sottovoce.anonymize.grid import Grid
from sottovoce.anonymize.spectrum import MelCepstrum
from sottovoce.anonymize.voice import SILENT_DB, Voice

THROAT_STEP: Final = 0.01
BEND_ABOUT_HZ: Final = 1000.0
KNEE: Final = 0.85
"""Above this share of the band the axis is squeezed or stretched to end where it began."""
SILENT_BELOW_DB: Final = SILENT_DB - 10


def speak(
    voice: Voice, speaker: PseudoSpeaker, *, grid: Grid, cepstrum: MelCepstrum, random: np.random.Generator
) -> NDArray[np.float32]:
    """Shape (grid.samples,)."""
    excitation = Excitation.of(grid=grid, pitch=voice.pitch, voicing=voice.voicing, random=random)
    steps = np.round(speaker.throat / THROAT_STEP).astype(int)
    bases = {step: cepstrum.basis(_moved(grid, step * THROAT_STEP, speaker.bend)) for step in np.unique(steps)}
    out = np.zeros((grid.count + 3, grid.hop), dtype=np.float32)
    for which in grid.blocks():
        envelope = _scaled(_envelope(voice.cepstra[which], steps[which], bases), voice.level[which], grid)
        moment = np.fft.irfft(excitation.spectra(which) * _minimum_phase(envelope), grid.size)
        for part in range(4):
            out[which.start + part : which.stop + part] += moment[:, part * grid.hop : (part + 1) * grid.hop]
    return out.reshape(-1)[2 * grid.hop : 2 * grid.hop + grid.samples]


def _moved(grid: Grid, throat: float, bend: float) -> NDArray[np.float64]:
    """For each bin, the frequency whose envelope is heard there."""
    axis = (grid.frequencies / BEND_ABOUT_HZ) ** (1 + bend) * BEND_ABOUT_HZ / np.exp(throat)
    knee, top = KNEE * grid.nyquist, axis[-1]
    if top <= grid.nyquist:
        return np.asarray(axis)
    squeezed = knee + (axis - knee) * (grid.nyquist - knee) / (top - knee)
    return np.asarray(np.where(axis > knee, squeezed, axis))


def _envelope(
    cepstra: NDArray[np.float32], steps: NDArray[np.int64], bases: dict[int, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Log amplitudes, shape (frames, bins)."""
    out = np.empty((len(cepstra), next(iter(bases.values())).shape[1]), dtype=np.float32)
    for step in np.unique(steps):
        here = steps == step
        out[here] = cepstra[here] @ bases[step]
    return out


def _scaled(envelope: NDArray[np.float32], level: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """As loud as `level` says, in dB; silence is silence."""
    weights = np.full(envelope.shape[1], 2 / grid.size, dtype=np.float32)
    weights[[0, -1]] /= 2
    power = np.exp(2 * envelope) @ weights
    gain = level * np.float32(np.log(10) / 20) - 0.5 * np.log(power)
    gain[level < SILENT_BELOW_DB] = -np.inf
    return np.maximum(envelope + gain[:, None], np.float32(-40))


def _minimum_phase(envelope: NDArray[np.float32]) -> NDArray[np.complex64]:
    """By folding the cepstrum (Oppenheim and Schafer, section 12)."""
    size = 2 * (envelope.shape[1] - 1)
    cepstrum = np.fft.irfft(envelope, size)
    cepstrum[:, 1 : size // 2] *= 2
    cepstrum[:, size // 2 + 1 :] = 0
    return np.asarray(np.exp(np.fft.rfft(cepstrum)), dtype=np.complex64)
