"""Ledgers appended to in batches of any size: the same tree, proofs for all, and no change unseen."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from sottovoce.database.engine import open_engine, reading, writing
from sottovoce.database.migrate import upgrade
from sottovoce.database.tables import ledger_leaves
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.ledger.verifier import Found, verify, verify_proof

AT = datetime(2026, 3, 1, tzinfo=UTC)
CODES = st.from_regex(r"[A-Z][A-Z_]{0,20}", fullmatch=True)
FACTS = st.dictionaries(
    st.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True),
    st.one_of(st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), CODES),
    max_size=4,
)
ENTRIES = st.builds(Entry, at=st.just(AT), actor=CODES, action=st.sampled_from(Action), facts=FACTS)


@given(ENTRIES, st.integers(0, 2**53 - 1))
def test_an_entry_is_canonical_json(entry: Entry, seq: int) -> None:
    """The bytes of any entry are those of RFC 8785."""
    data = entry.encode(seq)
    assert data == rfc8785.dumps(json.loads(data))
    assert Entry.decode(data) == entry


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(st.lists(st.lists(ENTRIES, min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_a_ledger_holds_and_shows_any_change(batches: list[list[Entry]], data: st.DataObject) -> None:
    """After any batches every entry comes back and proves, offline too; after any byte of one changed, it is named."""
    signer = Ed25519Signer(name="p", key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes(32))))
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine("sqlite:l.sqlite", base=Path(folder))
        upgrade(engine)
        ledger = Ledger(engine=engine, signer=signer, origin="p", clock=lambda: AT)
        for batch in batches:
            ledger.record(batch)
            if data.draw(st.booleans()):
                ledger.checkpoint()
        written = [entry for batch in batches for entry in batch]
        assert [entry for _, entry in ledger.entries()] == written
        seq = data.draw(st.integers(0, len(written) - 1))
        assert verify_proof(ledger.prove(seq), ledger.vkey).found is Found.OK
        ledger.checkpoint()
        assert ledger.verify().found is Found.OK
        ledger.export(Path(folder) / "export")
        assert verify(Path(folder) / "export", ledger.vkey).found is Found.OK
        with reading(engine) as connection:
            leaf = connection.execute(select(ledger_leaves.c.data).where(ledger_leaves.c.seq == seq)).scalar_one()
        at = data.draw(st.integers(0, len(leaf) - 1))
        changed = leaf[:at] + bytes([leaf[at] ^ data.draw(st.integers(1, 255))]) + leaf[at + 1 :]
        with writing(engine) as connection:
            connection.execute(update(ledger_leaves).where(ledger_leaves.c.seq == seq).values(data=changed))
        verdict = ledger.verify()
        assert (verdict.found, verdict.leaf) == (Found.TAMPERED, seq)
        engine.dispose()
