"""The one thing a rule does: pass a recording's metadata, or say why not (SPEC 4).

A rule is pure. What it must know beside the metadata (the policy, and whether the recording has been
through before) is looked up once and handed over as a `ScreeningContext`, so that `plan`, `run` and
`policy explain` ask the same questions and hear the same answers. Nothing asked is nothing allowed:
`AllOf` over no rules refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from sottovoce.domain.outcome import Evidence, Fact, Passed, Reason, Withheld
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Policy

Answer = Passed[None] | Withheld


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreeningContext:
    """What a rule may know: the policy in force, and whether this line has finished with the recording."""

    policy: Policy
    processed: bool = False


class Rule(Protocol):
    """`check` answers from its two arguments alone; evidence holds codes and counts, never values."""

    @property
    def name(self) -> str: ...

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer: ...


def passed(**facts: Fact) -> Passed[None]:
    return Passed(value=None, evidence=facts)


def withheld(reason: Reason, **facts: Fact) -> Withheld:
    return Withheld(reason=reason, evidence=facts)


CODE = re.compile(r"\w[\w+./-]{0,39}")
LONG_NUMBER = re.compile(r"\d{5}")


def code(text: str | None) -> str:
    """A source's own word, fit for evidence: in lower case, or `other` where it might say more than a code."""
    word = (text or "").strip().casefold()
    return word if not word or (CODE.fullmatch(word) and not LONG_NUMBER.search(word)) else "other"


Question = tuple[str, Callable[[], Answer]]
"""A rule's name, and the asking of it."""


def ask(questions: Iterable[Question], *, before: Evidence | None = None) -> Answer:
    """Every question in order until one refuses; none at all is a refusal.

    The evidence gathers what every asked question said, after what was known `before`, with their names
    in `rules` and the last one asked in `decided_by`.
    """
    facts = dict(before or {})
    asked = [name for name in str(facts.get("rules", "")).split(",") if name]
    answer: Answer = withheld(Reason.NO_LAWFUL_BASIS)
    for name, question in questions:
        asked.append(name)
        answer = question()
        facts |= answer.evidence
        if isinstance(answer, Withheld):
            break
    facts |= {"rules": ",".join(asked), "decided_by": asked[-1] if asked else "nothing_asked"}
    return replace(answer, evidence=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every rule in order; the first refusal decides."""

    rules: Sequence[Rule]
    name: str = "all_of"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        return ask((rule.name, partial(rule.check, metadata, context)) for rule in self.rules)
