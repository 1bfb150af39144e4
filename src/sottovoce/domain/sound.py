"""Decoded speech in memory, and the encoded media it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from sottovoce.domain.confidential import Confidential

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Role(StrEnum):
    """Who speaks on a channel. A mono recording carries BOTH."""

    AGENT = "agent"
    CUSTOMER = "customer"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Samples as float32 of shape (channels, frames) in -1..1, C-contiguous and read-only.

    `roles` has one entry a channel. Never printed, never pickled.
    """

    samples: NDArray[np.float32] = field(repr=False, compare=False)
    rate: int
    roles: tuple[Role, ...]

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or len(self.roles) != self.samples.shape[0]:
            raise ValueError("samples must be (channels, frames) with one role a channel")
        self.samples.setflags(write=False)

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    @property
    def duration_s(self) -> float:
        return self.frames / self.rate

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a Sound is never pickled")


def sound_digest(sound: Sound) -> str:
    """SHA-256 over the rate, the shape and the samples as little-endian float32, channel by channel."""
    digest = hashlib.sha256(f"{sound.rate} {sound.channels} {sound.frames}\n".encode())
    for row in sound.samples:
        digest.update(row.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFormat:
    """How a recording is encoded: names as libsndfile's (`WAV`/`ULAW`), or FFmpeg's for WebM."""

    container: str
    codec: str
    rate: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """Encoded audio as received: one file, or one mono file a channel.

    `parts` maps the source's own channel key ("0", "1", "S" in Genesys Cloud; "S" for a folder) to
    the bytes; `roles` says which role each key's channels carry, in channel order.
    """

    parts: Mapping[str, Confidential[bytes]] = field(repr=False)
    roles: Mapping[str, tuple[Role, ...]]
