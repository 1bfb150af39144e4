"""What is known of a recording before anything is heard: its length, how loud it is, and where it pauses.

Some numbers for each hundredth of a second, which is all that planning asks of a long recording's sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import UnreadableMedia
from sottovoce.redact.energy import FRAME_S, Envelope, envelope
from sottovoce.redact.protocol import Tape
from sottovoce.redact.tiles import KeptTape, SoundTape

_PAUSE_S: Final = 0.4
"""Where every channel is quiet for so long, nobody is in the middle of a word."""
_KEPT_SAMPLES: Final = 1 << 24
"""64 MiB: a call of seventeen minutes at 8 kHz. To decode lossy formats again costs a tenth of hearing them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where one tile ends and the next begins; `pauses` where no speech goes on across it."""

    at: int
    pauses: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`levels` (dB of full scale) and `quiet` have shape (channels, ceil(frames / frame))."""

    rate: int
    roles: tuple[Role, ...]
    frames: int
    frame: int
    levels: NDArray[np.float32] = field(repr=False, compare=False)
    quiet: NDArray[np.bool_] = field(repr=False, compare=False)

    @property
    def channels(self) -> int:
        return len(self.roles)

    def audible_s(self, channel: int) -> float:
        """Seconds of sound that stand out of the channel's noise."""
        return float(np.count_nonzero(~self.quiet[channel]) * self.frame / self.rate)

    def cuts(self, size: int, *, avoid: Sequence[Span] = ()) -> tuple[Cut, ...]:
        """The ends of tiles of at most `size` frames, in pauses outside of `avoid` where there are any."""
        blocked = np.zeros(self.levels.shape[1], dtype=bool)
        for span in avoid:
            blocked[span.start // self.frame : -(-span.end // self.frame)] = True
        out: list[Cut] = []
        while self.frames - (out[-1].at if out else 0) > size:
            out.append(self._cut(out[-1].at if out else 0, size, blocked))
        return (*out, Cut(at=self.frames, pauses=True))

    def calmest(self, channel: int, span: Span) -> int:
        """The middle of the channel's longest pause in a stretch, or its quietest point."""
        first, last = span.start // self.frame, max(span.start // self.frame + 1, span.end // self.frame)
        pause = _longest(self.quiet[channel, first:last])
        if pause is None:
            return (first + int(np.argmin(self.levels[channel, first:last]))) * self.frame
        return (first + sum(pause) // 2) * self.frame

    def _cut(self, start: int, size: int, blocked: NDArray[np.bool_]) -> Cut:
        first, last = (start + size // 2) // self.frame + 1, (start + size) // self.frame
        part = slice(first, last)
        pause = _longest(self.quiet[:, part].all(axis=0) & ~blocked[part])
        if pause is not None:
            enough = (pause[1] - pause[0]) * self.frame >= _PAUSE_S * self.rate
            return Cut(at=(first + sum(pause) // 2) * self.frame, pauses=enough)
        loudness = np.where(blocked[part], np.inf, self.levels[:, part].max(axis=0))
        return Cut(at=(first + int(np.argmin(loudness))) * self.frame, pauses=False)


def ground_of(sound: Sound) -> Ground:
    """Of a sound in memory."""
    return _ground(SoundTape(sound), [envelope(sound)], sound.frames)


def survey(tape: Tape, *, size: int) -> tuple[Ground, Tape]:
    """The ground, and what to play from now on: a recording of moderate length stays in memory, decoded once.

    What is quiet is judged by the `size` frames around it. UnreadableMedia for a recording without sound.
    """
    if isinstance(tape, SoundTape):
        return ground_of(tape.sound), tape
    envelopes: list[Envelope] = []
    kept: list[Sound] = []
    frames = 0
    for samples in _pieces(tape, _whole_frames(size, tape.rate)):
        piece = Sound(samples=samples, rate=tape.rate, roles=tape.roles)
        envelopes.append(envelope(piece))
        frames += piece.frames
        if len(envelopes) > 1 and frames * piece.channels > _KEPT_SAMPLES:
            kept.clear()
        else:
            kept.append(piece)
    if not envelopes:
        raise UnreadableMedia("the file holds no sound", hint="fetch the recording again")
    ground = _ground(tape, _strict_at_the_end(envelopes), frames)
    if sum(piece.frames for piece in kept) < frames:
        return ground, tape
    return ground, SoundTape(kept[0]) if len(kept) == 1 else KeptTape(tuple(kept))


def _ground(tape: Tape, envelopes: Sequence[Envelope], frames: int) -> Ground:
    channels = range(len(tape.roles))
    return Ground(
        rate=tape.rate,
        roles=tape.roles,
        frames=frames,
        frame=envelopes[0].frame,
        levels=np.concatenate([e.levels for e in envelopes], axis=1),
        quiet=np.concatenate([np.stack([e.quiet(c) for c in channels]) for e in envelopes], axis=1),
    )


def _strict_at_the_end(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """A short last piece may be all speech: what was loud before it is loud in it."""
    if len(envelopes) < 2:
        return list(envelopes)
    before, last = envelopes[-2:]
    bounds = tuple(map(min, before.quiet_db, last.quiet_db))
    return [*envelopes[:-1], replace(last, quiet_db=bounds)]


def _whole_frames(size: int, rate: int) -> int:
    frame = max(1, round(FRAME_S * rate))
    return max(frame, size // frame * frame)


def _pieces(tape: Tape, size: int) -> Iterator[NDArray[np.float32]]:
    """All of the tape in arrays of `size` frames, the last one shorter."""
    held: list[NDArray[np.float32]] = []
    count = 0
    for block in tape.play():
        held.append(block)
        count += block.shape[1]
        while count >= size:
            whole = np.concatenate(held, axis=1)
            held, count = [whole[:, size:].copy()], count - size
            yield whole[:, :size]
    if count:
        yield np.concatenate(held, axis=1)


def _longest(true: NDArray[np.bool_]) -> tuple[int, int] | None:
    """(first, after the last) of the longest run; None where there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], true, [False]))))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return None
    k = int(np.argmax(ends - starts))
    return int(starts[k]), int(ends[k])
