"""Sottovoce: recorded speech that may leave the building, and the proof that it may.

    sources → screening → speech → detect → redact → anonymize → vault ─→ delivery
       │                                                            └───→ corpus → training reads
       └ events → compliance → remediation
            pipeline carries each recording from door to door;  custody keeps the ledger and the lineage

A recording's form is its type (`sottovoce.domain.recording`): Captured, Admitted, Redacted, Verified,
Anonymized, Sealed. Only Sealed may be delivered or released.
"""

__version__ = "0.1.0"
