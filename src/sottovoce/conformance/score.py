"""Every call of a truth against a folder of redacted files: one file a call, found by the call's id.

Files are decoded one call at a time. A call without a file, or with one that cannot be read, counts as leaked
in whole. Audio files that belong to no call, or come second for one, are searched for what the calls hid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from sottovoce.conformance.alignment import Channels, Placement, locate, similarity_at_any_shift
from sottovoce.conformance.files import form_failures, is_copy, place_failures, wrong_length
from sottovoce.conformance.findings import CallScore, Failure, Found, PassageScore
from sottovoce.conformance.leaks import heard_units
from sottovoce.conformance.media import AUDIO, Heard, fitted, hear, hear_original
from sottovoce.conformance.passages import Flags, gone, judge, sensitive
from sottovoce.conformance.protocol import Codec
from sottovoce.conformance.similarity import HEARD, RATE, Signal, frames_of, levels, samples, similarity
from sottovoce.conformance.truth import Call, Passage, load_truth
from sottovoce.errors import MediaError, TruthInvalid

CROSSTALK: Final = "CROSSTALK"
_SPOKEN: Final = 0.02
"""Frames of a carrier fainter than this are no speech."""
_FRAME_S: Final = 0.1
_SAME_CALL: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """A file that is no call's redacted one; `sound` is all its channels mixed."""

    number: int
    sound: Signal


def score_folder(
    truth: Path,
    redacted: Path,
    *,
    codec: Codec,
    only: frozenset[str] = frozenset(),
    advance: Callable[[], None] = lambda: None,
) -> tuple[CallScore, ...]:
    """A score for each call of `truth`, in its order; `only` names the entity types to judge, all when empty.

    `advance` is called after each. Raises TruthInvalid, or MediaError for an original that cannot be read.
    """
    if not redacted.is_dir():
        raise TruthInvalid("there is no such folder of redacted files", hint="give the folder the vendor wrote")
    calls = load_truth(truth)
    _check_types(calls, only)
    chosen, others = _files(calls, redacted)
    strays = tuple(_strays(others, codec))
    scores = []
    for call in calls:
        original = _original(call, truth, codec)
        score = _score(call, original, chosen.get(call.id), codec, only)
        scores.append(_with_strays(score, call, original, strays))
        advance()
    return tuple(scores)


def _check_types(calls: tuple[Call, ...], only: frozenset[str]) -> None:
    known = {passage.type for call in calls for passage in call.entities}
    if not only <= known:
        raise TruthInvalid(
            "a type was asked for that the truth does not have", hint=f"it has {', '.join(sorted(known))}"
        )


def _files(calls: tuple[Call, ...], folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """The first file of each call by name, and all other audio."""
    ids = {call.id for call in calls}
    chosen: dict[str, Path] = {}
    others = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO and p.is_file()):
        if path.stem in ids and path.stem not in chosen:
            chosen[path.stem] = path
        else:
            others.append(path)
    return chosen, others


def _strays(paths: list[Path], codec: Codec) -> Iterator[Stray]:
    for number, path in enumerate(paths):
        try:
            yield Stray(number=number, sound=hear(path, codec).sound.mean(axis=0))
        except MediaError:
            continue


def _original(call: Call, folder: Path, codec: Codec) -> Heard:
    original = hear_original(folder, call.file, codec)
    last = max((p.whole.channel for p in (*call.entities, *call.keep)), default=0)
    last = max([last, *(c.channel for c in call.carriers)])
    if last >= original.format.channels:
        raise TruthInvalid(f"the truth of {call.id} names a channel its file does not have")
    ends = [end for p in (*call.entities, *call.keep) for _, end in p.units]
    if max(ends, default=0.0) > original.sound.shape[1] / RATE + 0.1:
        raise TruthInvalid(f"the truth of {call.id} names times after its end")
    return original


def _score(call: Call, original: Heard, path: Path | None, codec: Codec, only: frozenset[str]) -> CallScore:
    judged = tuple(p for p in call.entities if not only or p.type in only)
    try:
        redacted = hear(path, codec) if path else None
    except MediaError as error:
        return _unjudged(call, judged, original, Found(failure=Failure.UNREADABLE, detail=error.code))
    if redacted is None:
        return _unjudged(call, judged, original, Found(failure=Failure.MISSING))
    return _judged(call, judged, original, redacted)


def _unjudged(call: Call, judged: tuple[Passage, ...], original: Heard, found: Found) -> CallScore:
    kinds = [(p, kind) for p in judged for kind in ((p.type, CROSSTALK) if _bleeds(call, original) else (p.type,))]
    return CallScore(
        id=call.id,
        duration_s=original.sound.shape[1] / RATE,
        passages=tuple(gone(p, kind) for p, kind in kinds),
        failures=(found,),
        keep_units=sum(len(p.units) for p in call.keep),
    )


def _judged(call: Call, judged: tuple[Passage, ...], original: Heard, redacted: Heard) -> CallScore:
    x = original.sound
    mask = sensitive(call.entities, x.shape[1])
    placement = locate(x, redacted.sound, mask)
    y = fitted(redacted.sound, x.shape)
    passages, causes = _passages(call, judged, original, y, _put_back(placement, redacted.sound, x))
    copied = (Found(failure=Failure.UNREDACTED_COPY),) if call.entities and is_copy(original, redacted) else ()
    found = (*form_failures(original, redacted), *place_failures(placement), *causes, *copied)
    speech_s, removed_s = _over_redaction(call, x, y, mask)
    return CallScore(
        id=call.id,
        duration_s=x.shape[1] / RATE,
        passages=passages,
        failures=found,
        judged_s=speech_s,
        removed_s=removed_s,
        keep_units=sum(len(p.units) for p in call.keep),
        keep_lost=_keep_lost(call, x, y),
        wrong_length=wrong_length(original, redacted),
    )


def _put_back(placement: Placement, redacted: Channels, x: Channels) -> Channels | None:
    moved = placement.shift or placement.sources != tuple(range(len(x)))
    return placement.put_back(redacted, (len(x), x.shape[1])) if moved else None


def _bleeds(call: Call, original: Heard) -> bool:
    return call.crosstalk and original.format.channels == 2


def _passages(
    call: Call, judged: tuple[Passage, ...], original: Heard, y: Channels, back: Channels | None
) -> tuple[tuple[PassageScore, ...], tuple[Found, ...]]:
    scores, causes = [], dict.fromkeys(Failure, 0)
    for passage in judged:
        channel = passage.whole.channel
        places = [(passage.type, channel), *([(CROSSTALK, 1 - channel)] if _bleeds(call, original) else [])]
        for kind, at in places:
            answer = judge(passage, kind, original.sound[at], y[at], back[at] if back is not None else None)
            scores.append(answer.score)
            for failure in answer.failures:
                causes[failure] += 1
    found = tuple(Found(failure=f, detail=f"{n} passages") for f, n in causes.items() if n)
    return tuple(scores), found


def _keep_lost(call: Call, x: Channels, y: Channels) -> int:
    lost = 0
    for passage in call.keep:
        cuts = np.array([[samples(start), samples(end)] for start, end in passage.units])
        at = passage.whole.channel
        lost += int((similarity(x[at], y[at], cuts) < HEARD).sum())
    return lost


def _over_redaction(call: Call, x: Channels, y: Channels, mask: Flags) -> tuple[float, float]:
    """Seconds of harmless speech that were judged, and of them removed."""
    judged = removed = 0
    for carrier in call.carriers:
        at = carrier.channel
        frames = frames_of(samples(carrier.start_s), min(samples(carrier.end_s), x.shape[1]))
        spoken = (levels(x[at], frames) >= _SPOKEN) & ~_touched(mask, frames)
        judged += int(spoken.sum())
        removed += int((similarity(x[at], y[at], frames[spoken]) < HEARD).sum())
    return judged * _FRAME_S, removed * _FRAME_S


def _touched(mask: Flags, frames: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Flags:
    counted = np.concatenate(([0], np.cumsum(mask)))
    return np.asarray(counted[frames[:, 1]] > counted[frames[:, 0]])


def _with_strays(score: CallScore, call: Call, original: Heard, strays: tuple[Stray, ...]) -> CallScore:
    count = sum(_holds(stray.sound, call, original.sound) for stray in strays)
    if not count:
        return score
    return replace(
        score, failures=(*score.failures, Found(failure=Failure.UNREDACTED_COPY, detail=f"{count} other files"))
    )


def _holds(sound: Signal, call: Call, x: Channels) -> bool:
    """Whether another file carries this call, at any shift, with anything sensitive in it."""
    if not call.entities:
        return False
    score, shift = similarity_at_any_shift(x.mean(axis=0), sound)
    if score < _SAME_CALL:
        return False
    there = Placement(shift=shift, sources=(0,), mixed=False).put_back(sound[None, :], (1, x.shape[1]))[0]
    return any(unit.leaked for p in call.entities for unit in heard_units(x[p.whole.channel], there, p.units))
