"""What stands beside a card number and was only guessed: more of it, or its expiry and CVV (SPEC 6.2).

On a bad line neither ear hears every group of a number, and what the transcriber writes for the others is
improbable. So beside a card number, whoever found it, improbable phrases go as well: those right before and
after it as part of it, and short ones that follow within the time people take to give expiry and CVV. Where
the line is good the neighbours are probable, and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sottovoce.detect.lines import Line, Turn
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.unheard import confidence, is_guessed
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.domain.spans import Span

NAME = "beside_cards"
AFTER_CARD_S = 45.0
BESIDE_S = 2.5
"""A pause between groups of one number."""
MOST_BESIDE_S = 8.0
"""Groups that may be missing on a side take no longer."""
GUESSED_BESIDE = 0.5
GUESSED_AFTER = 0.55
"""Mean word probability below which a phrase beside a card number, or a turn after it, is taken to belong to it."""
NOISY_BESIDE = 0.65
NOISY_AFTER = 0.9
"""The same on a noisy line, where digits are written as other words with some confidence, and where noise joins an
answer to what is said after it: so the first phrase of a turn is judged by itself."""


def beside_cards(call: HeardCall, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Further findings, from the card numbers among `findings`."""
    cards = [f for f in findings if f.entity is Entity.CREDIT_DEBIT_NUMBER]
    return tuple(
        f for line in call.lines for f in _on(call, line, [c.span for c in cards if c.channel == line.channel])
    )


def _on(call: HeardCall, line: Line, cards: Sequence[Span]) -> Iterator[Finding]:
    if not cards:
        return
    phrases = [p for turn in line.turns for p in line.phrases(turn)]
    for card in cards:
        before = [p for p in reversed(phrases) if p.span.start < card.start]
        after = [p for p in phrases if p.span.end > card.end]
        for phrase in (*_adjoining(call, line, before, card), *_adjoining(call, line, after, card)):
            yield _finding(Entity.CREDIT_DEBIT_NUMBER, line, phrase.span)
        if call.role(line.channel) is not Role.AGENT:
            window = Span(card.end, card.end + call.samples(AFTER_CARD_S))
            for turn in line.turns_within(window):
                yield from _answer(call, line, turn)


def _answer(call: HeardCall, line: Line, turn: Turn) -> Iterator[Finding]:
    """The turn, or on a noisy line its first phrase, where it is short and was guessed."""
    if is_guessed(line, turn, below=GUESSED_AFTER):
        yield _finding(Entity.CREDIT_DEBIT_CVV, line, turn.span)
    elif call.is_noisy(line.channel):
        first = line.phrases(turn)[0]
        if is_guessed(line, first, below=NOISY_AFTER):
            yield _finding(Entity.CREDIT_DEBIT_CVV, line, first.span)


def _adjoining(call: HeardCall, line: Line, phrases: Sequence[Turn], card: Span) -> Iterator[Turn]:
    """Guessed phrases in a row from the card number outward; the nearest comes first."""
    edge = card
    least = NOISY_BESIDE if call.is_noisy(line.channel) else GUESSED_BESIDE
    for phrase in phrases:
        gap = max(phrase.span.start - edge.end, edge.start - phrase.span.end)
        whole = Span(min(card.start, phrase.span.start), max(card.end, phrase.span.end))
        if gap > call.samples(BESIDE_S) or whole.length - card.length > call.samples(MOST_BESIDE_S):
            return
        if confidence(line, phrase) >= least:
            return
        edge = phrase.span
        yield phrase


def _finding(entity: Entity, line: Line, span: Span) -> Finding:
    return Finding(entity=entity, channel=line.channel, span=span, detector=NAME, score=0.5)
