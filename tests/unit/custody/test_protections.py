"""A legal hold at the source too: what we applied is lifted, and nobody else's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.holds import Holds
from sottovoce.custody.protections import Protections
from sottovoce.custody.registry import Registry
from sottovoce.custody.subject import ByConversation, ByKeys
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.custody import MemoryGuard, MemoryVault

Make = Callable[..., Any]
HOW: dict[str, str] = {"why": "LITIGATION", "by": "counsel-1"}
FIRST = ByConversation(conversation_id="PLANTED-1")


@pytest.fixture
def guard() -> MemoryGuard:
    return MemoryGuard()


@pytest.fixture
def protections(engine: Engine, ledger: Ledger, clock: Make, guard: MemoryGuard) -> Protections:
    sources = frozenset({"calls"})
    return Protections(engine=engine, ledger=ledger, clock=clock, sources=sources, guards=lambda _name: guard)


@pytest.fixture
def holds(engine: Engine, ledger: Ledger, vault: MemoryVault, clock: Make, protections: Protections) -> Holds:
    return Holds(engine=engine, ledger=ledger, clock=clock, freezer=vault, protections=protections)


def test_a_hold_protects_at_the_source_until_it_is_lifted(
    holds: Holds, guard: MemoryGuard, ledger: Ledger, three: list[str]
) -> None:
    """Both are in the ledger, under the recording."""
    assert holds.place(FIRST, matter="case", **HOW).unprotected == ()
    assert guard.kept == {"PLANTED-1"}
    assert holds.lift("case", by="counsel-1").protected == ()
    assert guard.kept == set()
    actions = [entry.action for _, entry in ledger.entries_about(three[0])]
    assert [a for a in actions if "protected" in a] == [Action.RECORDING_PROTECTED, Action.RECORDING_UNPROTECTED]


def test_a_protection_stays_while_any_matter_wants_it(holds: Holds, guard: MemoryGuard, three: list[str]) -> None:
    """Two matters, one conversation: the last one lifts it."""
    holds.place(FIRST, matter="a", **HOW)
    holds.place(FIRST, matter="b", **HOW)
    holds.lift("a", by="counsel-1")
    assert guard.kept == {"PLANTED-1"}
    holds.lift("b", by="counsel-1")
    assert guard.kept == set()


def test_a_conversation_stays_protected_for_each_of_its_legs(
    holds: Holds, guard: MemoryGuard, registry: Registry, a_recording: Make, three: list[str]
) -> None:
    """A source protects conversations, a hold recordings."""
    leg, metadata = a_recording(9, conversation_id="PLANTED-1")
    registry.remember(leg, metadata)
    holds.place(ByKeys(keys=(three[0],), label="held"), matter="a", **HOW)
    holds.place(ByKeys(keys=(leg.key,), label="held"), matter="b", **HOW)
    holds.lift("a", by="counsel-1")
    assert guard.kept == {"PLANTED-1"}
    holds.lift("b", by="counsel-1")
    assert guard.kept == set()


def test_what_was_protected_before_is_not_ours_to_lift(holds: Holds, guard: MemoryGuard, three: list[str]) -> None:
    """Somebody at the source had a reason of their own."""
    guard.kept = {"PLANTED-1"}
    assert holds.place(FIRST, matter="case", **HOW).unprotected == ()
    holds.lift("case", by="counsel-1")
    assert guard.kept == {"PLANTED-1"}


def test_our_own_protection_is_not_a_hold_of_the_sources(
    holds: Holds, registry: Registry, a_recording: Make, three: list[str]
) -> None:
    """The source states it at the next discovery; the recording is free all the same when the matter ends."""
    holds.place(FIRST, matter="case", **HOW)
    ref, metadata = a_recording(1, conversation_id="PLANTED-1", customer_token="PLANTED-TOKEN")
    registry.remember(ref, dataclasses.replace(metadata, legal_hold=True))
    other, held = a_recording(2, conversation_id="PLANTED-2", customer_token="PLANTED-TOKEN")
    registry.remember(other, dataclasses.replace(held, legal_hold=True))
    assert {(h.matter, h.recording) for h in holds.list()} == {("case", three[0]), ("SOURCE", three[1])}
    assert holds.lift("case", by="counsel-1").free == (three[0],)


@pytest.mark.parametrize("fault", [{"silent": True}, {"unknown": {"PLANTED-1"}}])
def test_a_source_that_does_not_protect_is_said(
    holds: Holds, guard: MemoryGuard, protections: Protections, three: list[str], fault: dict[str, Any]
) -> None:
    """The hold stands here; asking again mends it, and lifting is tried again too."""
    changed = dataclasses.replace(guard, **fault)
    guard.silent, guard.unknown = changed.silent, changed.unknown
    assert holds.place(FIRST, matter="case", **HOW).unprotected == (three[0],)
    guard.silent, guard.unknown = False, set()
    assert holds.place(FIRST, matter="case", **HOW).unprotected == ()
    guard.silent, guard.unknown = changed.silent, changed.unknown
    assert holds.lift("case", by="counsel-1").protected == (three[0],)
    guard.silent, guard.unknown = False, set()
    assert protections.settle(by="counsel-1") == ()
    assert guard.kept == set()


def test_other_sources_are_left_alone(
    engine: Engine, ledger: Ledger, clock: Make, guard: MemoryGuard, three: list[str]
) -> None:
    """Only where policy wants it."""
    elsewhere = Protections(engine=engine, ledger=ledger, clock=clock, sources=frozenset(), guards=lambda _name: guard)
    assert elsewhere.apply(three, by="counsel-1") == ()
    assert guard.kept == set()
