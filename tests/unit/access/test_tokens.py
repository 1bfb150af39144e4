"""Tokens that are shown once and kept as hashes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused, AccessSuspended, GrantInvalid
from sottovoce.ledger.entry import Action


def made(world, days: float = 1):
    somebody = world.somebody()
    return somebody, world.tokens.create(somebody.id, by=world.owner.id, lifetime=timedelta(days=days))


def test_a_token_says_who_asks_until_it_is_over(world) -> None:
    """And not a moment longer."""
    somebody, token = made(world)
    assert world.tokens.authenticate(token.value).id == somebody.id
    world.clock.advance(86_399)
    assert world.tokens.authenticate(token.value).id == somebody.id
    world.clock.advance(1)
    with pytest.raises(GrantInvalid):
        world.tokens.authenticate(token.value)


def test_no_token_is_in_the_database(world) -> None:
    """Neither in a table nor in a file: what is stolen there signs nobody in."""
    _, token = made(world)
    secret = token.value.reveal().split("_", 2)[2].encode()
    world.engine.dispose()
    kept = b"".join(path.read_bytes() for path in world.folder.glob("registry.sqlite*"))
    assert token.id.encode() in kept
    assert secret not in kept
    assert secret.decode() not in repr(token)


def test_whatever_is_wrong_is_the_same_error(world) -> None:
    """Nothing to learn from guessing."""
    _, token = made(world)
    right = token.value.reveal()
    wrong = ["", "svt_", right[:-1], right + "x", right[:-2] + "AA", "svt_" + "0" * 32 + right[36:], "Bearer " + right]
    said = set()
    for each in wrong:
        with pytest.raises(GrantInvalid) as error:
            world.tokens.authenticate(Confidential(each))
        said.add(str(error.value))
    assert len(said) == 1


def test_a_revoked_token_opens_nothing(world) -> None:
    """At once, once in the ledger."""
    _, token = made(world)
    world.tokens.revoke(token.id, by=world.owner.id)
    world.tokens.revoke(token.id, by=world.owner.id)
    with pytest.raises(GrantInvalid):
        world.tokens.authenticate(token.value)
    assert len(world.entries(Action.TOKEN_REVOKED)) == 1
    with pytest.raises(AccessError):
        world.tokens.revoke("f" * 32, by=world.owner.id)


def test_a_holder_gives_its_token_back(world) -> None:
    """Signing out ends it; what is no token ends nothing."""
    somebody, token = made(world)
    world.tokens.end(Confidential("nothing"))
    world.tokens.end(token.value)
    assert world.entries(Action.TOKEN_REVOKED)[0].actor == somebody.id


def test_a_suspended_principals_token_is_refused(world) -> None:
    """And it gets no new one."""
    somebody, token = made(world)
    world.principals.suspend(somebody.id, by=world.owner.id, why="X")
    with pytest.raises(AccessSuspended):
        world.tokens.authenticate(token.value)
    with pytest.raises(AccessSuspended):
        world.tokens.create(somebody.id, by=world.owner.id, lifetime=timedelta(days=1))


@pytest.mark.parametrize("days", [0, -1, 366])
def test_no_token_is_for_ever(world, days: int) -> None:
    """A year at most."""
    with pytest.raises(AccessRefused):
        made(world, days)
    assert world.tokens.all() == ()
