"""What a recording is to the law, and the papers a destination can have on file. Names are kept: append only."""

from __future__ import annotations

from enum import StrEnum


class DataClass(StrEnum):
    """What a recording is to the law. One recording may be of several classes, and needs what each of them needs."""

    PERSONAL = "PERSONAL"
    """Every recording of a person."""
    SPECIAL_CATEGORY = "SPECIAL_CATEGORY"
    """GDPR Article 9: health, belief, biometric data used to identify, and the others listed there."""
    HIPAA = "HIPAA"
    """May hold protected health information (45 CFR 160.103)."""
    PCI = "PCI"
    """May hold account data as PCI DSS means it."""
    FINANCIAL = "FINANCIAL"
    """A record that FINRA, the SEC or MiFID II wants kept."""


class AgreementKind(StrEnum):
    """What a paper is."""

    BAA = "BAA"
    """Business associate agreement, or that of a subcontractor (45 CFR 164.504(e))."""
    PCI_AGREEMENT = "PCI_AGREEMENT"
    """A written agreement in which the provider acknowledges what it answers for (PCI DSS 12.8.2, 12.9.1)."""
    PCI_AOC = "PCI_AOC"
    """Attestation of compliance; `effective` is its own date."""
    DPA = "DPA"
    """Data processing agreement (GDPR Article 28(3))."""
    SUBPROCESSOR_LIST = "SUBPROCESSOR_LIST"
    """Sub-processors as authorised (GDPR Article 28(2), (4))."""
    RETENTION_TERMS = "RETENTION_TERMS"
    """The recipient keeps what it gets for so many years."""
    ADEQUACY = "ADEQUACY"
    """An adequacy decision or regulation that reaches this recipient."""
    SCC = "SCC"
    """Standard contractual clauses of Decision (EU) 2021/914, with their module."""
    IDTA = "IDTA"
    """The United Kingdom's transfer agreement, or its addendum to the clauses."""
    BCR = "BCR"
    """Binding corporate rules."""
    DEROGATION = "DEROGATION"
    """An exception that was weighed and written down (GDPR Article 49)."""
    TRANSFER_TERMS = "TRANSFER_TERMS"
    """What another country's law wants before data leaves it."""
    OTHER = "OTHER"
    """Whatever a policy requires beyond these."""


class SccModule(StrEnum):
    """The modules of Decision (EU) 2021/914."""

    CONTROLLER_TO_CONTROLLER = "one"
    CONTROLLER_TO_PROCESSOR = "two"
    PROCESSOR_TO_PROCESSOR = "three"
    PROCESSOR_TO_CONTROLLER = "four"
