"""Where a channel carries audible speech, from its energy alone (SPEC 5.3).

A frame of 10 ms is active when it stands 8 dB above the noise floor around it; the floor is the quietest tenth of
the frames within some seconds, so that it follows a line that gets noisier; where a recorder wrote zeroes between
turns, whatever is audible is active. On a line so noisy that speech itself stands out by little, the band of vowels
is judged too, and a smaller step over a longer frame is enough. Leans to calling sound speech: a false
alarm costs a little transcription, a miss would hide words from everything that follows.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.spans import Span, merged

_FRAME_S: Final = 0.01
_ABOVE_FLOOR_DB: Final = 8.0
_LEAST_ABOVE_DB: Final = 2.0
_SHARE_OF_RANGE: Final = 0.3
"""Of the range from floor to loud speech, which in the vowels' band is 8 dB and more at a signal-to-noise ratio of
5 dB."""
_NOISY_RANGE_DB: Final = 15.0
"""The shared calls have 18 to 41 dB, also through codecs; with white noise at 15 dB 4 to 12, at 5 dB 2 to 5."""
_SMOOTH_S: Final = 0.07
_SILENT_DB: Final = -75.0
"""Below it no telephone line is audible; one 16-bit step is -90 dB."""
_FLOOR_WINDOW_S: Final = 15.0
_BURST_S: Final = 0.04
_HANGOVER_S: Final = 0.15


def active_spans(channel: NDArray[np.float32], rate: int) -> tuple[Span, ...]:
    """Disjoint, sorted stretches of audible sound of a mono channel, in samples, with 150 ms hangover.

    Bursts under 40 ms are clicks and left out.
    """
    frame = max(1, round(_FRAME_S * rate))
    level = levels_db(channel, frame)
    active = (level > _floor_db(level) + _ABOVE_FLOOR_DB) & (level > _SILENT_DB)
    if _is_noisy(level):
        active |= _stands_out(levels_db(_vowels(channel, rate), frame))
    burst, hangover = round(_BURST_S / _FRAME_S), round(_HANGOVER_S * rate)
    runs = [Span(a * frame, b * frame) for a, b in _runs(active) if b - a >= burst]
    return merged(run.widened(hangover, hangover, limit=len(channel)) for run in runs)


def is_noisy(channel: NDArray[np.float32], rate: int) -> bool:
    """Whether speech stands out of the line's own noise by little: 15 dB or less."""
    return _is_noisy(levels_db(channel, max(1, round(_FRAME_S * rate))))


def _is_noisy(level: NDArray[np.float32]) -> bool:
    return _range_db(level) < _NOISY_RANGE_DB


def levels_db(channel: NDArray[np.float32], frame: int) -> NDArray[np.float32]:
    """The level of each frame in dB of full scale, after a first difference that takes hum away."""
    sharp = np.diff(channel, prepend=channel[:1]) if len(channel) else channel
    padded = np.pad(sharp, (0, -len(sharp) % frame)).reshape(-1, frame)
    power = np.einsum("ij,ij->i", padded, padded) / frame
    return np.asarray(10 * np.log10(power + 1e-12), dtype=np.float32)


def _vowels(channel: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """About 200 to 1200 Hz: running means take away the hiss above, and `levels_db` the hum below."""
    width = max(1, rate // 2000)
    kernel = np.convolve(np.ones(width), np.ones(width)) / width**2
    return np.convolve(channel, kernel, mode="same").astype(np.float32) if len(channel) else channel


def _range_db(level: NDArray[np.float32]) -> float:
    """How far loud speech stands above the floor."""
    return float(np.percentile(_smoothed(level) - _floor_db(level), 95)) if len(level) else 0.0


def _stands_out(level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Frames that stay a little above the floor, where loud ones do not rise far above it either."""
    step = min(_ABOVE_FLOOR_DB, max(_LEAST_ABOVE_DB, _SHARE_OF_RANGE * _range_db(level)))
    steady: NDArray[np.bool_] = (_smoothed(level) > _floor_db(level) + step) & (level > _SILENT_DB)
    return steady


def _smoothed(level: NDArray[np.float32]) -> NDArray[np.float32]:
    width = round(_SMOOTH_S / _FRAME_S)
    padded = np.pad(level, (width // 2, width - 1 - width // 2), mode="edge") if len(level) else level
    return np.convolve(padded, np.ones(width) / width, mode="valid").astype(np.float32) if len(level) else level


def _floor_db(level: NDArray[np.float32]) -> NDArray[np.float32]:
    """The noise floor at each frame: of windows that overlap by half, joined linearly."""
    width = round(_FLOOR_WINDOW_S / _FRAME_S)
    starts = range(0, max(1, len(level) - width // 2), width // 2)
    floors = [float(np.percentile(level[s : s + width], 10)) if len(level) else _SILENT_DB for s in starts]
    centres = [start + width / 2 for start in starts]
    return np.maximum(np.interp(np.arange(len(level)), centres, floors), _SILENT_DB).astype(np.float32)


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], active, [False]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
