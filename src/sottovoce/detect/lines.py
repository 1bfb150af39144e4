"""A channel's tokens, and the turns they fall into.

A turn is a stretch of voice with no long pause in it. Its edges come from the voice-active spans where
there are any, because a transcriber's word times drift, above all over digits: a turn covers the voice
itself, also where no word claims it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from sottovoce.detect.languages.known import language_of
from sottovoce.detect.languages.language import Language
from sottovoce.detect.tokens import Token, tokens_of
from sottovoce.domain.spans import Span, merged
from sottovoce.domain.transcript import ChannelTranscript, Transcript

TURN_PAUSE_S = 0.7
"""A pause longer than this ends a turn."""

BREAK_S = 0.25
"""A hole in the voice-active spans, which reach 150 ms beyond the voice on both sides: over half a second without
voice. No word goes on after it, and what the transcriber guessed there is another sentence's beginning."""

DOUBT = 0.6
"""Word probability below which the transcriber was guessing."""


LEAST_S = 0.3
"""A digit or letter takes this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Tokens `first <= i < last` of the line, said over `span` without a long pause."""

    first: int
    last: int
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one channel said. Turns are in order and hold every token once."""

    channel: int
    rate: int
    tokens: tuple[Token, ...] = field(repr=False)
    turns: tuple[Turn, ...]
    speech: tuple[Span, ...]
    """Where there is voice, sorted and disjoint; empty when nobody looked."""
    language: Language
    turn_starts: tuple[int, ...] = field(repr=False)
    """First token of each turn, for looking up."""

    def turn_of(self, token: int) -> Turn:
        """The turn a token belongs to."""
        return self.turns[bisect_right(self.turn_starts, token) - 1]

    def said(self, turn: Turn) -> tuple[Token, ...]:
        return self.tokens[turn.first : turn.last]

    def with_doubtful(self, first: int, last: int, *, most: int = 2) -> tuple[int, int]:
        """`first, last` grown over at most `most` neighbours a side that the transcriber was unsure of.

        What it guesses beside a number is often more of the number.
        """
        for _ in range(most):
            if first and self._is_doubtful_neighbour(first - 1, first):
                first -= 1
            if last < len(self.tokens) and self._is_doubtful_neighbour(last, last - 1):
                last += 1
        return first, last

    def _is_doubtful_neighbour(self, i: int, beside: int) -> bool:
        a, b = self.tokens[min(i, beside)], self.tokens[max(i, beside)]
        near = b.span.start - a.span.end <= self.rate and not self._is_broken(min(i, beside))
        return near and self.tokens[i].probability < DOUBT

    def _is_broken(self, i: int) -> bool:
        """Whether the voice breaks off between the tokens i and i+1."""
        a, b = self.tokens[i].span, self.tokens[i + 1].span
        end = self._island_end(i)
        return b.start >= end and any(
            after.start - end >= int(BREAK_S * self.rate) and after.start < b.end
            for after in self._speech_between(end, max(end, b.end))[:2]
            if after.start > end and after.start > a.start
        )

    def phrases(self, turn: Turn) -> tuple[Turn, ...]:
        """The turn in parts, at each break of the voice."""
        cuts = [i for i in range(turn.first + 1, turn.last) if self._is_broken(i - 1)]
        return tuple(self._phrase(a, b, turn) for a, b in pairwise([turn.first, *cuts, turn.last]))

    def _phrase(self, first: int, last: int, turn: Turn) -> Turn:
        """Up to where its voice breaks off, from where the one before it did."""
        start = turn.span.start if first == turn.first else self._island_end(first - 1)
        start = max(start, min(self.tokens[first].span.start, self._island_start(first)))
        end = turn.span.end if last == turn.last else self._island_end(last - 1)
        return Turn(first=first, last=last, span=Span(start, max(start, end)))

    def _island_start(self, i: int) -> int:
        span = self.tokens[i].span
        at = bisect_right(self.speech, span.start, key=lambda s: s.start) - 1
        return self.speech[at].start if at >= 0 and self.speech[at].end > span.start else span.start

    def is_apart(self, i: int) -> bool:
        """Whether the token i stands after a break in the voice, or after a second without words."""
        if not i:
            return True
        return self._is_broken(i - 1) or self.tokens[i].span.start - self.tokens[i - 1].span.end > self.rate

    def _island_end(self, i: int) -> int:
        """Where the voice in which the token began breaks off; its own end where it began in none."""
        span = self.tokens[i].span
        at = bisect_right(self.speech, span.start, key=lambda s: s.start) - 1
        if at < 0 or self.speech[at].end <= span.start:
            return span.end
        end = self.speech[at].end
        for after in self.speech[at + 1 :]:
            if after.start - end >= int(BREAK_S * self.rate):
                break
            end = after.end
        return end

    def _end(self, last: int) -> int:
        """Where the token ends; one short sound goes on no further than the voice in which it began."""
        token = self.tokens[last]
        alone = not token.is_numeral or len(token.text) == 1
        neighbours = self.tokens[max(0, last - 1) : last + 2]
        if not alone or sum(t.word == token.word for t in neighbours) > 1:
            return token.span.end
        return min(token.span.end, max(self._island_end(last), token.span.start + int(LEAST_S * self.rate)))

    def turns_within(self, span: Span) -> tuple[Turn, ...]:
        """Turns that begin inside the span."""
        lo = bisect_left(self.turns, span.start, key=lambda t: t.span.start)
        return self.turns[lo : bisect_left(self.turns, span.end, lo=lo, key=lambda t: t.span.start)]

    def voiced(self, first: int, last: int, *, reach_s: float = 0.4, mistimed: bool = False) -> Span:
        """The span of tokens `first <= i < last`, with the voice around them that no other token claims.

        Reaches at most `reach_s` to each side: a transcriber drops or shifts the edges of a number. Words are taken
        whole: where in a word a piece of it was said, its letters do not tell. Goes forward over a break of the voice
        only when `mistimed`, where the tokens' times cannot be right.
        """
        first = bisect_left(self.tokens, self.tokens[first].word, hi=first, key=lambda t: t.word)
        last = bisect_right(self.tokens, self.tokens[last - 1].word, lo=last, key=lambda t: t.word)
        ends = [*(t.span.end for t in self.tokens[first : last - 1]), self._end(last - 1)]
        span = Span(self.tokens[first].span.start, max(*ends, self.tokens[first].span.start))
        reach = int(reach_s * self.rate)
        floor = max(self.tokens[first - 1].span.end if first else 0, span.start - reach)
        ceiling = span.end + reach
        if last < len(self.tokens):
            ceiling = min(ceiling, self.tokens[last].span.start)
        return Span(*self._grown(span, min(floor, span.start), max(ceiling, span.end), mistimed=mistimed))

    def _grown(self, span: Span, floor: int, ceiling: int, *, mistimed: bool) -> tuple[int, int]:
        """Backward over pauses too, because first words are stamped late."""
        near, after = int(TURN_PAUSE_S * self.rate), int(BREAK_S * self.rate)
        start, end = span.start, span.end
        for s in reversed(self._speech_between(floor, start)):
            if s.end + near < start:
                break
            start = min(start, max(s.start, floor))
        for s in self._speech_between(end, ceiling):
            if s.start > end + (near if mistimed else after):
                break
            end = max(end, min(s.end, ceiling))
        return start, end

    def _speech_between(self, start: int, end: int) -> Sequence[Span]:
        lo = bisect_right(self.speech, start, key=lambda s: s.end)
        hi = bisect_left(self.speech, end, key=lambda s: s.start)
        return self.speech[lo:hi]


def lines_of(transcript: Transcript) -> tuple[Line, ...]:
    """One line a channel. Raises DetectionError for a language whose numbers and prompts are not known."""
    language = language_of(transcript.language)
    return tuple(_line(c, transcript.rate, language) for c in transcript.channels)


def _line(channel: ChannelTranscript, rate: int, language: Language) -> Line:
    tokens = language.read(tokens_of(sorted(channel.words, key=lambda w: w.span.start)), rate=rate)
    speech = merged(channel.speech)
    turns = _turns(tokens, merged(speech, gap=int(TURN_PAUSE_S * rate)), int(TURN_PAUSE_S * rate))
    return Line(
        channel=channel.channel,
        rate=rate,
        tokens=tokens,
        turns=turns,
        speech=speech,
        language=language,
        turn_starts=tuple(t.first for t in turns),
    )


def _turns(tokens: tuple[Token, ...], islands: tuple[Span, ...], pause: int) -> tuple[Turn, ...]:
    homes = [_home(t, islands) for t in tokens]
    breaks = [0] if tokens else []
    for i, (a, b) in enumerate(pairwise(tokens), start=1):
        apart = b.span.start - a.span.end > pause
        moved = homes[i] != homes[i - 1] and homes[i] is not None and homes[i - 1] is not None
        if b.word != a.word and (moved or (apart and homes[i] is None)):
            breaks.append(i)
    return tuple(_turn(tokens, islands, homes, a, b) for a, b in pairwise([*breaks, len(tokens)]))


def _turn(tokens: tuple[Token, ...], islands: tuple[Span, ...], homes: list[int | None], first: int, last: int) -> Turn:
    spans = [t.span for t in tokens[first:last]]
    spans += [islands[h] for h in set(homes[first:last]) if h is not None]
    return Turn(first=first, last=last, span=Span(min(s.start for s in spans), max(s.end for s in spans)))


def _home(token: Token, islands: tuple[Span, ...]) -> int | None:
    """The island of voice the token lies in most; None where it lies in silence."""
    lo = bisect_right(islands, token.span.start, key=lambda s: s.end)
    best: tuple[int, int] | None = None
    for i in range(lo, min(lo + 4, len(islands))):
        shared = min(islands[i].end, token.span.end) - max(islands[i].start, token.span.start)
        if shared > 0 and (best is None or shared > best[0]):
            best = (shared, i)
    return None if best is None else best[1]
