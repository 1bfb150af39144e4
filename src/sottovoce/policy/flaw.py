"""What one key of a policy has against another."""

from __future__ import annotations

from dataclasses import dataclass

from sottovoce.policy.document import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A contradiction: where it shows, what it is, how to mend it."""

    path: Path
    message: str
    hint: str
