"""What redaction needs of other rooms, in the smallest words it can be said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.encoded import Encoded
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.domain.transcript import Transcript
from sottovoce.domain.vendor import VendorRedacted


class Transcriber(Protocol):
    """Hears every channel; raises HearingError or LanguageUnsupported."""

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript: ...


class Finder(Protocol):
    """Everything sensitive in a heard call; raises DetectionError rather than answer in part."""

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]: ...


class LongFinder(Protocol):
    """A finder that is asked in two parts, because the sound of a long recording is never there whole."""

    def listen(self, sound: Sound) -> tuple[Finding, ...]:
        """What is found in a stretch of sound alone, in its own samples."""
        ...

    def read(self, sound: Sound, transcript: Transcript, heard: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """Everything, from all words and all that `listen` found; `sound` has the whole's shape and no samples."""
        ...


class Tape(Protocol):
    """A recording that is played from its start as often as asked: the same samples each time."""

    @property
    def rate(self) -> int: ...

    @property
    def roles(self) -> tuple[Role, ...]: ...

    def play(self) -> Iterator[NDArray[np.float32]]:
        """Blocks of shape (channels, any), in order."""
        ...


class EncodedTape(Tape, Protocol):
    """A tape that knows how it was encoded."""

    @property
    def format(self) -> MediaFormat: ...


class Ear(Protocol):
    """A second, different detector that needs no transcript: it listens to redacted sound."""

    def find(self, sound: Sound) -> tuple[Finding, ...]: ...


class NoiseSource(Protocol):
    """A fresh generator for each recording, seeded from a cryptographic source."""

    def __call__(self) -> np.random.Generator: ...


class RedactionService(Protocol):
    """A vendor that redacts sound. What it gives back is verified like sound that nobody touched."""

    def redact(self, sound: Sound, *, entities: frozenset[Entity], language: str | None) -> VendorRedacted:
        """Raises HearingError or LanguageUnsupported; HearingUnavailable when asking again may help."""
        ...


class Codec(Protocol):
    """Encoded media to samples of shape (channels, frames), and back in the same format; whole, or as it comes."""

    def read(self, data: Confidential[bytes]) -> tuple[NDArray[np.float32], MediaFormat]: ...

    def write(self, sound: Sound, shape: MediaFormat) -> Confidential[bytes]: ...

    def tape(self, source: Encoded, *, roles: tuple[Role, ...] = ()) -> EncodedTape: ...

    def writer(
        self, out: BinaryIO, shape: MediaFormat
    ) -> AbstractContextManager[Callable[[NDArray[np.float32]], None]]: ...
