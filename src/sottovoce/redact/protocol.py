"""What redaction needs of other rooms, in the smallest words it can be said."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import MediaFormat, Sound
from sottovoce.domain.transcript import Transcript


class Transcriber(Protocol):
    """Hears every channel; raises HearingError or LanguageUnsupported."""

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript: ...


class Finder(Protocol):
    """Everything sensitive in a heard call; raises DetectionError rather than answer in part."""

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]: ...


class Ear(Protocol):
    """A second, different detector that needs no transcript: it listens to redacted sound."""

    def find(self, sound: Sound) -> tuple[Finding, ...]: ...


class NoiseSource(Protocol):
    """A fresh generator for each recording, seeded from a cryptographic source."""

    def __call__(self) -> np.random.Generator: ...


class Codec(Protocol):
    """Encoded media to samples of shape (channels, frames), and back in the same format."""

    def read(self, data: Confidential[bytes]) -> tuple[NDArray[np.float32], MediaFormat]: ...

    def write(self, sound: Sound, shape: MediaFormat) -> Confidential[bytes]: ...
