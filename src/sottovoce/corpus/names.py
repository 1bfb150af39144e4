"""Names of versions, and of the manifests that lie beside the sealed objects."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sottovoce.custody.rows import CorpusVersion

_VERSION = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]{0,62})/v(?P<number>[1-9][0-9]{0,8})")


def version_name(name: str, version: str) -> str:
    """`corpus/v3`: a ledger takes it as it is."""
    return f"{name}/{version}"


def next_version(name: str, versions: Iterable[CorpusVersion]) -> int:
    """One more than the highest number this corpus has; 1 for its first."""
    numbers = [
        int(found["number"])
        for version in versions
        if (found := _VERSION.fullmatch(version.version)) and found["name"] == name
    ]
    return max(numbers, default=0) + 1


def manifest_name(name: str, digest: str) -> str:
    """Where a manifest of that SHA-256 lies."""
    return f"corpora/{name}/{digest}.json"


def note_name(name: str, digest: str) -> str:
    """Where its signed note lies."""
    return f"corpora/{name}/{digest}.note"
