"""What the header of an encoded file claims: its format, its channels and how long it says it is.

Only the header is read, and nothing is allocated on its word: a 124 KB FLAC can claim 1 TiB of samples
(SECURITY.md 5.3). The decoder decides later whether the claim is true.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO

from sottovoce.domain.sound import MediaFormat, Role

_EBML = b"\x1a\x45\xdf\xa3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    format: MediaFormat
    duration_s: float


def read_header(file: BinaryIO) -> Header | None:
    """The header of an open audio file, or None where it cannot be read as audio."""
    magic = file.read(4)
    file.seek(0)
    return _webm(file) if magic == _EBML else _libsndfile(file)


def channels_of(data: bytes) -> int | None:
    header = read_header(io.BytesIO(data))
    return header.format.channels if header else None


def roles_for(channels: int | None, *, customer_channel: str) -> tuple[Role, ...]:
    """Who speaks where in one file: two channels follow the configuration, any other count is BOTH."""
    if channels == 2:
        pair = (Role.AGENT, Role.CUSTOMER)
        return pair if customer_channel == "1" else pair[::-1]
    return (Role.BOTH,) * (channels or 1)


def _libsndfile(file: BinaryIO) -> Header | None:
    import soundfile

    try:
        info = soundfile.info(file)
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return None
    if not 1 <= info.channels <= 1024 or info.samplerate <= 0 or info.frames < 0:
        return None
    form = MediaFormat(container=info.format, codec=info.subtype, rate=info.samplerate, channels=info.channels)
    return Header(format=form, duration_s=info.frames / info.samplerate)


def _webm(file: BinaryIO) -> Header | None:
    import av

    try:
        with av.open(file, mode="r", format="matroska") as container:
            stream = container.streams.audio[0]
            context = stream.codec_context
            form = MediaFormat(
                container="WEBM", codec=context.name.upper(), rate=context.sample_rate, channels=context.channels
            )
            return Header(format=form, duration_s=(container.duration or 0) / av.time_base)
    except (av.FFmpegError, IndexError, ValueError):
        return None
