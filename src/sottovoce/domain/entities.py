"""The catalogue of what must not be heard: canonical names and bundles (SPEC 6.1).

`pci` follows PCI DSS 4.0.1 (cardholder data and sensitive authentication data); `phi` the eighteen
identifiers of 45 CFR 164.514(b)(2)(i) as far as they can be spoken; `gdpr_special` stays narrow:
only what the detectors can find today.
"""

from __future__ import annotations

from enum import StrEnum


class Entity(StrEnum):
    CREDIT_DEBIT_NUMBER = "CREDIT_DEBIT_NUMBER"
    CREDIT_DEBIT_CVV = "CREDIT_DEBIT_CVV"
    CREDIT_DEBIT_EXPIRY = "CREDIT_DEBIT_EXPIRY"
    PIN = "PIN"
    BANK_ACCOUNT_NUMBER = "BANK_ACCOUNT_NUMBER"
    BANK_ROUTING = "BANK_ROUTING"
    IBAN = "IBAN"
    SSN = "SSN"
    NATIONAL_ID = "NATIONAL_ID"
    PHONE = "PHONE"
    EMAIL = "EMAIL"
    ADDRESS = "ADDRESS"
    NAME = "NAME"
    DATE_OF_BIRTH = "DATE_OF_BIRTH"
    AGE_OVER_89 = "AGE_OVER_89"
    MEDICAL_RECORD_NUMBER = "MEDICAL_RECORD_NUMBER"
    HEALTH_PLAN_NUMBER = "HEALTH_PLAN_NUMBER"
    ACCOUNT_NUMBER = "ACCOUNT_NUMBER"
    LICENSE_PLATE = "LICENSE_PLATE"
    PASSPORT = "PASSPORT"
    DRIVER_LICENSE = "DRIVER_LICENSE"
    USERNAME = "USERNAME"
    PASSWORD = "PASSWORD"  # noqa: S105 - the name of a kind of secret, not one
    IP_ADDRESS = "IP_ADDRESS"
    URL = "URL"
    SPELLED_OUT = "SPELLED_OUT"
    DTMF_DIGITS = "DTMF_DIGITS"
    SECURITY_ANSWER = "SECURITY_ANSWER"
    UNHEARD_SPEECH = "UNHEARD_SPEECH"
    """Audible speech no transcriber could account for; treated as sensitive (SPEC 5.3)."""


_PCI = frozenset(
    {
        Entity.CREDIT_DEBIT_NUMBER,
        Entity.CREDIT_DEBIT_CVV,
        Entity.CREDIT_DEBIT_EXPIRY,
        Entity.PIN,
        Entity.DTMF_DIGITS,
        Entity.BANK_ACCOUNT_NUMBER,
        Entity.BANK_ROUTING,
        Entity.IBAN,
        Entity.UNHEARD_SPEECH,
    }
)

BUNDLES: dict[str, frozenset[Entity]] = {
    "pci": _PCI,
    "phi": frozenset(Entity),
    "gdpr_special": frozenset({Entity.MEDICAL_RECORD_NUMBER, Entity.HEALTH_PLAN_NUMBER, Entity.UNHEARD_SPEECH}),
    "all": frozenset(Entity),
}

FULL_NUMBERS: frozenset[Entity] = _PCI | {Entity.SSN, Entity.NATIONAL_ID}
"""What an agent's channel is searched for by default: whole numbers, so that a read-back of the
last four digits stays (SPEC 6.6)."""

TRANSCRIBE: dict[Entity, str] = {
    e: e.value
    for e in (
        Entity.BANK_ACCOUNT_NUMBER,
        Entity.BANK_ROUTING,
        Entity.CREDIT_DEBIT_NUMBER,
        Entity.CREDIT_DEBIT_CVV,
        Entity.CREDIT_DEBIT_EXPIRY,
        Entity.PIN,
        Entity.EMAIL,
        Entity.ADDRESS,
        Entity.NAME,
        Entity.PHONE,
        Entity.SSN,
        Entity.URL,
        Entity.USERNAME,
        Entity.PASSWORD,
        Entity.IP_ADDRESS,
        Entity.LICENSE_PLATE,
    )
} | {
    Entity.IBAN: "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    Entity.PASSPORT: "PASSPORT_NUMBER",
    Entity.DRIVER_LICENSE: "DRIVER_ID",
    Entity.DATE_OF_BIRTH: "DATE_TIME",
    Entity.AGE_OVER_89: "AGE",
}
"""Amazon Transcribe's names for the same things (ContentRedaction, since May 2026); the last two take more."""

PRESIDIO: dict[str, Entity] = {
    "CREDIT_CARD": Entity.CREDIT_DEBIT_NUMBER,
    "US_BANK_NUMBER": Entity.BANK_ACCOUNT_NUMBER,
    "ABA_ROUTING_NUMBER": Entity.BANK_ROUTING,
    "IBAN_CODE": Entity.IBAN,
    "US_SSN": Entity.SSN,
    "US_ITIN": Entity.NATIONAL_ID,
    "UK_NINO": Entity.NATIONAL_ID,
    "UK_NHS": Entity.MEDICAL_RECORD_NUMBER,
    "PHONE_NUMBER": Entity.PHONE,
    "EMAIL_ADDRESS": Entity.EMAIL,
    "LOCATION": Entity.ADDRESS,
    "PERSON": Entity.NAME,
    "US_PASSPORT": Entity.PASSPORT,
    "US_DRIVER_LICENSE": Entity.DRIVER_LICENSE,
    "MEDICAL_LICENSE": Entity.MEDICAL_RECORD_NUMBER,
    "IP_ADDRESS": Entity.IP_ADDRESS,
    "URL": Entity.URL,
}
"""Presidio's names, to ours."""
