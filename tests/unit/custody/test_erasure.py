"""Erasure: what a person asked to be forgotten is destroyed, and the refusal or remainder is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sottovoce.custody.erased import OUTSIDE
from sottovoce.custody.erasure import ARCHIVES, BACKUPS, LEGAL_HOLD, Eraser
from sottovoce.custody.lineage import corpus_members, lineage_of, lineage_of_recording
from sottovoce.custody.records import add_edge
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import CorpusSample, CorpusVersion
from sottovoce.custody.subject import ByConversation, ByCustomer
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import commitments, corpus_identities
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import RecordingErased
from sottovoce.ledger import verifier
from sottovoce.ledger.commitment import Commitment, opens
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.verifier import Found
from sottovoce.testing.custody import MemoryVault

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
    """A legal hold beats erasure: the refusal is dated and ledgered, nothing of the recording is touched."""
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
