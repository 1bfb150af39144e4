"""Sample audio in the formats the platform transcodes to: `formatId` and `mediaFormats` (GENESYS.md 4b)."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LIBSNDFILE = {
    "WAV": ("WAV", "PCM_16"),
    "WAV_ULAW": ("WAV", "ULAW"),
    "OGG_VORBIS": ("OGG", "VORBIS"),
    "OGG_OPUS": ("OGG", "OPUS"),
    "MP3": ("MP3", "MPEG_LAYER_III"),
}
FORMATS = frozenset({*_LIBSNDFILE, "WEBM"})
EXTENSIONS = {"WAV": "WAV", "WAV_ULAW": "WAV", "OGG_VORBIS": "OGG", "OGG_OPUS": "OGG", "MP3": "MP3", "WEBM": "WEBM"}
CONTENT_TYPES = {"WAV": "audio/wav", "OGG": "audio/ogg", "MP3": "audio/mpeg", "WEBM": "audio/webm"}
_BLOCK = 16_384
"""libsndfile 1.2.2 writes long Vorbis only in blocks; one call for all of it ends the process."""
_OPUS_RATE = 48_000


def channels_in(path: Path) -> int:
    import soundfile

    return int(soundfile.info(str(path)).channels)


Spans = tuple[tuple[int, float, float], ...]
"""Channel, start and end in seconds."""


@lru_cache(maxsize=64)
def encoded(path: Path, form: str, channel: int | None, silenced: Spans = (), copy: int = 0) -> bytes:
    """The file, or one channel of it as mono, in the format asked for; silent where it is to be silenced.

    Each `copy` is softer by a thousandth, so that no two calls are the same sound under another id.
    """
    import soundfile

    samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    for where, start, end in silenced:
        samples[int(start * rate) : int(end * rate), where] = 0
    samples *= np.float32(0.999**copy)
    chosen = samples if channel is None else samples[:, channel : channel + 1]
    return _webm(chosen, rate) if form == "WEBM" else _libsndfile(chosen, rate, form)


def _libsndfile(samples: NDArray[np.float32], rate: int, form: str) -> bytes:
    import soundfile

    container, codec = _LIBSNDFILE[form]
    out = io.BytesIO()
    with soundfile.SoundFile(
        out, "w", samplerate=rate, channels=samples.shape[1], format=container, subtype=codec
    ) as file:
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])
    return out.getvalue()


def _webm(samples: NDArray[np.float32], rate: int) -> bytes:
    import av
    import soxr

    wide = soxr.resample(samples, rate, _OPUS_RATE).astype(np.float32)
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    out = io.BytesIO()
    with av.open(out, mode="w", format="webm") as container:
        stream: Any = container.add_stream("libopus", rate=_OPUS_RATE, layout=layout)
        for start in range(0, len(wide), _BLOCK):
            block = np.ascontiguousarray(wide[start : start + _BLOCK].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate, frame.pts = _OPUS_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
