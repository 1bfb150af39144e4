"""Something found that may have to go, and the plan that removes it. Neither holds a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sottovoce.domain.entities import Entity
from sottovoce.domain.spans import Span

OF_THE_CALL = 0.5
"""The score below which a NAME or ADDRESS is one that nothing ties to the people of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One detector's claim about one stretch of one channel, in samples of the recording's rate.

    `span` covers the words or tones themselves, without margin. `checked` is true when a check digit
    fitted, false when it did not, None where there is none: it labels, and never gates (SPEC 6.2).
    """

    entity: Entity
    channel: int
    span: Span
    detector: str
    score: float
    checked: bool | None = None


class Fill(StrEnum):
    SILENCE = "silence"
    TONE = "tone"
    NOISE = "noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSpan:
    """A stretch of one channel that is replaced, and why."""

    channel: int
    span: Span
    findings: tuple[Finding, ...]
    label: str
    """Stable within the call, such as CREDIT_DEBIT_NUMBER_1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionPlan:
    """All spans of a recording, sorted, disjoint within a channel."""

    spans: tuple[PlannedSpan, ...]
    fill: Fill
    rate: int
    frames: int
    margin_ms: int
