"""Another voice for every call: envelope moved and averaged away, by signal processing alone (SPEC 8.1).

Nothing learned and nothing stored: parameters are drawn for each call and forgotten with it.
Refuses what is not mono float32 and samples that are not finite.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sottovoce.errors import AnonymizationError

FRAME_S = 0.032
LIFTER_S = 0.0015
BLOCK = 2048


class PseudoSpeakerAnonymizer:
    """Speaks with the throat of somebody who does not exist."""

    @property
    def name(self) -> str:
        """Written to ledgers and released with the corpus."""
        return "pseudo-speaker-1"

    def transform(self, samples: NDArray[np.float32], *, rate: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Mono float32 of shape (frames,) at `rate`, to the same shape. Raises AnonymizationError."""
        _refuse(samples)
        if not samples.any():
            return samples.copy()
        size = 2 * max(1, round(rate * FRAME_S / 2))
        out = _warped(samples, size, rate, random)
        out[samples == 0] = 0
        return np.clip(out, -1, 1, dtype=np.float32)


def _refuse(samples: NDArray[np.float32]) -> None:
    if samples.ndim != 1:
        raise AnonymizationError("one channel at a time", hint="split the channels first")
    if not np.isfinite(samples).all():
        raise AnonymizationError("the sound holds samples that are not finite", hint="decode the recording again")


def _warped(samples: NDArray[np.float32], size: int, rate: int, random: np.random.Generator) -> NDArray[np.float32]:
    hop, window = size // 2, np.sqrt(np.hanning(size + 1)[:-1]).astype(np.float32)
    padded = np.pad(samples, (hop, 2 * size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    out = np.zeros(len(padded), np.float32)
    bins = np.linspace(0, 1, hop + 1)
    source = bins ** random.uniform(0.85, 1.15) * random.uniform(0.9, 1.1)
    for start in range(0, len(frames), BLOCK):
        spectra = np.fft.rfft(frames[start : start + BLOCK] * window)
        moved = np.fft.irfft(spectra * _gain(spectra, bins, source, round(LIFTER_S * rate)), size) * window
        for index, frame in enumerate(moved, start):
            out[index * hop : index * hop + size] += frame
    return out[hop : hop + len(samples)]


def _gain(
    spectra: NDArray[np.complex128], bins: NDArray[np.float64], source: NDArray[np.float64], lifter: int
) -> NDArray[np.float64]:
    cepstra = np.fft.irfft(np.log(np.abs(spectra) + 1e-5))
    cepstra[:, lifter:-lifter] = 0
    envelope = np.fft.rfft(cepstra).real
    return np.exp(np.stack([np.interp(source, bins, row) for row in envelope]) - envelope)
