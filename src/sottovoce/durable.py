"""Writing a small file so that it is whole, or not there, after any crash.

Temporary name, fsync, rename, fsync of the folder: POSIX rename(2) is atomic, and only the folder's own
fsync makes the new name survive a power cut. For ciphertext and wrapped keys only: nothing in the clear
ever passes here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PART: Final = ".part"

_AT_ONCE: Final = 8
"""Flushes under way together: a journal takes them as one."""

_FEW_FOLDERS: Final = 4
"""One fsync of a folder takes about as long as flushing all (measured on ext4: 4 ms beside 6 to 15)."""


def write_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """`path` holds exactly `data` afterwards, with `mode`; OSError leaves what was there before."""
    part = part_of(path)
    try:
        _write_synced(part, data, mode)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


class DurableFiles:
    """Files written piece by piece, each flushed in the background once the next is begun.

    `file` gives what takes the pieces of one. None of them has its name before `durable_files` ends.
    """

    def __init__(self, *, mode: int = 0o600) -> None:
        self._mode = mode
        self._parts: dict[Path, Path] = {}
        self._written: int | None = None
        self._flushes: list[Future[None]] = []
        self._flushers = ThreadPoolExecutor(max_workers=_AT_ONCE)

    @contextmanager
    def file(self, path: Path) -> Iterator[Callable[[memoryview], None]]:
        """OSError, from here or from the end, leaves what was there before."""
        if self._written is not None:
            self._flushes.append(self._flushers.submit(_flush, self._written))
            self._written = None
        part = part_of(path)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, self._mode)
        self._parts[part] = path
        try:
            os.fchmod(handle, self._mode)
            yield lambda piece: _write_whole(handle, piece)
        except BaseException:
            os.close(handle)
            raise
        self._written = handle

    def finish(self, *, named: bool) -> None:
        """Waits for every flush; then each file has its name, or none is left."""
        try:
            self._wait(flushed=named)
            for part, path in self._parts.items() if named else ():
                part.replace(path)
        finally:
            for part in self._parts:
                part.unlink(missing_ok=True)
        if named:
            sync_folders({path.parent for path in self._parts.values()})

    def _wait(self, *, flushed: bool) -> None:
        """No file is open afterwards. OSError when one that was to be flushed was not."""
        try:
            if self._written is not None:
                (_flush if flushed else os.close)(self._written)
        finally:
            self._flushers.shutdown()
        for flush in self._flushes if flushed else ():
            flush.result()


@contextmanager
def durable_files(*, mode: int = 0o600) -> Iterator[DurableFiles]:
    """What was written in the block is whole and survives a power cut when it ends; after an error none of it is there.

    A crash, or an OSError of the last renames, may leave some of them under their names, each whole.
    """
    files = DurableFiles(mode=mode)
    try:
        yield files
    except BaseException:
        files.finish(named=False)
        raise
    files.finish(named=True)


def part_of(path: Path) -> Path:
    """Where `path` is written first: one place a process, so that a redo replaces its own remains."""
    return path.with_name(f"{path.name}.{os.getpid()}{PART}")


def sync_folder(folder: Path) -> None:
    """Names made, changed or removed in `folder` so far survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folders(folders: Collection[Path]) -> None:
    """The same for many: beyond a few, one flush of their file system costs less than one of each."""
    if len(folders) <= _FEW_FOLDERS:
        for folder in folders:
            sync_folder(folder)
    else:
        os.sync()


def _write_whole(handle: int, piece: memoryview) -> None:
    while piece:
        piece = piece[os.write(handle, piece) :]


def _flush(handle: int) -> None:
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)
