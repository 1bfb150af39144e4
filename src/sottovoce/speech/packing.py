"""Active speech packed into the windows Whisper hears at once, and times mapped back.

Whisper pads whatever it is given to 30 s, so short turns are joined with a little silence between
them; long pauses are left out. Pure: spans in, spans out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.spans import Span, merged

WINDOW_S: Final = 28.0
"""Under Whisper's 30 s, so that its last words are not cut by the window."""
_LEAD_S: Final = 0.1
_GAP_S: Final = 0.4
_KEEP_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Stretches of one channel, heard one after the other with `gap` samples of silence between."""

    pieces: tuple[Span, ...]
    gap: int

    def cut(self, channel: NDArray[np.float32]) -> NDArray[np.float32]:
        """The stretches joined, in the channel's own rate."""
        silence = np.zeros(self.gap, dtype=np.float32)
        out = [part for piece in self.pieces for part in (silence, channel[piece.start : piece.end])]
        return np.concatenate([*out, silence])

    def back(self, start: int, end: int) -> Span:
        """The stretch of the channel behind samples start..end of the cut: within the piece heard most."""
        starts = self._starts()
        first = max(0, bisect_right(starts, start) - 1)
        last = max(first, bisect_right(starts, max(start, end - 1)) - 1)
        options = [self._within(k, starts[k], start, end) for k in range(first, last + 1)]
        return max(options, key=lambda span: span.length)

    def _starts(self) -> list[int]:
        starts, at = [], self.gap
        for piece in self.pieces:
            starts.append(at)
            at += piece.length + self.gap
        return starts

    def _within(self, k: int, offset: int, start: int, end: int) -> Span:
        piece = self.pieces[k]
        low = min(max(start - offset, 0), piece.length)
        high = min(max(end - offset, low), piece.length)
        return Span(piece.start + low, piece.start + high)


def pack(spans: Sequence[Span], *, rate: int, frames: int) -> tuple[Window, ...]:
    """Windows of at most 28 s that together hold every span, in order."""
    lead, gap = round(_LEAD_S * rate), round(_GAP_S * rate)
    limit = round(WINDOW_S * rate)
    turns = merged((s.widened(lead, lead, limit=frames) for s in spans), gap=round(_KEEP_PAUSE_S * rate))
    windows: list[list[Span]] = []
    room = 0
    for piece in (part for turn in turns for part in _split(turn, spans, limit - 2 * gap)):
        if not windows or piece.length + gap > room:
            windows.append([])
            room = limit - gap
        windows[-1].append(piece)
        room -= piece.length + gap
    return tuple(Window(pieces=tuple(pieces), gap=gap) for pieces in windows)


def _split(turn: Span, spans: Sequence[Span], limit: int) -> list[Span]:
    """A turn in parts of at most `limit`, cut in its pauses where it has any in the last half."""
    parts, start = [], turn.start
    while turn.end - start > limit:
        pauses = [s.start for s in spans if start + limit // 2 < s.start < start + limit]
        cut = pauses[-1] if pauses else start + limit
        parts.append(Span(start, cut))
        start = cut
    return [*parts, Span(start, turn.end)]
