"""The ledger: entries commit with their effects or not at all, and what was signed cannot be rewritten."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select, text, update

from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import checkpoints, heartbeats, ledger_leaves, ledger_nodes
from sottovoce.errors import CustodyError, LedgerTampered, LedgerUnavailable
from sottovoce.ledger.anchor import FolderAnchor
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.merkle import consistency_proof, leaf_hash, merkle_tree_hash, verify_consistency
from sottovoce.ledger.note import Signer
from sottovoce.ledger.verifier import Found, verify_proof

AnEntry = Callable[..., Entry]
MakeSigner = Callable[..., Signer]


def leaf_hashes(engine: Engine) -> list[bytes]:
    with reading(engine) as connection:
        data = connection.execute(select(ledger_leaves.c.data).order_by(ledger_leaves.c.seq)).scalars()
        return [leaf_hash(bytes(each)) for each in data]


def test_entries_are_numbered_from_zero_and_come_back(ledger: Ledger, an_entry: AnEntry) -> None:
    """What was appended is read back in order, under the numbers that appending answered."""
    first = ledger.record([an_entry(Action.RUN_STARTED), an_entry(object="a1", facts={"frames": 80, "kept": True})])
    second = ledger.record([an_entry(object="a1")])
    assert (first, second, ledger.size()) == ((0, 1), (2,), 3)
    assert [entry.action for _, entry in ledger.entries(1)] == [Action.RECORDING_SEALED] * 2
    assert dict(ledger.entries_about("a1"))[1].facts == {"frames": 80, "kept": True}
    assert ledger.record([]) == ()


def test_an_entry_commits_with_its_effect_or_not_at_all(ledger: Ledger, engine: Engine, an_entry: AnEntry) -> None:
    """When the caller's transaction fails there is neither the row nor the leaf."""

    class HostLostError(Exception):
        pass

    with pytest.raises(HostLostError), writing(engine) as connection:
        connection.execute(heartbeats.insert().values(executor="w0", seen_ms=1))
        ledger.append(connection, [an_entry()])
        raise HostLostError
    assert ledger.size() == 0
    with reading(engine) as connection:
        assert connection.execute(select(heartbeats)).all() == []


def test_a_ledger_that_cannot_be_written_says_so(ledger: Ledger, engine: Engine, an_entry: AnEntry) -> None:
    """If the ledger's table is gone the step fails with LedgerUnavailable, and its effect with it."""
    with writing(engine) as connection:
        connection.execute(text("ALTER TABLE ledger_leaves RENAME TO elsewhere"))
    with pytest.raises(LedgerUnavailable), writing(engine) as connection:
        connection.execute(heartbeats.insert().values(executor="w0", seen_ms=1))
        ledger.append(connection, [an_entry()])
    with reading(engine) as connection:
        assert connection.execute(select(heartbeats)).all() == []


def test_many_writers_leave_no_gap(ledger: Ledger, an_entry: AnEntry) -> None:
    """Appends from several threads at once are numbered without gaps or repeats, and verify."""
    with ThreadPoolExecutor(4) as pool:
        seqs = list(pool.map(lambda _: ledger.record([an_entry(), an_entry()]), range(20)))
    assert sorted(seq for pair in seqs for seq in pair) == list(range(40))
    ledger.checkpoint()
    assert ledger.verify().found is Found.OK


def test_stored_subtrees_answer_like_the_leaves(ledger: Ledger, engine: Engine, an_entry: AnEntry) -> None:
    """Roots and consistency proofs from stored rows equal those computed over all leaves, at every size."""
    for size in range(1, 34):
        ledger.record([an_entry(facts={"n": size})])
        hashes = leaf_hashes(engine)
        assert base64.b64encode(merkle_tree_hash(hashes)).decode() in ledger.checkpoint()
        for first in range(1, size + 1):
            proof = ledger.prove_consistency(first, size)
            assert proof == consistency_proof(first, hashes)
            old, new = merkle_tree_hash(hashes[:first]), merkle_tree_hash(hashes)
            assert verify_consistency(first, size, proof, old, new)
    assert len(ledger.checkpoints()) == 33


def test_every_entry_has_a_proof_that_stands_alone(ledger: Ledger, an_entry: AnEntry) -> None:
    """A .tlog-proof verifies with the published key only, and not after any change to it."""
    ledger.record([an_entry(facts={"n": number}) for number in range(9)])
    for seq in range(9):
        proof = ledger.prove(seq)
        verdict = verify_proof(proof, ledger.vkey)
        assert (verdict.found, verdict.leaf) == (Found.OK, seq)
        moved = proof.replace(f"index {seq}", f"index {(seq + 1) % 9}")
        assert verify_proof(moved, ledger.vkey).found is Found.TAMPERED
    with pytest.raises(CustodyError):
        ledger.prove(9)


def test_a_checkpoint_is_signed_once_for_each_size(ledger: Ledger, an_entry: AnEntry) -> None:
    """Signing again without new entries answers the same note."""
    empty = ledger.checkpoint()
    ledger.record([an_entry()])
    note = ledger.checkpoint()
    assert ledger.checkpoint() == note
    assert ledger.checkpoints() == (empty, note)


@pytest.mark.parametrize("keep", [3, 8])
def test_nothing_is_signed_over_a_changed_history(ledger: Ledger, engine: Engine, an_entry: AnEntry, keep: int) -> None:
    """A tree that was cut or rewritten after signing is not signed again."""
    ledger.record([an_entry(facts={"n": number}) for number in range(8)])
    ledger.checkpoint()
    with writing(engine) as connection:
        connection.execute(delete(ledger_leaves))
        connection.execute(delete(ledger_nodes))
    ledger.record([an_entry(facts={"rewritten": True})] * keep)
    with pytest.raises(LedgerTampered):
        ledger.checkpoint()


def test_missing_subtrees_are_noticed_when_proving(ledger: Ledger, engine: Engine, an_entry: AnEntry) -> None:
    """A proof over rows that are gone is an error and not a wrong proof."""
    ledger.record([an_entry() for _ in range(8)])
    with writing(engine) as connection:
        connection.execute(delete(ledger_nodes).where(ledger_nodes.c.level == 3))
    with pytest.raises(LedgerTampered):
        ledger.checkpoint()


def test_the_key_is_named_after_the_ledger(engine: Engine, make_signer: MakeSigner) -> None:
    """A ledger refuses a log key of another name, under which its notes would not verify."""
    with pytest.raises(CustodyError):
        Ledger(engine=engine, signer=make_signer(name="another"), origin="ledger.example/test", clock=datetime.now)


def test_an_anchor_betrays_a_tail_cut_with_its_checkpoints(
    engine: Engine, signer: Signer, an_entry: AnEntry, tmp_path: Path, clock: Callable[[], datetime]
) -> None:
    """Leaves cut together with every checkpoint over them are missed by a checkpoint kept elsewhere."""
    anchor = FolderAnchor(folder=tmp_path / "anchor")
    ledger = Ledger(engine=engine, signer=signer, origin=signer.name, clock=clock, anchor=anchor)
    ledger.record([an_entry(facts={"n": number}) for number in range(4)])
    ledger.checkpoint()
    ledger.record([an_entry(facts={"n": number}) for number in range(4, 6)])
    kept = ledger.checkpoint()
    assert ledger.verify().found is Found.OK
    with writing(engine) as connection:
        connection.execute(delete(ledger_leaves).where(ledger_leaves.c.seq >= 4))
        connection.execute(delete(ledger_nodes).where(ledger_nodes.c.seq >= 4))
        connection.execute(delete(checkpoints).where(checkpoints.c.size > 4))
    unanchored = Ledger(engine=engine, signer=signer, origin=signer.name, clock=clock)
    assert unanchored.verify().found is Found.OK
    assert unanchored.verify(anchors=[kept]).found is Found.TRUNCATED
    assert ledger.verify().found is Found.TRUNCATED
    with pytest.raises(LedgerTampered):
        ledger.checkpoint()


def test_an_anchor_keeps_each_size_once(tmp_path: Path) -> None:
    """An anchored checkpoint is never replaced, and one that cannot be kept is not signed."""
    anchor = FolderAnchor(folder=tmp_path / "anchor")
    assert anchor.latest() is None
    anchor.publish(1, "one")
    anchor.publish(1, "one")
    with pytest.raises(LedgerUnavailable):
        anchor.publish(1, "another")
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerUnavailable):
        FolderAnchor(folder=tmp_path / "file" / "below").publish(1, "one")
    assert anchor.latest() == "one"


def test_checkpoints_of_another_key_are_bad_signatures(
    ledger: Ledger, engine: Engine, an_entry: AnEntry, make_signer: MakeSigner, clock: Callable[[], datetime]
) -> None:
    """A checkpoint that the ledger's own key did not sign, or whose row disagrees with its note, is found."""
    ledger.record([an_entry()])
    ledger.checkpoint()
    other = Ledger(engine=engine, signer=make_signer(2), origin=ledger.origin, clock=clock)
    assert other.verify().found is Found.BAD_SIGNATURE
    with writing(engine) as connection:
        connection.execute(update(checkpoints).values(root=b"\0" * 32))
    assert ledger.verify().found is Found.BAD_SIGNATURE
