"""Proofs of RFC 6962 that cannot be made, and those that must not be believed."""

from __future__ import annotations

import pytest

from sottovoce.ledger.merkle import (
    EMPTY_ROOT,
    consistency_ranges,
    fold,
    inclusion_ranges,
    leaf_hash,
    subtrees,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
)


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_there_is_no_path_from_a_leaf_that_is_not_there(index: int, size: int) -> None:
    """Asking for the path of a missing leaf is an error, not an empty path."""
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion_ranges(index, size)


@pytest.mark.parametrize(("first", "second"), [(0, 4), (5, 4), (-1, 1)])
def test_consistency_neither_begins_with_nothing_nor_shrinks(first: int, second: int) -> None:
    """A consistency proof from an empty tree, or to a smaller one, is an error."""
    with pytest.raises(ValueError, match="consistency"):
        consistency_ranges(first, second)
    assert not verify_consistency(first, second, [], EMPTY_ROOT, EMPTY_ROOT)


def test_a_range_is_few_subtrees() -> None:
    """The first 21 leaves are subtrees of 16, 4 and 1; no leaves fold to the empty root."""
    assert subtrees(0, 21) == ((15, 4), (19, 2), (20, 0))
    assert fold([]) == EMPTY_ROOT


def test_paths_that_are_too_long_prove_nothing() -> None:
    """A path that goes on above the root is refused, in every kind of proof."""
    leaf = leaf_hash(b"")
    assert verify_inclusion(leaf, 0, 1, [], leaf)
    assert not verify_inclusion(leaf, 0, 1, [leaf], leaf)
    assert not verify_consistency(1, 2, [leaf, leaf, leaf], leaf, leaf)
    assert not verify_subtree_consistency(2, 4, 6, [], leaf, leaf)
    assert not verify_subtree_consistency(1, 3, 4, [leaf], leaf, leaf)
