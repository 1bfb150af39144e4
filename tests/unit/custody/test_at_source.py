"""What a source is asked to let go of: written down first, asked until it is done, and said."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sottovoce.custody.at_source import SourceErasures
from sottovoce.custody.erasure import Eraser
from sottovoce.custody.erasure_list import ErasureList
from sottovoce.custody.holds import Holds
from sottovoce.custody.registry import Registry
from sottovoce.custody.subject import ByConversation, ByCustomer, ByKeys
from sottovoce.database.custody_tables import source_erasures
from sottovoce.database.engine import reading
from sottovoce.domain.at_source import SourceState, Way
from sottovoce.errors import SourceRefused, WorkspaceError
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer
from sottovoce.testing.custody import MemorySource, MemoryVault

WHO: dict[str, Any] = {"requested_by": "officer-1", "why": "ART17", "at_source": True}
CUSTOMER = ByCustomer(token="PLANTED-TOKEN")
Make = Callable[..., Any]


@pytest.fixture
def source() -> MemorySource:
    return MemorySource()


@pytest.fixture
def made(
    registry: Registry, ledger: Ledger, vault: MemoryVault, signer: Signer, clock: Make, notes: ErasureList
) -> Callable[[Way, Any], tuple[Eraser, SourceErasures]]:
    """An eraser whose source is asked this way, by what is handed in."""

    def make(way: Way, asker: Any) -> tuple[Eraser, SourceErasures]:
        ids = iter(f"erasure-{number}" for number in range(99))
        sources = SourceErasures(
            engine=registry.engine, ledger=ledger, clock=clock, ways={"calls": way}, askers=lambda _name: asker
        )
        eraser = Eraser(
            registry=registry,
            ledger=ledger,
            shredder=vault,
            ciphertext=vault,
            signer=signer,
            clock=clock,
            ids=lambda: next(ids),
            random=lambda size: b"r" * size,
            freezer=vault,
            notes=notes,
            sources=sources,
        )
        return eraser, sources

    return make


def locators(engine: Engine) -> list[str | None]:
    with reading(engine) as connection:
        return list(connection.execute(select(source_erasures.c.locator)).scalars())


def said(certificate: str | None) -> dict[str, Any]:
    assert certificate is not None
    content: dict[str, Any] = json.loads(certificate.split("\n")[1])
    return content


def test_each_recording_is_asked_for_and_followed_until_it_is_gone(
    made: Make, source: MemorySource, ledger: Ledger, engine: Engine, three: list[str]
) -> None:
    """The certificate says that it was asked, the ledger when it was done; then nothing leads there any more."""
    eraser, sources = made(Way.RECORDINGS, source)
    report = eraser.erase(CUSTOMER, **WHO)
    assert (dict(report.at_source), report.complete) == ({"asked": 2}, True)
    assert said(report.certificate)["at_source"] == {"asked": 2}
    assert [way for _, way in source.asked] == [Way.RECORDINGS] * 2
    assert None not in locators(engine)
    assert sources.pursue(by="officer-1") == ()
    assert locators(engine) == [None, None]
    told = [(e.outcome, e.facts["erasure"]) for _, e in ledger.entries() if e.action is Action.ERASURE_AT_SOURCE]
    assert told == [("asked", report.id)] * 2 + [("done", report.id)] * 2
    assert {each.recording for each in sources.list()} == set(three[:2])


def test_a_source_that_is_done_is_not_asked_again(made: Make, source: MemorySource, three: list[str]) -> None:
    """However often an erasure is asked for."""
    eraser, sources = made(Way.RECORDINGS, source)
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    for _ in range(3):
        sources.pursue(by="officer-1")
        eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert len(source.asked) == 2


def test_a_source_that_does_not_answer_holds_up_nothing(
    made: Make, source: MemorySource, vault: MemoryVault, three: list[str]
) -> None:
    """Ours is gone, the certificate says that theirs is pending, and the next erasure or sweep asks again."""
    eraser, sources = made(Way.RECORDINGS, source)
    source.silent = True
    report = eraser.erase(CUSTOMER, **WHO)
    assert (len(report.recordings), dict(report.at_source), report.complete) == (2, {"pending": 2}, False)
    assert vault.keys == {three[2]}
    assert {each.code for each in sources.list()} == {"E_SOURCE_UNAVAILABLE"}
    source.silent = False
    assert [each.state for each in sources.pursue(by="officer-1")] == [SourceState.ASKED] * 2


def test_a_silent_source_is_not_asked_a_thousand_times(
    made: Make, source: MemorySource, registry: Registry, a_recording: Make
) -> None:
    """Three failures in a row are enough for once; what was not asked stays pending."""
    eraser, sources = made(Way.RECORDINGS, source)
    source.silent = True
    for number in range(20, 30):
        registry.remember(*a_recording(number, customer_token="PLANTED-TOKEN"))
    eraser.erase(CUSTOMER, **WHO)
    assert sorted(each.attempts for each in sources.list()) == [0] * 7 + [1] * 3


def test_a_protected_recording_is_refused_and_said_so(
    made: Make, source: MemorySource, three: list[str], registry: Registry
) -> None:
    """What the source may not let go of stays there, is named, and goes once its protection is lifted."""
    source.guarded = {registry.recall(three[0])[0].locator.reveal()}
    eraser, sources = made(Way.RECORDINGS, source)
    report = eraser.erase(CUSTOMER, **WHO)
    assert (dict(report.at_source), report.complete) == ({"asked": 1, "refused": 1}, False)
    (left,) = [each for each in sources.pursue(by="officer-1") if each.state is SourceState.REFUSED]
    assert (left.recording, left.code) == (three[0], "PROTECTED_AT_SOURCE")
    source.guarded.clear()
    sources.pursue(by="officer-1")
    assert sources.pursue(by="officer-1") == ()


def test_a_request_about_the_person_is_made_for_a_person(made: Make, source: MemorySource, three: list[str]) -> None:
    """Asked for by conversation, the recording alone goes: the person did not ask to be forgotten."""
    eraser, sources = made(Way.GDPR_REQUEST, source)
    eraser.erase(ByConversation(conversation_id="PLANTED-3"), **WHO)
    eraser.erase(CUSTOMER, **WHO)
    assert [way for _, way in source.asked] == [Way.RECORDINGS] + [Way.GDPR_REQUEST] * 2
    sources.pursue(by="officer-1")
    assert source.looked == ["request-a"] * 2
    assert {each.state for each in sources.list()} == {SourceState.DONE}


def test_only_who_asks_for_it_has_the_source_asked(made: Make, source: MemorySource, three: list[str]) -> None:
    """A sweep, or a consent that was taken back, destroys our copy and says nothing to the source."""
    eraser, sources = made(Way.RECORDINGS, source)
    eraser.erase(ByKeys(keys=tuple(three), label="sweep"), requested_by="officer-1", why="RETENTION")
    sources.pursue(by="officer-1")
    assert (source.asked, sources.list()) == ([], ())


def test_an_interrupted_erasure_asks_when_it_is_resumed(
    made: Make, source: MemorySource, vault: MemoryVault, three: list[str]
) -> None:
    """The question is written down with the mark, so that whoever goes on need not know it."""
    eraser, _ = made(Way.GDPR_REQUEST, source)
    vault.failing = set(three)
    source.silent = True
    eraser.erase(CUSTOMER, **WHO)
    vault.failing, source.silent = set(), False
    report = eraser.resume(requested_by="officer-1")
    assert dict(report.at_source) == {"asked": 2}
    assert {way for _, way in source.asked} == {Way.GDPR_REQUEST}


def test_a_held_recording_is_asked_for_when_its_hold_is_lifted(
    made: Make, source: MemorySource, holds: Holds, three: list[str]
) -> None:
    """While it is held the source is not asked either."""
    eraser, sources = made(Way.RECORDINGS, source)
    holds.place(ByKeys(keys=(three[0],), label="held"), matter="case", why="LITIGATION", by="counsel-1")
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    sources.pursue(by="officer-1")
    assert source.asked == []
    lifted = holds.lift("case", by="counsel-1")
    report = eraser.erase(ByKeys(keys=lifted.deferred, label="deferred"), requested_by="counsel-1", why="HOLD_LIFTED")
    assert dict(report.at_source) == {"asked": 1}


@pytest.mark.parametrize(
    ("failure", "state"),
    [(SourceRefused("no rights"), SourceState.REFUSED), (WorkspaceError("no secret"), SourceState.PENDING)],
)
def test_whatever_a_source_fails_with_the_erasure_is_whole(
    made: Make, vault: MemoryVault, three: list[str], failure: Exception, state: SourceState
) -> None:
    """A client without rights is refused; a secret that is not there now may be there tomorrow."""

    class Failing:
        def ask(self, locator: Any, way: Way) -> Any:
            raise failure

    eraser, sources = made(Way.RECORDINGS, Failing())
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert len(report.recordings) == 1
    (left,) = sources.list()
    assert (left.state, left.code) == (state, getattr(failure, "code", None))
