"""The one thing a rule does: pass a recording's metadata, or say why not (SPEC 4).

A rule is pure. What it must know beside the metadata (the policy, and whether the recording has been
through before) is looked up once and handed over as a `ScreeningContext`, so that `plan`, `run` and
`policy explain` ask the same questions and hear the same answers. Nothing asked is nothing allowed:
`AllOf` over no rules refuses.
"""

from __future__ import annotations

import re
import unicodedata
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


UNKNOWN = "unknown"
CODE = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,39}")
MAX_DIGITS = 6
"""Seven digits are a telephone number somewhere; a ledger entry refuses them too."""


def code(text: str | None) -> str:
    """A source's own word, fit for evidence: a short code in lower case without accents.

    `unknown` for nothing; `other` for what might say more than a code does.
    """
    plain = unicodedata.normalize("NFKD", text or "").encode("ascii", "ignore").decode()
    word = "-".join(plain.casefold().split())
    if not word:
        return UNKNOWN if not (text or "").strip() else "other"
    fits = CODE.fullmatch(word) and sum(letter.isdigit() for letter in word) <= MAX_DIGITS
    return word if fits else "other"


Question = tuple[str, Callable[[], Answer]]
"""A rule's name, and the asking of it."""


def ask(questions: Iterable[Question], *, before: Evidence | None = None) -> Answer:
    """Every question in order until one refuses; none at all is a refusal.

    The evidence gathers what every asked question said, after what was known `before`; `rules` has their
    names, joined by `+`, and `decided_by` the last one asked.
    """
    facts = dict(before or {})
    asked = str(facts["rules"]).split("+") if facts else []
    answer: Answer = withheld(Reason.NO_LAWFUL_BASIS)
    for name, question in questions:
        asked.append(name)
        answer = question()
        facts |= answer.evidence
        if isinstance(answer, Withheld):
            break
    facts |= {"rules": "+".join(asked or ["none"]), "decided_by": asked[-1] if asked else "none"}
    return replace(answer, evidence=facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every rule in order; the first refusal decides."""

    rules: Sequence[Rule]
    name: str = "all_of"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        return ask((rule.name, partial(rule.check, metadata, context)) for rule in self.rules)
