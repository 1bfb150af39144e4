"""What a custodian does, and what the ledger says of it."""

from __future__ import annotations

import weakref
from datetime import timedelta

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, LedgerUnavailable, WorkspaceError
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.hygiene import hardened
from sottovoce.kms.protocol import KeyState, Reached
from sottovoce.ledger.entry import Action
from sottovoce.testing.house import exchange, make_test_workspace
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault.key_tables import EpochState
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import utc_now


@pytest.fixture
def keys() -> MemoryKeys:
    return MemoryKeys(clock=utc_now, waiting=timedelta(days=7))


@pytest.fixture
def house(tmp_path, keys):
    opened = exchange(House(make_test_workspace(tmp_path / "w", count=1)), key_ring=keys)
    yield opened
    opened.close()


def ledgered(house):
    return [(entry.action, entry.outcome) for _, entry in house.ledger.entries()]


def test_no_epoch_is_begun_that_the_ledger_does_not_know(house):
    """When the ledger cannot be written there is no key, and nothing can be sealed."""

    def refuse(entries):
        raise LedgerUnavailable("the disk is full")

    house.ledger.record = refuse
    with pytest.raises(KeyUnavailable, match="ledger"):
        house.keystore.get_or_create("r1")
    assert house.keystore.epochs() == ()


def test_a_process_that_opens_keys_is_hardened(house):
    """Whichever command or worker it is."""
    assert house.keystore.epochs() == ()
    assert hardened().no_cores


def test_the_ledger_holds_no_name_of_a_provider_key(house, keys):
    """ARNs hold account numbers: a digest stands for each."""
    house.keystore.get_or_create("r1")
    house.custodian.rotate()
    told = [str(dict(entry.facts)) for _, entry in house.ledger.entries()]
    assert not any("key-0" in facts or "key-1" in facts for facts in told)
    assert ledgered(house) == [
        (Action.KEY_CREATED, "ok"),
        (Action.KEY_ROTATED, "asked"),
        (Action.KEY_ROTATED, "ok"),
        (Action.KEY_DESTROYED, "ok"),
    ]


def test_what_was_asked_for_and_failed_stands_in_the_ledger(house, keys):
    """An intention without its end shows that somebody tried."""
    house.keystore.get_or_create("r1")
    keys.freeze("key-0")
    house.keystore._epochs.forget()
    with pytest.raises(KeyRefused):
        house.custodian.roll(house.keystore.epochs()[0].name)
    assert ledgered(house)[-2:] == [(Action.KEY_ROLLED, "asked"), (Action.KEY_CREATED, "ok")]


def test_a_key_the_service_keeps_is_said(house, keys):
    """The refusal is ledgered, so that somebody with the right destroys it."""
    house.keystore.get_or_create("r1")

    def refuse(key_id):
        raise KeyRefused("no rights")

    keys.schedule_destroy = refuse
    assert house.custodian.rotate().kept == ("key-0",)
    assert ledgered(house)[-1] == (Action.KEY_DESTROYED, "refused")


def test_standing_tells_keys_under_another_provider_apart(house, keys):
    """And an unknown key is no error of the overview."""
    house.keystore.get_or_create("r1")
    (one,) = house.custodian.standing().epochs
    assert one.provider_state is KeyState.ACTIVE
    keys._states.clear()
    assert house.custodian.standing().epochs[0].provider_state is None
    keys._kms = "another"
    assert house.custodian.standing().epochs[0].provider_state is None


def test_examining_finds_what_is_wrong(house, keys):
    """A clock that is off, a key that is disabled or being destroyed, an epoch of another provider."""
    house.keystore.get_or_create("r1")
    health = house.custodian.examine()
    assert (health.epochs, health.capabilities.kms) == (1, "memory")
    assert health.skew is not None
    keys.reach = lambda: Reached(service_time=utc_now() - timedelta(minutes=6))
    with pytest.raises(WorkspaceError, match="clock"):
        house.custodian.examine()
    keys.reach = Reached
    assert house.custodian.examine().skew is None
    keys.freeze("key-0")
    with pytest.raises(KeyRefused, match="disabled"):
        house.custodian.examine()
    keys.schedule_destroy("key-0")
    with pytest.raises(KeyShredded, match="being destroyed"):
        house.custodian.examine()
    keys._kms = "another"
    with pytest.raises(KeyRefused, match="under memory"):
        house.custodian.examine()


def test_only_epochs_of_earlier_months_are_due(house):
    """This month's still takes keys."""
    house.keystore.get_or_create("r1")
    assert house.custodian.due() == ()
    name = house.keystore.epochs()[0].name
    house.clock = lambda: utc_now() + timedelta(days=32)
    assert house.custodian.due() == (name,)


def test_leaving_a_file_ring_rolls_its_epochs_also_when_it_was_interrupted(house, keys, tmp_path):
    """The move was done and the program died: asking again leaves nothing under a key a copy of the ring opens."""
    ring = FileKeyRing.create(tmp_path / "other.ring", Confidential("correct horse"), clock=utc_now)
    before = exchange(House(house.workspace), key_ring=ring)
    key = before.keystore.get_or_create("r1").key
    (epoch,) = before.keystore.epochs()
    before.close()
    house.keystore.move_epochs(ring)
    assert house.custodian.migrate(ring).moved == ()
    assert [e.state for e in house.keystore.epochs()] == [EpochState.DESTROYED, EpochState.ACTIVE]
    assert house.keystore.unwrap("r1").key == key
    assert house.custodian.migrate(ring).moved == ()
    assert len(house.keystore.epochs()) == 2
    assert ring.key_state(epoch.provider_key) is KeyState.DESTROYED


def test_a_house_that_nobody_holds_lets_go_of_its_key_store(tmp_path, keys):
    """Nothing in it leads back to the house: its databases are closed at once, and not whenever memory is swept."""
    house = exchange(House(make_test_workspace(tmp_path / "v", count=1)), key_ring=keys)
    assert house.keystore.get_or_create("r1")
    assert house.custodian.due() == ()
    gone = weakref.ref(house)
    del house
    assert gone() is None
