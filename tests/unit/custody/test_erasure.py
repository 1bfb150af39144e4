"""Erasure: what a person asked to be forgotten is destroyed, and the refusal or remainder is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sottovoce.custody.certificate import certificate_digest
from sottovoce.custody.certified import certified_erasures
from sottovoce.custody.deliveries import Deliveries, Delivery
from sottovoce.custody.erased import OUTSIDE
from sottovoce.custody.erasure import ARCHIVES, BACKUPS, FROZEN_KEY, LEGAL_HOLD, Eraser
from sottovoce.custody.erasure_list import ErasureList, Listed, open_listed, sign_listed
from sottovoce.custody.holds import Holds
from sottovoce.custody.impact import Impacts, ModelDecision
from sottovoce.custody.lineage import corpus_members, lineage_of, lineage_of_recording
from sottovoce.custody.records import add_edge, store_sealed
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import CorpusSample, CorpusVersion
from sottovoce.custody.subject import ByContributor, ByConversation, ByCustomer, ByKeys
from sottovoce.custody.training import Training
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import commitments, corpus_identities
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import CustodyError, LedgerTampered, RecordingErased
from sottovoce.ledger import verifier
from sottovoce.ledger.commitment import Commitment, opens
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer, VerifierKey, sign_note
from sottovoce.ledger.verifier import Found
from sottovoce.testing.custody import MemoryNotes, MemoryVault

LINE = "corpus"
WHO: dict[str, str] = {"requested_by": "officer-1", "why": "ART17"}
Make = Callable[..., Any]


def test_everything_made_from_a_conversation_goes(
    eraser: Eraser, registry: Registry, vault: MemoryVault, engine: Engine, three: list[str]
) -> None:
    """Key, ciphertext, samples and rows of one conversation go; those of the others stay."""
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert (report.recordings, report.objects_deleted, report.samples_erased) == ((three[0],), 3, 1)
    assert (report.versions, report.complete) == (("corpus@1",), True)
    assert report.remains == ((BACKUPS,) if engine.dialect.name == "sqlite" else (BACKUPS, ARCHIVES))
    assert vault.keys == set(three[1:])
    assert len(vault.objects) == 6
    assert lineage_of(engine, "PLANTED-1").recordings == ()
    (left,) = lineage_of_recording(engine, three[0]).recordings
    assert left.erased_at is not None
    assert all(each.deleted for each in left.objects)
    assert [(each.corpus_id, each.erased) for each in left.samples] == [("s1", True)]
    assert {m.recording for m in corpus_members(engine)} == set(three[1:])
    gone = registry.samples("corpus@1")[0]
    assert (gone.corpus_id, gone.erased, gone.released) == ("s1", True, {})
    with reading(engine) as connection:
        assert len(connection.execute(select(corpus_identities)).all()) == 2
        assert len(connection.execute(select(commitments)).all()) == 2
    assert lineage_of(engine, "PLANTED-2").in_corpus


def test_an_erased_recording_is_never_processed_again(
    eraser: Eraser, registry: Registry, three: list[str], a_recording: Make
) -> None:
    """The registry refuses its key: to remember, recall, decide, conclude, hold or release a sample of it."""
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    sample = CorpusSample(corpus_id="s9", recording=three[0], split="test", released={})
    version = CorpusVersion(version="corpus@2", root="r", manifest_digest="m", created_at=registry._clock())
    for ask in (
        lambda: registry.remember(*a_recording(1)),
        lambda: registry.recall(three[0]),
        lambda: registry.decide(LINE, three[0], admitted=True, policy_digest="p"),
        lambda: registry.conclude("analytics", three[0], OutcomeStatus.SEALED),
        lambda: registry.hold(three[0]),
        lambda: registry.record_version(version, [sample]),
    ):
        with pytest.raises(RecordingErased):
            ask()
    assert registry.pending(LINE) == ()


def test_a_customer_is_erased_with_all_their_conversations(
    eraser: Eraser, ledger: Ledger, vault: MemoryVault, three: list[str]
) -> None:
    """By customer, every recording under the token goes; the ledger says so for each and still verifies."""
    before = ledger.size()
    report = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    assert report.recordings == tuple(sorted(three[:2]))
    assert vault.keys == {three[2]}
    actions = [entry.action for _, entry in ledger.entries(before)]
    assert actions == [Action.ERASURE_REQUESTED] * 2 + [Action.ERASURE_DONE] * 2 + [Action.ERASURE_CERTIFIED]
    assert report.ledger == (before + 2, before + 3)
    ledger.checkpoint()
    assert ledger.verify().found is Found.OK


def test_no_file_of_the_database_keeps_a_trace(
    eraser: Eraser, three: list[str], engine: Engine, tmp_path: Path
) -> None:
    """After erasure no byte of a conversation id or token is in the database's files; others' are."""
    if engine.dialect.name != "sqlite":
        pytest.skip("a server's files are not ours to read")
    report = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert report.traces_gone
    for planted in (b"PLANTED-1", b"PLANTED-2", b"PLANTED-TOKEN", b"locator-of-1", b"locator-of-2"):
        assert not any(planted in each for each in files)
    assert any(b"PLANTED-3" in each for each in files)


def test_a_held_recording_is_refused_and_said_so(
    eraser: Eraser, registry: Registry, ledger: Ledger, vault: MemoryVault, three: list[str], clock: Make
) -> None:
    """A legal hold beats erasure: the refusal is dated and ledgered, and the recording stays known."""
    registry.hold(three[0])
    held_at = clock()
    clock.pass_(3600)
    report = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    (refusal,) = report.refused
    assert (refusal.recording, refusal.reason, refusal.since) == (three[0], LEGAL_HOLD, held_at)
    assert (report.recordings, report.complete) == ((three[1],), False)
    assert vault.keys == {three[0], three[2]}
    assert registry.recall(three[0])[1].conversation_id == "PLANTED-1"
    assert Action.ERASURE_REFUSED in [entry.action for _, entry in ledger.entries_about(three[0])]


def test_asking_again_finds_nothing(eraser: Eraser, ledger: Ledger, three: list[str]) -> None:
    """A repeated request changes nothing, writes nothing and certifies nothing."""
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    size = ledger.size()
    again = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert (again.recordings, again.certificate, again.complete, ledger.size()) == ((), None, True, size)
    assert len(eraser.certificates()) == 1


def test_what_was_out_of_reach_is_said_and_done_on_the_next_request(
    eraser: Eraser, registry: Registry, vault: MemoryVault, three: list[str]
) -> None:
    """A key service or store that fails leaves the recording refused and findable, and a retry completes."""
    location = registry.objects(three[0])[0].location
    vault.failing = {location, three[1]}
    report = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    assert {(each.recording, each.code) for each in report.unreached} == {
        (three[0], "E_STORAGE"),
        (three[1], "E_KEY_UNAVAILABLE"),
    }
    assert (report.recordings, report.complete) == ((), False)
    with pytest.raises(RecordingErased):
        registry.recall(three[0])
    vault.failing = set()
    assert eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO).recordings == tuple(sorted(three[:2]))


def test_what_left_the_house_is_listed(eraser: Eraser, engine: Engine, three: list[str]) -> None:
    """A training run that read a sample is named in the report and counted in the certificate."""
    with writing(engine) as connection:
        add_edge(connection, "sample:s1", "run:r1", "read")
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert [(each.node, each.code) for each in report.unreached] == [("run:r1", OUTSIDE)]
    assert report.recordings == (three[0],)


def test_a_person_can_check_their_certificate_offline(
    eraser: Eraser, ledger: Ledger, three: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The certificate verifies with the published key alone, names nobody, and opens for its subject."""
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert report.certificate is not None
    assert report.opening is not None
    path = tmp_path / "certificate.note"
    path.write_text(report.certificate, encoding="utf-8")
    assert verifier.main([str(path), "--vkey", ledger.vkey]) == 0
    assert "PLANTED" not in report.certificate
    content = json.loads(report.certificate.split("\n")[1])
    assert (content["recordings"], content["objects"], content["ledger"]) == (1, 3, list(report.ledger))
    commitment = Commitment(value=content["subject"]["commitment"], opening=report.opening)
    assert opens(commitment, Confidential({"conversation": "PLANTED-1"}))
    assert not opens(commitment, Confidential({"conversation": "PLANTED-2"}))
    path.write_text(report.certificate.replace('"objects":3', '"objects":9'), encoding="utf-8")
    assert verifier.main([str(path), "--vkey", ledger.vkey]) == verifier.EXIT_CODES[Found.BAD_SIGNATURE]
    assert "bad signature" in capsys.readouterr().out


def test_subjects_are_not_printed() -> None:
    """A subject's id is in no representation of the request."""
    assert "PLANTED" not in repr(ByConversation(conversation_id="PLANTED")) + repr(ByCustomer(token="PLANTED"))


def test_a_locked_object_holds_up_no_erasure(eraser: Eraser, vault: MemoryVault, three: list[str]) -> None:
    """Its key is gone and its rows are blanked; that its ciphertext stays until the lock ends is said."""
    locked = next(iter(sorted(vault.objects)))
    vault.locked = {locked}
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert (report.recordings, report.complete) == ((three[0],), False)
    assert [each.code for each in report.unreached] == ["E_OBJECT_LOCKED"]
    assert eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO).certificate is None


def test_a_contributor_is_erased_with_all_they_sent(
    eraser: Eraser, registry: Registry, a_recording: Make, engine: Engine
) -> None:
    """By contributor, everything under their opaque id goes, and nothing of anybody else."""
    for number, who in ((1, "c-1"), (2, "c-1"), (3, "c-2")):
        registry.remember(*a_recording(number, contributor=who))
    report = eraser.erase(ByContributor(contributor="c-1"), **WHO)
    assert len(report.recordings) == 2
    assert registry.recall(a_recording(3)[0].key)[1].contributor == "c-2"
    assert eraser.erase(ByContributor(contributor="c-1"), **WHO).recordings == ()


def test_the_corpus_copy_of_a_held_recording_goes_and_the_rest_follows_the_hold(
    eraser: Eraser,
    registry: Registry,
    holds: Holds,
    vault: MemoryVault,
    engine: Engine,
    three: list[str],
    a_sealed: Make,
) -> None:
    """A hold keeps the original and its key; what was made of it for training goes, and the rest when it is lifted."""
    kept = a_sealed(1, "original").objects[0]
    with writing(engine) as connection:
        store_sealed(connection, "compliance", three[0], a_sealed(1, "original"))
    vault.objects.add(kept.location)
    subject = ByConversation(conversation_id="PLANTED-1")
    holds.place(subject, matter="case-1", why="LITIGATION", by="counsel-1")
    report = eraser.erase(subject, **WHO)
    assert (report.recordings, report.copies, report.samples_erased) == ((), (three[0],), 1)
    assert report.objects_deleted == 3
    assert FROZEN_KEY in report.remains
    assert vault.frozen == {three[0]}
    assert {o.kind for o in registry.objects(three[0]) if not o.deleted} == {"original"}
    assert kept.location in vault.objects
    assert lineage_of(engine, "PLANTED-1").in_corpus == ()
    again = eraser.erase(subject, **WHO)
    assert (again.copies, again.objects_deleted, len(again.refused)) == ((), 0, 1)
    lifted = holds.lift("case-1", by="counsel-1")
    assert (lifted.free, lifted.deferred) == ((three[0],), (three[0],))
    rest = eraser.erase(ByKeys(keys=lifted.deferred, label="deferred"), **WHO)
    assert (rest.recordings, rest.objects_deleted) == ((three[0],), 1)
    assert (vault.keys, holds.deferred(three)) == ({three[1], three[2]}, ())


def test_an_erasure_is_on_the_list_before_anything_is_destroyed(
    eraser: Eraser, vault: MemoryVault, outside: MemoryNotes, notes: ErasureList, three: list[str]
) -> None:
    """A signed note outside the database names the opaque keys; without it nothing is blanked, and a retry completes."""
    outside.broken = True
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert (report.recordings, {each.code for each in report.unreached}) == ((), {"E_STORAGE"})
    assert eraser.unfinished() == (three[0],)
    outside.broken = False
    done = eraser.resume(requested_by="officer-1")
    assert (done.recordings, eraser.unfinished()) == ((three[0],), ())
    (listed,) = notes.read([done.id])
    assert (listed.whole, listed.why) == ((three[0],), "RESUMED")
    assert b"PLANTED" not in b"".join(outside.kept.values())
    assert notes.certificate(done.id) == done.certificate


def test_a_certificate_that_cannot_be_copied_is_said(
    registry: Registry, ledger: Ledger, vault: MemoryVault, signer: Signer, clock: Make, three: list[str]
) -> None:
    """The list holds the erasure; where only the certificate's copy fails, the report says so."""

    class Forgetful(MemoryNotes):
        def put(self, name: str, data: bytes) -> None:
            self.broken = name.startswith("custody/certificates")
            super().put(name, data)

    eraser = Eraser(
        registry=registry,
        ledger=ledger,
        shredder=vault,
        ciphertext=vault,
        signer=signer,
        clock=clock,
        ids=lambda: "e-1",
        random=lambda size: b"r" * size,
        notes=ErasureList(store=Forgetful(), signer=signer),
    )
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert "CERTIFICATE_NOT_COPIED" in report.remains
    assert report.complete


def test_a_note_of_another_key_is_not_believed(make_signer: Make, signer: Signer) -> None:
    """Nobody else may have recordings erased; what is no such note is refused."""
    listed = Listed(id="e-1", at=datetime(2026, 3, 1, tzinfo=UTC), requested_by="x", why="y", whole=("k",))
    keys = [VerifierKey.parse(signer.vkey)]
    assert open_listed(sign_listed(listed, signer).encode(), keys) == listed
    for note in (
        sign_listed(listed, make_signer(2)),
        sign_note("sottovoce/erasure-list@v1\n{}\n", signer),
        sign_note("something else\n{}\n", signer),
    ):
        with pytest.raises(LedgerTampered):
            open_listed(note.encode(), keys)


def test_the_ledger_holds_the_certificates_digest(
    eraser: Eraser, ledger: Ledger, three: list[str], tmp_path: Path
) -> None:
    """The proof of one entry, checked offline, dates the certificate."""
    report = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    assert report.certificate is not None
    assert report.certified is not None
    ((_, entry),) = ledger.entries_about(report.id)
    assert entry.facts["certificate"] == certificate_digest(report.certificate)
    proof = tmp_path / "e.tlog-proof"
    proof.write_text(ledger.prove(report.certified), encoding="utf-8")
    assert verifier.verify(proof, ledger.vkey).found is Found.OK
    assert len(eraser.certificates()) == 1


def test_recipients_and_models_are_in_the_certificate(
    eraser: Eraser, training: Training, deliveries: Deliveries, impacts: Impacts, three: list[str], clock: Make
) -> None:
    """Who was given recordings is owed a notice, and each run and model that saw them a decision by a date."""
    training.register("r-1", "corpus@1", purpose="asr", framework="torch-2", actor="t-1")
    training.record_model("m-1", digest="ab" * 32, runs=["r-1"], actor="t-1")
    for number, key in enumerate(three):
        given = Delivery(
            id=f"d-{number}", recording=key, destination="verint", receipt=f"rc-{number}", delivered_at=clock()
        )
        assert deliveries.record(given, actor="w-1")
    report = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    assert [(each.destination, each.deliveries) for each in report.recipients] == [("verint", 2)]
    assert [(each.node, each.recordings) for each in report.impacts] == [("model:m-1", 2), ("run:r-1", 2)]
    content = json.loads((report.certificate or "").split("\n")[1])
    assert (content["runs"], content["models"]) == (["r-1"], ["m-1"])
    assert content["recipients"] == [{"destination": "verint", "deliveries": 2}]
    assert content["unreached"] == {"OUTSIDE": 6}
    assert {each.receipt for each in deliveries.recalled_by(report.id)} == {"rc-0", "rc-1"}
    assert len(impacts.list(open_only=True)) == 2
    assert not report.complete


def test_a_decision_is_taken_once_and_ledgered(
    eraser: Eraser, training: Training, impacts: Impacts, ledger: Ledger, three: list[str], clock: Make
) -> None:
    """Retrain, suppress or accept, with who and why; what is past its date is overdue until then."""
    training.register("r-1", "corpus@1", purpose="asr", framework="torch-2", actor="t-1")
    training.record_model("m-1", digest="ab" * 32, runs=["r-1"], actor="t-1")
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert not impacts.list()[0].overdue(clock())
    clock.pass_(93 * 86_400)
    assert impacts.list()[0].overdue(clock())
    assert impacts.decide("model:m-1", ModelDecision.SUPPRESS, why="RISK", by="dpo-1", erasure=report.id) == 1
    assert impacts.decide("run:r-1", ModelDecision.ACCEPT, why="SUPERSEDED", by="dpo-1") == 1
    assert training.models()[0].state == "suppressed"
    assert [entry.facts["decision"] for _, entry in ledger.entries_about("model:m-1") if "decision" in entry.facts]
    decided = impacts.list(erasure=report.id)
    assert {(each.node, each.why, each.overdue(clock())) for each in decided} == {
        ("model:m-1", "RISK", False),
        ("run:r-1", "SUPERSEDED", False),
    }
    assert impacts.list(open_only=True) == ()
    with pytest.raises(CustodyError, match="no decision"):
        impacts.decide("model:m-1", ModelDecision.RETRAIN, why="AGAIN", by="dpo-1")


def test_what_is_erased_is_not_delivered(eraser: Eraser, deliveries: Deliveries, three: list[str], clock: Make) -> None:
    """A delivery is kept once, and refused for an erased recording."""
    given = Delivery(id="d-1", recording=three[0], destination="verint", receipt="rc", delivered_at=clock())
    assert (deliveries.record(given, actor="w"), deliveries.record(given, actor="w")) == (True, False)
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    with pytest.raises(RecordingErased):
        deliveries.record(replace(given, id="d-2"), actor="w")
    assert [each.id for each in deliveries.of_recording(three[0])] == ["d-1"]


def test_a_key_that_cannot_be_frozen_is_said(
    eraser: Eraser, registry: Registry, vault: MemoryVault, three: list[str]
) -> None:
    """The hold stands in the registry; a key service that fails leaves the copies for the next request."""
    registry.hold(three[0])
    vault.failing = {three[0]}
    report = eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert (report.copies, {each.code for each in report.unreached}) == ((), {"E_KEY_UNAVAILABLE"})
    vault.failing = set()
    assert eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO).copies == (three[0],)


def test_the_list_of_certificates_says_what_each_waits_for(
    eraser: Eraser, training: Training, engine: Engine, three: list[str]
) -> None:
    """Counts, and how many are still to be told and decided upon."""
    training.register("r-1", "corpus@1", purpose="asr", framework="torch-2", actor="t-1")
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    (row,) = certified_erasures(engine)
    assert (row.recordings, row.refused, row.unreached, row.to_tell, row.to_decide) == (1, 0, 1, 0, 1)
