"""The controls of each framework, by their own numbers (SECURITY.md 6), and the checks that speak for them.

A control that software cannot see is listed all the same, and says what a person attaches.
"""

from __future__ import annotations

from enum import StrEnum

from sottovoce.evidence import keeping, papers, treatment
from sottovoce.evidence.control import Check, Control, Finding, for_a_person
from sottovoce.evidence.facts import Facts


class Framework(StrEnum):
    PCI = "pci"
    HIPAA = "hipaa"
    GDPR = "gdpr"
    SOC2 = "soc2"


TITLES = {
    Framework.PCI: "PCI DSS v4.0.1",
    Framework.HIPAA: "HIPAA Security and Privacy Rules, 45 CFR Part 164",
    Framework.GDPR: "General Data Protection Regulation (EU) 2016/679",
    Framework.SOC2: "SOC 2, Trust Services Criteria 2017 (points of focus 2022)",
}


def controls_of(framework: Framework) -> tuple[Control, ...]:
    """In the framework's own order."""
    return _CONTROLS[framework]


def _control(number: str, title: str, *checks: Check) -> Control:
    return Control(number=number, title=title, checks=checks)


def _attach(what: str) -> Check:
    """A control that is shown by papers."""

    def check(_facts: Facts) -> Finding:
        return for_a_person("nothing: software cannot see this", f"Attach {what}.")

    return check


_PCI = (
    _control("3.2.1", "Retention schedule, and deletion past it", keeping.schedule_enforced),
    _control(
        "3.3.1, 3.3.1.1-3.3.1.3",
        "No sensitive authentication data after authorisation, not even encrypted",
        treatment.authentication_data_gone,
        treatment.card_data_redacted,
        treatment.recall_measured,
    ),
    _control("3.4.1", "PAN masked when displayed", treatment.card_data_redacted),
    _control("3.5.1", "PAN unreadable wherever stored", keeping.keys_apart, treatment.card_data_redacted),
    _control("3.6.1, 3.6.1.2", "Keys wrapped, and stored apart from what they open", keeping.keys_apart),
    _control("3.7.4", "Cryptoperiods and rotation", keeping.keys_rotated),
    _control("3.7.5", "Retirement and destruction of keys", keeping.erased_unreadable),
    _control("3.7.8", "Key custodians acknowledge their duty", _attach("the custodians' signed acknowledgements")),
    _control("4.2.1", "Strong cryptography in transit", treatment.sent_encrypted),
    _control("7.2.1, 7.2.2", "Access by need, least privilege", treatment.access_reviewed),
    _control("7.2.4", "Review of access at least every six months", treatment.access_reviewed),
    _control("8.4.2", "Multi-factor authentication", _attach("the identity provider's settings for sign-in")),
    _control("10.2.1", "Each access to card data is logged", treatment.reads_recorded, keeping.log_complete),
    _control("10.2.2", "Who, what, when, to what, with which outcome", keeping.log_complete),
    _control("10.3.2-10.3.4", "Logs cannot be changed unseen", keeping.ledger_whole),
    _control("10.4.1.1", "Automated review of logs", treatment.access_reviewed),
    _control("10.5.1", "Twelve months of logs, three at hand", keeping.log_kept),
    _control("10.6.1", "Synchronised time", keeping.clocks_agree),
    _control("10.7.2", "Failures of security controls are noticed: processing stops", treatment.fails_closed),
    _control(
        "12.8.2, 12.8.4",
        "Written agreements with service providers, and their compliance, looked at every twelve months",
        papers.service_providers,
        _attach("the agreements with who makes and stores the recordings, and their attestations"),
    ),
    _control("12.10.7", "Procedure where PAN is found unexpectedly", _attach("the incident procedure")),
)

_HIPAA = (
    _control("164.308(a)(1)(ii)(D)", "Review of system activity", treatment.access_reviewed, treatment.reads_recorded),
    _control("164.308(a)(4)", "Access authorisation", treatment.access_reviewed),
    _control("164.310(d)(2)(i)", "Disposal", keeping.schedule_enforced, keeping.erased_unreadable),
    _control("164.312(a)(2)(iv)", "Encryption and decryption", keeping.keys_apart),
    _control("164.312(b)", "Audit controls", keeping.log_complete, keeping.ledger_whole),
    _control("164.312(c)(1), (2)", "Integrity, and a mechanism to authenticate ePHI", keeping.keys_apart),
    _control("164.312(d)", "Person or entity authentication", treatment.access_reviewed),
    _control("164.312(e)(1), (2)", "Transmission security", treatment.sent_encrypted),
    _control(
        "164.308(b), 164.314(a), 164.502(e), 164.504(e)",
        "Business associate agreements",
        papers.business_associates,
        _attach("the agreements with who makes and stores the recordings, which are no destinations"),
    ),
    _control("164.316(b)(2)(i)", "Documentation kept six years", keeping.documents_kept),
    _control("164.502(b)", "Minimum necessary", treatment.released_minimum),
    _control(
        "164.514(b)(2)(i)(A)-(O), (R)",
        "Safe Harbor: identifiers that can be spoken",
        treatment.identifiers_redacted,
        treatment.recall_measured,
    ),
    _control("164.514(b)(2)(i)(P)", "Safe Harbor: voice prints", treatment.voices_disguised),
    _control("164.528", "Accounting of disclosures", treatment.uses_known, keeping.recipients_told),
)

_GDPR = (
    _control("5(1)(a), 6, 7", "Lawful basis, and proof of consent", treatment.lawfully_admitted),
    _control(
        "5(1)(c), 25", "Minimisation, by design and by default", treatment.released_minimum, treatment.fails_closed
    ),
    _control("5(1)(e)", "Storage limitation", keeping.schedule_enforced),
    _control("5(2)", "Accountability", keeping.ledger_whole, keeping.log_complete),
    _control(
        "9", "Voice as biometric data, health in speech", treatment.voices_disguised, treatment.identifiers_redacted
    ),
    _control("12(3)", "Requests answered within one month", keeping.erasure_answered),
    _control("13, 14", "Information to the data subject", _attach("the notices given to callers and contributors")),
    _control("17", "Erasure, in every copy and backup", keeping.erased_unreadable, keeping.models_decided),
    _control("18", "Restriction", keeping.holds_frozen),
    _control("19", "Notification of recipients", keeping.recipients_told),
    _control(
        "28",
        "Processor terms",
        papers.processors,
        _attach("the agreements with who makes and stores the recordings, and with sub-processors"),
    ),
    _control("30", "Record of processing", treatment.uses_known),
    _control(
        "32",
        "Encryption, resilience, regular testing",
        keeping.keys_apart,
        keeping.keys_rotated,
        treatment.sent_encrypted,
    ),
    _control("33, 34", "Breach evidence within 72 hours", treatment.reads_recorded),
    _control("35", "Impact assessment, with measured figures", treatment.recall_measured, treatment.voices_disguised),
    _control(
        "44-49", "Transfers", papers.transfers, _attach("the assessment of each transfer, and the safeguard itself")
    ),
)

_SOC2 = (
    _control("CC6.1", "Logical access, encryption and keys", keeping.keys_apart, keeping.keys_rotated),
    _control("CC6.2, CC6.3", "Provisioning, least privilege", treatment.access_reviewed),
    _control("CC6.5", "Disposal", keeping.erased_unreadable),
    _control("CC6.6, CC6.7", "Boundaries and movement", treatment.sent_encrypted),
    _control("CC7.1-CC7.4", "Detection and response", treatment.reads_recorded, treatment.access_reviewed),
    _control("CC8.1", "Change management", _attach("the policy's history, and who approved each digest in the ledger")),
    _control("A1.2, A1.3", "Backup and restore tests", keeping.erased_unreadable, _attach("the last restore test")),
    _control("C1.1", "Confidential data is kept as committed", keeping.schedule_enforced, keeping.holds_frozen),
    _control(
        "C1.2", "Confidential data is destroyed as committed", keeping.schedule_enforced, keeping.erased_unreadable
    ),
    _control("PI1.2-PI1.5", "Complete, accurate processing", keeping.log_complete, treatment.fails_closed),
    _control("P4.1-P4.3", "Use, retention, disposal", treatment.lawfully_admitted, keeping.schedule_enforced),
    _control("P5.1, P5.2", "Access and correction", keeping.erasure_answered),
    _control("P6.7", "Accounting of disclosures", treatment.uses_known, keeping.recipients_told),
)

_CONTROLS = {Framework.PCI: _PCI, Framework.HIPAA: _HIPAA, Framework.GDPR: _GDPR, Framework.SOC2: _SOC2}
