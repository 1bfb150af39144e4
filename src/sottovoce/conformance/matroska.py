"""What a WebM file says besides sound (RFC 8794, RFC 9559): titles, dates, tags, chapters, attachments.

Walks the segment's own elements and steps over clusters. The names of the programs that wrote the file and a
duration tag are no statement about a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

_SEGMENT, _INFO, _TRACKS, _TRACK = 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE
_TAGS, _TAG, _SIMPLE = 0x1254C367, 0x7373, 0x67C8
_TAG_NAME, _TAG_STRING, _TAG_BINARY = 0x45A3, 0x4487, 0x4485
_DIRTY: Final = frozenset(
    {0x1941A469, 0x1043A770, 0x7BA9, 0x4461, 0x7384, 0x3CB923, 0x3EB923, 0x3C83AB, 0x3E83BB, 0x536E}
)
"""Attachments, Chapters, Title, DateUTC, file names and ids of the segments beside it, and a track's Name."""
_PROGRAMS: Final = frozenset({0x4D80, 0x5741})
_NESTED: Final = frozenset({_SEGMENT, _INFO, _TRACKS, _TRACK, _TAGS, _TAG})
_HARMLESS_TAGS: Final = frozenset({b"ENCODER", b"ENCODED_BY", b"DURATION"})
_DURATION: Final = frozenset(b"0123456789:.")

Element = tuple[int, bytes]


def dirty_elements(data: bytes, is_encoder: Callable[[bytes], bool]) -> bool:
    """Whether anything in the file could say something about the call."""
    return any(_dirty(element, is_encoder) for element in _elements(data))


def _dirty(element: Element, is_encoder: Callable[[bytes], bool]) -> bool:
    name, body = element
    if name in _NESTED:
        return any(_dirty(inner, is_encoder) for inner in _elements(body))
    if name == _SIMPLE:
        return _tag_is_dirty(dict(_elements(body)), is_encoder)
    return name in _DIRTY or (name in _PROGRAMS and not is_encoder(body.rstrip(b"\x00")))


def _tag_is_dirty(tag: dict[int, bytes], is_encoder: Callable[[bytes], bool]) -> bool:
    value = tag.get(_TAG_STRING, b"").rstrip(b"\x00")
    if tag.get(_TAG_NAME, b"").upper() not in _HARMLESS_TAGS or _TAG_BINARY in tag:
        return True
    return not (is_encoder(value) or set(value) <= _DURATION)


def _elements(data: bytes) -> Iterator[Element]:
    at = 0
    while at < len(data):
        width = _width(data[at])
        name, at = int.from_bytes(data[at : at + width], "big"), at + width
        if at >= len(data):
            return
        width = _width(data[at])
        size = int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1
        at += width
        if size == (1 << 7 * width) - 1:
            size = len(data) - at
        yield name, data[at : at + size]
        at += size


def _width(first: int) -> int:
    """How many bytes a number takes, by its leading zeros; 8 for what is none."""
    return 9 - first.bit_length() if first else 8
