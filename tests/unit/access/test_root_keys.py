"""The keys that sign grants."""

from __future__ import annotations

import json
import stat

import pytest

from sottovoce.access.root_keys import RootKeys
from sottovoce.errors import GrantInvalid, WorkspaceError


def test_the_file_is_its_owners_alone(world) -> None:
    """Mode 0600, and one that others can read is refused."""
    path = world.folder / "grants.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(WorkspaceError, match="others"):
        RootKeys.open(path, clock=world.clock.now)


def test_a_rotation_lets_living_grants_end(world) -> None:
    """The old key is believed for the hour a grant may live, and no longer; new grants have the new key."""
    before = world.grant(world.somebody())
    assert world.keys.rotate() == 2
    after = world.grant(world.somebody())
    world.biscuits.open(before.token)
    world.biscuits.open(after.token)
    assert (before.root_key, after.root_key) == (1, 2)
    world.clock.advance(3600)
    with pytest.raises(GrantInvalid):
        world.biscuits.open(before.token)
    world.biscuits.open(after.token)
    world.keys.rotate()
    assert "1" not in json.loads((world.folder / "grants.key").read_text())["keys"]


def test_a_rotation_after_a_leak_ends_them_at_once(world) -> None:
    """Whoever has the old key signs nothing that is believed."""
    before = world.grant(world.somebody())
    world.keys.rotate(believe_old=False)
    with pytest.raises(GrantInvalid):
        world.biscuits.open(before.token)


def test_a_broker_that_runs_follows(world) -> None:
    """Another process rotates; this one sees it with the next grant."""
    other = RootKeys.open(world.folder / "grants.key", clock=world.clock.now)
    before = world.grant(world.somebody())
    other.rotate(believe_old=False)
    with pytest.raises(GrantInvalid):
        world.biscuits.open(before.token)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"current": 1, "keys": {}}', '{"current": 1, "keys": {"1": {"private": "zz"}}}']
)
def test_a_damaged_file_signs_nothing(world, text: str) -> None:
    """It says so, without what is in it."""
    path = world.folder / "grants.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(WorkspaceError, match="damaged"):
        RootKeys.open(path, clock=world.clock.now)


def test_a_missing_file_is_said(world) -> None:
    """A key that was taken away signs no more."""
    (world.folder / "grants.key").unlink()
    with pytest.raises(WorkspaceError):
        world.keys.current()


def test_private_keys_are_not_shown(world) -> None:
    """Neither in a representation nor in a retired entry of the file."""
    world.keys.rotate()
    kept = json.loads((world.folder / "grants.key").read_text())["keys"]
    assert "private" not in kept["1"]
    assert kept["2"]["private"] not in repr(world.keys.current())
