"""Proof files, witness requests and tiles of any shape: what is true opens, and nothing that was changed does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import LedgerTampered
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.cosignature import Ed25519Cosigner
from sottovoce.ledger.export import export_files
from sottovoce.ledger.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_tree_hash,
    verify_consistency,
    verify_inclusion,
)
from sottovoce.ledger.note import VerifierKey, open_note
from sottovoce.ledger.proof import GrowthProof, TlogProof
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.ledger.tiles import TiledLog
from sottovoce.ledger.witness import Seen, Witness

ORIGIN = "ledger.example/p"
SIGNER = Ed25519Signer(name=ORIGIN, key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes(32))))
KEY = VerifierKey.parse(SIGNER.vkey)
COSIGNER = Ed25519Cosigner(
    name="witness.example/p", key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
)
ENTRIES = [b"%d" % number for number in range(700)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def signed(size: int, leaves: Sequence[bytes] = LEAVES) -> str:
    return sign_checkpoint(Checkpoint(origin=ORIGIN, size=size, root=merkle_tree_hash(leaves[:size])), SIGNER)


@given(st.integers(1, 700), st.data())
def test_the_two_verifiers_agree(size: int, data: st.DataObject) -> None:
    """The ledger's functions and the stand-alone file's say the same of every proof, right or wrong."""
    index, first = data.draw(st.integers(0, size)), data.draw(st.integers(0, size + 1))
    root, old = merkle_tree_hash(LEAVES[:size]), merkle_tree_hash(LEAVES[:first])
    at = min(index, size - 1)
    proof = list(inclusion_proof(at, LEAVES[:size]))
    growth = list(consistency_proof(first, LEAVES[:size])) if 0 < first <= size else []
    for hashes in (proof, growth):
        change = data.draw(st.sampled_from(["none", "drop", "add", "flip"]))
        if change == "add":
            hashes.append(bytes(32))
        elif hashes and change == "drop":
            hashes.pop()
        elif hashes and change == "flip":
            hashes[-1] = bytes(32)
    assert verifier.verify_inclusion(LEAVES[at], index, size, proof, root) is verify_inclusion(
        LEAVES[at], index, size, proof, root
    )
    assert verifier.verify_consistency(first, size, growth, old, root) is verify_consistency(
        first, size, growth, old, root
    )


@given(st.integers(1, 700), st.one_of(st.none(), st.binary(min_size=1, max_size=40)), st.data())
def test_proof_files_open_for_what_they_prove(size: int, extra: bytes | None, data: st.DataObject) -> None:
    """A proof comes back from its file; with any one character changed it opens for nothing but the same statement."""
    index = data.draw(st.integers(0, size - 1))
    proof = TlogProof(index=index, hashes=inclusion_proof(index, LEAVES[:size]), checkpoint=signed(size), extra=extra)
    assert TlogProof.parse(proof.text) == proof
    assert proof.open(LEAVES[index], [KEY], origin=ORIGIN).size == size
    at = data.draw(st.integers(0, len(proof.text) - 1))
    text = proof.text[:at] + data.draw(st.characters(max_codepoint=0x2100)) + proof.text[at + 1 :]
    try:
        changed = TlogProof.parse(text)
        changed.open(LEAVES[index], [KEY], origin=ORIGIN)
    except LedgerTampered:
        return
    # Only what is not authenticated may differ: the extra data, and lines of unknown keys.
    assert (changed.index, changed.hashes) == (proof.index, proof.hashes)


class Memory:
    def __init__(self) -> None:
        self.seen: Seen | None = None

    def last(self, origin: str) -> Seen | None:
        assert origin == ORIGIN
        return self.seen

    def replace(self, origin: str, before: Seen | None, now: Seen) -> bool:
        assert (origin, self.seen) == (ORIGIN, before)
        self.seen = now
        return True

    def origins(self) -> tuple[str, ...]:
        return (ORIGIN,)


FORGED = [leaf_hash(b"forged"), *LEAVES[1:]]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans(), st.booleans()), max_size=12))
def test_a_witness_cosigns_one_history(requests: list[tuple[int, int, bool, bool]]) -> None:
    """Whatever is asked in whatever order, what it cosigned are ever larger trees of one history."""
    memory = Memory()
    clock = lambda: datetime(2026, 3, 1, tzinfo=UTC)  # noqa: E731
    witness = Witness(cosigners=[COSIGNER], logs={ORIGIN: [KEY]}, memory=memory, clock=clock)
    cosigned: list[tuple[int, bytes]] = []
    for old, size, forged, honest_old in requests:
        leaves = FORGED if forged else LEAVES
        if honest_old:
            old = memory.seen.size if memory.seen else 0
        hashes = consistency_proof(old, leaves[:size]) if 0 < old <= size else ()
        note = signed(size, leaves)
        answer = witness.add_checkpoint(GrowthProof(old=old, hashes=hashes, checkpoint=note).text.encode())
        assert answer.status in {200, 400, 409, 422}
        if answer.status == 200:
            assert open_note(note + answer.body, [COSIGNER.key]).verified
            cosigned.append((size, merkle_tree_hash(leaves[:size])))
    assert [size for size, _ in cosigned] == sorted(size for size, _ in cosigned)
    histories = [
        {leaves is FORGED for leaves in (LEAVES, FORGED) if merkle_tree_hash(leaves[:size]) == root}
        for size, root in cosigned
        if size
    ]
    assert not histories or set.intersection(*histories)


@given(st.binary(max_size=200))
def test_a_witness_answers_anything(body: bytes) -> None:
    """No body makes it fail, and none that is no request is cosigned."""
    witness = Witness(cosigners=[COSIGNER], logs={ORIGIN: [KEY]}, memory=Memory(), clock=lambda: datetime.now(UTC))
    assert witness.add_checkpoint(body).status == 400


@settings(max_examples=25)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=4), st.data())
def test_tiles_prove_like_the_leaves(sizes: list[int], data: st.DataObject) -> None:
    """Out of an export's files alone come the root of every signed size, and proofs that hold."""
    size = max(sizes)
    pairs = zip(ENTRIES[:size], LEAVES[:size], strict=True)
    files = dict(export_files(pairs, {each: signed(each) for each in sorted(set(sizes))}))
    assert all(0 < len(content) <= 8192 for path, content in files.items() if path.startswith("tile/0"))
    for each in sizes:
        log = TiledLog(fetch=files.get, size=each)
        root, index, first = log.root(), data.draw(st.integers(0, each - 1)), data.draw(st.integers(1, each))
        assert root == merkle_tree_hash(LEAVES[:each])
        assert verify_inclusion(LEAVES[index], index, each, log.inclusion(index), root)
        assert verify_consistency(first, each, log.consistency(first), merkle_tree_hash(LEAVES[:first]), root)
        assert list(log.entries()) == ENTRIES[:each]
