"""Recordings in a folder: audio files at any depth, with what a sidecar or a table says about them.

Links that lead out of the folder are not followed, neither when looking nor when fetching.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media
from sottovoce.errors import MediaGone, MediaTooLarge, SourceError
from sottovoce.sources.described import AUDIO, DescribedFiles, media_of
from sottovoce.sources.header import Header, read_header
from sottovoce.sources.protocol import Tokenizer

MAX_MEDIA_BYTES = 512 << 20


class FolderSource:
    """The audio files under `root`.

    `customer_channel` says which channel of a two-channel file is the customer's; `attributes` names
    the participant attributes that are kept.
    """

    def __init__(
        self,
        *,
        name: str,
        root: Path,
        tokenizer: Tokenizer,
        customer_channel: str = "1",
        attributes: frozenset[str] = frozenset(),
        queue_categories: Mapping[str, str] | None = None,
        max_bytes: int = MAX_MEDIA_BYTES,
    ) -> None:
        self.name = name
        self._files = _Folder(root)
        self._customer_channel = customer_channel
        self._max_bytes = max_bytes
        self._described = DescribedFiles(
            name=name,
            files=self._files,
            tokenizer=tokenizer,
            attributes=attributes,
            queue_categories=queue_categories,
        )

    def discover(self) -> Iterator[RecordingMetadata]:
        """Every call, in the order of its path."""
        return self._described.discover()

    def fetch(self, ref: RecordingRef, metadata: RecordingMetadata) -> Media:  # noqa: ARG002 - a source of files needs none
        """The bytes of the file, or of both files of a call kept as two. Raises MediaGone, MediaTooLarge."""

        def read(name: str) -> bytes:
            return self._files.read(name, limit=self._max_bytes)

        return media_of(ref.locator, read, customer_channel=self._customer_channel)


class _Folder:
    """`Files` below a folder on disk."""

    def __init__(self, root: Path) -> None:
        self._given = root
        self._root = root.resolve()

    def audio(self) -> list[str]:
        if not self._root.is_dir():
            raise SourceError("the folder of a source is not there", hint=f"make {self._given} or mend the policy")
        found = []
        for folder, _, files in os.walk(self._root, onerror=_refuse_walk):
            found += [p for f in files if (p := Path(folder, f)).suffix.lower() in AUDIO and self._inside(p)]
        return [path.relative_to(self._root).as_posix() for path in found]

    def has(self, name: str) -> bool:
        return (self._root / name).exists()

    def inside(self, name: str) -> bool:
        return self._inside(self._root / name)

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole of a regular file inside the root, counted while reading."""
        path = self._root / name
        if not self._inside(path):
            raise MediaGone("a file of the folder is no longer there", hint="put it back, or run again without it")
        handle = os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise SourceError("not a regular file", hint="a source reads regular files only")
            data = file.read(limit + 1)
        if len(data) > limit:
            raise MediaTooLarge("a file is larger than the cap", hint=f"the cap is {limit} bytes")
        return data

    def header(self, name: str) -> Header | None:
        with (self._root / name).open("rb") as file:
            return read_header(file)

    def state(self, name: str) -> str | None:  # noqa: ARG002 - a file is there, or it is not
        return None

    def locate(self, name: str) -> object:
        return name

    def _inside(self, path: Path) -> bool:
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        return real.is_relative_to(self._root) and real.is_file()


def _refuse_walk(error: OSError) -> None:
    """A folder that cannot be listed is not an empty one."""
    raise SourceError("a folder cannot be listed", hint=f"allow reading it ({error.strerror})") from None
