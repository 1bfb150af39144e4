"""What a room answers, and the one outcome each (line, recording) ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")

Fact = str | int | bool
"""A ledger-safe fact: codes, counts, digests, opaque ids. Never speech or identifiers."""

Evidence = Mapping[str, Fact]


class Reason(StrEnum):
    """Why a recording was withheld. Written to ledgers and shown to people; append only."""

    # admission (SPEC 4)
    NO_LAWFUL_BASIS = "NO_LAWFUL_BASIS"
    CONSENT_ABSENT = "CONSENT_ABSENT"
    CONSENT_REFUSED = "CONSENT_REFUSED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    CONSENT_BEFORE_WORDING = "CONSENT_BEFORE_WORDING"
    PAYMENT_FLAG = "PAYMENT_FLAG"
    SENSITIVE_QUEUE = "SENSITIVE_QUEUE"
    TEST_NUMBER = "TEST_NUMBER"
    TOO_SHORT = "TOO_SHORT"
    TOO_LONG = "TOO_LONG"
    ALREADY_PROCESSED = "ALREADY_PROCESSED"
    DUPLICATE_SOUND = "DUPLICATE_SOUND"
    FILE_STATE = "FILE_STATE"
    LEGAL_HOLD = "LEGAL_HOLD"
    QUEUE_NOT_ALLOWED = "QUEUE_NOT_ALLOWED"
    SKILL_NOT_ALLOWED = "SKILL_NOT_ALLOWED"
    LANGUAGE_NOT_ALLOWED = "LANGUAGE_NOT_ALLOWED"
    RESIDENCY_NOT_ALLOWED = "RESIDENCY_NOT_ALLOWED"
    NOT_SELECTED = "NOT_SELECTED"
    METADATA_INCOMPLETE = "METADATA_INCOMPLETE"
    # quarantine (SPEC 1.1, 16)
    MEDIA_UNREADABLE = "MEDIA_UNREADABLE"
    MEDIA_TOO_LARGE = "MEDIA_TOO_LARGE"
    MEDIA_GONE = "MEDIA_GONE"
    MEDIA_TRUNCATED = "MEDIA_TRUNCATED"
    MEDIA_SILENT = "MEDIA_SILENT"
    LANGUAGE_UNSUPPORTED = "LANGUAGE_UNSUPPORTED"
    HEARING_FAILED = "HEARING_FAILED"
    TRANSCRIPT_EMPTY = "TRANSCRIPT_EMPTY"
    DETECTOR_FAILED = "DETECTOR_FAILED"
    RESIDUAL_FOUND = "RESIDUAL_FOUND"
    REDACTION_FAILED = "REDACTION_FAILED"
    ANONYMIZATION_FAILED = "ANONYMIZATION_FAILED"
    SOURCE_FAILED = "SOURCE_FAILED"
    SEALING_FAILED = "SEALING_FAILED"
    LEDGER_FAILED = "LEDGER_FAILED"
    """Its entries could not be written, so nothing of it happened."""
    GAVE_UP = "GAVE_UP"
    """The worker died on it too often; nothing was released."""
    # where it may go (SPEC 10.2)
    ZONE_UNKNOWN = "ZONE_UNKNOWN"
    CLASS_NOT_ALLOWED = "CLASS_NOT_ALLOWED"
    TRANSFER_NOT_ALLOWED = "TRANSFER_NOT_ALLOWED"
    AGREEMENT_MISSING = "AGREEMENT_MISSING"
    AGREEMENT_EXPIRED = "AGREEMENT_EXPIRED"
    RETENTION_TERMS_SHORT = "RETENTION_TERMS_SHORT"
    # delivery (SPEC 10)
    PARCEL_FAILED = "PARCEL_FAILED"
    """What was sealed could not be opened or brought into the destination's form."""
    DELIVERY_FAILED = "DELIVERY_FAILED"
    """The destination could not be reached, or refused us, for too long."""
    DELIVERY_REFUSED = "DELIVERY_REFUSED"
    DELIVERY_LOST = "DELIVERY_LOST"
    """The destination said yes, and kept nothing or something else."""
    DELIVERY_UNKNOWN = "DELIVERY_UNKNOWN"
    """Nobody can tell whether it arrived; it is not sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed(Generic[T]):
    value: T
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    reason: Reason
    evidence: Evidence = field(default_factory=dict)


class OutcomeStatus(StrEnum):
    """How one (line, recording) ended."""

    SEALED = "sealed"
    EXCLUDED = "excluded"
    """Admission said no; no audio was fetched, or it was dropped at once."""
    QUARANTINED = "quarantined"
    """Something was in doubt; the recording stays where it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A step that policy leaves out: said by whom and why, never by absence."""

    step: str
    who: str
    why: str
