"""The sound of a call as far as it has come, of which only the last stretch is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.sound import Role, Sound

Block = NDArray[np.float32]


class Tape:
    """Frames `start <= i < end` of a call; what is older than `kept` frames before the end may be gone."""

    def __init__(self, *, rate: int, roles: Sequence[Role], kept: int) -> None:
        self.rate = rate
        self.roles = tuple(roles)
        self._kept = kept
        self._blocks: list[Block] = []
        self.start = 0
        self.end = 0

    def add(self, block: Block) -> None:
        """One more block of shape (frames, channels)."""
        self._blocks.append(block)
        self.end += len(block)
        while self._blocks and self.end - (self.start + len(self._blocks[0])) >= self._kept:
            self.start += len(self._blocks.pop(0))

    def cut(self, start: int, end: int) -> Sound:
        """A stretch as a sound. ValueError when it is not on the tape (any more)."""
        if not self.start <= start <= end <= self.end:
            raise ValueError("the stretch is not on the tape")
        pieces, at = [], self.start
        for block in self._blocks:
            if at < end and at + len(block) > start:
                pieces.append(block[max(0, start - at) : end - at])
            at += len(block)
        whole = np.concatenate(pieces) if pieces else np.zeros((0, len(self.roles)), dtype=np.float32)
        return Sound(samples=np.ascontiguousarray(whole.T), rate=self.rate, roles=self.roles)
