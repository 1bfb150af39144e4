"""What a file is, by its own first bytes and never by its name (SPEC 16).

Knows the six containers of SPEC 3.4. Playlists, archives, video and everything else are refused here,
before any decoder sees them.
"""

from __future__ import annotations

from enum import StrEnum

from sottovoce.domain.encoded import View
from sottovoce.errors import TruncatedMedia, UnreadableMedia


class Kind(StrEnum):
    WAV = "WAV"
    FLAC = "FLAC"
    OGG = "OGG"
    MP3 = "MP3"
    WEBM = "WEBM"


_PLAYLISTS = (b"#EXTM3U", b"[playlist]", b"ffconcat", b"<?xml", b"<asx", b"<smil")
_EOS = 0x04
_LONGEST_PAGE = 27 + 255 + 255 * 255


def sniff(data: View) -> Kind:
    """The container, or UnreadableMedia with a hint."""
    if not len(data):
        raise UnreadableMedia("the file is empty", hint="fetch the recording again")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return Kind.WAV
    if data[:4] == b"fLaC":
        return Kind.FLAC
    if data[:4] == b"OggS":
        return Kind.OGG
    if data[:4] == b"\x1aE\xdf\xa3":
        return Kind.WEBM
    if _is_mpeg_layer_iii(data[(start := _after_id3(data)) : start + 4]):
        return Kind.MP3
    if data[:64].lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith(tuple(p.lower() for p in _PLAYLISTS)):
        raise UnreadableMedia("the file is a playlist, not audio", hint="give the recording itself")
    raise UnreadableMedia("the file is no audio format that is read", hint="use WAV, FLAC, MP3, Ogg or WebM")


def check_ogg_ends(data: View) -> None:
    """TruncatedMedia unless the last page is whole and says that the stream ends (RFC 3533, section 6)."""
    tail = data[max(0, len(data) - _LONGEST_PAGE) :]
    page = tail[max(0, tail.rfind(b"OggS")) :]
    table = page[27 : 27 + page[26]] if len(page) > 26 else b""
    whole = 27 + len(table) + sum(table) <= len(page)
    if not (table and whole and page[5] & _EOS):
        raise TruncatedMedia("the Ogg file ends too early", hint="it was cut off: fetch it again")


def _after_id3(data: View) -> int:
    """Where the sound starts behind an ID3v2 tag, whose size is four 7-bit bytes."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _is_mpeg_layer_iii(head: bytes) -> bool:
    return len(head) > 3 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] >> 1 & 3 == 1
