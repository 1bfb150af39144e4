"""Nothing asked is nothing allowed, and evidence says who decided (SPEC 1.5, 4)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.screening.rule import AllOf, ScreeningContext, code, passed, withheld


@dataclass(frozen=True, kw_only=True)
class Fixed:
    name: str
    answer: object

    def check(self, metadata, context):
        return self.answer


def _ask(call, policy, *rules):
    return AllOf(rules=rules).check(call(), ScreeningContext(policy=policy()))


def test_no_rules_refuse(call, policy):
    """A screen without rules lets nothing through."""
    answer = _ask(call, policy)
    assert answer == Withheld(reason=Reason.NO_LAWFUL_BASIS, evidence={"rules": "none", "decided_by": "none"})


def test_all_pass_together(call, policy):
    """Every rule's facts are kept, and their names in the order they were asked."""
    answer = _ask(call, policy, Fixed(name="a", answer=passed(x=1)), Fixed(name="b", answer=passed(y=2)))
    assert answer == Passed(value=None, evidence={"x": 1, "y": 2, "rules": "a+b", "decided_by": "b"})


def test_the_first_refusal_decides(call, policy):
    """What comes after a refusal is not asked."""
    never = Fixed(name="c", answer=None)
    refusal = Fixed(name="b", answer=withheld(Reason.TOO_SHORT, y=2))
    answer = _ask(call, policy, Fixed(name="a", answer=passed(x=1)), refusal, never)
    assert answer == Withheld(reason=Reason.TOO_SHORT, evidence={"x": 1, "y": 2, "rules": "a+b", "decided_by": "b"})


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ARCHIVED", "archived"),
        (" us-east-1 ", "us-east-1"),
        (None, "unknown"),
        ("  ", "unknown"),
        ("São Paulo", "sao-paulo"),
        ("北京", "other"),
        ("name, surname", "other"),
        ("LIA-2025-0001", "other"),
        ("a" * 41, "other"),
        ("x13175550100", "other"),
    ],
)
def test_evidence_holds_codes_only(text, word):
    """A source's free text or long number never becomes evidence."""
    assert code(text) == word
