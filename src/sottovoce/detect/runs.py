"""Pieces of digits, gathered into groups said in one go, and groups into numbers said over several.

A speaker reads a long number in groups, breathes, says "um", corrects a digit, waits for an "uh-huh" and
goes on; a transcriber drops digits and writes words for them. So a group outlives fillers and one or two
words nobody knows, and a number outlives pauses in which nothing else of weight was said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sottovoce.detect.grammar import Piece, Said, pieces_of
from sottovoce.detect.lexicon import BACKCHANNELS, FILLERS, SCALES
from sottovoce.detect.lines import Line
from sottovoce.detect.tokens import Token
from sottovoce.domain.spans import Span

GROUP_PAUSE_S = 2.5
NUMBER_PAUSE_S = 10.0
MOST_FILLERS = 6
MOST_UNKNOWN = 2
SLOWEST_DIGIT_S = 0.6
"""A digit read out takes 0.25 to 0.6 s: a numeral shorter than its digits is a time stamp gone wrong."""
FASTEST_DIGIT_S = 0.2
LONG_DIGITS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Digits said in one go on one line, by tokens `first <= i < last`."""

    line: Line = field(repr=False)
    first: int
    last: int
    digits: str = field(repr=False)
    unknown: int
    """Words inside that are neither digits nor fillers."""
    amounts: int
    """Pieces said as quantities."""
    pieces: int
    is_measure: bool = False
    """Ends in a unit, with hundreds or thousands in it: `two thousand three hundred dollars`."""

    @property
    def span(self) -> Span:
        """The voice of the whole group, with what the transcriber's times may have cut from it."""
        bare = self.bare
        plausible = int(len(self.digits) * SLOWEST_DIGIT_S * self.line.rate)
        reach_s = max(0.4, (plausible - bare.length) / self.line.rate)
        first, last = self.first, self.last
        if len(self.digits) >= LONG_DIGITS:
            first, last = self.line.with_doubtful(first, last)
        mistimed = self.bare.length < len(self.digits) * FASTEST_DIGIT_S * self.line.rate
        return self.line.voiced(first, last, reach_s=reach_s, mistimed=mistimed)

    @property
    def bare(self) -> Span:
        tokens = self.line.tokens[self.first : self.last]
        return Span(tokens[0].span.start, max(t.span.end for t in tokens))


def groups_of(line: Line) -> tuple[Group, ...]:
    """All groups of a line, in order; a lone quantity is a group too, for others to dismiss."""
    pieces = _in_context(pieces_of(line.tokens), line)
    return tuple(_grouped(pieces, line))


def _in_context(pieces: Sequence[Piece], line: Line) -> list[Piece]:
    """Without the soft pieces that no digit stands beside."""
    solid = [p.said in {Said.DIGIT, Said.PAIR, Said.SCALED} for p in pieces]
    for order in (range(len(pieces)), range(len(pieces) - 1, -1, -1)):
        for i in order:
            solid[i] = solid[i] or (pieces[i].said is Said.SOFT and _has_neighbour(pieces, solid, i, line))
    return [
        p
        for i, p in enumerate(pieces)
        if solid[i] or p.said is Said.AMOUNT or (p.said is Said.FAINT and _is_between(pieces, solid, i, line))
    ]


def _has_neighbour(pieces: Sequence[Piece], solid: Sequence[bool], i: int, line: Line) -> bool:
    before = i > 0 and solid[i - 1] and _touch(pieces[i - 1], pieces[i], line)
    after = i + 1 < len(pieces) and solid[i + 1] and _touch(pieces[i], pieces[i + 1], line)
    return before or after


def _is_between(pieces: Sequence[Piece], solid: Sequence[bool], i: int, line: Line) -> bool:
    return (
        0 < i < len(pieces) - 1
        and solid[i - 1]
        and solid[i + 1]
        and _touch(pieces[i - 1], pieces[i], line)
        and _touch(pieces[i], pieces[i + 1], line)
    )


def _touch(a: Piece, b: Piece, line: Line) -> bool:
    apart = line.tokens[b.first].span.start - line.tokens[a.last - 1].span.end
    return b.first - a.last == 0 and apart <= GROUP_PAUSE_S * line.rate


def _grouped(pieces: Sequence[Piece], line: Line) -> Iterator[Group]:
    open_: list[Piece] = []
    for piece in pieces:
        if open_ and not _bridged(open_[-1], piece, line):
            yield from _parted(open_, line)
            open_ = []
        open_.append(piece)
    if open_:
        yield from _parted(open_, line)


def _parted(pieces: Sequence[Piece], line: Line) -> Iterator[Group]:
    """A quantity after a break is no more of the number before it: `…four five. One pound of`."""
    cut = len(pieces)
    while cut > 1 and pieces[cut - 1].said is Said.AMOUNT and line.is_apart(pieces[cut - 1].first):
        cut -= 1
    yield _group(pieces[:cut], line)
    if cut < len(pieces):
        yield _group(pieces[cut:], line)


def _bridged(a: Piece, b: Piece, line: Line) -> bool:
    between = line.tokens[a.last : b.first]
    apart = line.tokens[b.first].span.start - line.tokens[b.first - 1 if not between else a.last - 1].span.end
    if apart > GROUP_PAUSE_S * line.rate or len(between) > MOST_FILLERS or _announces_its_end(between, line):
        return False
    unknown = sum(t.text not in FILLERS for t in between)
    broken = any(line.is_apart(i) for i in range(a.last, b.first + 1))
    return unknown <= (0 if broken else MOST_UNKNOWN)


def _announces_its_end(between: Sequence[Token], line: Line) -> bool:
    """What follows "ending in" is said again, however soon after the whole number."""
    return bool(line.language.ending.search(" ".join(line.language.said(between))))


def _group(pieces: Sequence[Piece], line: Line) -> Group:
    first, last = pieces[0].first, pieces[-1].last
    said = sum(p.last - p.first for p in pieces)
    fillers = sum(t.text in FILLERS for t in line.tokens[first:last])
    return Group(
        line=line,
        first=first,
        last=last,
        digits="".join(p.digits for p in pieces),
        unknown=max(0, last - first - said - fillers),
        amounts=sum(p.said is Said.AMOUNT for p in pieces),
        pieces=len(pieces),
        is_measure=pieces[-1].said is Said.AMOUNT and any(_is_scaled(p, line) for p in pieces),
    )


def _is_scaled(piece: Piece, line: Line) -> bool:
    return any(t.text in SCALES for t in line.tokens[piece.first : piece.last])


def numbers_of(groups: Sequence[Group], others: Sequence[Line], *, full: int = 13) -> tuple[tuple[Group, ...], ...]:
    """Groups joined into numbers: each grows until it has `full` digits, or something else is said."""
    numbers: list[list[Group]] = []
    for group in groups:
        if numbers and _goes_on(numbers[-1], group, others, full):
            numbers[-1].append(group)
        else:
            numbers.append([group])
    return tuple(tuple(n) for n in numbers)


def _goes_on(number: Sequence[Group], group: Group, others: Sequence[Line], full: int) -> bool:
    last = number[-1]
    if len(group.digits) >= full or sum(len(g.digits) for g in number) >= full or min(last.pieces, group.pieces) == 0:
        return False
    if last.amounts == last.pieces or group.amounts == group.pieces:
        return False
    gap = Span(last.bare.end, max(last.bare.end, group.bare.start))
    if gap.length > NUMBER_PAUSE_S * group.line.rate:
        return False
    own = group.line.tokens[last.last : group.first]
    if sum(t.text not in BACKCHANNELS for t in own) > MOST_UNKNOWN:
        return False
    return all(_only_listens(line, gap) for line in others)


def _only_listens(line: Line, gap: Span) -> bool:
    """Whether the channel says no more than "uh-huh, go on" inside the gap, or repeats digits."""
    spoken = [
        t
        for turn in line.turns_within(gap)
        for t in line.said(turn)
        if t.span.overlaps(gap) and t.text not in BACKCHANNELS and not t.is_numeral
    ]
    return len(spoken) <= 2 + MOST_UNKNOWN
