"""Recordings in an object store: audio below a prefix, described as a folder's is, beside it or in one table.

Discovery lists, reads the small files that describe, and of each recording no more than its header asks for. A
recording is fetched as the very object that was listed: one that was replaced between admission and fetch is
refused (MediaReplaced) and decided again by the next run. One that lies in an archive tier has the state ARCHIVED
and is not fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media
from sottovoce.errors import (
    MediaGone,
    MediaReplaced,
    MediaTooLarge,
    ObjectArchived,
    ObjectChanged,
    ObjectMissing,
    SourceRefused,
    SourceUnavailable,
    StorageError,
    StorageRefused,
)
from sottovoce.sources.bucket_reader import RangedFile
from sottovoce.sources.described import AUDIO, DescribedFiles, media_of
from sottovoce.sources.folder import MAX_MEDIA_BYTES
from sottovoce.sources.header import Header, read_header
from sottovoce.sources.protocol import Tokenizer
from sottovoce.storage.browse import Browser, Listed

ARCHIVED = "ARCHIVED"


class BucketSource:
    """The audio objects that `browser` sees. Parameters as a folder's."""

    def __init__(
        self,
        *,
        name: str,
        browser: Browser,
        tokenizer: Tokenizer,
        customer_channel: str = "1",
        attributes: frozenset[str] = frozenset(),
        queue_categories: Mapping[str, str] | None = None,
        max_bytes: int = MAX_MEDIA_BYTES,
    ) -> None:
        self.name = name
        self._browser = browser
        self._tokenizer = tokenizer
        self._customer_channel = customer_channel
        self._attributes = attributes
        self._categories = queue_categories
        self._max_bytes = max_bytes

    def discover(self) -> Iterator[RecordingMetadata]:
        """Every call, in the order of its name, as one listing saw it."""
        return DescribedFiles(
            name=self.name,
            files=_Objects(self._browser),
            tokenizer=self._tokenizer,
            attributes=self._attributes,
            queue_categories=self._categories,
        ).discover()

    def fetch(self, ref: RecordingRef, metadata: RecordingMetadata) -> Media:  # noqa: ARG002 - its place is in the reference
        """The bytes of the very object that was listed, or of both objects of a call kept as two.

        Raises MediaGone, MediaReplaced, MediaTooLarge; SourceUnavailable when trying again may help.
        """
        return media_of(ref.locator, self._read, customer_channel=self._customer_channel)

    def _read(self, where: Any) -> bytes:
        return _read(self._browser, _located(where), limit=self._max_bytes)


class _Objects:
    """`Files` of one listing."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._listed: dict[str, Listed] = {}
        self._headers: dict[str, Header | None] = {}
        self._archived: set[str] = set()

    def audio(self) -> list[str]:
        with _as_source():
            self._listed = {listed.name: listed for listed in self._browser.list()}
        return [name for name in self._listed if PurePosixPath(name).suffix.lower() in AUDIO]

    def has(self, name: str) -> bool:
        return name in self._listed

    def inside(self, name: str) -> bool:
        return name in self._listed

    def read(self, name: str, *, limit: int) -> bytes:
        return _read(self._browser, self._listed[name], limit=limit)

    def header(self, name: str) -> Header | None:
        if name not in self._headers:
            self._headers[name] = self._read_header(name)
        return self._headers[name]

    def state(self, name: str) -> str | None:
        """ARCHIVED where reading its header was refused for that."""
        self.header(name)
        return ARCHIVED if name in self._archived else None

    def locate(self, name: str) -> object:
        found = self._listed[name]
        return {
            "name": found.name,
            "size": found.size,
            "etag": found.etag,
            "version": found.version,
            "modified": found.modified.isoformat(),
        }

    def _read_header(self, name: str) -> Header | None:
        file = RangedFile(browser=self._browser, listed=self._listed[name])
        header = read_header(cast("BinaryIO", file))
        if isinstance(file.failure, ObjectArchived):
            self._archived.add(name)
            return None
        if file.failure is not None:
            with _as_source():
                raise file.failure
        return header


def _read(browser: Browser, listed: Listed, *, limit: int) -> bytes:
    if listed.size > limit:
        raise MediaTooLarge("an object is larger than the cap", hint=f"the cap is {limit} bytes")
    with _as_source():
        return browser.read(listed, limit=limit)


def _located(where: Any) -> Listed:
    try:
        return Listed(
            name=where["name"],
            size=where["size"],
            etag=where["etag"],
            version=where["version"],
            modified=datetime.fromisoformat(where["modified"]),
        )
    except (TypeError, KeyError, ValueError):
        raise MediaGone("a reference names no object that was ever listed") from None


@contextmanager
def _as_source() -> Iterator[None]:
    """What a store says, in a source's words."""
    try:
        yield
    except ObjectMissing:
        raise MediaGone("an object is no longer there", hint="put it back, or run again without it") from None
    except ObjectArchived as failure:
        raise MediaGone("an object lies in an archive tier", hint=failure.hint) from None
    except ObjectChanged:
        raise MediaReplaced(
            "an object was replaced after it was admitted", hint="`sottovoce run --retry` decides on the new one"
        ) from None
    except StorageRefused as failure:
        raise SourceRefused("the object store refuses access", hint=failure.hint) from None
    except StorageError as failure:
        raise SourceUnavailable("the object store of a source failed", hint=failure.hint) from None
