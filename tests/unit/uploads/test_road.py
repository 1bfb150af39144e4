"""From a contributor's machine to a sealed sample, and back to nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sottovoce.errors import KeyShredded
from sottovoce.testing.house import carry_all, settle_all
from sottovoce.testing.uploads import clip, inbox_house, sender
from sottovoce.uploads.received import State


def test_what_was_sent_is_sealed_destroyed_and_withdrawn(tmp_path: Path) -> None:
    """Submitted, taken in, carried, sealed; the raw upload goes; after withdrawal nothing opens."""
    house = inbox_house(tmp_path / "w")
    one = sender(house, tmp_path / "home")
    for number in (1, 2):
        (tmp_path / f"{number}.wav").write_bytes(clip(number))
        one.send(tmp_path / f"{number}.wav")
    keys = settle_all(house)
    assert set(carry_all(house, keys).values()) == {"sealed"}
    assert len(keys) == 2
    held = [(key, each) for key in keys for each in house.registry.objects(key)]
    assert all(house.vault.open(each, house.vault.fetch(each)) for _, each in held)
    assert house.uploads.sweep().destroyed == 2
    assert not list((tmp_path / "w" / "inbox" / "in").rglob("*.svup"))
    rows = house.uploads.received.standing("voices", State.DESTROYED)
    assert len(rows) == 2
    report = house.uploads.withdraw(one.credential.contributor, requested_by="dpo-1")
    assert set(report.recordings) == set(keys)
    for _, each in held:
        with pytest.raises(KeyShredded):
            house.vault.open(each, b"")
    assert house.uploads.received.standing("voices", *State) == ()
    house.close()
