"""Does one channel carry another's speech? Asked of the sound, stretch by stretch (SPEC 6.6).

Two microphones in a room, or echo in a headset, put the customer's digits on the agent's channel. Two
different voices hardly correlate (0.04 at most over whole answers of the shared calls); the same voice
twenty decibels down does (0.35 at least).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span

_LAG_S: Final = 0.06
_WINDOW_S: Final = 1.0
_WHOLE: Final = 0.12
_WINDOWED: Final = 0.25
"""Over one second, two voices reach higher by chance than over a whole answer."""


def carries(sound: Sound, span: Span, *, source: int, other: int) -> bool:
    """Whether `other` holds what `source` says in the span, up to 60 ms earlier or later."""
    lag = round(_LAG_S * sound.rate)
    a = _sharpened(sound.samples[source, span.start : span.end])
    b = _sharpened(sound.samples[other, span.start : span.end])
    if correlation(a, b, lag=lag) > _WHOLE:
        return True
    width = round(_WINDOW_S * sound.rate)
    return any(
        correlation(a[s : s + width], b[s : s + width], lag=lag) > _WINDOWED
        for s in range(0, len(a) - width + 1, width // 2)
    )


def correlation(a: NDArray[np.float64], b: NDArray[np.float64], *, lag: int) -> float:
    """The largest absolute normalised cross-correlation within `lag` samples; 0 where either is silent."""
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm < 1e-9:
        return 0.0
    size = 1 << (len(a) + lag).bit_length()
    product = np.fft.irfft(np.fft.rfft(a, size).conj() * np.fft.rfft(b, size), size)
    return float(np.abs(np.concatenate([product[: lag + 1], product[-lag:]])).max() / norm)


def _sharpened(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """First difference: takes away hum that both channels share."""
    return np.diff(samples.astype(np.float64))
