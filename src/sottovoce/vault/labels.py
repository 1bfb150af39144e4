"""What a stored object says about itself in the clear: its class, and never whose it is (SPEC 9.4).

Only what was redacted, verified and disguised is called de-identified. Where disguising was waived it is
called redacted, because a voice still identifies; everything else (the redaction map) is restricted.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from sottovoce.storage.protocol import ObjectLabels

RELEASABLE: Final = frozenset({"sample", "transcript", "features"})


def labels_for(kind: str, *, disguised: bool, kms: str) -> ObjectLabels:
    """Tags and metadata for one kind of object of a recording that was redacted and verified."""
    releasable = kind in RELEASABLE
    status = "Restricted" if not releasable else "DeIdentified" if disguised else "Redacted"
    return ObjectLabels(
        tags={"DataClass": "AITraining" if releasable else "Audit", "PIIStatus": status},
        metadata={
            "redaction-applied": "true" if releasable else "false",
            "pipeline-version": _version(),
            "kms": kms,
        },
    )


def _version() -> str:
    try:
        return version("sottovoce")
    except PackageNotFoundError:
        return "unknown"
