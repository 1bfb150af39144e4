"""Redactions that are wrong in one known way, made from the truth, to see whether a judge catches them.

`clean` and `clean_tone` are right: what a redactor with perfect knowledge would write. Everything else is a
failure seen in the field. Never a way to redact recordings: it needs to be told what they hold.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.conformance.planted import plant_tags
from sottovoce.conformance.protocol import Codec
from sottovoce.conformance.truth import Call, load_truth
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.errors import TruthInvalid

Samples = NDArray[np.float32]
Edit = Callable[[Samples, int, int, int], None]
"""Changes samples of shape (channels, frames) in place: channel, start, end."""

_MARGIN_S: Final = 0.2
_LATE_S: Final = 0.75
_DELAY_S: Final = 0.5
_TOO_SHORT_S: Final = 0.05
_TONE_HZ: Final = 1000
_TONE: Final = 0.1
"""-20 dB of full scale."""
_OVERLAID: Final = 0.5
_OTHER_RATE: Final = {8000: 16_000}


class Sabotage(StrEnum):
    """What is done to every call."""

    CLEAN = "clean"
    CLEAN_TONE = "clean-tone"
    UNTOUCHED = "untouched"
    OVERLAID_TONE = "overlaid-tone"
    MUTE_50MS = "mute-50ms"
    SHIFTED_SPANS = "shifted-spans"
    DELAYED = "delayed"
    CUT_END = "cut-end"
    CHANGED_RATE = "changed-rate"
    DOWNMIX = "downmix"
    SWAPPED = "swapped"
    METADATA = "metadata"
    LEFT_BEHIND = "left-behind"


def sabotage(truth: Path, folder: Path, how: Sabotage, *, codec: Codec) -> int:
    """Writes a redaction of every call into a new or empty `folder`; how many. TruthInvalid or MediaError."""
    calls = load_truth(truth)
    if folder.exists() and any(folder.iterdir()):
        raise TruthInvalid("the folder for the redacted files is not empty", hint="name a new one")
    for call in calls:
        data = (truth / call.file).read_bytes()
        target = folder / Path(call.file).with_name(call.id + Path(call.file).suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if how is Sabotage.UNTOUCHED else redacted(call, data, how, codec=codec))
        if how is Sabotage.LEFT_BEHIND:
            target.with_stem(f"{call.id}-backup").write_bytes(data)
    return len(calls)


def redacted(call: Call, data: bytes, how: Sabotage, *, codec: Codec) -> bytes:
    """One call's file, redacted in the way of `how`."""
    samples, shape = codec.read(Confidential(data))
    changed = samples.copy()
    edit, before, after = _EDITS.get(how, (_mute, _MARGIN_S, _MARGIN_S))
    for channel, start_s, end_s in _spans(call, shape, how):
        start = max(0, round((start_s - before) * shape.rate))
        edit(changed, channel, start, min(samples.shape[1], round((end_s + after) * shape.rate)))
    changed, shape = _reshaped(changed, shape, how)
    sound = Sound(samples=np.ascontiguousarray(changed), rate=shape.rate, roles=(Role.BOTH,) * shape.channels)
    written = codec.write(sound, shape).reveal()
    return plant_tags(written) if how is Sabotage.METADATA else written


def _spans(call: Call, shape: MediaFormat, how: Sabotage) -> list[tuple[int, float, float]]:
    """What is edited: whole passages, and their echo in calls with crosstalk; units where they are muted singly."""
    found = []
    for passage in call.entities:
        parts = passage.units if how is Sabotage.MUTE_50MS else ((passage.whole.start_s, passage.whole.end_s),)
        both = call.crosstalk and shape.channels == 2
        for channel in range(2) if both else (passage.whole.channel,):
            found += [(channel, start, end) for start, end in parts]
    return found


def _mute(samples: Samples, channel: int, start: int, end: int) -> None:
    samples[channel, start:end] = 0.0


def _replace_by_tone(samples: Samples, channel: int, start: int, end: int) -> None:
    samples[channel, start:end] = 0.0
    _tone(samples, channel, start, end, _TONE)


def _overlay(samples: Samples, channel: int, start: int, end: int) -> None:
    _tone(samples, channel, start, end, _OVERLAID)
    np.clip(samples, -1.0, 1.0, out=samples)


def _tone(samples: Samples, channel: int, start: int, end: int, level: float) -> None:
    # One cycle in eight samples at telephone rate; at another rate another pitch, which is as good here.
    wave = np.sin(2 * np.pi * np.arange(end - start) * (_TONE_HZ / 8000))
    samples[channel, start:end] += (level * wave).astype(np.float32)


def _mute_start(samples: Samples, channel: int, start: int, end: int) -> None:
    """50 ms of each unit, near its start: what a span from bad word times covers."""
    width = round(_TOO_SHORT_S * 8000)
    samples[channel, start : min(end, start + width)] = 0.0


_EDITS: Final[dict[Sabotage, tuple[Edit, float, float]]] = {
    Sabotage.CLEAN_TONE: (_replace_by_tone, _MARGIN_S, _MARGIN_S),
    Sabotage.OVERLAID_TONE: (_overlay, _MARGIN_S, _MARGIN_S),
    Sabotage.MUTE_50MS: (_mute_start, 0.0, 0.0),
    Sabotage.SHIFTED_SPANS: (_mute, -_LATE_S, _LATE_S),
}
"""The edit, and by how many seconds it begins before and ends after the passage."""


def _reshaped(samples: Samples, shape: MediaFormat, how: Sabotage) -> tuple[Samples, MediaFormat]:
    match how:
        case Sabotage.CHANGED_RATE:
            rate = _OTHER_RATE.get(shape.rate, 8000)
            return _resampled(samples, shape.rate, rate), replace(shape, rate=rate)
        case Sabotage.DOWNMIX:
            mixed = samples.mean(axis=0, keepdims=True)
            return np.repeat(mixed, shape.channels, axis=0), shape
        case Sabotage.DELAYED:
            late = round(_DELAY_S * shape.rate)
            return np.pad(samples, ((0, 0), (late, 0)))[:, : samples.shape[1]], shape
        case Sabotage.CUT_END:
            return samples[:, : -shape.rate // 10], shape
        case Sabotage.SWAPPED:
            return samples[::-1], shape
        case _:
            return samples, shape


def _resampled(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    import soxr

    return np.asarray(soxr.resample(samples.T, from_rate, to_rate).T, dtype=np.float32)
