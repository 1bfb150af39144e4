"""Does one channel carry another's speech? Asked of the sound, stretch by stretch and of the call (SPEC 6.6).

Two microphones in a room, or echo in a headset, put the customer's digits on the agent's channel. Two
different voices hardly correlate (0.04 at most over whole answers of the shared calls); the same voice
twenty decibels down does (0.35 at least). Where noise drowns one answer's echo, the call still shows it:
the echo comes at one lag all the time, and chance does not.
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

_FAINTER: Final = 10.0
"""In power. Crosstalk is 15 dB and more below its speaker; two speakers at once differ by less."""
_BLOCK_S: Final = 1.0
_LOUD_SHARE: Final = 0.2
_COUPLED: Final = 0.05
_CHANCE: Final = 0.25
"""Mean correlation at the best lag over a call's loud seconds: 0.03 at most between channels that are apart, 0.08
at least with an echo 20 dB down in noise 5 dB below the speech (shared calls). Few seconds reach more by chance."""


def couples(sound: Sound, *, source: int, other: int) -> bool:
    """Whether `other` holds what `source` says throughout the call, however faintly."""
    width = round(_BLOCK_S * sound.rate)
    a, b = (_blocks(_vowels(sound.samples[c], sound.rate), width) for c in (source, other))
    power = np.einsum("ij,ij->i", a, a)
    if not len(power) or not power.any():
        return False
    loud = np.flatnonzero(power > _LOUD_SHARE * np.percentile(power, 95))
    lag = round(_LAG_S * sound.rate)
    mean = sum((_by_lag(a[i], b[i], lag=lag) for i in loud), start=np.zeros(2 * lag + 1)) / len(loud)
    return bool(np.abs(mean).max() > max(_COUPLED, _CHANCE / np.sqrt(len(loud))))


def is_copy(sound: Sound, span: Span, *, source: int, other: int) -> bool:
    """Whether the stretch of `source` is the fainter one by 10 dB, and an echo of `other` rather than the reverse."""
    a, b = (sound.samples[c, span.start : span.end].astype(np.float64) for c in (source, other))
    return float(b @ b) > _FAINTER * float(a @ a)


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
    return float(np.abs(_by_lag(a, b, lag=lag)).max())


def _by_lag(a: NDArray[np.float64], b: NDArray[np.float64], *, lag: int) -> NDArray[np.float64]:
    """Normalised cross-correlation at lags 0..lag and -lag..-1, (2 lag + 1,)."""
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm < 1e-9:
        return np.zeros(2 * lag + 1)
    size = 1 << (len(a) + lag).bit_length()
    product = np.fft.irfft(np.fft.rfft(a, size).conj() * np.fft.rfft(b, size), size)
    return np.concatenate([product[: lag + 1], product[-lag:]]) / norm


def _blocks(samples: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return samples[: len(samples) // width * width].reshape(-1, width)


def _vowels(samples: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """About 200 to 1200 Hz, where voices are strongest against hiss and hum."""
    width = max(1, rate // 2000)
    kernel = np.convolve(np.ones(width), np.ones(width))
    return np.diff(np.convolve(samples.astype(np.float64), kernel, mode="same"))


def _sharpened(samples: NDArray[np.float32]) -> NDArray[np.float64]:
    """First difference: takes away hum that both channels share."""
    return np.diff(samples.astype(np.float64))
