"""What participants said about training, and the basis a decision rests on (SPEC 4.1, 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Purpose(StrEnum):
    AI_TRAINING = "ai_training"
    ANALYTICS = "analytics"
    COMPLIANCE = "compliance"


class LawfulBasis(StrEnum):
    """GDPR Article 6(1)(a), (f) and (b)."""

    CONSENT = "consent"
    LEGITIMATE_INTEREST = "legitimate_interest"
    CONTRACT = "contract"


class ConsentState(StrEnum):
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWording:
    """A version of the prompt, and the first day it named AI training to callers."""

    version: str
    effective: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """The answer over all participants, with the wording in force when the call began."""

    state: ConsentState
    wording: str | None
    participants: int
