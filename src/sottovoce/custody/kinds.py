"""What an artefact is, told from the kind and line of the object that holds it.

Retention schedules, duties and holds are stated for these. What is not known is taken at its worst: an original.
"""

from __future__ import annotations

from enum import StrEnum


class ArtefactKind(StrEnum):
    """Written to plans and evidence; append only."""

    ORIGINAL = "original"
    """The recording as it was received: unredacted, in its own voice."""
    REDACTED = "redacted"
    CORPUS = "corpus"
    AUGMENTED = "augmented"
    FEATURES = "features"
    TRANSCRIPT = "transcript"
    MAP = "map"
    QUARANTINE = "quarantine"
    """What is remembered of a withheld recording."""
    DOCUMENT = "document"
    """Ledger, certificates, policies, evidence: proof, and no personal data."""


CORPUS_LINE = "corpus"

_BY_KIND = {
    "original": ArtefactKind.ORIGINAL,
    "raw": ArtefactKind.ORIGINAL,
    "archive": ArtefactKind.ORIGINAL,
    "redacted": ArtefactKind.REDACTED,
    "sample": ArtefactKind.CORPUS,
    "augmented": ArtefactKind.AUGMENTED,
    "features": ArtefactKind.FEATURES,
    "transcript": ArtefactKind.TRANSCRIPT,
    "map": ArtefactKind.MAP,
}


def artefact_kind(kind: str, line: str) -> ArtefactKind:
    """`features-logmel` is features, as every kind with a suffix is."""
    found = _BY_KIND.get(kind.partition("-")[0])
    if found is not None:
        return found
    return ArtefactKind.CORPUS if line == CORPUS_LINE else ArtefactKind.ORIGINAL


def is_corpus_copy(kind: str, line: str) -> bool:
    """True for what was made for training. A hold on the original does not keep it (SECURITY.md 6, Finance)."""
    return line == CORPUS_LINE and artefact_kind(kind, line) is not ArtefactKind.ORIGINAL
