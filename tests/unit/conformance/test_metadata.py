"""Whatever is not sound is found in the bytes."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from sottovoce.conformance.metadata import Dirt, dirt
from sottovoce.conformance.planted import plant_tags
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.errors import UnreadableMedia
from sottovoce.speech.codec import MediaCodec

FORMATS = [
    ("WAV", "PCM_16"),
    ("WAV", "ULAW"),
    ("FLAC", "PCM_16"),
    ("OGG", "OPUS"),
    ("OGG", "VORBIS"),
    ("MP3", "MPEG_LAYER_III"),
    ("WEBM", "OPUS"),
]


def encoded(container: str, codec: str) -> bytes:
    rate = 48000 if container == "WEBM" else 8000
    noise = np.random.default_rng(1).normal(0, 0.05, (2, rate)).astype(np.float32)
    shape = MediaFormat(container=container, codec=codec, rate=rate, channels=2)
    return MediaCodec().write(Sound(samples=noise, rate=rate, roles=(Role.BOTH,) * 2), shape).reveal()


@pytest.mark.parametrize(("container", "codec"), FORMATS)
def test_a_file_of_sound_alone_is_clean(container: str, codec: str) -> None:
    """The encoder's name is no statement about a call."""
    assert dirt(encoded(container, codec)) == ()


@pytest.mark.parametrize(("container", "codec"), [f for f in FORMATS if f[1] != "VORBIS" and f[0] != "WEBM"])
def test_a_planted_title_is_found(container: str, codec: str) -> None:
    """In the container's own kind of tag."""
    kinds = {"WAV": Dirt.INFO, "FLAC": Dirt.COMMENT, "OGG": Dirt.COMMENT, "MP3": Dirt.ID3}
    assert dirt(plant_tags(encoded(container, codec))) == (kinds[container],)


def test_tags_are_planted_only_where_it_is_known_how() -> None:
    """Other containers are refused."""
    with pytest.raises(UnreadableMedia):
        plant_tags(encoded("WEBM", "OPUS"))


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WAVE" + b"".join(n + struct.pack("<I", len(b)) + b for n, b in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (riff((b"fmt ", b"\0" * 16), (b"data", b"\0" * 4), (b"bext", b"1234")), Dirt.CHUNK),
        (riff((b"fmt ", b"\0" * 16), (b"data", b"\0" * 4), (b"id3 ", b"1234")), Dirt.ID3),
        (riff((b"fmt ", b"\0" * 16), (b"data", b"\0" * 4), (b"data", b"\0" * 4)), Dirt.SECOND_DATA),
        (riff((b"fmt ", b"\0" * 16), (b"data", b"\0" * 4)) + b"abcde", Dirt.TRAILING),
        (b"fLaC\x82\0\0\x04abcd", Dirt.BLOCK),
        (b"fLaC\x81\0\0\x04abcd", Dirt.PADDING),
        (b"fLaC\x84\0\0\x0b\x03\0\0\0Bob\0\0\0\0", Dirt.VENDOR),
        (b"ID3\x04\0\0\0\0\0\0", Dirt.ID3),
        (b"\xff\xfb" + b"\0" * 200 + b"APETAGEX" + b"\0" * 24, Dirt.APE),
    ],
)
def test_each_hiding_place_has_its_name(data: bytes, kind: Dirt) -> None:
    """Kinds only: a tag's name may tell as much as its value."""
    assert dirt(data) == (kind,)


def test_what_hides_in_an_ogg_file_is_found() -> None:
    """Bytes behind the last page, and a stream beside the sound."""
    data = encoded("OGG", "OPUS")
    other = data[:14] + b"\x01\x02\x03\x04" + data[18:]
    assert dirt(data + b"x") == (Dirt.TRAILING,)
    assert dirt(data + other) == (Dirt.STREAM,)


def element(name: int, body: bytes) -> bytes:
    return name.to_bytes(-(-name.bit_length() // 8), "big") + (1 << 28 | len(body)).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    ("inner", "dirty"),
    [
        (element(0x1549A966, element(0x7BA9, b"Bob")), True),
        (element(0x1549A966, element(0x4D80, b"Lavf61.7.100")), False),
        (element(0x1549A966, element(0x5741, b"Bob's phone")), True),
        (element(0x1941A469, b""), True),
        (element(0x1254C367, element(0x7373, element(0x67C8, element(0x45A3, b"ARTIST")))), True),
        (
            element(
                0x1254C367,
                element(0x7373, element(0x67C8, element(0x45A3, b"DURATION") + element(0x4487, b"00:00:01.0"))),
            ),
            False,
        ),
    ],
)
def test_a_webm_file_may_name_its_encoder_and_nothing_else(inner: bytes, dirty: bool) -> None:
    """Titles, dates, tags and attachments are found."""
    data = element(0x1A45DFA3, b"") + element(0x18538067, inner)
    assert dirt(data) == ((Dirt.MATROSKA,) if dirty else ())
