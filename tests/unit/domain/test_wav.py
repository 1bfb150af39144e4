"""The chunks of a WAV file (Microsoft RIFF; SPEC 16)."""

from __future__ import annotations

import struct

import pytest

from sottovoce.domain import wav
from sottovoce.errors import TruncatedMedia, UnreadableMedia


def composed(codec: str = "PCM_16", channels: int = 2) -> bytes:
    layout = wav.layout_for(codec=codec, channels=channels, rate=8000)
    return wav.compose(layout, bytes(layout.frame_bytes * 10))


@pytest.mark.parametrize("codec", sorted(wav.CODECS))
def test_what_is_composed_is_parsed(codec):
    """Every encoding's header says what it holds; all but PCM carry a fact chunk."""
    layout = wav.parse(composed(codec))
    assert (layout.codec, layout.channels, layout.rate, layout.frames) == (codec, 2, 8000, 10)
    assert (b"fact" in composed(codec)) is (not codec.startswith("PCM"))


def patched(raw: bytes, at: int, value: bytes) -> bytes:
    return raw[:at] + value + raw[at + len(value) :]


BAD = {
    "no wav": (b"RIFX" + composed()[4:], UnreadableMedia),
    "no format": (composed().replace(b"fmt ", b"xxxx"), UnreadableMedia),
    "no data": (composed().replace(b"data", b"xxxx"), UnreadableMedia),
    "short format": (b"RIFF\0\0\0\0WAVEfmt \x04\0\0\0\x01\0\x01\0data\0\0\0\0", UnreadableMedia),
    "unknown tag": (patched(composed(), 20, b"\x55\0"), UnreadableMedia),
    "extension without a body": (patched(composed(), 20, b"\xfe\xff"), UnreadableMedia),
    "no channels": (patched(composed(), 22, b"\0\0"), UnreadableMedia),
    "no rate": (patched(composed(), 24, bytes(4)), UnreadableMedia),
    "odd alignment": (patched(composed(), 32, b"\x03\0"), UnreadableMedia),
    "declared too long": (patched(composed(), 40, struct.pack("<I", 1000)), TruncatedMedia),
    "partial frame": (patched(composed(), 40, struct.pack("<I", 39)), TruncatedMedia),
}


@pytest.mark.parametrize("name", BAD)
def test_contradictions_are_refused(name):
    """A header that contradicts itself or its bytes is a named error."""
    raw, error = BAD[name]
    with pytest.raises(error):
        wav.parse(raw)


@pytest.mark.parametrize("codec", ["PCM_16", "ULAW"])
def test_nothing_hides_in_the_format_chunk(codec):
    """Bytes behind the fields, and a byte rate that is none, do not survive."""
    plain = composed(codec)
    fmt = wav.parse(plain).fmt
    stuffed = fmt[:8] + b"NAME" + fmt[12:] + b"MARKER-OF-A-NAME"
    chunk = b"fmt " + struct.pack("<I", len(stuffed)) + stuffed
    layout = wav.parse(plain[:12] + chunk + plain[20 + len(fmt) :])
    assert layout.fmt == fmt
    assert layout.frames == 10
