"""What the gate asks of whoever keeps the papers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sottovoce.agreements.agreement import Agreement


class OnFile(Protocol):
    """The register. Answers must be current: a stale yes lets a recording out under a paper that was withdrawn."""

    def on_file(self, destination: str) -> Sequence[Agreement]:
        """Every paper of the destination that was not withdrawn, whatever its dates."""
        ...
