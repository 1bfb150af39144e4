"""The key store, through any history of sealing, holds, erasures, epoch rolls and months."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sottovoce.errors import KeyFrozen, KeyRefused, KeyShredded
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault.keystore import KeyStore

rids = st.sampled_from([f"r{n}" for n in range(6)])


class KeyStoreHistory(RuleBasedStateMachine):
    """Beside the store a plain dictionary says what should be true."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = datetime(2026, 1, 15, tzinfo=UTC)
        self.provider = MemoryKeys(clock=lambda: self.now)
        self.store = self.opened()
        self.names = self.store.tenant_key("names")
        self.keys: dict[str, bytes] = {}
        self.held: set[str] = set()
        self.erased: set[str] = set()

    def opened(self) -> KeyStore:
        base = Path(self.folder.name)
        return KeyStore.open(base=base, tenant="t", provider=self.provider, clock=lambda: self.now)

    @rule(rid=rids)
    def seal(self, rid):
        if rid in self.erased:
            with pytest.raises(KeyShredded):
                self.store.get_or_create(rid)
        else:
            key = self.store.get_or_create(rid).key.reveal()
            assert self.keys.setdefault(rid, key) == key

    @rule(rid=rids)
    def hold(self, rid):
        if rid in self.keys:
            self.store.freeze(rid)
            self.held.add(rid)
        else:
            with pytest.raises((KeyRefused, KeyShredded)):
                self.store.freeze(rid)

    @rule(rid=rids)
    def lift(self, rid):
        if rid in self.keys:
            self.store.thaw(rid)
            self.held.discard(rid)

    @rule(rid=rids)
    def erase(self, rid):
        if rid in self.held:
            with pytest.raises(KeyFrozen):
                self.store.shred(rid)
        else:
            assert self.store.shred(rid).traces_gone
            self.keys.pop(rid, None)
            self.erased.add(rid)

    @rule()
    def next_month(self):
        self.now += timedelta(days=31)

    @precondition(lambda self: self.store.epochs())
    @rule(which=st.integers(0, 20))
    def roll(self, which):
        epochs = self.store.epochs()
        self.store.roll_epoch(epochs[which % len(epochs)].name)

    @rule()
    def restart(self):
        self.store.close()
        self.store = self.opened()

    @invariant()
    def what_lives_opens_and_what_was_erased_does_not(self):
        for rid, key in self.keys.items():
            assert self.store.unwrap(rid).key.reveal() == key
        for rid in self.erased:
            with pytest.raises(KeyShredded):
                self.store.unwrap(rid)
        assert self.store.tenant_key("names") == self.names
        assert sum(e.recordings for e in self.store.epochs()) == len(self.keys)

    def teardown(self):
        self.store.close()
        self.folder.cleanup()


TestKeyStoreHistory = KeyStoreHistory.TestCase
TestKeyStoreHistory.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
