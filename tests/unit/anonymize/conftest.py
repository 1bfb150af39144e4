"""Voices made of formulas: pulses through resonances, in syllables, with pauses between."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

VOWELS = ((700, 1200, 2500), (300, 2200, 3000), (500, 900, 2400), (400, 1900, 2600))


def synthetic(
    *, seconds: float = 3.0, rate: int = 16_000, height: float = 120.0, throat: float = 1.0, tilt: float = 0.9
) -> NDArray[np.float32]:
    """Syllables of 180 ms, 120 ms apart; a larger `throat` has higher resonances."""
    random = np.random.default_rng(7)
    length = round(seconds * rate)
    pulses = np.diff(np.floor(np.cumsum(np.full(length, height / rate))), prepend=0.0)
    wave = np.zeros(length)
    for number, start in enumerate(range(0, length, round(0.3 * rate))):
        end = min(length, start + round(0.18 * rate))
        wave[start:end] = _vowel(pulses[start:end], VOWELS[number % len(VOWELS)], rate, throat)
    wave = lfilter([1], [1, -tilt], wave)
    return np.asarray(0.3 * wave / np.abs(wave).max() + 1e-4 * random.standard_normal(length), dtype=np.float32)


def _vowel(pulses: NDArray[np.float64], formants: tuple[int, ...], rate: int, throat: float) -> NDArray[np.float64]:
    for formant in formants:
        pole = np.exp(-np.pi * 90 / rate + 2j * np.pi * min(formant * throat, 0.45 * rate) / rate)
        pulses = lfilter([1], [1, -2 * pole.real, abs(pole) ** 2], pulses)
    fade = np.minimum(1, np.minimum(np.arange(len(pulses)), np.arange(len(pulses))[::-1]) / (0.02 * rate))
    return pulses * fade / np.abs(pulses).max()


@pytest.fixture
def voice() -> Callable[..., NDArray[np.float32]]:
    return synthetic
