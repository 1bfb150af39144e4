"""What a stored object says about itself in the clear: its class, and never whose it is (SPEC 9.4).

Only what was redacted, verified and disguised is called de-identified. Where disguising was waived it is
called redacted, because a voice still identifies; everything else (the redaction map) is restricted. What was admitted
for analytics is never labelled as training data: the training role's policy reads these tags.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from sottovoce.storage.protocol import ObjectLabels

RELEASABLE: Final = frozenset({"sample", "transcript", "features"})
DELIVERABLE: Final = frozenset({"redacted", "transcript-analytics"})


def labels_for(kind: str, *, disguised: bool, kms: str) -> ObjectLabels:
    """Tags and metadata for one kind of object of a recording that was redacted and verified."""
    releasable = kind in RELEASABLE or kind in DELIVERABLE
    status = "Restricted" if not releasable else "DeIdentified" if disguised else "Redacted"
    return ObjectLabels(
        tags={"DataClass": _class_of(kind), "PIIStatus": status},
        metadata={
            "redaction-applied": "true" if releasable else "false",
            "pipeline-version": _version(),
            "kms": kms,
        },
    )


def _class_of(kind: str) -> str:
    if kind in RELEASABLE:
        return "AITraining"
    return "Analytics" if kind in DELIVERABLE else "Audit"


def _version() -> str:
    try:
        return version("sottovoce")
    except PackageNotFoundError:
        return "unknown"
