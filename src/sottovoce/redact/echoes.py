"""Where else a stretch is heard: the same stretches on other channels that carry them, there or throughout (SPEC 6.6).

Where the other channel is much the louder, what was found is its own speaker's, heard across: it is judged there.
"""

from __future__ import annotations

from collections.abc import Sequence

from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.redact.crosstalk import carries, couples, is_copy
from sottovoce.redact.protocol import Tape
from sottovoce.redact.tiles import tiles, within

Piece = tuple[int, Span, tuple[Finding, ...]]
"""A channel, a stretch of it, and what was found there."""

Pair = tuple[int, int]


def echoes_on(tape: Tape, ends: Sequence[int], pieces: Sequence[Piece]) -> list[Piece]:
    """Further pieces, from one pass over the recording in tiles up to `ends`.

    Channels that are coupled in one tile are taken to be so in all.
    """
    sources = {channel for channel, _, _ in pieces}
    pairs = {(s, o) for s in sources for o in range(len(tape.roles)) if o != s}
    if not pairs:
        return []
    coupled: set[Pair] = set()
    spoken: set[Pair] = set()
    carried: set[Pair] = set()
    for tile in tiles(tape, ends):
        coupled |= {(s, o) for s, o in pairs - coupled if couples(tile.sound, source=s, other=o)}
        for number, (channel, span, _) in enumerate(pieces):
            if not span.overlaps(tile.span):
                continue
            part = within(span, tile.span)
            for pair in (p for p in pairs if p[0] == channel):
                place = (number, pair[1])
                if not is_copy(tile.sound, part, source=channel, other=pair[1]):
                    spoken.add(place)
                if pair not in coupled and place not in carried and _carries(tile.sound, part, pair):
                    carried.add(place)
        del tile
    return [
        (other, span, findings)
        for number, (channel, span, findings) in enumerate(pieces)
        for source, other in sorted(pairs)
        if source == channel
        and (number, other) in spoken
        and ((source, other) in coupled or (number, other) in carried)
    ]


def _carries(sound: Sound, span: Span, pair: Pair) -> bool:
    return carries(sound, span, source=pair[0], other=pair[1])
