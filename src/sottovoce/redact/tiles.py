"""A long recording in tiles of some minutes, so that memory does not follow its length (SPEC 5.1).

Tiles meet where every channel pauses, where there is such a place. Each pass over a recording plays it once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.finding import RedactionPlan
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import RedactionError
from sottovoce.redact.protocol import Tape

TILE_S: Final = 300.0
"""Long enough that a call is seldom cut, and that what a line sounds like can be judged."""
_LEAST_S: Final = 120.0
_MOST_SAMPLES: Final = 1 << 24
"""64 MiB of float32; what is made of a tile on the way is a few times that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A stretch of the recording from its sample `start`, of which the first `lead` samples were in the tile before."""

    start: int
    sound: Sound
    lead: int = 0

    @property
    def span(self) -> Span:
        return Span(self.start, self.start + self.sound.frames)


@dataclass(frozen=True, slots=True)
class SoundTape:
    """A recording that lies in memory."""

    sound: Sound

    @property
    def rate(self) -> int:
        return self.sound.rate

    @property
    def roles(self) -> tuple[Role, ...]:
        return self.sound.roles

    def play(self) -> Iterator[NDArray[np.float32]]:
        yield self.sound.samples


@dataclass(frozen=True, slots=True)
class KeptTape:
    """A recording in memory in pieces, which are never joined."""

    pieces: tuple[Sound, ...]

    @property
    def rate(self) -> int:
        return self.pieces[0].rate

    @property
    def roles(self) -> tuple[Role, ...]:
        return self.pieces[0].roles

    def play(self) -> Iterator[NDArray[np.float32]]:
        return (piece.samples for piece in self.pieces)


def tile_frames(tape: Tape, *, seconds: float = TILE_S) -> int:
    """The most frames of a tile: five minutes, or less where a minute is large."""
    fitting = max(_MOST_SAMPLES // len(tape.roles), round(_LEAST_S * tape.rate))
    return min(round(seconds * tape.rate), fitting)


def tiles(tape: Tape, ends: Sequence[int], *, leads: Sequence[int] = ()) -> Iterator[Tile]:
    """The recording up to each of `ends`, which is its length at last; tile k begins `leads[k]` frames before its due.

    RedactionError when it is not as long as it was said to be.
    """
    if isinstance(tape, SoundTape) and list(ends) == [tape.sound.frames]:
        yield Tile(start=0, sound=tape.sound)
        return
    leads = [*leads, *[0] * (len(ends) - len(leads))]
    play = _Play(tape)
    start, before = 0, np.zeros((len(tape.roles), 0), dtype=np.float32)
    for k, end in enumerate(ends):
        lead = min(leads[k], before.shape[1])
        samples = np.empty((len(tape.roles), lead + end - start), dtype=np.float32)
        samples[:, :lead] = before[:, before.shape[1] - lead :]
        play.fill(samples[:, lead:])
        after = leads[k + 1] if k + 1 < len(ends) else 0
        before = samples[:, max(0, samples.shape[1] - after) :].copy()
        sound = Sound(samples=samples, rate=tape.rate, roles=tape.roles)
        del samples
        yield Tile(start=start - lead, sound=sound, lead=lead)
        start = end
        del sound  # or two tiles would be in memory while the next is filled
    play.finish()


def clipped(plan: RedactionPlan, tile: Span) -> RedactionPlan:
    """The plan of a tile, in its own samples."""
    if tile == Span(0, plan.frames):
        return plan
    spans = tuple(replace(p, span=within(p.span, tile)) for p in plan.spans if p.span.overlaps(tile))
    return replace(plan, spans=spans, frames=tile.length)


def within(span: Span, tile: Span) -> Span:
    """The part of a span that lies in a tile it overlaps, in the tile's samples."""
    return Span(max(span.start, tile.start) - tile.start, min(span.end, tile.end) - tile.start)


class _Play:
    """Blocks of any length, asked for by length."""

    def __init__(self, tape: Tape) -> None:
        self._blocks = tape.play()
        self._left = np.zeros((len(tape.roles), 0), dtype=np.float32)

    def fill(self, room: NDArray[np.float32]) -> None:
        done = 0
        while done < room.shape[1]:
            if not self._left.shape[1]:
                self._left = self._next()
            take = min(self._left.shape[1], room.shape[1] - done)
            room[:, done : done + take] = self._left[:, :take]
            self._left, done = self._left[:, take:], done + take

    def finish(self) -> None:
        if self._left.shape[1] or any(block.shape[1] for block in self._blocks):
            raise _another()

    def _next(self) -> NDArray[np.float32]:
        block = next(self._blocks, None)
        if block is None or block.shape[0] != self._left.shape[0]:
            raise _another()
        return block


def _another() -> RedactionError:
    return RedactionError(
        "the recording has another length than before", hint="it may have changed meanwhile: try again"
    )
