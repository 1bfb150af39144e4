"""The analytics line: on what ground recordings go to a vendor, which of them, and where to.

Closed until it has a lawful basis of its own (SPEC 4.1): consent to training says nothing about analytics, so what
people said about this purpose is read from attributes of its own.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sottovoce.policy.admission import Anonymization, Basis, Consent, Exclusions
from sottovoce.policy.strict import Strict


class AnalyticsConsent(Consent):
    consent_attribute: str = "analyticsConsent"
    opt_out_attribute: str = "analyticsOptOut"
    withdrawn_attribute: str = "analyticsConsentWithdrawn"


class AnalyticsExclusions(Exclusions):
    """Too short a call tells a vendor nothing; how long one may be is for the decoder to bound."""

    min_seconds: Annotated[float, Field(ge=0)] = 60.0
    max_seconds: Annotated[float, Field(gt=0)] = 14_400.0


class Analytics(Strict):
    lawful_basis: Basis | None = None
    """Without it the line is closed."""
    consent: AnalyticsConsent = AnalyticsConsent()
    exclusions: AnalyticsExclusions = AnalyticsExclusions()
    anonymization: Anonymization = Anonymization()
    """Vendors that judge tone of voice want it as it was: `method: none`, with who decided so and why."""
    destinations: tuple[str, ...] = ()
    """Where each recording goes, by their names in `delivery.destinations`."""
    poll_seconds: Annotated[int, Field(ge=5, le=86_400)] = 60
    """How often `run --follow` looks."""
    lookback_hours: Annotated[int, Field(ge=1, le=1_440)] = 24
    """How far back it looks each time: recordings arrive late."""
    keep_delivered: bool = False
    """Whether the sealed sound stays after it was delivered; the transcript and the map of what was removed do."""
