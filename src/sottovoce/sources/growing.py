"""Encoded media that are still being fetched: reading waits for what has not come yet.

A thread writes, anybody reads; the length is known from the start, because the media host announces it. A fetch that
fails is in `failure`; a file opened on it ends there. The bytes are in memory only, and never printed.
"""

from __future__ import annotations

import io
import threading
from typing import Any, BinaryIO

from sottovoce.errors import SottovoceError, SourceUnavailable, TruncatedMedia

PATIENCE_S = 60.0
"""How long a reader waits without a single new byte."""


class Growing:
    """An `Encoded` of `size` bytes, written by one thread with `add`, `end` or `fail`."""

    def __init__(self, *, size: int, patience_s: float = PATIENCE_S) -> None:
        self.size = size
        self._patience_s = patience_s
        self._data = bytearray()
        self._changed = threading.Condition()
        self._failure: SottovoceError | None = None
        self._is_over = False

    def add(self, piece: bytes) -> None:
        with self._changed:
            self._data += piece
            self._changed.notify_all()

    def end(self) -> None:
        """No more comes; fewer bytes than announced are a failure."""
        with self._changed:
            if len(self._data) != self.size:
                self._failure = TruncatedMedia("media came shorter than announced")
            self._is_over = True
            self._changed.notify_all()

    def fail(self, failure: SottovoceError) -> None:
        """The first failure counts."""
        with self._changed:
            self._failure, self._is_over = self._failure or failure, True
            self._changed.notify_all()

    @property
    def failure(self) -> SottovoceError | None:
        """What ended the fetch too early."""
        with self._changed:
            return self._failure

    def read(self, start: int, end: int) -> bytes:
        """Bytes start..end, as soon as all of them are there; shorter only at the very end. Raises what failed."""
        end = min(end, self.size)
        with self._changed:
            while len(self._data) < end:
                if self._failure is not None:
                    raise type(self._failure)(str(self._failure), hint=self._failure.hint) from None
                before = len(self._data)
                came = self._changed.wait(self._patience_s)
                if not came and len(self._data) == before:
                    raise SourceUnavailable("media come too slowly")
            return bytes(self._data[start:end])

    # as an `Encoded`

    def view(self) -> _View:
        return _View(self)

    def open(self) -> BinaryIO:
        return io.BufferedReader(_Reader(self), buffer_size=1 << 14)


class _View:
    def __init__(self, growing: Growing) -> None:
        self._growing = growing

    def __len__(self) -> int:
        return self._growing.size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, step = part.indices(self._growing.size)
        return self._growing.read(start, stop)[::step]


class _Reader(io.RawIOBase):
    def __init__(self, growing: Growing) -> None:
        super().__init__()
        self._growing = growing
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._growing.size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = memoryview(buffer).cast("B")
        try:
            piece = self._growing.read(self._at, self._at + len(wanted))
        except SottovoceError as error:
            # A decoder calls this through C, where an exception is printed and lost: it reads an end instead.
            self._growing.fail(error)
            return 0
        wanted[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
