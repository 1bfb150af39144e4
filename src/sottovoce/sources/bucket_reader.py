"""An object as a file that can be read and sought in, a few blocks of it fetched, and no more than a header needs."""

from __future__ import annotations

import io

from sottovoce.errors import StorageError
from sottovoce.storage.browse import Browser, Listed

BLOCK = 64 << 10
MOST_BLOCKS = 64
"""4 MiB: cover pictures in front of an MP3 are smaller; who needs more to say what it is gets no answer."""


class RangedFile(io.RawIOBase):
    """Reads ahead by the block and keeps what it read.

    Libraries call it back from C, where an exception cannot pass: a failure ends the file, and is kept in
    `failure` for whoever asked.
    """

    def __init__(self, *, browser: Browser, listed: Listed) -> None:
        super().__init__()
        self._browser = browser
        self._listed = listed
        self._blocks: dict[int, bytes] = {}
        self._at = 0
        self.failure: StorageError | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._listed.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """As much as lies in the block at the position; 0 at the end, after a failure, or after too many blocks."""
        block, offset = divmod(self._at, BLOCK)
        data = self._block(block)[offset : offset + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            return self._blocks[number]
        if self.failure is not None or len(self._blocks) >= MOST_BLOCKS:
            return b""
        try:
            data = self._browser.read_range(self._listed, number * BLOCK, (number + 1) * BLOCK)
        except StorageError as failure:
            self.failure = failure
            return b""
        self._blocks[number] = data
        return data
