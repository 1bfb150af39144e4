"""From an error's code to the reason a person is shown."""

from __future__ import annotations

from typing import Final

from sottovoce.domain.outcome import OutcomeStatus, Reason

BY_CODE: Final[dict[str, Reason]] = {
    "E_MEDIA": Reason.MEDIA_UNREADABLE,
    "E_MEDIA_UNREADABLE": Reason.MEDIA_UNREADABLE,
    "E_MEDIA_TOO_LARGE": Reason.MEDIA_TOO_LARGE,
    "E_MEDIA_TRUNCATED": Reason.MEDIA_TRUNCATED,
    "E_MEDIA_GONE": Reason.MEDIA_GONE,
    "E_MEDIA_ARCHIVED": Reason.MEDIA_GONE,
    "E_BULK_FAILED": Reason.SOURCE_FAILED,
    "E_MEDIA_NOT_READY": Reason.SOURCE_FAILED,
    "E_MEDIA_REPLACED": Reason.SOURCE_FAILED,
    "E_SOURCE": Reason.SOURCE_FAILED,
    "E_SOURCE_REFUSED": Reason.SOURCE_FAILED,
    "E_SOURCE_UNAVAILABLE": Reason.SOURCE_FAILED,
    "E_MODEL": Reason.HEARING_FAILED,
    "E_HEARING": Reason.HEARING_FAILED,
    "E_HEARING_UNAVAILABLE": Reason.HEARING_FAILED,
    "E_NOT_UNDERSTOOD": Reason.HEARING_FAILED,
    "E_LANGUAGE_UNSUPPORTED": Reason.LANGUAGE_UNSUPPORTED,
    "E_DETECTION": Reason.DETECTOR_FAILED,
    "E_REDACTION": Reason.REDACTION_FAILED,
    "E_ANONYMIZATION": Reason.ANONYMIZATION_FAILED,
    "E_VAULT": Reason.SEALING_FAILED,
    "E_KEY_UNAVAILABLE": Reason.SEALING_FAILED,
    "E_KEY_REFUSED": Reason.SEALING_FAILED,
    "E_KEY_FROZEN": Reason.SEALING_FAILED,
    "E_KEY_SHREDDED": Reason.SEALING_FAILED,
    "E_SEAL_BROKEN": Reason.SEALING_FAILED,
    "E_STORAGE": Reason.SEALING_FAILED,
    "E_OBJECT_MISSING": Reason.SEALING_FAILED,
    "E_CUSTODY": Reason.LEDGER_FAILED,
    "E_LEDGER_UNAVAILABLE": Reason.LEDGER_FAILED,
    "E_LEDGER_TAMPERED": Reason.LEDGER_FAILED,
    "E_ENTRY_REFUSED": Reason.LEDGER_FAILED,
    "E_DELIVERY": Reason.DELIVERY_FAILED,
    "E_DELIVERY_UNAVAILABLE": Reason.DELIVERY_FAILED,
    "E_DELIVERY_FORBIDDEN": Reason.DELIVERY_FAILED,
    "E_DELIVERY_UNDER_WAY": Reason.DELIVERY_FAILED,
    "E_DELIVERY_LOST": Reason.DELIVERY_LOST,
    "E_DELIVERY_REFUSED": Reason.DELIVERY_REFUSED,
    "E_DELIVERY_UNKNOWN": Reason.DELIVERY_UNKNOWN,
    "E_BREAKER_OPEN": Reason.DELIVERY_FAILED,
    "E_GAVE_UP": Reason.GAVE_UP,
}

EXCLUDING: Final = frozenset(
    {
        Reason.NO_LAWFUL_BASIS,
        Reason.CONSENT_ABSENT,
        Reason.CONSENT_REFUSED,
        Reason.CONSENT_WITHDRAWN,
        Reason.CONSENT_BEFORE_WORDING,
        Reason.PAYMENT_FLAG,
        Reason.SENSITIVE_QUEUE,
        Reason.TEST_NUMBER,
        Reason.TOO_SHORT,
        Reason.TOO_LONG,
        Reason.ALREADY_PROCESSED,
        Reason.DUPLICATE_SOUND,
        Reason.FILE_STATE,
        Reason.LEGAL_HOLD,
        Reason.QUEUE_NOT_ALLOWED,
        Reason.SKILL_NOT_ALLOWED,
        Reason.LANGUAGE_NOT_ALLOWED,
        Reason.RESIDENCY_NOT_ALLOWED,
        Reason.METADATA_INCOMPLETE,
        Reason.ZONE_UNKNOWN,
        Reason.CLASS_NOT_ALLOWED,
        Reason.TRANSFER_NOT_ALLOWED,
        Reason.AGREEMENT_MISSING,
        Reason.AGREEMENT_EXPIRED,
        Reason.RETENTION_TERMS_SHORT,
    }
)
"""Refusals that are decisions; every other reason is a doubt, and doubts go to quarantine."""


def reason_for(code: str) -> Reason:
    """A code nobody foresaw means that nobody knows what happened: GAVE_UP, in quarantine."""
    return BY_CODE.get(code, Reason.GAVE_UP)


def status_for(reason: Reason) -> OutcomeStatus:
    return OutcomeStatus.EXCLUDED if reason in EXCLUDING else OutcomeStatus.QUARANTINED
