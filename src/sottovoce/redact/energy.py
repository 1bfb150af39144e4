"""How loud each channel is, ten milliseconds at a time: where it is quiet, and whether it is audible."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.sound import Sound

FRAME_S: Final = 0.01
_QUIET_ABOVE_FLOOR_DB: Final = 8.0
_INAUDIBLE_DB: Final = -60.0
_LOUDEST_FLOOR_DB: Final = -45.0
"""A louder steady sound is no line noise: it counts as audible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Levels in dB of full scale, shape (channels, ceil(frames / frame)); `quiet_db` bounds each channel's pauses."""

    levels: NDArray[np.float32] = field(repr=False, compare=False)
    quiet_db: tuple[float, ...]
    frame: int

    def quiet(self, channel: int) -> NDArray[np.bool_]:
        """Which frames are pauses."""
        return np.asarray(self.levels[channel] <= self.quiet_db[channel])

    def audible_s(self, channel: int, rate: int) -> float:
        """Seconds of sound that stand out of the channel's noise."""
        return float(np.count_nonzero(~self.quiet(channel)) * self.frame / rate)


def envelope(sound: Sound) -> Envelope:
    """The envelope of every channel."""
    frame = max(1, round(FRAME_S * sound.rate))
    padded = np.pad(sound.samples, ((0, 0), (0, -sound.frames % frame)))
    blocks = padded.reshape(sound.channels, -1, frame)
    power = np.einsum("cij,cij->ci", blocks, blocks) / frame
    levels = (10 * np.log10(power + 1e-12)).astype(np.float32)
    return Envelope(levels=levels, quiet_db=tuple(_quiet_db(row) for row in levels), frame=frame)


def _quiet_db(levels: NDArray[np.float32]) -> float:
    floor = float(np.percentile(levels, 10)) if len(levels) else _INAUDIBLE_DB
    return max(min(floor, _LOUDEST_FLOOR_DB) + _QUIET_ABOVE_FLOOR_DB, _INAUDIBLE_DB)
