"""Recordings that lie on disk, read piece by piece; and results written beside where they belong (SPEC 5.1).

A file that changes while it is read is refused: what was heard would not be what is cut. A result exists under
its own name only once somebody says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from sottovoce.errors import UnreadableMedia

_BLOCK: Final = 1 << 16


class EncodedFile:
    """One file as it was when this was made. Raises UnreadableMedia when it cannot be opened, or is another by then."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._was = _state(path.stat())
        except OSError as error:
            raise UnreadableMedia(f"{path.name} cannot be read ({error.strerror})") from None

    def view(self) -> FileView:
        return FileView(self)

    def open(self) -> BinaryIO:
        try:
            file = self._path.open("rb")
        except OSError as error:
            raise UnreadableMedia(f"{self._path.name} cannot be read ({error.strerror})") from None
        if _state(os.fstat(file.fileno())) != self._was:
            file.close()
            raise UnreadableMedia(f"{self._path.name} changed while it was read", hint="try again when it is finished")
        return file

    @property
    def size(self) -> int:
        return self._was[0]


class FileView:
    """A file's bytes by position; a block of them at a time is in memory."""

    def __init__(self, file: EncodedFile) -> None:
        self._file = file
        self._at = 0
        self._block = b""

    def __len__(self) -> int:
        return self._file.size

    def __getitem__(self, part: slice, /) -> bytes:
        start, stop, _ = part.indices(self._file.size)
        if not (self._at <= start and stop <= self._at + len(self._block)):
            with self._file.open() as file:
                file.seek(start)
                self._at, self._block = start, file.read(max(_BLOCK, stop - start))
        return self._block[start - self._at : max(start, stop) - self._at]


class DraftFile:
    """A result under another name until it is `finished`; gone when it is `dropped`, or its maker is left."""

    def __init__(self, target: Path, *, draft: Path) -> None:
        self._target = target
        self._draft = draft

    def view(self) -> FileView:
        return EncodedFile(self._draft).view()

    def open(self) -> BinaryIO:
        return EncodedFile(self._draft).open()

    @contextmanager
    def create(self) -> Iterator[BinaryIO]:
        self._draft.parent.mkdir(parents=True, exist_ok=True)
        with self._draft.open("w+b") as out:
            yield out

    def finish(self) -> None:
        """Under its own name from now on, whole and on disk."""
        with self._draft.open("rb") as written:
            os.fsync(written.fileno())
        self._draft.replace(self._target)

    def drop(self) -> None:
        """Nothing of it is left."""
        self._draft.unlink(missing_ok=True)


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_size, found.st_mtime_ns, found.st_ino
