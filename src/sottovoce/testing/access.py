"""Samples nobody sealed, for holding the gate to its promises without a vault."""

from __future__ import annotations

from sottovoce.access.catalog import Target
from sottovoce.domain.confidential import Confidential

VERSION = "corpus/v1"


def target(name: str, *, split: str = "train", canary: bool = False, size: int = 1000) -> Target:
    """A sample nobody sealed."""
    return Target(
        resource=f"{VERSION}/{split}/{name}",
        object=name,
        recording=f"recording-{name}",
        kind="sample",
        channel=0,
        rev=1,
        location=f"aa/{name}",
        digest="0" * 64,
        size=size,
        canary=canary,
    )


def unsealed(_: Target, commit: str, detail: Confidential[bytes]) -> bytes:
    """In place of sealing: the tests look inside."""
    return commit.encode() + b"\x00" + detail.reveal()
