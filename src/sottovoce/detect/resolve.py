"""What several detectors found, as one list: the same thing found twice becomes one finding.

Overlapping findings of one entity merge. Of different entities, they merge when they are mostly the same
stretch, under the more sensitive name; otherwise both stay, so that a policy that keeps one of them
still removes the other. Nothing that was found is ever lost: every sample found stays found.
"""

from __future__ import annotations

from collections.abc import Iterable

from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import OF_THE_CALL, Finding
from sottovoce.domain.spans import Span

PRIORITY: tuple[Entity, ...] = (
    Entity.CREDIT_DEBIT_NUMBER,
    Entity.CREDIT_DEBIT_CVV,
    Entity.PIN,
    Entity.DTMF_DIGITS,
    Entity.CREDIT_DEBIT_EXPIRY,
    Entity.IBAN,
    Entity.BANK_ACCOUNT_NUMBER,
    Entity.BANK_ROUTING,
    Entity.SSN,
    Entity.NATIONAL_ID,
    Entity.UNHEARD_SPEECH,
    Entity.PASSWORD,
    Entity.SECURITY_ANSWER,
    Entity.MEDICAL_RECORD_NUMBER,
    Entity.HEALTH_PLAN_NUMBER,
    Entity.DATE_OF_BIRTH,
    Entity.PHONE,
    Entity.EMAIL,
    Entity.PASSPORT,
    Entity.DRIVER_LICENSE,
    Entity.ACCOUNT_NUMBER,
    Entity.ADDRESS,
    Entity.SPELLED_OUT,
    Entity.NAME,
)
"""Which name wins: first what the card brands and banks forbid to keep, then what identifies most."""

MOSTLY = 0.5
"""Shared share of the two spans' union above which two findings are one thing."""

_RANK = {entity: i for i, entity in enumerate(PRIORITY)}


def resolved(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted by channel and start."""
    out: list[Finding] = []
    active: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.channel, f.span, _rank(f), f.detector)):
        gone = [a for a in active if a.channel != finding.channel or a.span.end <= finding.span.start]
        out += gone
        active = [a for a in active if a not in gone]
        active = _absorbed(active, finding)
    return tuple(sorted([*out, *active], key=lambda f: (f.channel, f.span, _rank(f))))


def _absorbed(active: list[Finding], finding: Finding) -> list[Finding]:
    kept = []
    for other in active:
        if _are_one(other, finding):
            finding = _joined(other, finding)
        else:
            kept.append(other)
    return [*kept, finding]


def _are_one(a: Finding, b: Finding) -> bool:
    if not a.span.overlaps(b.span) or _is_tied(a) != _is_tied(b):
        return False
    shared = min(a.span.end, b.span.end) - max(a.span.start, b.span.start)
    union = max(a.span.end, b.span.end) - min(a.span.start, b.span.start)
    return a.entity is b.entity or shared >= MOSTLY * union


def _is_tied(finding: Finding) -> bool:
    """A name that rules may leave in must not lend its stretch, or its doubt, to one that they take out."""
    return finding.score >= OF_THE_CALL or finding.entity not in {Entity.NAME, Entity.ADDRESS}


def _joined(a: Finding, b: Finding) -> Finding:
    first, second = sorted((a, b), key=lambda f: (_rank(f), -f.score))
    return Finding(
        entity=first.entity,
        channel=a.channel,
        span=Span(min(a.span.start, b.span.start), max(a.span.end, b.span.end)),
        detector="+".join(sorted({*a.detector.split("+"), *b.detector.split("+")})),
        score=max(a.score, b.score),
        checked=first.checked if first.checked is not None else second.checked,
    )


def _rank(finding: Finding) -> int:
    return _RANK.get(finding.entity, len(PRIORITY))
