"""Judging what has been heard so far against the rules: pure, and the same for half a call as for a whole one.

A violation is claimed as soon as nothing that is still to come could take it back: sensitive data and prohibited
words at once, a missing disclosure only when the call is over. Judging more of a call never withdraws what was
claimed before; a property test holds that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sottovoce.compliance.phrases import Said, find
from sottovoce.compliance.rules import Asked, Captured, ConsentSaid, Disclosure, Order, Prohibited, Rule
from sottovoce.detect.prompts import LAST_FOUR, PROMPTS, REQUEST
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.domain.spans import Span

_ASK_TURN_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A call up to `until`. `words` by channel, in order; `roles` by channel; times in samples of `rate`."""

    words: Mapping[int, Sequence[Said]] = field(repr=False)
    findings: Sequence[Finding]
    roles: Sequence[Role]
    rate: int
    until: int
    is_whole: bool
    consent_flag: bool | None = None
    """What the call's attributes say; None where they say nothing."""

    def of(self, role: Role) -> Iterator[tuple[int, Sequence[Said]]]:
        """The channels on which somebody of the role may be heard."""
        for channel, words in sorted(self.words.items()):
            if self.roles[channel] in (role, Role.BOTH) or role is Role.BOTH:
                yield channel, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule broken at one place. Holds codes and times only."""

    rule: str
    type: str
    channel: int
    span: Span
    confidence: float
    action: str
    entities: tuple[Entity, ...] = ()


def judge(rules: Sequence[Rule], heard: Heard) -> tuple[Violation, ...]:
    """Every violation that is certain by now, in the order of the call."""
    found = [violation for rule in rules for violation in _broken(rule, heard)]
    return tuple(sorted(found, key=lambda v: (v.span.start, v.channel, v.rule)))


def _broken(rule: Rule, heard: Heard) -> Iterator[Violation]:
    match rule:
        case Captured():
            return _captured(rule, heard)
        case Prohibited():
            return _prohibited(rule, heard)
        case Disclosure():
            return _disclosure(rule, heard)
        case Asked():
            return _asked(rule, heard)
        case Order():
            return _order(rule, heard)
        case ConsentSaid():
            return _consent(rule, heard)


def _captured(rule: Captured, heard: Heard) -> Iterator[Violation]:
    for finding in heard.findings:
        if finding.entity in rule.entities and heard.roles[finding.channel] in rule.roles:
            yield _violation(rule, finding.channel, finding.span, finding.score, entities=(finding.entity,))


def _prohibited(rule: Prohibited, heard: Heard) -> Iterator[Violation]:
    for channel, words in heard.of(rule.role):
        for match in find(rule.phrases, words):
            yield _violation(rule, channel, match.span, match.confidence)


def _disclosure(rule: Disclosure, heard: Heard) -> Iterator[Violation]:
    """Said in time is no violation, said later is late, never said is missing once the call is over."""
    limit = round(rule.within_seconds * heard.rate)
    said = [(match, channel) for channel, words in heard.of(rule.role) for match in find(rule.phrases, words)]
    if said:
        first, channel = min(said, key=lambda pair: pair[0].span.start)
        if first.span.start > limit:
            yield _violation(rule, channel, first.span, first.confidence, type_=rule.late_type)
    elif heard.is_whole and heard.until > limit:
        channel = next((channel for channel, _ in heard.of(rule.role)), 0)
        yield _violation(rule, channel, Span(limit, limit), _surely_missing(heard, rule.role))


def _asked(rule: Asked, heard: Heard) -> Iterator[Violation]:
    """A request for the whole of something: asking for the last four digits is not one."""
    patterns = [prompt.pattern for prompt in PROMPTS if prompt.entity in rule.entities]
    for channel, words in heard.of(rule.role):
        for turn in _turns(words, heard.rate):
            if not heard.is_whole and heard.until - turn[-1].span.end <= heard.rate:
                continue  # the sentence may go on to ask for the last four digits only
            text = " ".join(word.text for word in turn)
            asks = REQUEST.search(text) and any(pattern.search(text) for pattern in patterns)
            if asks and not LAST_FOUR.search(text):
                sure = sum(word.probability for word in turn) / len(turn)
                span = Span(turn[0].span.start, turn[-1].span.end)
                yield _violation(rule, channel, span, sure, entities=rule.entities)


def _order(rule: Order, heard: Heard) -> Iterator[Violation]:
    for channel, words in heard.of(rule.role):
        first = next(find(rule.first, words), None)
        for match in find(rule.then, words):
            if first is None or match.span.start < first.span.start:
                yield _violation(rule, channel, match.span, match.confidence)


def _consent(rule: ConsentSaid, heard: Heard) -> Iterator[Violation]:
    """The first clear answer to the prompt, against the flag. No prompt or no answer says nothing."""
    asked = [match for _, words in heard.of(Role.AGENT) for match in find(rule.prompt, words)]
    if not asked or heard.consent_flag is None:
        return
    after = min(match.span.end for match in asked)
    until = after + round(rule.answer_seconds * heard.rate)
    if heard.until < until and not heard.is_whole:
        return
    for channel, words in heard.of(Role.CUSTOMER):
        answer = [word for word in words if after <= word.span.start < until]
        refused, agreed = next(find(rule.no, answer), None), next(find(rule.yes, answer), None)
        said = refused or agreed
        if said is not None and (refused is None) != heard.consent_flag:
            yield _violation(rule, channel, said.span, said.confidence)


def _violation(
    rule: Rule,
    channel: int,
    span: Span,
    confidence: float,
    *,
    type_: str | None = None,
    entities: tuple[Entity, ...] = (),
) -> Violation:
    return Violation(
        rule=rule.id,
        type=type_ or rule.type,
        channel=channel,
        span=span,
        confidence=round(min(1.0, max(0.0, confidence)), 3),
        action=rule.action,
        entities=entities,
    )


def _surely_missing(heard: Heard, role: Role) -> float:
    """How sure an absence is: as sure as what was heard of that role."""
    words = [word for _, said in heard.of(role) for word in said]
    return sum(word.probability for word in words) / len(words) if words else 0.5


def _turns(words: Sequence[Said], rate: int) -> Iterator[list[Said]]:
    """Words said without a long pause, cut where they go on for longer than a question does."""
    turn: list[Said] = []
    for word in words:
        apart = turn and word.span.start - turn[-1].span.end > rate
        if turn and (apart or word.span.end - turn[0].span.start > _ASK_TURN_S * rate):
            yield turn
            turn = []
        turn.append(word)
    if turn:
        yield turn
