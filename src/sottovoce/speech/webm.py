"""WebM Opus through FFmpeg's libraries, from memory and back into it (SPEC 3.4).

The demuxer is named, so that no other format and no protocol is reached; exactly one audio stream
and no video is accepted. FFmpeg decodes Opus at 48 kHz whatever the source was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.sound import MediaFormat
from sottovoce.errors import TruncatedMedia, UnreadableMedia
from sottovoce.speech.caps import Caps

_CODECS: Final = {"opus": "OPUS", "vorbis": "VORBIS"}
_LAYOUTS: Final = {1: "mono", 2: "stereo"}
OPUS_RATE: Final = 48_000
_SHORT_S: Final = 0.1
"""A declared duration counts the codec's delay, so a little less is delivered."""


@contextmanager
def reading(file: BinaryIO, *, caps: Caps) -> Iterator[tuple[MediaFormat, Iterator[NDArray[np.float32]]]]:
    """The format, and blocks of shape (frames, channels)."""
    import av

    try:
        box = av.open(file, mode="r", format="matroska")
    except (av.FFmpegError, ValueError):
        raise _unreadable() from None
    with box:
        audio = box.streams.audio
        if len(audio) != 1 or len(box.streams) != 1 or audio[0].codec_context.name not in _CODECS:
            raise _unreadable()
        track = audio[0]
        shape = MediaFormat(
            container="WEBM", codec=_CODECS[track.codec_context.name], rate=track.rate, channels=track.channels
        )
        caps.check_shape(channels=shape.channels, rate=shape.rate)
        yield shape, _blocks(box, shape)


@contextmanager
def writer(out: BinaryIO, *, rate: int, codec: str, channels: int) -> Iterator[Callable[[NDArray[np.float32]], None]]:
    """Takes samples of shape (channels, any) as they come. Opus only, at 48 kHz, one or two channels."""
    import av

    layout = _LAYOUTS.get(channels)
    if codec != "OPUS" or rate != OPUS_RATE or layout is None:
        raise UnreadableMedia("WebM is written as Opus at 48 kHz with one or two channels only")
    with av.open(out, mode="w", format="webm", options={"fflags": "+bitexact"}) as box:
        track = box.add_stream("libopus", rate=rate, layout=layout)
        written = 0

        def write(samples: NDArray[np.float32]) -> None:
            nonlocal written
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
            frame.sample_rate, frame.pts = rate, written
            written += samples.shape[1]
            box.mux(track.encode(frame))

        yield write
        box.mux(track.encode(None))


def _blocks(box: Any, shape: MediaFormat) -> Iterator[NDArray[np.float32]]:
    import av

    resampler = av.AudioResampler(format="fltp")
    delivered = 0
    try:
        for frame in box.decode(audio=0):
            if frame.sample_rate != shape.rate or frame.layout.nb_channels != shape.channels:
                raise _unreadable()
            delivered += frame.samples
            for piece in resampler.resample(frame):
                yield piece.to_ndarray().T.astype(np.float32, copy=False)
    except (av.FFmpegError, ValueError):
        raise _unreadable() from None
    if box.duration and delivered / shape.rate < box.duration / av.time_base - _SHORT_S:
        raise TruncatedMedia("the WebM file holds less sound than it declares", hint="fetch it again")


def _unreadable() -> UnreadableMedia:
    return UnreadableMedia(
        "the WebM file is damaged or not one Opus or Vorbis track", hint="fetch or export the recording again"
    )
