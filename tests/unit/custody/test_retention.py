"""Plans for named cases, and sweeps that carry them out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.artefacts import artefacts_of, rules_of
from sottovoce.custody.destruction import Destroyer
from sottovoce.custody.duties import REDACTED_STANDS, SCHEDULE
from sottovoce.custody.erasure import Eraser
from sottovoce.custody.holds import Holds
from sottovoce.custody.kinds import ArtefactKind, artefact_kind
from sottovoce.custody.lineage import corpus_members, lineage_of
from sottovoce.custody.records import store_sealed
from sottovoce.custody.registry import Registry
from sottovoce.custody.retention import Artefact, Conflict, Plan, Rules, Step, solve
from sottovoce.custody.subject import ByConversation
from sottovoce.custody.sweep import Sweeper, overdue
from sottovoce.database.engine import writing
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.errors import LedgerUnavailable
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.policy.model import Duty, Retention
from sottovoce.testing.custody import MemoryVault

Make = Callable[..., Any]
NOW = datetime(2026, 11, 21, tzinfo=UTC)
MADE = datetime(2026, 10, 1, tzinfo=UTC)

MIFID = rules_of(Retention(duties=(Duty(name="PCI_DSS"), Duty(name="GDPR"), Duty(name="MIFID_II", years=7))))


def an_original(**changes: Any) -> Artefact:
    members: dict[str, Any] = {
        "id": "o",
        "kind": ArtefactKind.ORIGINAL,
        "recording": "r",
        "made_at": MADE,
        "recorded_at": MADE,
        **changes,
    }
    return Artefact(**members)


def test_a_trading_call_is_kept_for_seven_years_and_its_corpus_copy_for_one() -> None:
    """A longer duty beats the schedule for the original alone, and the plan says so."""
    original, copy = an_original(), an_original(id="s", kind=ArtefactKind.CORPUS)
    kept, short = solve([original, copy], MIFID, now=NOW)
    assert isinstance(kept, Plan)
    assert isinstance(short, Plan)
    assert (kept.step, kept.delete_at) == (Step.KEEP, datetime(2033, 10, 1, tzinfo=UTC))
    assert kept.because == (SCHEDULE, "GDPR", "MIFID_II")
    assert (short.delete_at, short.because) == (MADE + timedelta(days=365), (SCHEDULE, "GDPR"))


def test_a_duty_covers_the_queues_it_names() -> None:
    """Other queues keep their schedule."""
    rules = rules_of(Retention(duties=(Duty(name="FINRA", queue_categories=("trading",)),)))
    trading, other = solve([an_original(id="a", queue_category="trading"), an_original(id="b")], rules, now=NOW)
    assert isinstance(trading, Plan)
    assert isinstance(other, Plan)
    assert (trading.keep_until, other.step) == (datetime(2032, 10, 1, tzinfo=UTC), Step.DELETE)


def test_a_card_code_goes_at_once_and_the_redacted_recording_stands_for_the_original() -> None:
    """PCI DSS now and MiFID for years: the redacted is kept, the code never."""
    spoken = an_original(authentication_data=True)
    redacted = an_original(id="p", kind=ArtefactKind.REDACTED)
    gone, stands = solve([spoken, redacted], MIFID, now=NOW)
    assert isinstance(gone, Plan)
    assert isinstance(stands, Plan)
    assert (gone.step, gone.because) == (Step.DELETE, ("PCI_DSS", REDACTED_STANDS))
    assert stands.delete_at == datetime(2033, 10, 1, tzinfo=UTC)
    assert stands.because == (SCHEDULE, "GDPR", "MIFID_II", REDACTED_STANDS)


def test_without_a_redacted_recording_two_duties_conflict_by_name() -> None:
    """No lawful plan is an answer, and is never taken by silence."""
    (found,) = solve([an_original(authentication_data=True)], MIFID, now=NOW)
    assert isinstance(found, Conflict)
    assert found.duties == ("PCI_DSS", "MIFID_II")
    (held,) = solve([an_original(authentication_data=True, held_since=MADE)], MIFID, now=NOW)
    assert isinstance(held, Conflict)
    assert held.duties == ("PCI_DSS", "LEGAL_HOLD")
    (past,) = solve([an_original(authentication_data=True, recorded_at=NOW.replace(year=2010))], MIFID, now=NOW)
    assert isinstance(past, Plan)
    assert past.because == ("PCI_DSS",)


def test_documents_are_kept_six_years_and_never_swept() -> None:
    """HIPAA asks for six years of documentation; no schedule deletes it afterwards."""
    rules = rules_of(Retention(duties=(Duty(name="HIPAA"),), archive_days=10))
    (found,) = solve([an_original(kind=ArtefactKind.DOCUMENT)], rules, now=NOW.replace(year=2040))
    assert isinstance(found, Plan)
    assert (found.step, found.keep_until, found.delete_at) == (Step.KEEP, datetime(2032, 10, 1, tzinfo=UTC), None)
    assert found.archive_at is None


def test_what_is_kept_long_moves_to_the_archive() -> None:
    """After the policy's days, where it is not deleted sooner."""
    rules = replace(MIFID, archive_days=30)
    original, copy = solve([an_original(), an_original(id="s", kind=ArtefactKind.CORPUS)], rules, now=NOW)
    assert isinstance(original, Plan)
    assert isinstance(copy, Plan)
    assert (original.step, copy.step) == (Step.ARCHIVE, Step.ARCHIVE)
    never = Rules(days={ArtefactKind.CORPUS: 10**9}, archive_days=10**9)
    (far,) = solve([an_original(kind=ArtefactKind.CORPUS)], never, now=NOW)
    assert isinstance(far, Plan)
    assert (far.step, far.archive_at) == (Step.KEEP, None)


def test_kinds_are_told_from_object_and_line() -> None:
    """What is not known is taken at its worst."""
    assert artefact_kind("features-logmel", "corpus") is ArtefactKind.FEATURES
    assert artefact_kind("unheard-of", "compliance") is ArtefactKind.ORIGINAL
    assert artefact_kind("unheard-of", "corpus") is ArtefactKind.CORPUS


@pytest.fixture
def engine(on_sqlite: Engine) -> Engine:
    return on_sqlite


@pytest.fixture
def sweeper(engine: Engine, ledger: Ledger, eraser: Eraser, vault: MemoryVault, holds: Holds, clock: Make) -> Sweeper:
    ids = iter(f"sweep-{number}" for number in range(99))
    return Sweeper(
        engine=engine,
        ledger=ledger,
        eraser=eraser,
        destroyer=Destroyer(engine=engine, shredder=vault, ciphertext=vault),
        holds=holds,
        rules=rules_of(Retention(map_days=30, duties=())),
        policy_digest="p" * 8,
        clock=clock,
        ids=lambda: next(ids),
    )


def days_pass(clock: Make, days: int) -> None:
    clock.pass_(days * 86_400)


def test_a_sweep_takes_what_is_due_and_no_more(
    sweeper: Sweeper,
    registry: Registry,
    engine: Engine,
    vault: MemoryVault,
    ledger: Ledger,
    three: list[str],
    clock: Make,
) -> None:
    """First the maps, by their own days, with key and samples left; then everything, certified and listed."""
    assert sweeper.sweep(by="cron").objects == 0
    days_pass(clock, 31)
    assert overdue(sweeper.plan()) == 3
    report = sweeper.sweep(by="cron")
    assert (report.objects, report.recordings, report.kept, report.certificate) == (3, (), 6, None)
    assert (len(vault.objects), len(vault.keys), len(corpus_members(engine))) == (6, 3, 3)
    assert Action.OBJECT_DELETED in [entry.action for _, entry in ledger.entries_about(three[0])]
    days_pass(clock, 335)
    report = sweeper.sweep(by="cron")
    assert (report.objects, report.recordings, report.complete) == (6, tuple(sorted(three)), True)
    assert (vault.objects, vault.keys, corpus_members(engine)) == (set(), set(), ())
    assert report.certificate is not None
    size = ledger.size()
    assert (sweeper.sweep(by="cron").objects, ledger.size()) == (0, size + 1)
    assert [each.counts["objects"] for each in sweeper.sweeps()] == [0, 3, 6, 0]
    assert artefacts_of(engine) == ()


def test_a_sweep_leaves_what_is_held_and_freezes_its_key(
    sweeper: Sweeper,
    registry: Registry,
    holds: Holds,
    engine: Engine,
    vault: MemoryVault,
    three: list[str],
    clock: Make,
) -> None:
    """Also what was held without the key service knowing; when the hold is lifted, the next sweep takes it."""
    registry.hold(three[0])
    days_pass(clock, 400)
    report = sweeper.sweep(by="cron")
    assert (report.frozen, report.recordings) == (3, tuple(sorted(three[1:])))
    assert vault.frozen == {three[0]}
    assert lineage_of(engine, "PLANTED-1").in_corpus
    holds.lift("GENERAL", by="counsel")
    assert sweeper.sweep(by="cron").recordings == (three[0],)


def test_a_conflict_is_left_alone_and_said(
    sweeper: Sweeper, registry: Registry, engine: Engine, vault: MemoryVault, a_recording: Make, a_sealed: Make
) -> None:
    """An original in which a card code was heard, and that a law wants kept: nobody deletes it by accident."""
    sweeper._rules = rules_of(Retention(duties=(Duty(name="PCI_DSS"), Duty(name="MIFID_II"))))
    ref, metadata = a_recording(7)
    registry.remember(ref, metadata)
    registry.conclude(
        "compliance", ref.key, OutcomeStatus.SEALED, sealed=a_sealed(7, "original"), facts={"ms_credit_debit_cvv": 900}
    )
    report = sweeper.sweep(by="cron")
    assert [each.duties for each in report.conflicts] == [("PCI_DSS", "MIFID_II")]
    assert (report.objects, report.recordings) == (0, ())
    with writing(engine) as connection:
        store_sealed(connection, "compliance", ref.key, a_sealed(7, "redacted"))
    assert sweeper.sweep(by="cron").objects == 1
    assert [o.kind for o in registry.objects(ref.key) if not o.deleted] == ["redacted"]


def test_a_withheld_recording_is_forgotten_after_its_days(
    sweeper: Sweeper, registry: Registry, engine: Engine, a_recording: Make, clock: Make
) -> None:
    """Of what was excluded or quarantined only the opaque key is remembered, and refused for ever."""
    registry.remember(*a_recording(5))
    registry.conclude("corpus", a_recording(5)[0].key, OutcomeStatus.EXCLUDED, Reason.CONSENT_ABSENT)
    days_pass(clock, 29)
    assert sweeper.sweep(by="cron").recordings == ()
    days_pass(clock, 1)
    assert sweeper.sweep(by="cron").recordings == (a_recording(5)[0].key,)
    assert lineage_of(engine, "conversation-5").recordings == ()


def test_what_a_sweep_cannot_reach_the_next_one_takes(
    sweeper: Sweeper, registry: Registry, vault: MemoryVault, three: list[str], clock: Make
) -> None:
    """A store that fails keeps one object: it is said, stays on record, and goes later."""
    days_pass(clock, 31)
    map_ = next(each for each in registry.objects(three[0]) if each.kind == "map")
    vault.failing = {map_.location}
    report = sweeper.sweep(by="cron")
    assert (report.objects, report.complete) == (2, False)
    vault.failing = set()
    assert sweeper.sweep(by="cron").objects == 1
    days_pass(clock, 400)
    vault.failing = {three[0]}
    report = sweeper.sweep(by="cron")
    assert {each.code for each in report.unreached} == {"E_KEY_UNAVAILABLE"}
    assert report.recordings == tuple(sorted(three[1:]))
    vault.failing = set()
    assert sweeper._eraser.resume(requested_by="cron").recordings == (three[0],)


def test_a_killed_sweep_goes_on(sweeper: Sweeper, vault: MemoryVault, three: list[str], clock: Make) -> None:
    """Killed after the ciphertext went and before the rows did: the next sweep finds the same state and ends it."""

    class Killed(BaseException):
        pass

    days_pass(clock, 31)
    append = sweeper._ledger.append

    def killed(connection: Any, entries: Any) -> Any:
        if entries:
            raise Killed
        return append(connection, entries)

    sweeper._ledger.append = killed  # type: ignore[method-assign]
    with pytest.raises(Killed):
        sweeper.sweep(by="cron")
    assert len(vault.objects) == 6
    sweeper._ledger.append = append  # type: ignore[method-assign]
    assert sweeper.sweep(by="cron").objects == 3
    assert sweeper.sweep(by="cron").objects == 0


def test_a_sweep_without_a_ledger_destroys_no_rows(
    sweeper: Sweeper, engine: Engine, three: list[str], clock: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it cannot be written down, nothing is blanked."""
    days_pass(clock, 400)

    def full(*_: object) -> Any:
        raise LedgerUnavailable("the disk is full")

    monkeypatch.setattr(sweeper._ledger, "append", full)
    with pytest.raises(LedgerUnavailable):
        sweeper.sweep(by="cron")
    assert len(corpus_members(engine)) == 3


def test_a_swept_recording_stays_swept_when_it_is_asked_for(
    sweeper: Sweeper, eraser: Eraser, three: list[str], clock: Make
) -> None:
    """Erasure finds nothing more of it."""
    days_pass(clock, 400)
    sweeper.sweep(by="cron")
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), requested_by="o", why="ART17")
    assert (report.recordings, report.certificate) == ((), None)
