"""What the second ear listens to: short-time spectra at 8 kHz, and a small network over them.

The network was trained by the project (`scripts/train_ear.py`); its weights lie in `weights/`, with their licence
beside them. It says for every 20 ms which part of which digit is being spoken, if any. It shares nothing with the
transcriber: neither model, nor training speech, nor text. Everything here is plain numpy, so that hearing needs no
further runtime.

Refuses weights whose digest is not the one pinned here.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from sottovoce.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

RATE = 8000
WINDOW = 200
HOP = 80
FFT = 256
BANDS = 32
LOW_HZ, HIGH_HZ = 120.0, 3700.0
STRIDE = 2
STEP = HOP * STRIDE
"""Samples of an 8 kHz sound for each answer of the network: 20 ms."""

BLOCK = 6000
OVERLAP = 64
"""Frames heard in one go, and the frames on either side that the network's answer depends on (19 steps of two)."""

REACH = 200
"""Frames on either side over which loudness is judged: two seconds."""
DEPTH = 9.0
"""Nepers below the loudest band nearby at which a spectrum is cut off."""
QUIET = -11.0
"""Loudness below which nothing is speech, in nepers of mean band energy: about -60 dBFS."""

DIGITS = ("zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SILENCE, OTHER, TENS = 0, 1, 2
FIRST_DIGIT = 3
PARTS = 3
"""A digit is heard as its first, middle and last third."""
CLASSES = FIRST_DIGIT + PARTS * len(DIGITS)

WEIGHTS = "ear.npz"
WEIGHTS_SHA256 = "cf37217c8c251d05382f45b3e401380c27b05205eafc8656cbe8a5bfae6694f9"


def features(sound: Floats) -> Floats:
    """Log mel spectrum of mono 8 kHz float32 as (frames, BANDS), one frame a 10 ms, in about -1..1.

    Each frame is taken relative to the loudest nearby, so that the gain of the line does not matter.
    """
    if not len(sound):
        return np.zeros((0, BANDS), np.float32)
    padded = np.pad(sound, (WINDOW // 2, WINDOW + STEP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: -(-len(sound) // STEP) * STRIDE]
    bands = np.concatenate([_bands(frames[at : at + BLOCK]) for at in range(0, len(frames), BLOCK)])
    return _relative(np.log(bands + np.float32(1e-9)))


def _bands(frames: Floats) -> Floats:
    from scipy import fft

    spectrum = fft.rfft(frames * _hamming(), n=FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    banded: Floats = power @ _mel()
    return banded


def _relative(logs: Floats) -> Floats:
    from scipy.ndimage import maximum_filter1d

    loudest = np.maximum(maximum_filter1d(logs.max(axis=1), 2 * REACH + 1), np.float32(QUIET + 5))
    kept: Floats = np.maximum(logs - loudest[:, None], -DEPTH) / np.float32(DEPTH / 2) + 1
    return kept


@cache
def _hamming() -> Floats:
    return np.hamming(WINDOW).astype(np.float32)


@cache
def _mel() -> Floats:
    """Triangles evenly spaced on the mel scale (O'Shaughnessy's formula), (FFT/2+1, BANDS)."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    edges = np.linspace(low, high, BANDS + 2)
    centres = 700 * (10 ** (edges / 2595) - 1)
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    rise = (hz[:, None] - centres[:-2]) / np.diff(centres)[:-1]
    fall = (centres[2:] - hz[:, None]) / np.diff(centres)[1:]
    bank: Floats = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
    return bank


@dataclass(frozen=True, slots=True, kw_only=True)
class Ear:
    """The network's weights. Kernels are (taps * inputs, outputs), normalisation folded in."""

    first: tuple[Floats, Floats] = field(repr=False)
    blocks: tuple[tuple[Floats, Floats, int], ...] = field(repr=False)
    """Kernel, bias and dilation of each residual layer of three taps."""
    last: tuple[Floats, Floats] = field(repr=False)
    prior: Floats = field(repr=False)
    """How often each class came in training, (CLASSES,)."""

    @classmethod
    def packaged(cls) -> Ear:
        """The weights that come with the product.

        Raises ModelError when the file is missing or is not the one pinned.
        """
        return _packaged()

    @classmethod
    def of_bytes(cls, weights: bytes) -> Ear:
        """From an `npz` as `scripts/train_ear.py` writes it: numbers only, nothing that runs."""
        with np.load(io.BytesIO(weights), allow_pickle=False) as held:

            def layer(name: str) -> tuple[Floats, Floats]:
                return held[f"{name}_kernel"].astype(np.float32), held[f"{name}_bias"]

            return cls(
                first=layer("first"),
                blocks=tuple((*layer(f"block{n}"), int(d)) for n, d in enumerate(held["dilations"])),
                last=layer("last"),
                prior=held["prior"],
            )

    def hear(self, sound: Floats) -> Floats:
        """Log probability of each class for each STEP of mono 8 kHz float32, (steps, CLASSES)."""
        seen = features(sound)
        return np.concatenate(
            [self._block(seen, at, min(at + BLOCK, len(seen))) for at in range(0, len(seen), BLOCK)]
            or [np.zeros((0, CLASSES), np.float32)]
        )

    def _block(self, seen: Floats, start: int, end: int) -> Floats:
        """Frames start..end, heard with as much on either side as the network reaches."""
        before = min(start, OVERLAP)
        x = _first(seen[start - before : end + OVERLAP], *self.first)
        for kernel, bias, dilation in self.blocks:
            x = x + np.maximum(_three_taps(x, dilation) @ kernel + bias, 0)
        told = (x @ self.last[0] + self.last[1])[before // STRIDE : (before + end - start) // STRIDE]
        told -= told.max(axis=1, keepdims=True)
        logs: Floats = told - np.log(np.exp(told).sum(axis=1, keepdims=True))
        return logs


def _first(seen: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Five frames wide, every second frame."""
    padded = np.pad(seen, ((2, 2), (0, 0)))
    taps = [padded[k : k + len(seen) : STRIDE] for k in range(5)]
    out: Floats = np.maximum(np.concatenate(taps, axis=1) @ kernel + bias, 0)
    return out


def _three_taps(x: Floats, dilation: int) -> Floats:
    padded = np.pad(x, ((dilation, dilation), (0, 0)))
    return np.concatenate([padded[k * dilation : k * dilation + len(x)] for k in range(3)], axis=1)


@cache
def _packaged() -> Ear:
    found = resources.files("sottovoce.detect") / "weights" / WEIGHTS
    if not found.is_file():
        raise ModelError("the second ear's weights are missing", hint="install sottovoce again")
    weights = found.read_bytes()
    if hashlib.sha256(weights).hexdigest() != WEIGHTS_SHA256:
        raise ModelError("the second ear's weights are not the pinned ones", hint="install sottovoce again")
    return Ear.of_bytes(weights)
