"""The speakers: flite and espeak-ng voices, each with its own pitch, pace and size of head.

`tract` plays a voice back faster or slower, which moves its formants as a shorter or longer vocal
tract would; pace and pitch are asked of the synthesizer so that they come out as wanted all the same.
The two programs run with lists of arguments; nothing is written outside a private folder.
"""

from __future__ import annotations

import io
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 8000
QUIET = 10 ** (-45 / 20)
"""Below this part of the peak, the ends of a phrase count as silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One speaker. `pitch` and `pace` are factors on the voice's own (espeak: pitch 0..99, words a minute)."""

    engine: str
    name: str
    tract: float = 1.0
    pitch: float = 1.0
    pace: float = 1.0

    def say(self, text: str) -> NDArray[np.float64]:
        """The phrase at 8 kHz, its silent ends cut off, at a common loudness."""
        raw, rate = self._flite(text) if self.engine == "flite" else self._espeak(text)
        return _levelled(_trimmed(soxr.resample(raw, rate * self.tract, RATE, quality="VHQ")))

    def _flite(self, text: str) -> tuple[NDArray[np.float64], int]:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "said.wav"
            settings = {"duration_stretch": self.tract / self.pace, "f0_shift": self.pitch / self.tract}
            flags = [part for k, v in settings.items() for part in ("--setf", f"{k}={v:.4f}")]
            subprocess.run(["flite", "-voice", self.name, *flags, "-t", text, "-o", str(out)], check=True)
            return soundfile.read(out)

    def _espeak(self, text: str) -> tuple[NDArray[np.float64], int]:
        flags = ["-v", self.name, "-s", str(round(145 * self.pace / self.tract)), "-p", str(round(45 * self.pitch))]
        done = subprocess.run(["espeak-ng", *flags, "--stdout", text], check=True, capture_output=True)
        return soundfile.read(io.BytesIO(done.stdout))


def _trimmed(x: NDArray[np.float64]) -> NDArray[np.float64]:
    loud = np.flatnonzero(np.abs(x) > QUIET * np.abs(x).max())
    return x[loud[0] : loud[-1] + 1]


def _levelled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    level = np.sqrt(np.mean(x[np.abs(x) > 0.05 * np.abs(x).max()] ** 2))
    return x * 0.07 / level


def flite(name: str, tract: float = 1.0, pitch: float = 1.0, pace: float = 1.0) -> Voice:
    return Voice(engine="flite", name=name, tract=tract, pitch=pitch, pace=pace)


def espeak(name: str, tract: float = 1.0, pitch: float = 1.0, pace: float = 1.0) -> Voice:
    return Voice(engine="espeak-ng", name=name, tract=tract, pitch=pitch, pace=pace)


AGENTS: dict[str, Voice] = {
    "Dana Quillfeather": flite("slt"),
    "Imran Vostley": flite("rms", pace=1.08),
    "Lucia Brandmere": flite("slt", tract=1.12, pitch=1.08),
    "Owen Tarrowby": flite("awb", pace=1.05),
}

CUSTOMERS: dict[str, Voice] = {
    "marrowick": flite("rms", tract=1.12, pitch=1.08),
    "holloway": flite("slt", tract=0.90, pitch=0.95),
    "pennard": flite("awb", tract=1.10, pitch=1.12),
    "ashgrove": espeak("en-us+f2", pace=0.95),
    "planted": flite("rms", tract=0.93, pitch=0.9),
    "tillerman": flite("slt", tract=1.05, pitch=1.12),
    "dunmore": flite("awb", tract=0.92, pitch=0.9),
    "corbel": espeak("en-gb+f3", pace=0.95),
    "fairlock": flite("slt", tract=0.84, pitch=0.9),
    "wexcombe": flite("rms", tract=1.25, pitch=1.3),
    "lindqvale": flite("kal16", tract=1.08),
    "orrisdale": espeak("en-us-nyc", pace=0.95),
    "bramwith": espeak("en-gb", pace=0.95),
    "sorrell": flite("slt", tract=1.18, pitch=1.2),
    "kestridge": flite("rms", tract=0.86, pitch=0.85),
    "underlay": flite("awb", tract=1.18, pitch=1.2),
    "vintry": espeak("en-us+f4", pace=0.95),
    "yarrowby": flite("kal16", tract=0.92),
}
