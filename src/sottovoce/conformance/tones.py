"""Undoing a tone that was laid over speech instead of replacing it.

A tone mixed in hides nothing: the few frequencies it takes are subtracted and the voice is there again (median
45 dB over what is left on PCM, 25 dB after G.711). Each strong sinusoid is fitted by least squares and taken
out, from the redacted sound and, through the same projection, from the original, so that the two stay
comparable. Tones that move or pulse faster than ten times a second are not undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import fft

from sottovoce.conformance.leaks import Unit, heard_units
from sottovoce.conformance.similarity import RATE, Signal, samples, similarity

_BLOCK: Final = RATE // 2
_TONES: Final = 6
_STRONG: Final = 0.2
"""Speech under a tone strong enough to bring the similarity below 0.35 holds an eighth of the power."""
_ADDED: Final = 0.3
_LOBE: Final = 3
_SILENT: Final = 1e-6
_PADDING: Final = 4
_RIDGE: Final = 1e-9
_UNTOUCHED: Final = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """Of one unit: how it is heard once its tones are gone, and whether the tones were added to it."""

    unit: Unit
    mixed: bool


def without_tones(
    original: Signal, other: Signal, units: Sequence[tuple[float, float]], heard: Sequence[Unit]
) -> tuple[Undone, ...]:
    """What subtracting tones brings back, for each unit; `heard` is what was heard without."""
    return tuple(_undone(original, other, unit, was) for unit, was in zip(units, heard, strict=True))


def _undone(original: Signal, other: Signal, unit: tuple[float, float], was: Unit) -> Undone:
    start, end = samples(unit[0]), min(samples(unit[1]), len(original))
    a, b = original[start:end].copy(), other[start:end].copy()
    if was.leaked and similarity(a, b, np.array([[0, len(a)]]))[0] > _UNTOUCHED:
        return Undone(unit=was, mixed=False)
    added = 0.0
    for at in range(0, len(a), _BLOCK):
        added = max(added, _subtract(a[at : at + _BLOCK], b[at : at + _BLOCK]))
    found = heard_units(a, b, [(0.0, len(a) / RATE)])[0]
    return Undone(unit=found, mixed=found.leaked and (not was.leaked or added > _ADDED))


def _subtract(a: Signal, b: Signal) -> float:
    """Takes the tones of `b` out of both, in place; the power share they had in `b` beyond that in `a`."""
    before = _power(a), _power(b)
    for _ in range(_TONES):
        peak = _strongest(b)
        if peak is None:
            break
        basis = _basis(len(b), peak)
        a -= basis @ (basis.T @ a)
        b -= basis @ (basis.T @ b)
    return (1 - _power(b) / before[1]) - (1 - _power(a) / before[0])


def _power(x: Signal) -> float:
    return float(x @ x) + 1e-12


def _strongest(x: Signal) -> float | None:
    """The frequency, in cycles a sample, of a sinusoid with at least a fifth of the power; None without one."""
    if len(x) < 80 or _power(x) < len(x) * _SILENT:
        return None
    size = _PADDING << (len(x) - 1).bit_length()
    spectrum = np.abs(fft.rfft(x * np.hanning(len(x)), size)) ** 2
    at = int(spectrum[1:-1].argmax()) + 1
    reach = _LOBE * size // len(x)
    share = spectrum[max(0, at - reach) : at + reach + 1].sum() / (spectrum.sum() + 1e-12)
    if share < _STRONG:
        return None
    left, mid, right = np.log(spectrum[at - 1 : at + 2] + 1e-30)
    return float((at + 0.5 * (left - right) / (left - 2 * mid + right - 1e-12)) / size)


def _basis(length: int, frequency: float) -> Signal:
    """Orthonormal: the sinusoid and its slow changes of level and pitch, to the second order."""
    time = np.linspace(-1, 1, length)
    phase = 2 * np.pi * frequency * np.arange(length)
    waves = [np.cos(phase), np.sin(phase)]
    columns = np.stack([w * time**k for k in range(3) for w in waves], axis=1)
    gram = columns.T @ columns
    # The ridge keeps the factor defined next to 0 Hz and half the rate, where two columns are one.
    factor = np.linalg.cholesky(gram + np.eye(len(gram)) * np.trace(gram) * _RIDGE)
    return np.asarray(np.linalg.solve(factor, columns.T).T)
