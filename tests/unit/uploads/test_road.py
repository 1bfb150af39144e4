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


def test_the_road_is_the_same_on_a_server(tmp_path: Path, postgres: str) -> None:
    """Everything in one PostgreSQL database: taken in, sealed, ended, withdrawn."""
    urls = "".join(f"  {name}: '{postgres}'\n" for name in ("url", "engine_url", "keys_url"))
    house = inbox_house(tmp_path / "w", more="    raw: archive", tail=f"database:\n{urls}")
    one = sender(house, tmp_path / "home")
    (tmp_path / "1.wav").write_bytes(clip(1))
    one.send(tmp_path / "1.wav")
    (key,) = settle_all(house)
    assert carry_all(house, [key]) == {key: "sealed"}
    assert house.uploads.sweep().archived == 1
    assert house.uploads.withdraw(one.credential.contributor, requested_by="dpo-1").recordings == (key,)
    assert house.uploads.received.standing("voices", *State) == ()
    assert list(house.store.list("archive")) == []
    house.close()
