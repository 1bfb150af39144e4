"""Long numbers, and what follows them, from words alone: no prompt is needed (SPEC 6.2).

    13 or more digits            a card number, whatever its check digit says
    11 or 12                     a card number with digits the transcriber dropped, unless it is a telephone number
    7 to 10                      a telephone, social security or account number
    5 or 6, read out one by one  an account number
    1 to 6 after a card number   its expiry or CVV

A read-back of the last four digits stays when `keep_last_four`. Refuses nothing: a group it cannot name
but that is long enough still goes, under the most careful name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

from sottovoce.detect.checks import any_luhn, is_phone, is_ssn
from sottovoce.detect.lexicon import FILLERS, MONTHS
from sottovoce.detect.lines import Line
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.runs import Group, groups_of, numbers_of
from sottovoce.detect.tokens import Token
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role

CARD_DIGITS = 13
"""PCI DSS and ISO/IEC 7812-1: primary account numbers have 13 to 19 digits."""
NEAR_CARD_DIGITS = 11
NEAR_CARD_S = 25.0
LEADER_DIGITS = 9
"""What is long enough that short answers after it are taken for its expiry and CVV."""
AFTER_CARD_S = 45.0
SHORT_DIGITS = 6
READ_OUT_DIGITS = 5
READ_OUT_S = 0.3
"""Seconds a digit from which on a numeral was read out: a year takes half of that."""

Number = tuple[Group, ...]
Named = tuple[Entity, float, bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenNumbers:
    """Finds numbers by their length, and short ones by following a card or echoing what was found."""

    keep_last_four: bool = True
    name: str = "spoken_numbers"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        groups = {line.channel: groups_of(line) for line in call.lines}
        named = [n for line in call.lines for n in _all_named(call, line, groups[line.channel])]
        cards = [number for number, name in named if _leads(number, name)]
        last_fours = {_digits(n)[-4:] for n in cards} if self.keep_last_four else set()
        found = {id(g): (g, name) for number, name in named if not _may_follow(number) for g in number}
        for group, name in self._followers(call, groups, cards, set(found), last_fours):
            found.setdefault(id(group), (group, name))
        for number, name in named:
            for group in number:
                found.setdefault(id(group), (group, name))
        secrets = {g.digits: name[0] for g, name in found.values() if 3 <= len(g.digits) <= SHORT_DIGITS}
        for group, name in _echoes(call, groups, secrets, last_fours):
            found.setdefault(id(group), (group, name))
        return tuple(self._finding(g, name) for g, name in found.values())

    def _finding(self, group: Group, named: Named) -> Finding:
        entity, score, checked = named
        return Finding(
            entity=entity,
            channel=group.line.channel,
            span=group.span,
            detector=self.name,
            score=score,
            checked=checked,
        )

    def _followers(
        self,
        call: HeardCall,
        groups: dict[int, tuple[Group, ...]],
        cards: Sequence[Number],
        taken: set[int],
        last_fours: set[str],
    ) -> Iterator[tuple[Group, Named]]:
        for line in call.lines:
            if call.role(line.channel) is Role.AGENT:
                continue
            leaders = [n[-1] for n in cards if n[-1].line.channel == line.channel]
            until, count = 0, 0
            for group in groups[line.channel]:
                if any(group is g for g in leaders):
                    until, count = group.bare.end + call.samples(AFTER_CARD_S), 0
                elif group.bare.start < until and id(group) not in taken and _is_answer(group):
                    if group.digits in last_fours:
                        continue
                    until, count = max(until, group.bare.end + call.samples(AFTER_CARD_S)), count + 1
                    yield group, (_follower(group, count), 0.85, None)


def _all_named(call: HeardCall, line: Line, groups: Sequence[Group]) -> Iterator[tuple[Number, Named]]:
    others = [o for o in call.lines if o.channel != line.channel]
    for number in numbers_of(groups, others, full=CARD_DIGITS):
        named = _named(number, call.role(line.channel))
        if named is not None:
            yield number, named


def _leads(number: Number, named: Named) -> bool:
    return named[0] is Entity.CREDIT_DEBIT_NUMBER or _is_leader(number)


def _may_follow(number: Number) -> bool:
    """Short groups may be a card's expiry and CVV: following one decides before their own length does."""
    return len(_digits(number)) < NEAR_CARD_DIGITS and all(len(g.digits) <= SHORT_DIGITS for g in number)


def _digits(number: Number) -> str:
    return "".join(g.digits for g in number)


def _is_leader(number: Number) -> bool:
    return len(_digits(number)) >= LEADER_DIGITS and not _is_quantity(number)


def _is_quantity(number: Number) -> bool:
    measured = all(g.is_measure for g in number) and len(_digits(number)) < NEAR_CARD_DIGITS
    return measured or sum(g.amounts for g in number) * 2 > sum(g.pieces for g in number)


def _is_dense(number: Number) -> bool:
    """Whether it is mostly digits: chatter with many numbers in it is not one number."""
    unknown = sum(g.unknown for g in number)
    return unknown * 4 <= len(_digits(number))


def _named(number: Number, role: Role) -> Named | None:
    digits = _digits(number)
    if _is_quantity(number) or not _is_dense(number):
        return None
    if len(digits) < READ_OUT_DIGITS:
        return (Entity.ACCOUNT_NUMBER, 0.4, None) if role is not Role.AGENT and _is_bare(number) else None
    if len(digits) >= CARD_DIGITS:
        return Entity.CREDIT_DEBIT_NUMBER, 1.0, any_luhn(digits)
    if len(digits) >= NEAR_CARD_DIGITS:
        return _nearly_card(number, digits)
    return _shorter(number, digits)


def _nearly_card(number: Number, digits: str) -> Named:
    seconds = (number[-1].bare.end - number[0].bare.start) / number[0].line.rate
    if is_phone(digits):
        return Entity.PHONE, 0.8, None
    return Entity.CREDIT_DEBIT_NUMBER, 0.8 if seconds <= NEAR_CARD_S else 0.6, False


def _shorter(number: Number, digits: str) -> Named | None:
    said = sum(g.pieces for g in number)
    if len(digits) == 9:
        return (Entity.SSN, 0.7, None) if is_ssn(digits) else (Entity.BANK_ACCOUNT_NUMBER, 0.6, None)
    if len(digits) in {7, 10}:
        return (
            (Entity.PHONE, 0.7, None)
            if len(digits) == 7 or is_phone(digits)
            else (Entity.BANK_ACCOUNT_NUMBER, 0.6, None)
        )
    if len(digits) >= 8:
        return Entity.BANK_ACCOUNT_NUMBER, 0.6, None
    read_out = said >= 2 or all(_is_slow(g) for g in number)
    return (Entity.ACCOUNT_NUMBER, 0.5, None) if read_out and _stand_alone(number) else None


def _is_bare(number: Number) -> bool:
    """Three or four digits read out as a turn of their own: a code, or part of a number or date."""
    group = number[0]
    read_out = group.pieces >= 2 or _is_slow(group)
    return len(number) == 1 and len(group.digits) >= 3 and read_out and _is_answer(group)


def _is_slow(group: Group) -> bool:
    """Whether a numeral took the time of digits read out one by one."""
    return len(group.digits) >= 4 and group.span.length >= READ_OUT_S * len(group.digits) * group.line.rate


def _stand_alone(number: Number) -> bool:
    return all(_is_answer(g) for g in number)


def _is_answer(group: Group) -> bool:
    """Whether the turn around the group says little else: at most two words of weight within a second of it."""
    if group.amounts == group.pieces:
        return False
    weighty = (t for t in _around(group) if t.text not in FILLERS and t.text not in MONTHS and len(t.text) > 1)
    return len(tuple(islice(weighty, 3))) <= 2


def _around(group: Group) -> Iterator[Token]:
    """The turn's tokens within a second of the group, walking away from it on both sides."""
    tokens, turn, second = group.line.tokens, group.line.turn_of(group.first), group.line.rate
    start, end = group.bare.start - second, group.bare.end + second
    before = (tokens[i] for i in range(group.first - 1, turn.first - 1, -1))
    after = (tokens[i] for i in range(group.last, turn.last))
    yield from takewhile(lambda t: t.span.end > start, before)
    yield from takewhile(lambda t: t.span.start < end, after)


def _follower(group: Group, count: int) -> Entity:
    if len(group.digits) == 3 or count == 2:
        return Entity.CREDIT_DEBIT_CVV
    if len(group.digits) >= 4 and not 1 <= int(group.digits[:2]) <= 12:
        return Entity.CREDIT_DEBIT_CVV
    return Entity.CREDIT_DEBIT_EXPIRY


def _echoes(
    call: HeardCall,
    groups: dict[int, tuple[Group, ...]],
    secrets: dict[str, Entity],
    last_fours: set[str],
) -> Iterator[tuple[Group, Named]]:
    """Short numbers found on one channel, said again on another: read back, or heard across."""
    for line in call.lines:
        for group in groups[line.channel]:
            if group.digits in secrets and group.digits not in last_fours and group.amounts < group.pieces:
                yield group, (secrets[group.digits], 0.8, None)
