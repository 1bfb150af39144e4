"""What a file carries besides sound, read from its bytes (SPEC 3.4: container metadata never survives).

Follows RIFF/WAVE, FLAC (RFC 9639), Ogg (RFC 3533) with Vorbis comments and Opus (RFC 7845), ID3v1 and v2,
APEv2, and Matroska (RFC 9559). The name of the encoder that wrote the file says nothing about a call and is
allowed; everything else is named by its kind, because a tag's own name may tell as much as its value.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from sottovoce.conformance.matroska import dirty_elements
from sottovoce.conformance.ogg import Page, packets, pages


class Dirt(StrEnum):
    """A kind of thing that is not sound."""

    INFO = "LIST or INFO chunk"
    CHUNK = "other chunk"
    SECOND_DATA = "second data chunk"
    COMMENT = "Vorbis comment"
    VENDOR = "encoder name that is none"
    BLOCK = "FLAC block of pictures, cues or applications"
    PADDING = "padding that is not empty"
    STREAM = "second logical stream"
    ID3 = "ID3 tag"
    APE = "APE tag"
    MATROSKA = "Matroska tags, title, date, chapters or attachments"
    TRAILING = "bytes after the end"


_ENCODER: Final = re.compile(
    rb"(?:reference )?(?:lib)?(?:flac|opus(?:enc)?|vorbis|sndfile|sox|ffmpeg|lavf|lavc|xiph\.org|lame|aotuv)"
    rb"[\w .,()+:;/-]{0,64}",
    re.IGNORECASE,
)
_SAMPLES: Final = frozenset({b"fmt ", b"fact", b"data"})
_STREAMINFO, _PADDING, _SEEKTABLE, _COMMENT = 0, 1, 3, 4
_ENCODER_KEYS: Final = frozenset({b"ENCODER", b"ENCODER_OPTIONS"})


def dirt(data: bytes) -> tuple[Dirt, ...]:
    """Every kind found in the file, sorted. A container that is not known has none."""
    if data[:4] == b"RIFF":
        found = set(_wav(data))
    elif data[:4] == b"fLaC":
        found = {*_flac(data), *_tags_at_end(data)}
    elif data[:4] == b"OggS":
        found = set(_ogg(data))
    elif data[:4] == b"\x1aE\xdf\xa3":
        found = {Dirt.MATROSKA} if dirty_elements(data, is_encoder) else set()
    else:
        found = {*_tags_at_start(data), *_tags_at_end(data)}
    return tuple(sorted(found))


def is_encoder(text: bytes) -> bool:
    """Whether this names a program that writes audio, and nothing more."""
    return not text or _ENCODER.fullmatch(text) is not None


def _wav(data: bytes) -> Iterator[Dirt]:
    at, sounds = 12, 0
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        sounds += name == b"data"
        if name == b"LIST":
            yield Dirt.INFO
        elif name.lower() == b"id3 ":
            yield Dirt.ID3
        elif name not in _SAMPLES:
            yield Dirt.CHUNK
        at += 8 + size + size % 2
    if sounds > 1:
        yield Dirt.SECOND_DATA
    if any(data[at:]) or 8 + int.from_bytes(data[4:8], "little") + 1 < len(data):
        yield Dirt.TRAILING


def _flac(data: bytes) -> Iterator[Dirt]:
    at, last = 4, False
    while not last and at + 4 <= len(data):
        kind, size = data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4], "big")
        last, body = bool(data[at] & 0x80), data[at + 4 : at + 4 + size]
        at += 4 + size
        if kind == _COMMENT:
            yield from _comments(body)
        elif kind == _PADDING and any(body):
            yield Dirt.PADDING
        elif kind not in {_STREAMINFO, _PADDING, _SEEKTABLE}:
            yield Dirt.BLOCK


def _comments(body: bytes) -> Iterator[Dirt]:
    """A Vorbis comment: vendor, then a counted list of KEY=value (Vorbis I, section 5). What follows is padding."""
    at = 4 + int.from_bytes(body[:4], "little")
    if not is_encoder(body[4:at]):
        yield Dirt.VENDOR
    count, at = int.from_bytes(body[at : at + 4], "little"), at + 4
    for _ in range(count):
        if at + 4 > len(body):
            break
        end = at + 4 + int.from_bytes(body[at : at + 4], "little")
        key, _, value = body[at + 4 : end].partition(b"=")
        if key.upper() not in _ENCODER_KEYS or not is_encoder(value):
            yield Dirt.COMMENT
        at = end
    if any(body[at:]):
        yield Dirt.PADDING


def _ogg(data: bytes) -> Iterator[Dirt]:
    streams: dict[bytes, list[Page]] = {}
    end = 0
    for page in pages(data):
        streams.setdefault(page.serial, []).append(page)
        end = page.end
    if len(streams) > 1:
        yield Dirt.STREAM
    if end < len(data):
        yield Dirt.TRAILING
    for stream in streams.values():
        for packet in packets(stream, 2):
            yield from _header(packet)


def _header(packet: bytes) -> Iterator[Dirt]:
    if packet.startswith(b"OpusTags"):
        yield from _comments(packet[8:])
    elif packet.startswith(b"\x03vorbis"):
        yield from _comments(packet[7:].removesuffix(b"\x01"))


def _tags_at_start(data: bytes) -> Iterator[Dirt]:
    if data[:3] == b"ID3":
        yield Dirt.ID3


def _tags_at_end(data: bytes) -> Iterator[Dirt]:
    if data[-128:-125] == b"TAG" or data[-10:-7] == b"3DI":
        yield Dirt.ID3
    if b"APETAGEX" in data[-160:]:
        yield Dirt.APE
