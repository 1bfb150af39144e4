"""Restored backups do not bring erased recordings back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from sottovoce.custody.erasure import Eraser
from sottovoce.custody.erasure_list import ErasureList
from sottovoce.custody.holds import Holds
from sottovoce.custody.lineage import lineage_of, lineage_of_recording
from sottovoce.custody.registry import Registry
from sottovoce.custody.replay import Replayer
from sottovoce.custody.subject import ByConversation, ByCustomer
from sottovoce.database.engine import open_engine, reading
from sottovoce.database.tables import erasures
from sottovoce.errors import RecordingErased
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer
from sottovoce.testing.custody import MemoryNotes, MemoryVault

Make = Callable[..., Any]
WHO: dict[str, str] = {"requested_by": "officer-1", "why": "ART17"}
ORIGIN = "ledger.example/test"


def make_replayer(engine: Engine, ledger: Ledger, vault: MemoryVault, notes: ErasureList, clock: Make) -> Replayer:
    return Replayer(
        engine=engine,
        ledger=ledger,
        shredder=vault,
        ciphertext=vault,
        notes=notes,
        alive=vault.alive,
        clock=clock,
        actor="operator",
    )


@pytest.fixture
def engine(on_sqlite: Engine) -> Engine:
    return on_sqlite


@pytest.fixture
def replayer(engine: Engine, ledger: Ledger, vault: MemoryVault, notes: ErasureList, clock: Make) -> Replayer:
    return make_replayer(engine, ledger, vault, notes, clock)


@pytest.fixture
def backup(engine: Engine, tmp_path: Path, vault: MemoryVault) -> Callable[[], Callable[[], Engine]]:
    """`take()` copies registry and keys as a backup does; what it answers puts them back."""

    def take() -> Callable[[], Engine]:
        engine.dispose()
        copies = [(path, path.read_bytes()) for path in tmp_path.glob("registry.sqlite*")]
        keys, objects = set(vault.keys), set(vault.objects)

        def put_back() -> Engine:
            engine.dispose()
            for path in tmp_path.glob("registry.sqlite*"):
                path.unlink()
            for path, data in copies:
                path.write_bytes(data)
            vault.keys, vault.objects = keys, objects
            return open_engine("sqlite:registry.sqlite", base=tmp_path)

        return put_back

    return take


def test_a_restored_registry_and_key_store_forget_again(
    backup: Make,
    eraser: Eraser,
    vault: MemoryVault,
    notes: ErasureList,
    signer: Signer,
    clock: Make,
    three: list[str],
    a_recording: Make,
) -> None:
    """Rows, keys and ciphertext that a backup brought back go as they went before; the others stay; twice is once."""
    put_back = backup()
    done = eraser.erase(ByCustomer(token="PLANTED-TOKEN"), **WHO)
    engine = put_back()
    ledger = Ledger(engine=engine, signer=signer, origin=ORIGIN, clock=clock)
    assert lineage_of(engine, "PLANTED-1").in_corpus
    replayer = make_replayer(engine, ledger, vault, notes, clock)
    assert replayer.needed()
    report = replayer.replay()
    assert (report.revived, report.keys_revived, report.certificates) == (tuple(sorted(three[:2])), 2, 1)
    assert (vault.keys, len(vault.objects)) == ({three[2]}, 3)
    assert lineage_of(engine, "PLANTED-1").recordings == ()
    assert lineage_of(engine, "PLANTED-3").in_corpus
    with pytest.raises(RecordingErased):
        Registry(engine=engine, ledger=ledger, clock=clock).remember(*a_recording(1))
    with reading(engine) as connection:
        assert connection.execute(select(erasures.c.certificate)).scalars().all() == [done.certificate]
    assert [entry.action for _, entry in ledger.entries()].count(Action.ERASURE_REPLAYED) == 1
    assert not replayer.needed()
    assert replayer.replay().quiet
    engine.dispose()


def test_what_a_backup_never_knew_gets_a_tombstone(
    backup: Make,
    eraser: Eraser,
    registry: Registry,
    vault: MemoryVault,
    notes: ErasureList,
    signer: Signer,
    clock: Make,
    a_recording: Make,
) -> None:
    """A recording first seen and erased after the backup is refused when its source brings it again."""
    put_back = backup()
    registry.remember(*a_recording(9, conversation_id="late"))
    eraser.erase(ByConversation(conversation_id="late"), **WHO)
    engine = put_back()
    ledger = Ledger(engine=engine, signer=signer, origin=ORIGIN, clock=clock)
    report = make_replayer(engine, ledger, vault, notes, clock).replay()
    assert (report.tombstones, report.revived) == (1, ())
    with pytest.raises(RecordingErased):
        Registry(engine=engine, ledger=ledger, clock=clock).remember(*a_recording(9))
    engine.dispose()


def test_a_restored_key_store_alone_is_found(
    eraser: Eraser, replayer: Replayer, vault: MemoryVault, three: list[str]
) -> None:
    """The registry knows of the erasure, yet a key opens again: it is destroyed again."""
    keys = set(vault.keys)
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    assert not replayer.needed()
    vault.keys = keys
    assert replayer.needed()
    report = replayer.replay()
    assert (report.keys_revived, report.revived) == (1, ())
    assert vault.keys == set(three[1:])


def test_the_ledger_alone_is_enough(
    eraser: Eraser, replayer: Replayer, vault: MemoryVault, outside: MemoryNotes, three: list[str]
) -> None:
    """Should the list be lost and the ledger not, what it tells of is destroyed again."""
    keys = set(vault.keys)
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    vault.keys = keys
    outside.kept.clear()
    assert replayer.replay().keys_revived == 1


def test_a_copy_of_the_list_in_a_folder_is_enough(
    eraser: Eraser,
    replayer: Replayer,
    vault: MemoryVault,
    outside: MemoryNotes,
    notes: ErasureList,
    three: list[str],
    tmp_path: Path,
) -> None:
    """The notes are files: kept anywhere, they are read from there; other files beside them are passed over."""
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    folder = tmp_path / "copies"
    for name, data in outside.kept.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    outside.kept.clear()
    report = replayer.replay(notes.read_folder(folder))
    assert (report.erasures, report.listed) == (1, 1)
    shutil.rmtree(folder)


def test_the_corpus_copy_of_a_held_recording_goes_again(
    backup: Make,
    eraser: Eraser,
    holds: Holds,
    vault: MemoryVault,
    notes: ErasureList,
    signer: Signer,
    clock: Make,
    three: list[str],
) -> None:
    """What was erased under a hold was its copy; a restore brings it back, and it goes again; the rest stays due."""
    subject = ByConversation(conversation_id="PLANTED-1")
    holds.place(subject, matter="case-1", why="LITIGATION", by="counsel-1")
    put_back = backup()
    assert eraser.erase(subject, **WHO).copies == (three[0],)
    engine = put_back()
    ledger = Ledger(engine=engine, signer=signer, origin=ORIGIN, clock=clock)
    report = make_replayer(engine, ledger, vault, notes, clock).replay()
    assert (report.revived, report.objects_deleted) == ((three[0],), 3)
    (left,) = lineage_of(engine, "PLANTED-1").recordings
    assert left.held_since is not None
    assert three[0] in vault.keys
    assert Holds(engine=engine, ledger=ledger, clock=clock).lift("case-1", by="counsel-1").deferred == (three[0],)
    engine.dispose()


def test_what_cannot_be_reached_waits_for_the_next_replay(
    eraser: Eraser, replayer: Replayer, vault: MemoryVault, engine: Engine, three: list[str]
) -> None:
    """A key service that fails is said, and asked again."""
    keys = set(vault.keys)
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    vault.keys, vault.failing = keys, {three[0]}
    assert [each.code for each in replayer.replay().unreached] == ["E_KEY_UNAVAILABLE"]
    vault.failing = set()
    assert replayer.replay().unreached == ()
    assert lineage_of_recording(engine, three[0]).recordings[0].erased_at is not None


def test_an_unfinished_erasure_is_no_restore(
    eraser: Eraser, replayer: Replayer, vault: MemoryVault, outside: MemoryNotes, engine: Engine, three: list[str]
) -> None:
    """Marked and not blanked: another process may be at it, so a start leaves it alone."""
    vault.failing = {three[0]}
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), **WHO)
    with engine.begin() as connection:
        connection.execute(erasures.delete())
    vault.keys.discard(three[0])
    assert not replayer.needed()
