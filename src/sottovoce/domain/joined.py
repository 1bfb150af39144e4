"""Several stretches of one file read as if they were one: sound that lies in more than one chunk."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, BinaryIO


class Joined(io.RawIOBase):
    """The (start, end) stretches of a reader, in order. Reads nothing ahead, and does not close the reader."""

    def __init__(self, file: BinaryIO, stretches: Sequence[tuple[int, int]]) -> None:
        super().__init__()
        self._file = file
        self._stretches = tuple(stretches)
        self._ends = list(accumulate(end - start for start, end in stretches))
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ends[-1]}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, over the ends of stretches, as far as there is anything."""
        wanted = memoryview(buffer).cast("B")
        done = 0
        while done < len(wanted) and self._at < self._ends[-1]:
            k = bisect_right(self._ends, self._at)
            end = self._stretches[k][1]
            place = end - (self._ends[k] - self._at)
            self._file.seek(place)
            piece = self._file.read(min(end - place, len(wanted) - done))
            if not piece:
                break
            wanted[done : done + len(piece)] = piece
            done, self._at = done + len(piece), self._at + len(piece)
        return done
