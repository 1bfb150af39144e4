"""Grants: an hour at most, for one prefix and purpose, so many recordings, one key, one network."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from datetime import timedelta

import pytest
from biscuit_auth import Biscuit, BlockBuilder

from sottovoce.access.biscuits import MAX_BLOCKS, attenuate
from sottovoce.access.grant_book import UNLIMITED, Wish
from sottovoce.access.grants import MAX_COUNT, Ask, Count, Narrowing, network_bits, source_bits
from sottovoce.access.inspect import inspect_token, root_of
from sottovoce.access.principals import Kind
from sottovoce.access.roles import Operation, Role
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused, AccessSuspended, GrantInvalid
from sottovoce.ledger.entry import Action

WISH = Wish(
    holder="",
    operations=frozenset({Operation.CORPUS_DECRYPT}),
    prefix="corpus/v1",
    purpose="ai_training",
    recordings=1,
    lifetime=timedelta(minutes=1),
)
SAMPLE = "corpus/v1/train/" + "a" * 32


def ask(world, token, **changed) -> None:
    """Raises unless the token permits it."""
    opened = world.biscuits.open(token)
    asked = {
        "tenant": "test",
        "purpose": "ai_training",
        "operation": Operation.CORPUS_DECRYPT,
        "resource": SAMPLE,
        "at": world.clock.now(),
        "counts": [Count()] * len(opened.blocks),
        **changed,
    }
    world.biscuits.authorise(opened, Ask(**asked))


def refused(world, token, **changed) -> bool:
    try:
        ask(world, token, **changed)
    except (AccessRefused, GrantInvalid):
        return True
    return False


def test_a_grant_permits_what_it_says_and_nothing_beside(world) -> None:
    """Operation, prefix, purpose, tenant: each of them has to fit."""
    token = world.grant(world.somebody()).token
    ask(world, token)
    assert refused(world, token, operation=Operation.MAP_READ)
    assert refused(world, token, resource="corpus/v2/train/x")
    assert refused(world, token, purpose="analytics")
    assert refused(world, token, tenant="other")


@pytest.mark.parametrize("resource", ["corpus/v10/train/x", "corpus/v1x", "corpus", "x/corpus/v1/y", "Corpus/v1/y"])
def test_a_prefix_ends_at_a_slash(world, resource: str) -> None:
    """`corpus/v1` is no part of `corpus/v10`."""
    assert refused(world, world.grant(world.somebody()).token, resource=resource)


def test_a_grant_for_one_sample_is_for_that_sample(world) -> None:
    """The whole name as a prefix, and no name that begins like it."""
    token = world.grant(world.somebody(), prefix=SAMPLE).token
    ask(world, token)
    assert refused(world, token, resource=SAMPLE + "b")


def test_a_grant_ends_when_it_says(world) -> None:
    """Not a second of grace at its end, a minute for clocks that differ at its beginning."""
    token = world.grant(world.somebody()).token
    begun, quarter = world.clock.now(), timedelta(minutes=15)
    ask(world, token, at=begun + quarter - timedelta(seconds=1))
    assert refused(world, token, at=begun + quarter)
    ask(world, token, at=begun - timedelta(seconds=60))
    assert refused(world, token, at=begun - timedelta(seconds=61))


def test_counts_hold_to_the_last_one(world) -> None:
    """So many recordings and bytes, up to 2^63 - 1, and no way around it beyond."""
    token = world.grant(world.somebody(), recordings=10, bytes=5000).token
    ask(world, token, counts=[Count(recordings=10, bytes=5000)])
    assert refused(world, token, counts=[Count(recordings=11, bytes=5000)])
    assert refused(world, token, counts=[Count(recordings=10, bytes=5001)])
    assert refused(world, token, counts=[Count(recordings=MAX_COUNT + 1)])
    assert refused(world, token, counts=[Count(recordings=-1)])
    wide = world.grant(world.somebody(), recordings=MAX_COUNT, bytes=UNLIMITED).token
    ask(world, wide, counts=[Count(recordings=MAX_COUNT, bytes=MAX_COUNT)])


def test_a_grant_from_a_network_is_used_from_there(world) -> None:
    """IPv4 also where it comes mapped into IPv6; without an address it is refused."""
    token = world.grant(world.somebody(), source=ipaddress.ip_network("10.20.0.0/16")).token
    for address in ("10.20.0.1", "10.20.255.255", "::ffff:10.20.3.4"):
        ask(world, token, source=Confidential(address))
    for address in ("10.21.0.1", "::1", "2001:db8::1"):
        assert refused(world, token, source=Confidential(address))
    assert refused(world, token)
    assert refused(world, token, source=Confidential("nowhere"))
    six = world.grant(world.somebody(), source=ipaddress.ip_network("2001:db8::/32")).token
    ask(world, six, source=Confidential("2001:db8:1::5"))
    assert refused(world, six, source=Confidential("2001:db9::5"))


def test_addresses_are_bits() -> None:
    """A network is a prefix of the addresses in it."""
    assert source_bits("10.0.0.1") == "4:00001010000000000000000000000001"
    assert network_bits(ipaddress.ip_network("10.0.0.0/8")) == "4:00001010"
    assert network_bits(ipaddress.ip_network("0.0.0.0/0")) == "4:"


def test_a_bound_grant_needs_its_key(world) -> None:
    """A stolen one is not enough."""
    token = world.grant(world.somebody(), thumbprint="mine").token
    ask(world, token, thumbprint="mine")
    assert refused(world, token, thumbprint="another")
    assert refused(world, token)


def test_a_holder_hands_on_less_and_never_more(world) -> None:
    """Narrowed offline: the smaller grant has its own budget within the whole."""
    issued = world.grant(world.somebody(), recordings=100)
    root = world.keys.public(issued.root_key)
    less = attenuate(
        issued.token, Narrowing(prefix="corpus/v1/test", recordings=2, operations=issued.grant.operations), root=root
    )
    assert refused(world, less)
    ask(world, less, resource="corpus/v1/test/x", counts=[Count(recordings=90), Count(recordings=2)])
    assert refused(world, less, resource="corpus/v1/test/x", counts=[Count(recordings=90), Count(recordings=3)])
    assert refused(world, less, resource="corpus/v1/test/x", counts=[Count(recordings=101), Count(recordings=1)])
    more = attenuate(less, Narrowing(prefix="corpus", recordings=1000, operations=frozenset(Operation)), root=root)
    assert refused(world, more)
    assert refused(world, more, operation=Operation.MAP_READ, resource="maps/x")


@pytest.mark.parametrize(
    "block",
    [
        'right("map.read", "maps/"); right("corpus.decrypt", "corpus/");',
        'operation("corpus.decrypt"); resource("corpus/v1/x/"); tenant("other");',
        "time(2020-01-01T00:00:00Z); recordings(0, 0); bytes(0, 0);",
        "right($o, $r) <- operation($o), resource($r);",
        'key("mine"); source("4:");',
    ],
)
def test_facts_a_holder_adds_gain_nothing(world, block: str) -> None:
    """What a block says is not believed; only what it refuses is."""
    issued = world.grant(world.somebody(), recordings=10, thumbprint="mine")
    biscuit = Biscuit.from_base64(issued.token.reveal(), world.keys.public(issued.root_key))
    forged = Confidential(biscuit.append(BlockBuilder(block)).to_base64())
    assert refused(world, forged, operation=Operation.MAP_READ, resource="maps/x", thumbprint="mine")
    assert refused(world, forged, resource="corpus/v2/x", thumbprint="mine")
    assert refused(world, forged)
    assert refused(world, forged, thumbprint="mine", counts=[Count(recordings=11), Count()])
    assert refused(world, forged, thumbprint="mine", at=world.clock.now() + timedelta(hours=1))


def test_a_token_that_is_not_ours_is_no_token(world) -> None:
    """Garbage, cut, changed, too long, another root's: one error."""
    token = world.grant(world.somebody()).token.reveal()
    for wrong in ("", "x", token[:-8], token[:50] + "AAAA" + token[54:], "A" * 20_000):
        with pytest.raises(GrantInvalid):
            world.biscuits.open(Confidential(wrong))
        with pytest.raises(GrantInvalid):
            attenuate(Confidential(wrong), Narrowing(), root=world.keys.public(1))
    world.keys.rotate(believe_old=False)
    with pytest.raises(GrantInvalid):
        world.biscuits.open(Confidential(token))


def test_a_chain_is_short(world) -> None:
    """Eight blocks: a holder's holder's holder is far enough."""
    issued = world.grant(world.somebody())
    token, root = issued.token, world.keys.public(issued.root_key)
    for _ in range(MAX_BLOCKS - 1):
        token = attenuate(token, Narrowing(), root=root)
    ask(world, token)
    with pytest.raises(GrantInvalid):
        world.biscuits.open(attenuate(token, Narrowing(), root=root))


@pytest.mark.parametrize(
    "block",
    [
        "n(1); n(2); p($a, $b) <- n($a), n($b);",
        "check if time($t), $t < 2030-01-01T00:00:00Z, 1 + 1 == 2;",
        'check all resource($r), $r.matches("(a+)+$");',
        "reject if true;",
    ],
)
def test_a_holders_block_says_what_narrowing_writes(world, block: str) -> None:
    """Datalog of somebody else's never runs: a few rules could keep the broker busy for minutes."""
    issued = world.grant(world.somebody())
    biscuit = Biscuit.from_base64(issued.token.reveal(), world.keys.public(issued.root_key))
    with pytest.raises(GrantInvalid):
        world.biscuits.open(Confidential(biscuit.append(BlockBuilder(block)).to_base64()))


@pytest.mark.parametrize(
    "narrowing",
    [Narrowing(prefix='a"b'), Narrowing(thumbprint="a b"), Narrowing(recordings=-1), Narrowing(prefix="a\nb")],
)
def test_limits_no_grant_has_are_refused_where_they_are_written(world, narrowing) -> None:
    """Rather than later, by the broker."""
    issued = world.grant(world.somebody())
    with pytest.raises(AccessRefused):
        attenuate(issued.token, narrowing, root=world.keys.public(issued.root_key))


def test_a_grant_can_be_read_without_its_issuer(world) -> None:
    """Its blocks and their revocation ids; a root key is 64 hex digits."""
    issued = world.grant(world.somebody())
    blocks = inspect_token(issued.token)
    assert len(blocks) == 1 and len(blocks[0].revocation) == 128
    assert "corpus.decrypt" in blocks[0].source
    assert root_of(world.keys.public_text(issued.root_key)) is not None
    for wrong in ("", "zz"):
        with pytest.raises(GrantInvalid):
            inspect_token(Confidential(wrong))
        with pytest.raises(GrantInvalid):
            root_of(wrong)


@pytest.mark.parametrize(
    "wish",
    [
        {"lifetime": timedelta(hours=1, seconds=1)},
        {"lifetime": timedelta(0)},
        {"operations": frozenset()},
        {"operations": frozenset({Operation.ERASE})},
        {"purpose": "what ever"},
        {"prefix": "/"},
        {"prefix": "corpus/../v1"},
        {"recordings": 0},
        {"recordings": MAX_COUNT + 1},
        {"per_minute": -1},
        {"operations": frozenset({Operation.SAMPLE_LISTEN})},
    ],
)
def test_what_no_grant_is_made_for(world, wish) -> None:
    """Longer than an hour, for everything, for nothing, or beyond the holder's roles."""
    with pytest.raises(AccessRefused):
        world.grant(world.somebody(), **wish)
    assert world.grants.all(over=True) == ()


def test_a_suspended_holder_gets_no_grant(world) -> None:
    """Nor does one that is not there."""
    somebody = world.somebody()
    world.principals.suspend(somebody.id, by=world.owner.id, why="X")
    with pytest.raises(AccessSuspended):
        world.grant(somebody)
    with pytest.raises(AccessError):
        world.grants.issue(replace(WISH, holder="nobody"), by=world.owner.id)


def test_a_grant_is_in_the_book_and_the_ledger(world) -> None:
    """With its limits; a training grant without a plan states all of it a minute."""
    issued = world.grant(world.somebody(), recordings=50)
    (row,) = world.grants.all()
    assert (row.id, row.per_minute, row.bound, row.alive(world.clock.now().timestamp() * 1000)) == (
        issued.grant.id,
        50,
        False,
        True,
    )
    (entry,) = world.entries(Action.GRANT_ISSUED)
    assert (entry.object, entry.facts["recordings"], entry.facts["prefix"]) == (issued.grant.id, 50, "corpus/v1")
    listening = world.principals.create(Kind.PERSON, by=world.owner.id, roles=[Role.DATA_SCIENTIST])
    world.grant(listening, operations=frozenset({Operation.SAMPLE_LISTEN}))
    assert world.grants.all()[-1].per_minute is None


def test_the_book_forgets_what_was_counted_for_grants_that_are_over(world) -> None:
    """Lists of recordings are kept for as long as they are counted against."""
    issued = world.grant(world.somebody())
    world.gate.admit(world.asked(issued), [], seal=lambda *_: b"")
    world.clock.advance(3600)
    assert world.grants.all() == ()
    assert world.grants.forget_over() == 0
    assert len(world.grants.all(over=True)) == 1


def test_revoking_what_is_not_there_is_an_error(world) -> None:
    """And revoking twice is one entry."""
    with pytest.raises(AccessError):
        world.grants.revoke("f" * 32, by=world.owner.id, why="X")
    issued = world.grant(world.somebody())
    world.grants.revoke(issued.grant.id, by=world.owner.id, why="X")
    world.grants.revoke(issued.grant.id, by=world.owner.id, why="X")
    assert len(world.entries(Action.GRANT_REVOKED)) == 1
    assert world.grants.load_revocations() == 1
