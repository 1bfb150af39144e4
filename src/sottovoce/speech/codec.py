"""Reading and writing media as one collaborator, for rooms that may not import this one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.encoded import Encoded
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.speech.caps import Caps
from sottovoce.speech.decode import decode
from sottovoce.speech.encode import Write, encode, writer
from sottovoce.speech.tape import MediaTape


class MediaCodec:
    """`decode` and `encode` under fixed caps."""

    def __init__(self, *, caps: Caps | None = None) -> None:
        self._caps = caps or Caps()

    def read(self, data: Confidential[bytes]) -> tuple[NDArray[np.float32], MediaFormat]:
        """As `decode`: samples of shape (channels, frames) and their format."""
        return decode(data, caps=self._caps)

    def tape(self, source: Encoded, *, roles: tuple[Role, ...] = ()) -> MediaTape:
        """A recording to be played a block at a time."""
        return MediaTape(source, caps=self._caps, roles=roles)

    def writer(self, out: BinaryIO, shape: MediaFormat) -> AbstractContextManager[Write]:
        """As `encode.writer`: takes sound as it comes."""
        return writer(out, shape)

    def write(self, sound: Sound, shape: MediaFormat) -> Confidential[bytes]:
        """As `encode`, in the container and codec of `shape`."""
        return encode(sound, container=shape.container, codec=shape.codec)
