"""Where the sound lies in a WAV file: a RIFF reader and writer of the parts that matter.

Follows Microsoft's *Multimedia Programming Interface 1.0* (RIFF) and *Multiple Channel Audio Data*
(WAVE_FORMAT_EXTENSIBLE). All `data` chunks count as sound, joined in order, because players differ in
which one they play and nothing may hide in the other. Refuses declared sizes that the bytes do not
fill, partial frames, and encodings other than PCM, float, µ-law and A-law.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sottovoce.domain.encoded import View
from sottovoce.errors import TruncatedMedia, UnreadableMedia

_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
_CODECS: Final = {
    (_PCM, 8): "PCM_U8",
    (_PCM, 16): "PCM_16",
    (_PCM, 24): "PCM_24",
    (_PCM, 32): "PCM_32",
    (_FLOAT, 32): "FLOAT",
    (_FLOAT, 64): "DOUBLE",
    (_ALAW, 8): "ALAW",
    (_ULAW, 8): "ULAW",
}
_TAGS: Final = {codec: key for key, codec in _CODECS.items()}
_MOST_FMT: Final = 64
"""No known format chunk is longer than 40 bytes; what stands behind its fields is not read."""
CODECS: Final = frozenset(_TAGS)
"""libsndfile's names of the encodings that are read and written here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavLayout:
    """`fmt` is the body of the format chunk, its known fields only; `data` the (start, end) of every data chunk."""

    codec: str
    channels: int
    rate: int
    sample_bytes: int
    fmt: bytes
    data: tuple[tuple[int, int], ...]

    @property
    def frame_bytes(self) -> int:
        return self.channels * self.sample_bytes

    @property
    def frames(self) -> int:
        return sum(end - start for start, end in self.data) // self.frame_bytes


def parse(raw: View) -> WavLayout:
    """The layout of a WAV file, of which only the heads of chunks are read.

    UnreadableMedia or TruncatedMedia when it is not what it says.
    """
    fmt, data = b"", []
    for name, start, declared in _chunks(raw):
        if name == b"fmt " and not fmt:
            fmt = raw[start : start + min(declared, _MOST_FMT)]
        elif name == b"data":
            if start + declared > len(raw):
                raise TruncatedMedia(
                    "the WAV file declares more sound than it holds",
                    hint="it was cut off or never finished: fetch or write it again",
                )
            data.append((start, start + declared))
    if len(fmt) < 16 or not data:
        raise UnreadableMedia("the WAV file has no format or no sound", hint="export the recording again")
    return _layout(fmt, tuple(data))


def compose(layout: WavLayout, *sound: bytes | bytearray | memoryview) -> bytes:
    """A WAV file of the same format chunk around other sound, and nothing else: no LIST, INFO or bext.

    Sound in parts is joined once, so that a long recording is not copied again and again.
    """
    size = sum(len(part) for part in sound)
    return b"".join((head(layout, size), *sound, padding(size)))


def head(layout: WavLayout, size: int) -> bytes:
    """Everything before `size` bytes of sound, for who writes them piece by piece and `padding` at the end."""
    body = b"WAVE" + _chunk(b"fmt ", layout.fmt)
    if layout.codec not in {"PCM_U8", "PCM_16", "PCM_24", "PCM_32"}:
        body += _chunk(b"fact", struct.pack("<I", size // layout.frame_bytes))
    body += struct.pack("<4sI", b"data", size)
    return struct.pack("<4sI", b"RIFF", len(body) + size + size % 2) + body


def padding(size: int) -> bytes:
    """RIFF keeps chunks at even offsets."""
    return b"\x00" * (size % 2)


def layout_for(*, codec: str, channels: int, rate: int) -> WavLayout:
    """The plain layout of one of CODECS, for sound that has no file yet."""
    tag, bits = _TAGS[codec]
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate, rate * align, align, bits)
    if tag != _PCM:
        fmt += b"\x00\x00"
    return WavLayout(codec=codec, channels=channels, rate=rate, sample_bytes=bits // 8, fmt=fmt, data=())


def _chunks(raw: View) -> Iterator[tuple[bytes, int, int]]:
    """(name, start of body, declared length) to the end of the bytes, whatever RIFF's own size says."""
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise UnreadableMedia("not a WAV file", hint="only RIFF/WAVE is read")
    at = 12
    while at + 8 <= len(raw):
        name, declared = struct.unpack("<4sI", raw[at : at + 8])
        yield name, at + 8, declared
        at += 8 + declared + declared % 2


def _layout(fmt: bytes, data: tuple[tuple[int, int], ...]) -> WavLayout:
    tag, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == _EXTENSIBLE:
        if len(fmt) < 40 or fmt[26:40] != _GUID_TAIL:
            raise UnreadableMedia("the WAV file's extended format is not one that is read")
        tag = int.from_bytes(fmt[24:26], "little")
    codec = _CODECS.get((tag, bits))
    if codec is None:
        raise UnreadableMedia(
            "the WAV file's encoding is not read",
            hint="use PCM of 8, 16, 24 or 32 bits, float, µ-law or A-law",
        )
    if channels == 0 or rate == 0 or align != channels * bits // 8:
        raise UnreadableMedia("the WAV file's format contradicts itself", hint="export the recording again")
    if any((end - start) % align for start, end in data):
        raise TruncatedMedia("the WAV file ends within a frame", hint="it was cut off: fetch it again")
    return WavLayout(
        codec=codec, channels=channels, rate=rate, sample_bytes=bits // 8, fmt=_trimmed(fmt, rate * align), data=data
    )


def _trimmed(fmt: bytes, byte_rate: int) -> bytes:
    """The format chunk without what a writer may have put behind or between its fields."""
    tag = int.from_bytes(fmt[:2], "little")
    head = fmt[:8] + (byte_rate & 0xFFFFFFFF).to_bytes(4, "little") + fmt[12:16]
    if tag == _EXTENSIBLE:
        return head + b"\x16\x00" + fmt[18:40]
    return head if tag == _PCM else head + b"\x00\x00"


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)
