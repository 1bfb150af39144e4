"""Legal holds belong to matters, and freeze keys while any of them stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sottovoce.custody.holds import Holds
from sottovoce.custody.registry import Registry
from sottovoce.custody.subject import ByConversation, ByCustomer
from sottovoce.errors import CustodyError
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.custody import MemoryVault

Make = Callable[..., Any]
BOTH = ByCustomer(token="PLANTED-TOKEN")
ONE = ByConversation(conversation_id="PLANTED-1")


def test_a_recording_is_free_when_no_matter_holds_it(
    holds: Holds, registry: Registry, vault: MemoryVault, ledger: Ledger, three: list[str], clock: Make
) -> None:
    """Two matters hold it; lifting one leaves it held under the first date, lifting both thaws its key."""
    first = clock()
    assert holds.place(BOTH, matter="case-1", why="LITIGATION", by="counsel-1").fresh == tuple(sorted(three[:2]))
    clock.pass_(60)
    holds.place(ONE, matter="case-2", why="INQUIRY", by="counsel-2")
    assert vault.frozen == set(three[:2])
    assert holds.lift("case-1", by="counsel-1").free == (three[1],)
    assert vault.frozen == {three[0]}
    assert registry.recall(three[0])[1].legal_hold
    (left,) = holds.list()
    assert (left.matter, left.recording) == ("case-2", three[0])
    lifted = holds.lift("case-2", by="counsel-2")
    assert (lifted.free, lifted.deferred, vault.frozen) == ((three[0],), (), set())
    assert not registry.recall(three[0])[1].legal_hold
    every = holds.list(all_=True)
    assert {each.matter for each in every} == {"case-1", "case-2"}
    assert min(each.placed_at for each in every) == first
    actions = [entry.action for _, entry in ledger.entries_about(three[0])]
    assert actions.count(Action.RECORDING_HELD) == 2
    assert actions.count(Action.RECORDING_HOLD_RELEASED) == 2


def test_holding_again_changes_nothing(holds: Holds, ledger: Ledger, three: list[str]) -> None:
    """The same matter holds a recording once; after it was lifted it may hold it again."""
    holds.place(ONE, matter="case-1", why="LITIGATION", by="counsel-1")
    size = ledger.size()
    assert holds.place(ONE, matter="case-1", why="LITIGATION", by="counsel-1").fresh == ()
    assert ledger.size() == size
    holds.lift("case-1", by="counsel-1")
    assert holds.place(ONE, matter="case-1", why="LITIGATION", by="counsel-1").fresh == (three[0],)
    assert len(holds.list()) == 1


def test_a_matter_that_holds_nothing_is_refused(holds: Holds) -> None:
    """A mistyped matter lifts nothing silently."""
    with pytest.raises(CustodyError, match="holds nothing"):
        holds.lift("case-9", by="counsel-1")


def test_a_key_that_cannot_be_frozen_is_said_and_frozen_by_the_next_sweep(
    holds: Holds, vault: MemoryVault, three: list[str]
) -> None:
    """The hold stands whatever the key service says; a recording without a key has none to freeze."""
    vault.failing = {three[0]}
    vault.keys.discard(three[1])
    assert holds.place(BOTH, matter="case-1", why="LITIGATION", by="counsel-1").unfrozen == (three[0],)
    assert holds.freeze_held() == (three[0],)
    vault.failing = set()
    assert holds.freeze_held() == ()
    assert vault.frozen == {three[0]}
    vault.failing = {three[0]}
    assert holds.lift("case-1", by="counsel-1").frozen == (three[0],)


def test_a_hold_the_source_states_is_a_matter_of_its_own(
    holds: Holds, registry: Registry, a_recording: Make, three: list[str]
) -> None:
    """Lifting a matter does not lift what the source still holds."""
    registry.remember(*a_recording(1, conversation_id="PLANTED-1", legal_hold=True))
    holds.place(ONE, matter="case-1", why="LITIGATION", by="counsel-1")
    assert holds.lift("case-1", by="counsel-1").free == ()
    assert [each.matter for each in holds.list()] == ["SOURCE"]
    registry.release_hold(three[0])
    assert holds.list() == ()
