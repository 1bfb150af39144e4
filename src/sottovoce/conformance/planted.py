"""Tags planted in a clean file, in the container's own way, to see whether a judge finds them."""

from __future__ import annotations

import struct
from typing import Final

from sottovoce.conformance.ogg import one_page, packets, pages
from sottovoce.errors import UnreadableMedia

_TITLE: Final = b"TITLE=call with a customer"
_VENDOR: Final = b"libsndfile"


def plant_tags(data: bytes) -> bytes:
    """The same sound with a title beside it. WAV, FLAC, Ogg Opus and MP3; UnreadableMedia for others."""
    if data[:4] == b"RIFF":
        return _wav(data)
    if data[:4] == b"fLaC":
        return _flac(data)
    if data[:4] == b"OggS" and b"OpusTags" in data[:4096]:
        return _opus(data)
    if data[:3] == b"ID3" or data[:1] == b"\xff":
        return data + b"TAG" + _TITLE[6:].ljust(125, b"\x00")
    raise UnreadableMedia("tags are not planted in this container", hint="use WAV, FLAC, Ogg Opus or MP3")


def _wav(data: bytes) -> bytes:
    title = _TITLE[6:].ljust(len(_TITLE) - 6 + len(_TITLE) % 2, b"\x00")
    body = b"INFOINAM" + struct.pack("<I", len(title)) + title
    whole = data[12:] + b"LIST" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(whole) + 4) + b"WAVE" + whole


def _flac(data: bytes) -> bytes:
    """Every metadata block but the comments there are, then ours."""
    blocks, at, last = [], 4, False
    while not last:
        kind, size = data[at] & 0x7F, int.from_bytes(data[at + 1 : at + 4], "big")
        last = bool(data[at] & 0x80)
        if kind != 4:
            blocks.append(bytes([kind]) + data[at + 1 : at + 4 + size])
        at += 4 + size
    comment = _comment()
    ours = b"\x84" + len(comment).to_bytes(3, "big") + comment
    return b"fLaC" + b"".join(blocks) + ours + data[at:]


def _opus(data: bytes) -> bytes:
    """The comment header's page written anew; it ends its page (RFC 7845, section 3)."""
    head, second = list(pages(data))[:2]
    if len(packets([second], 2)) != 1:
        raise UnreadableMedia("the Opus file's comment does not lie on a page of its own")
    return data[: head.end] + one_page(second.head, b"OpusTags" + _comment()) + data[second.end :]


def _comment() -> bytes:
    """Vorbis I, section 5.2."""
    return b"".join(
        (struct.pack("<I", len(_VENDOR)), _VENDOR, struct.pack("<I", 1), struct.pack("<I", len(_TITLE)), _TITLE)
    )
