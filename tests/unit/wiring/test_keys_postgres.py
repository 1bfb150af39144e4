"""A new epoch and its ledger entry, where both databases are one PostgreSQL."""

from __future__ import annotations

import threading

import pytest

from sottovoce.ledger.entry import Action
from sottovoce.testing.house import exchange, make_test_workspace
from sottovoce.testing.keys import MemoryKeys
from sottovoce.wiring.house import House
from sottovoce.wiring.workspace import utc_now


@pytest.mark.timeout(120)
def test_workers_that_begin_an_epoch_together_wait_for_each_other_and_begin_one(postgres, tmp_path):
    """Key store and ledger lock in one order, and neither waits for the other's end: one epoch, one entry."""
    workspace = make_test_workspace(tmp_path / "w", count=1, database=postgres)
    keys = MemoryKeys(clock=utc_now)
    houses = [exchange(House(workspace), key_ring=keys) for _ in range(4)]
    houses[0].ledger.size()
    started, opened = threading.Barrier(len(houses)), []

    def begin(number: int) -> None:
        store = houses[number].keystore
        started.wait()
        opened.append(store.get_or_create(f"r{number}").epoch)

    threads = [threading.Thread(target=begin, args=(n,)) for n in range(len(houses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(opened) == len(houses)
    assert len(set(opened)) == 1
    created = [entry for _, entry in houses[0].ledger.entries() if entry.action is Action.KEY_CREATED]
    assert len(created) == 1
    for house in houses:
        house.close()
