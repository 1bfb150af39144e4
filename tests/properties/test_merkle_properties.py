"""Merkle trees of any shape: what is true proves, and what is not does not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sottovoce.ledger.merkle import (
    consistency_proof,
    fold,
    grow,
    inclusion_proof,
    leaf_hash,
    merkle_tree_hash,
    node_hash,
    subtrees,
    verify_consistency,
    verify_inclusion,
)

LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=70).map(
    lambda leaves: [leaf_hash(leaf) for leaf in leaves]
)


def defined(hashes: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 defines it, by recursion."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return node_hash(defined(hashes[:split]), defined(hashes[split:]))


@given(LEAVES)
def test_the_root_is_the_defined_one(hashes: list[bytes]) -> None:
    """Growing peak by peak gives the recursive definition's root."""
    assert merkle_tree_hash(hashes) == defined(hashes)


@given(LEAVES, st.data())
def test_every_range_folds_from_its_subtrees(hashes: list[bytes], data: st.DataObject) -> None:
    """The first n leaves fold from the stored subtrees that `grow` completed."""
    stored = {(seq, 0): value for seq, value in enumerate(hashes)}
    peaks: list[tuple[int, bytes]] = []
    for seq, value in enumerate(hashes):
        stored.update(grow(peaks, seq, value))
    size = data.draw(st.integers(1, len(hashes)))
    assert fold([stored[each] for each in subtrees(0, size)]) == merkle_tree_hash(hashes[:size])


@given(LEAVES, st.data())
def test_inclusion_holds_there_and_nowhere_else(hashes: list[bytes], data: st.DataObject) -> None:
    """A proof holds for its leaf and index, and not for another index, leaf, root or size of path."""
    index = data.draw(st.integers(0, len(hashes) - 1))
    proof, root, size = inclusion_proof(index, hashes), merkle_tree_hash(hashes), len(hashes)
    assert verify_inclusion(hashes[index], index, size, proof, root)
    other = data.draw(st.integers(-1, size))
    if other != index:
        assert not verify_inclusion(hashes[index], other, size, proof, root) or hashes[other] == hashes[index]
    assert not verify_inclusion(leaf_hash(b"another leaf"), index, size, proof, root)
    assert not verify_inclusion(hashes[index], index, size, [*proof, root], root)
    assert not verify_inclusion(hashes[index][:31], index, size, proof, root)
    if proof:
        assert not verify_inclusion(hashes[index], index, size, proof[:-1], root)


@given(LEAVES, st.data())
def test_consistency_holds_for_a_prefix_only(hashes: list[bytes], data: st.DataObject) -> None:
    """A proof holds from a tree to one that begins with it, and not after any leaf of the first changed."""
    first = data.draw(st.integers(1, len(hashes)))
    proof, new = consistency_proof(first, hashes), merkle_tree_hash(hashes)
    assert verify_consistency(first, len(hashes), proof, merkle_tree_hash(hashes[:first]), new)
    at = data.draw(st.integers(0, first - 1))
    forged = [*hashes[:at], leaf_hash(b"forged leaf"), *hashes[at + 1 : first]]
    assert not verify_consistency(first, len(hashes), proof, merkle_tree_hash(forged), new)
    assert not verify_consistency(0, len(hashes), proof, merkle_tree_hash([]), new)
    assert not verify_consistency(len(hashes) + 1, len(hashes), proof, new, new)
