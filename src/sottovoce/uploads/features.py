"""Features instead of sound: what a model learns from, and what can be recovered from it (SPEC 11.2).

Made from the redacted and disguised sound, never from what was sent. Each set is graded by what somebody who holds it
can get back, because a mel spectrogram is not de-identified: vocoders turn it into speech again.

    log_mel    80 bands every 10 ms      speech and speaker: inverted, it is heard as well as the original
    mfcc       20 coefficients, 10 ms    speech and speaker: recognisers of both were built on them for decades
    envelope   4 bands every 100 ms      speaker: no words, pitch or long-term spectrum are left, but how somebody
                                         speaks in time is

A grade says what the set still holds of the sound it was made from; there, the speaker is the disguised one.
`benchmarks/features.py` measures it: it inverts each set and listens, and matches speakers by each. No set is graded
`neither`: an envelope that was meant to be still found one speaker in three of 45.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from sottovoce.domain.confidential import Confidential

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frames = NDArray[np.float32]

FEATURES: Final = "features"
RATE: Final = 16_000
WINDOW: Final = 400
HOP: Final = 160
FFT: Final = 512
MELS: Final = 80
COEFFICIENTS: Final = 20
ENVELOPE_HOPS: Final = 10
ENVELOPE_BANDS: Final = 4
FLOOR: Final = 1e-10
_META: Final = "meta"


class FeatureSet(StrEnum):
    LOG_MEL = "log_mel"
    MFCC = "mfcc"
    ENVELOPE = "envelope"


class Recoverable(StrEnum):
    """What somebody who holds a feature set can get back."""

    SPEECH = "speech"
    SPEAKER = "speaker"


GRADES: Final[dict[FeatureSet, frozenset[Recoverable]]] = {
    FeatureSet.LOG_MEL: frozenset(Recoverable),
    FeatureSet.MFCC: frozenset(Recoverable),
    FeatureSet.ENVELOPE: frozenset({Recoverable.SPEAKER}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureFile:
    """An opened file of features: arrays of shape (frames, dimensions) by set, and what was said of them."""

    arrays: dict[FeatureSet, Frames]
    meta: dict[str, object]


def grade(chosen: FeatureSet) -> str:
    """`speech+speaker`, `speech`, `speaker` or `neither`."""
    return "+".join(each for each in Recoverable if each in GRADES[chosen]) or "neither"


def extract(samples: Frames, chosen: FeatureSet) -> Frames:
    """Features of shape (frames, dimensions) from mono samples at 16 kHz; one frame at least."""
    import numpy as np

    mel = _mel_power(samples)
    match chosen:
        case FeatureSet.LOG_MEL:
            found = np.log10(np.maximum(mel, FLOOR))
        case FeatureSet.MFCC:
            from scipy.fft import dct

            found = dct(np.log(np.maximum(mel, FLOOR)), type=2, norm="ortho", axis=1)[:, :COEFFICIENTS]
        case FeatureSet.ENVELOPE:
            found = _envelope(mel)
    return np.ascontiguousarray(found, dtype=np.float32)


def pack_features(samples: Frames, sets: Sequence[FeatureSet], *, disguised: bool) -> Confidential[bytes]:
    """A NumPy archive (`.npz`, no pickles): one array a set, and `meta`, JSON with the grade of each."""
    import numpy as np

    arrays = {each.value: extract(samples, each) for each in sets}
    meta = {
        "rate": RATE,
        "hop": HOP,
        "window": WINDOW,
        "frames": {name: int(array.shape[0]) for name, array in arrays.items()},
        "recoverable": {each.value: grade(each) for each in sets},
        "speaker": "disguised" if disguised else "as recorded",
    }
    said = np.frombuffer(json.dumps(meta, sort_keys=True).encode(), dtype=np.uint8)
    made = io.BytesIO()
    np.savez_compressed(made, allow_pickle=False, **{_META: said}, **arrays)
    return Confidential(made.getvalue())


def open_features(data: Confidential[bytes]) -> FeatureFile:
    """What `pack_features` made."""
    import numpy as np

    with np.load(io.BytesIO(data.reveal()), allow_pickle=False) as found:
        meta = json.loads(found[_META].tobytes())
        return FeatureFile(arrays={each: found[each.value] for each in FeatureSet if each.value in found}, meta=meta)


def _mel_power(samples: Frames) -> Frames:
    """Power in mel bands, of shape (frames, MELS): Hann windows, reflected at both ends."""
    import numpy as np

    padded = np.pad(samples, FFT // 2, mode="reflect" if len(samples) > FFT else "constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP]
    window = np.zeros(FFT, dtype=np.float32)
    start = (FFT - WINDOW) // 2
    window[start : start + WINDOW] = np.hanning(WINDOW + 1)[:WINDOW]
    power = np.abs(np.fft.rfft(windows * window, axis=1)).astype(np.float32) ** 2
    return np.asarray(power @ mel_filters().T, dtype=np.float32)


@lru_cache(maxsize=1)
def mel_filters() -> Frames:
    """Triangles of shape (MELS, FFT/2+1), equally wide on the mel scale of O'Shaughnessy (1987), up to 8 kHz."""
    import numpy as np

    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), MELS + 2) / 2595) - 1)
    bins = np.linspace(0, RATE / 2, FFT // 2 + 1)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(filters * (2 / (edges[2:] - edges[:-2]))[:, None], dtype=np.float32)


def _envelope(mel: Frames) -> Frames:
    """Log energy in a few broad bands, ten frames together, each band around zero with a spread of one."""
    import numpy as np

    whole = -(-len(mel) // ENVELOPE_HOPS) * ENVELOPE_HOPS
    padded = np.pad(mel, ((0, whole - len(mel)), (0, 0)), mode="edge")
    bands = padded.reshape(-1, ENVELOPE_HOPS, ENVELOPE_BANDS, MELS // ENVELOPE_BANDS).mean(axis=(1, 3))
    logged = np.log10(np.maximum(bands, FLOOR))
    spread = np.maximum(logged.std(axis=0), 1e-3)
    return np.asarray((logged - logged.mean(axis=0)) / spread, dtype=np.float32)
