"""Encoded recordings that are opened again and again: read once to hear, once to cut, once to compare.

What holds one says nothing of it and gives it out in pieces, so that a long recording never lies in memory whole.
"""

from __future__ import annotations

import io
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from sottovoce.domain.confidential import Confidential


class View(Protocol):
    """Bytes by position. `bytes` are one."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> bytes: ...


class Encoded(Protocol):
    """One encoded recording; the same bytes whenever it is opened."""

    def view(self) -> View: ...

    def open(self) -> BinaryIO:
        """A reader at the first byte. Close it."""
        ...


class Draft(Encoded, Protocol):
    """What is being written, to be read back before anybody else may have it."""

    def create(self) -> AbstractContextManager[BinaryIO]:
        """An empty writer that can seek."""
        ...


class EncodedBytes:
    """A recording in memory."""

    def __init__(self, data: Confidential[bytes]) -> None:
        self._data = data

    def view(self) -> bytes:
        return self._data.reveal()

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data.reveal())


class DraftInMemory(EncodedBytes):
    """A result that stays in memory; `data` is what the last writer left."""

    def __init__(self) -> None:
        super().__init__(Confidential(b""))

    @property
    def data(self) -> Confidential[bytes]:
        return self._data

    def create(self) -> AbstractContextManager[BinaryIO]:
        return _Kept(self)

    def keep(self, data: bytes) -> None:
        self._data = Confidential(data)


class _Kept(AbstractContextManager[BinaryIO]):
    """A writer whose bytes are kept when it is left without an error."""

    def __init__(self, draft: DraftInMemory) -> None:
        self._draft = draft
        self._out = io.BytesIO()

    def __enter__(self) -> BinaryIO:
        return self._out

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._draft.keep(self._out.getvalue())
        self._out.close()
