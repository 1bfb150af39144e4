"""The signed certificate of an erasure: what a person may keep, and check offline with `verifier.py`.

A signed note: a header, one line of canonical JSON (RFC 8785), and the log key's signature. It names the
subject by a salted commitment only. Whoever was handed the opening can show that it is theirs; from the
certificate alone nobody can tell whose it is. It also says what was refused and since when, what could not
be reached, how far sources are that were asked to let go, who was given recordings and is told, and which runs and
models saw them.

The ledger holds the certificate's SHA-256 (`erasure.certified`), so that a proof of that entry dates it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

import rfc8785

from sottovoce.custody.erasure_report import ErasureReport
from sottovoce.custody.nodes import named
from sottovoce.custody.subject import Subject
from sottovoce.ledger.note import Signer, sign_note
from sottovoce.ledger.verifier import CERTIFICATE_HEADER


def sign_certificate(content: Mapping[str, Any], signer: Signer) -> str:
    """The note of a certificate with this content."""
    return sign_note(f"{CERTIFICATE_HEADER}\n{rfc8785.dumps(dict(content)).decode()}\n", signer)


def certificate_digest(certificate: str) -> str:
    """What the ledger holds of a certificate: SHA-256 in hex, of the whole note."""
    return hashlib.sha256(certificate.encode()).hexdigest()


def certificate_content(
    report: ErasureReport, subject: Subject, *, why: str, commitment: str, origin: str
) -> dict[str, Any]:
    """The certificate: counts, codes and dates; the subject as a commitment; the ledger entries that say the same."""
    seen = [each.node for each in report.impacts]
    said = {"at_source": dict(report.at_source)} if report.at_source else {}
    return said | {
        "v": 1,
        "id": report.id,
        "origin": origin,
        "at": report.at.isoformat(),
        "why": why,
        "subject": {"kind": subject.kind, "commitment": commitment},
        "recordings": len(report.recordings),
        "objects": report.objects_deleted,
        "samples": report.samples_erased,
        "versions": list(report.versions),
        "refused": [{"reason": each.reason, "since": each.since.isoformat()} for each in report.refused],
        "corpus_copies": len(report.copies),
        "unreached": dict(Counter(each.code for each in report.unreached)),
        "recipients": [{"destination": each.destination, "deliveries": each.deliveries} for each in report.recipients],
        "runs": list(named("run", seen)),
        "models": list(named("model", seen)),
        "decide_by": max((each.due.isoformat() for each in report.impacts), default=None),
        "remains": list(report.remains),
        "ledger": list(report.ledger),
    }
