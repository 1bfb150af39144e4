"""Changing the log key: the old key vouches for the new one, and counts no further."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.database.engine import open_engine, writing
from sottovoce.database.migrate import upgrade
from sottovoce.database.tables import checkpoints
from sottovoce.errors import CustodyError, LedgerTampered, LedgerUnavailable
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer, VerifierKey, note_text, open_note, signer_ids
from sottovoce.ledger.signing import RetiredKey
from sottovoce.ledger.verifier import Found

Make = Callable[..., Ledger]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def opened(engine: Engine, clock: Any) -> Make:
    def make(signer: Signer, *retired: RetiredKey) -> Ledger:
        return Ledger(engine=engine, signer=signer, origin=signer.name, clock=clock, retired=retired)

    return make


def test_the_ledger_says_so_and_both_keys_sign_it(
    opened: Make, make_signer: Callable[..., Signer], an_entry: Any, tmp_path: Path
) -> None:
    """An entry names both keys, a checkpoint over it carries both signatures, and everything before and after verifies."""
    old, new = make_signer(1), make_signer(2)
    before = opened(old)
    before.record([an_entry()])
    first = before.checkpoint()
    retired = before.rotate(new, actor="operator")
    (_, entry), both = list(before.entries())[-1], before.checkpoints()[-1]
    assert entry.action is Action.LEDGER_KEY_ROTATED
    assert entry.facts == {"old": VerifierKey.parse(old.vkey).key.hex(), "new": VerifierKey.parse(new.vkey).key.hex()}
    assert retired == RetiredKey(key=VerifierKey.parse(old.vkey), size=2)
    for signer in (old, new):
        open_note(both, [VerifierKey.parse(signer.vkey)])
    after = opened(new, retired)
    assert after.vkeys == (new.vkey, old.vkey)
    after.record([an_entry()])
    assert len(signer_ids(after.checkpoint())) == 1
    assert after.verify().found is Found.OK
    assert after.verify(anchors=[first]).found is Found.OK
    after.export(tmp_path / "export")
    assert verifier.verify(tmp_path / "export", [old.vkey, new.vkey]).found is Found.OK
    assert verifier.verify(tmp_path / "export", new.vkey).found is Found.BAD_SIGNATURE
    assert verifier.verify_proof(after.prove(0), [new.vkey, old.vkey]).found is Found.OK
    assert verifier.open_checkpoint(after.prove_growth(first).partition("\n\n")[2], new.vkey)[0] == 3


def test_a_process_that_holds_the_old_key_signs_nothing_more(
    opened: Make, make_signer: Callable[..., Signer], an_entry: Any
) -> None:
    """Between the change and its restart it appends, and refuses to sign; the new key goes on."""
    old, new = make_signer(1), make_signer(2)
    lagging = opened(old)
    retired = opened(old).rotate(new, actor="operator")
    lagging.record([an_entry()])
    with pytest.raises(LedgerUnavailable):
        lagging.checkpoint()
    after = opened(new, retired)
    after.checkpoint()
    with pytest.raises(LedgerTampered):
        lagging.checkpoint()
    assert after.verify().found is Found.OK


def test_what_a_retired_key_signs_later_does_not_count(
    opened: Make, engine: Engine, make_signer: Callable[..., Signer], an_entry: Any
) -> None:
    """Whoever finds the old key cannot sign a larger ledger with it."""
    old, new = make_signer(1), make_signer(2)
    retired = opened(old).rotate(new, actor="operator")
    after = opened(new, retired)
    after.record([an_entry()])
    signed = Checkpoint.parse(note_text(after.checkpoint()))
    late = sign_checkpoint(signed, old)
    assert after.verify(anchors=[late]).found is Found.BAD_SIGNATURE
    with writing(engine) as connection:
        connection.execute(checkpoints.update().where(checkpoints.c.size == signed.size).values(note=late))
    assert after.verify().found is Found.BAD_SIGNATURE
    with pytest.raises(LedgerTampered):
        after.prove(0)


def test_an_interrupted_change_is_finished_by_the_next(
    opened: Make, make_signer: Callable[..., Signer], an_entry: Any
) -> None:
    """Done again with the same next key, the change goes through, and the old key counts up to the last time."""
    old, new = make_signer(1), make_signer(2)
    opened(old).rotate(new, actor="operator")
    again = opened(old)
    again.record([an_entry()])
    retired = again.rotate(new, actor="operator")
    assert retired.size == 3
    after = opened(new, retired)
    after.record([an_entry()])
    after.checkpoint()
    assert after.verify().found is Found.OK


def test_the_next_key_is_another_of_the_same_name(opened: Make, make_signer: Callable[..., Signer]) -> None:
    """The same key, or one of another ledger, is refused before anything is written."""
    ledger = opened(make_signer(1))
    for wrong in (make_signer(1), make_signer(2, name="other.example/log")):
        with pytest.raises(CustodyError):
            ledger.rotate(wrong, actor="operator")
    assert ledger.size() == 0
    stranger = VerifierKey.parse(make_signer(2, name="other.example/log").vkey)
    with pytest.raises(CustodyError):
        opened(make_signer(1), RetiredKey(key=stranger, size=1))
