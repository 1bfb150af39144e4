"""Writing a small file so that it is whole, or not there, after any crash.

Temporary name, fsync, rename, fsync of the folder: POSIX rename(2) is atomic, and only the folder's own
fsync makes the new name survive a power cut. For ciphertext and wrapped keys only: nothing in the clear
ever passes here.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

PART: Final = ".part"

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


def _write_synced(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        file.write(data)
        file.flush()
        os.fsync(handle)
