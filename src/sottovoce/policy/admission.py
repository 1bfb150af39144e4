"""What admits a recording to a line, and whether its voice stays: the same keys for every line."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from sottovoce.domain.consent import LawfulBasis
from sottovoce.policy.strict import Strict


class Wording(Strict):
    version: str
    effective: date


class Consent(Strict):
    consent_attribute: str = "aiTrainingConsent"
    opt_out_attribute: str = "aiTrainingOptOut"
    withdrawn_attribute: str = "aiTrainingConsentWithdrawn"
    wordings: tuple[Wording, ...] = ()
    """Versions of the prompt that name AI training; consent counts from the first one on."""


class Basis(Strict):
    basis: LawfulBasis
    assessment: str | None = None
    """The id of the legitimate interest assessment; required for that basis."""
    assessed_on: date | None = None
    addresses_voice_reidentification: bool = False


class Exclusions(Strict):
    payment_attribute: str = "paymentCaptured"
    queue_categories: tuple[str, ...] = ("crisis", "health")
    test_numbers: tuple[str, ...] = ()
    min_seconds: Annotated[float, Field(ge=0)] = 30.0
    max_seconds: Annotated[float, Field(gt=0)] = 300.0
    queues_allowed: tuple[str, ...] | None = None
    skills_allowed: tuple[str, ...] | None = None
    languages_allowed: tuple[str, ...] = ("en",)
    regions_allowed: tuple[str, ...] | None = None
    file_states: tuple[str, ...] = ("AVAILABLE",)


class Anonymization(Strict):
    method: Literal["disguise", "none"] = "disguise"
    waiver_who: str | None = None
    waiver_why: str | None = None
