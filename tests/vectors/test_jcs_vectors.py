"""RFC 8785 canonical JSON, as the ledger writes it, against the standard's own test data."""

from __future__ import annotations

import json
from pathlib import Path

import rfc8785


def test_canonical_json(shared: Path) -> None:
    """Every published input becomes the published bytes."""
    folder = shared / "vectors/jcs-cyberphone/testdata"
    inputs = sorted((folder / "input").glob("*.json"))
    for path in inputs:
        canonical = rfc8785.dumps(json.loads(path.read_text(encoding="utf-8")))
        assert canonical == bytes.fromhex((folder / "outhex" / f"{path.stem}.txt").read_text(encoding="ascii"))
    assert len(inputs) == 6
