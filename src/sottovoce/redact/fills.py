"""What stands where speech was: silence, a tone, or the line's own noise (SPEC 7.2).

Every fill replaces; none is mixed with what was there, and none follows its loudness, which would
leak its rhythm. Fades lie inside the stretch, because nothing outside it may change.
"""

from __future__ import annotations

from typing import Final, assert_never

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.finding import Fill
from sottovoce.domain.spans import Span, without

TONE_HZ: Final = 1000.0
TONE_DBFS: Final = -20.0
_FADE_S: Final = 0.005
_BLOCK: Final = 256
_LEAST_DBFS: Final = -66.0
"""Where the line is digitally silent, as faint as a good telephone line."""

_LOUDEST_DBFS: Final = -45.0
"""What never falls below this is no line noise: somebody speaks all the time, or another channel is heard through a
stereo codec. Noise shaped like that would resemble speech by chance, and be withheld."""

Profile = NDArray[np.float64]
"""The magnitude spectrum of a channel's quiet blocks of 256 samples: 129 bins."""


def fill(kind: Fill, length: int, *, rate: int, profile: Profile, noise: np.random.Generator) -> NDArray[np.float32]:
    """`length` samples of the fill, made of nothing but these arguments."""
    match kind:
        case Fill.SILENCE:
            return np.zeros(length, dtype=np.float32)
        case Fill.TONE:
            return tone(length, rate=rate)
        case Fill.NOISE:
            return _shaped(length, profile, noise)
        case _:
            assert_never(kind)


def tone(length: int, *, rate: int) -> NDArray[np.float32]:
    """1 kHz at -20 dBFS with raised-cosine ends of 5 ms."""
    amplitude = 10 ** (TONE_DBFS / 20) * np.sqrt(2)
    wave = amplitude * np.sin(2 * np.pi * TONE_HZ / rate * np.arange(length))
    fade = min(round(_FADE_S * rate), length // 2)
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(fade) / max(1, fade))
    wave[:fade] *= ramp
    wave[length - fade :] *= ramp[::-1]
    return np.asarray(wave, dtype=np.float32)


def noise_profile(channel: NDArray[np.float32], planned: tuple[Span, ...]) -> Profile:
    """The spectrum of the channel's quietest tenth, taken outside the planned stretches only."""
    kept = [channel[s.start : s.end] for s in without(Span(0, len(channel)), planned)]
    blocks = np.concatenate(
        [part[: len(part) // _BLOCK * _BLOCK].reshape(-1, _BLOCK) for part in kept] or [_no_blocks()]
    )
    if not len(blocks):
        return _flat(_LEAST_DBFS)
    power = np.einsum("ij,ij->i", blocks, blocks)
    quietest = blocks[np.argsort(power)[: max(1, len(blocks) // 10)]]
    spectrum = np.sqrt((np.abs(np.fft.rfft(quietest, axis=1)) ** 2).mean(axis=0))
    level = np.sqrt((spectrum**2).mean() / _BLOCK)
    if level <= 10 ** (_LEAST_DBFS / 20):
        return _flat(_LEAST_DBFS)
    return spectrum if level <= 10 ** (_LOUDEST_DBFS / 20) else _flat(_LOUDEST_DBFS)


def _flat(level_dbfs: float) -> Profile:
    return np.full(_BLOCK // 2 + 1, 10 ** (level_dbfs / 20) * np.sqrt(_BLOCK))


def _no_blocks() -> NDArray[np.float32]:
    return np.zeros((0, _BLOCK), dtype=np.float32)


def _shaped(length: int, profile: Profile, noise: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise with the profile's spectrum, shaped in one transform."""
    size = 1 << max(8, (length - 1).bit_length())
    white = np.fft.rfft(noise.standard_normal(size))
    bins = np.linspace(0, len(profile) - 1, len(white))
    gains = np.interp(bins, np.arange(len(profile)), profile) / np.sqrt(_BLOCK)
    return np.clip(np.fft.irfft(white * gains, size)[:length], -1, 1).astype(np.float32)
