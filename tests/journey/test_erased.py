"""After the demo has erased a caller, no file of the workspace leads to that caller's conversations."""

from __future__ import annotations

import json

import pytest

from sottovoce.sandbox.catalog import PACKAGED
from sottovoce.testing.shredding import files_under, traces

pytestmark = pytest.mark.slow

IDS = {call["id"] for call in json.loads((PACKAGED / "calls.json").read_text(encoding="utf-8"))["calls"]}


def test_no_table_log_or_output_names_an_erased_conversation(demo):
    """Registry, engine tables, key store, their logs, ledger and output: the ids of those that stay are found there."""
    house = demo.house()
    kept = {known for known in IDS if house.registry.by_conversation(known)}
    house.close()
    files = list(files_under(demo.root))
    assert any(path.name == "engine.sqlite" for path in files)
    assert len(IDS - kept) == demo.said["erased"]["recordings"]
    assert traces(files, [known.encode() for known in kept]) >= len(kept)
    assert traces(files, [gone.encode() for gone in IDS - kept]) == 0
