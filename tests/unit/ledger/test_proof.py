"""Proofs as files: c2sp.org/tlog-proof@v1, and the growth of a ledger."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.errors import LedgerTampered
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.merkle import inclusion_proof, leaf_hash, merkle_tree_hash
from sottovoce.ledger.note import Signer, VerifierKey, note_text
from sottovoce.ledger.proof import GrowthProof, TlogProof
from sottovoce.ledger.verifier import EXIT_CODES, Found

LEAVES = [leaf_hash(bytes([number])) for number in range(7)]
HASH = base64.b64encode(bytes(32)).decode()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The embedded database: what is asked here is the same on every one."""
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def note(signer: Signer) -> str:
    return sign_checkpoint(Checkpoint(origin=signer.name, size=7, root=merkle_tree_hash(LEAVES)), signer)


@pytest.fixture
def key(signer: Signer) -> VerifierKey:
    return VerifierKey.parse(signer.vkey)


@pytest.mark.parametrize("extra", [None, b"out of band"])
def test_a_proof_comes_back_from_its_file_and_opens(note: str, key: VerifierKey, extra: bytes | None) -> None:
    """The format's lines in their order, with extra data or without; it opens for its leaf and index alone."""
    proof = TlogProof(index=2, hashes=inclusion_proof(2, LEAVES), checkpoint=note, extra=extra)
    lines = proof.text.split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("extra ") is (extra is not None)
    assert TlogProof.parse(proof.text) == proof
    assert proof.open(LEAVES[2], [key], origin=key.name).size == 7
    for leaf, keys, origin in (
        (LEAVES[3], [key], key.name),
        (LEAVES[2], [key], "another.example"),
        (LEAVES[2], [VerifierKey(name=key.name, key=bytes(32))], key.name),
    ):
        with pytest.raises(LedgerTampered):
            proof.open(leaf, keys, origin=origin)
    with pytest.raises(LedgerTampered):
        proof.open(LEAVES[2], [key], origin=key.name, quorum=1)


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v2\nindex 0",
        " c2sp.org/tlog-proof@v1\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 00",
        "c2sp.org/tlog-proof@v1\nindex +1",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex ",
        "c2sp.org/tlog-proof@v1\nindex 1 ",
        "c2sp.org/tlog-proof@v1\nindex ٣",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808",
        "c2sp.org/tlog-proof@v1\nindex  1",
        "c2sp.org/tlog-proof@v1\nindex 1\r",
        "c2sp.org/tlog-proof@v1\nextra\nindex 1",
        "c2sp.org/tlog-proof@v1\nextra \nindex 1",
        "c2sp.org/tlog-proof@v1\nextra AA\nindex 1",
        "c2sp.org/tlog-proof@v1\nextra AB==\nindex 1",
        "c2sp.org/tlog-proof@v1\nextra AA==\nextra AA==\nindex 1",
        "c2sp.org/tlog-proof@v1\nindex 1\nextra AA==",
        f"c2sp.org/tlog-proof@v1\n{HASH}\nindex 1",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAA",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH} ",
        f"c2sp.org/tlog-proof@v1\nindex 1\n{HASH[:-1]}",
        "c2sp.org/tlog-proof@v1\nindex 1" + f"\n{HASH}" * 64,
    ],
)
def test_what_is_not_the_format_is_refused(note: str, head: str, key: VerifierKey) -> None:
    """Other headers, numbers, base64 and hashes than the specification's are refused, here and stand-alone."""
    with pytest.raises(LedgerTampered):
        TlogProof.parse(f"{head}\n\n{note}")
    with pytest.raises(verifier.RefusedError):
        verifier.verify_proof(f"{head}\n\n{note}", str(key))


def test_the_checkpoint_belongs_to_the_proof(note: str) -> None:
    """Without an empty line, or with what is no note after it, there is no proof."""
    good = "c2sp.org/tlog-proof@v1\nindex 0"
    for broken in (f"{good}\n{note}", good, f"{good}\n\n", f"{good}\n\n{note[:-1]}", f"{good}\n\n\n{note}"):
        with pytest.raises(LedgerTampered):
            TlogProof.parse(broken)


def test_growth_is_proved_from_a_kept_checkpoint(
    ledger: Ledger, an_entry: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever kept a checkpoint is shown that the ledger only grew since; not from a checkpoint of another history."""
    ledger.record([an_entry(facts={"n": number}) for number in range(5)])
    kept, file = tmp_path / "kept", tmp_path / "g.tlog-consistency"
    kept.write_text(ledger.checkpoint(), encoding="utf-8")
    ledger.record([an_entry(facts={"n": number}) for number in range(5, 12)])
    file.write_text(ledger.prove_growth(kept.read_text(encoding="utf-8")), encoding="utf-8")
    proof = GrowthProof.parse(file.read_text(encoding="utf-8"))
    assert (proof.old, GrowthProof.parse(proof.text)) == (5, proof)
    assert proof.open(Checkpoint.parse(note_text(kept.read_text())), [VerifierKey.parse(ledger.vkey)]).size == 12
    call = [str(file), "--key", ledger.vkey]
    assert verifier.main([*call, "--anchor", str(kept)]) == 0
    assert verifier.main(call) == EXIT_CODES[Found.UNREADABLE]
    other = tmp_path / "other"
    other.write_text(ledger.checkpoint(), encoding="utf-8")
    assert verifier.main([*call, "--anchor", str(other)]) == EXIT_CODES[Found.FORKED]
    assert verifier.main([*call, "--anchor", str(tmp_path / "missing")]) == EXIT_CODES[Found.UNREADABLE]
    first, second = proof.hashes[:2]
    swapped = GrowthProof(old=5, hashes=(second, first, *proof.hashes[2:]), checkpoint=proof.checkpoint)
    file.write_text(swapped.text, encoding="utf-8")
    assert verifier.main([*call, "--anchor", str(kept)]) == EXIT_CODES[Found.FORKED]
    assert "ok 5: 12 entries" in capsys.readouterr().out


def test_growth_out_of_nothing_or_of_more_is_refused(ledger: Ledger, an_entry: Any, make_signer: Any) -> None:
    """An empty ledger proves nothing, one cannot have grown out of a larger one, and malformed files are none."""
    empty = ledger.checkpoint()
    ledger.record([an_entry()])
    with pytest.raises(LedgerTampered):
        ledger.prove_growth(empty)
    larger = sign_checkpoint(Checkpoint(origin=ledger.origin, size=9, root=bytes(32)), make_signer())
    with pytest.raises(LedgerTampered):
        ledger.prove_growth(larger)
    note = ledger.checkpoint()
    for head in ("", "old 01", "old -1", "old 1 ", f"old 1\n{HASH[:-1]}", "old 1" + f"\n{HASH}" * 64, "new 1"):
        with pytest.raises(LedgerTampered):
            GrowthProof.parse(f"{head}\n\n{note}")
    with pytest.raises(LedgerTampered):
        GrowthProof.parse("old 1")


def test_certificates_are_shown_with_their_entries(
    ledger: Ledger, an_entry: Callable[..., Any], make_signer: Callable[..., Signer], tmp_path: Path
) -> None:
    """A certificate verifies by its signature, and with proofs or an export also by the entries that it names."""
    from sottovoce.custody.certificate import sign_certificate
    from sottovoce.ledger.entry import Action

    done = [
        an_entry(Action.ERASURE_DONE, facts={"erasure": "e-1"}),
        an_entry(Action.ERASURE_DONE, facts={"erasure": "e-1"}),
    ]
    seqs = ledger.record([an_entry(), *done, an_entry(Action.ERASURE_DONE, facts={"erasure": "e-2"})])
    content = {"v": 1, "id": "e-1", "recordings": 2, "ledger": [seqs[1], seqs[2]]}
    note = tmp_path / "certificate.note"
    note.write_text(sign_certificate(content, make_signer()), encoding="utf-8")
    proofs = []
    for seq in seqs:
        proofs.append(tmp_path / f"{seq}.tlog-proof")
        proofs[-1].write_text(ledger.prove(seq), encoding="utf-8")
    ledger.export(tmp_path / "export")

    def says(*given: Path, path: Path = note) -> str:
        return str(verifier.verify(path, ledger.vkey, proofs=given))

    assert says() == "ok: certificate of 2 recordings, 0 of 2 entries shown"
    assert says(proofs[1], proofs[2]) == "ok: certificate of 2 recordings, 2 of 2 entries shown"
    assert says(tmp_path / "export") == "ok: certificate of 2 recordings, 2 of 2 entries shown"
    assert says(proofs[1]).startswith("not proved: ")
    assert says(proofs[0], proofs[3]).startswith("not proved: ")
    digest = hashlib.sha256(note.read_bytes()).hexdigest()
    (certified,) = ledger.record([an_entry(Action.ERASURE_CERTIFIED, facts={"certificate": digest})])
    dated = tmp_path / "dated.tlog-proof"
    dated.write_text(ledger.prove(certified), encoding="utf-8")
    assert says(dated) == "ok: certificate of 2 recordings, 0 of 2 entries shown, and the ledger holds its digest"
    moved = tmp_path / "moved"
    moved.write_text(sign_certificate({**content, "ledger": [seqs[1], seqs[3]]}, make_signer()), encoding="utf-8")
    assert says(*proofs, path=moved).startswith("not proved: ")
    proofs[1].write_text(proofs[1].read_text().replace("index 1", "index 2"), encoding="utf-8")
    assert says(proofs[1], proofs[2]).startswith("tampered leaf 2")
    note.write_text(sign_certificate(content, make_signer(2)), encoding="utf-8")
    assert says().startswith("bad signature")
    junk = tmp_path / "junk"
    junk.write_text(sign_certificate({"id": "e-1"}, make_signer()), encoding="utf-8")
    assert says(path=junk).startswith("unreadable")
