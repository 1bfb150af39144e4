"""RFC 6962 Merkle trees (section 2.1; verification as in RFC 9162 section 2.1.3.2 and 2.1.4.2).

Pure functions under the standard's names. Proofs are first given as ranges of leaves, so that a
database can answer with stored subtrees in one question instead of reading the leaves.

Verification refuses hashes that are not 32 bytes, and a consistency proof from an empty tree, which
would prove nothing (SECURITY.md 3.4).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Range = tuple[int, int]
"""Leaves start <= i < end."""

Subtree = tuple[int, int]
"""(last leaf, level): a full subtree of 2**level leaves, named by the last leaf that it covers."""


def leaf_hash(data: bytes) -> bytes:
    """MTH({d}) = SHA-256(0x00 || d)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def merkle_tree_hash(leaf_hashes: Sequence[bytes]) -> bytes:
    """MTH(D[n]) over hashes of leaves; of no leaves, SHA-256 of nothing."""
    # Level by level from the bottom; whoever has no neighbour moves up as it is, which is the standard's recursion.
    level = list(leaf_hashes)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [node_hash(left, right) for left, right in pairs] + level[len(level) // 2 * 2 :]
    return level[0] if level else EMPTY_ROOT


def grow(peaks: list[tuple[int, bytes]], seq: int, leaf: bytes) -> list[tuple[Subtree, bytes]]:
    """Adds leaf number `seq` to the peaks (level, hash) of the tree before it, in place.

    Returns the subtrees of level 1 and above that this leaf completed.
    """
    completed = []
    level, current = 0, leaf
    while peaks and peaks[-1][0] == level:
        current = node_hash(peaks.pop()[1], current)
        level += 1
        completed.append(((seq, level), current))
    peaks.append((level, current))
    return completed


def fold(peaks: Sequence[bytes]) -> bytes:
    """The hash of a range from the full subtrees it consists of, left to right."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def subtrees(start: int, end: int) -> tuple[Subtree, ...]:
    """The full subtrees that a range of a tree consists of, left to right: at most log2 of it."""
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        start += 1 << level
        found.append((start - 1, level))
    return tuple(found)


def inclusion_ranges(index: int, size: int) -> tuple[Range, ...]:
    """PATH(m, D[n]) as ranges of leaves, from the leaf's sibling up to the root's child."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of that size")
    ranges, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return tuple(reversed(ranges))


def consistency_ranges(first: int, second: int) -> tuple[Range, ...]:
    """PROOF(m, D[n]) as ranges of leaves; empty when the sizes are equal."""
    if not 0 < first <= second:
        raise ValueError("a consistency proof goes from a tree with leaves to one not smaller")
    if first == second:
        return ()
    ranges, start, end, whole = [], 0, second, True
    while first < end:
        middle = start + _split(end - start)
        if first <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return tuple(reversed(ranges))


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """PATH(m, D[n]) over hashes of leaves that are all at hand."""
    return tuple(merkle_tree_hash(leaf_hashes[a:b]) for a, b in inclusion_ranges(index, len(leaf_hashes)))


def consistency_proof(first: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """PROOF(m, D[n]) over hashes of leaves that are all at hand."""
    return tuple(merkle_tree_hash(leaf_hashes[a:b]) for a, b in consistency_ranges(first, len(leaf_hashes)))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True when the proof leads from the leaf's hash at `index` to the root of a tree of `size`."""
    if not 0 <= index < size or not _hashes(leaf, root, *proof):
        return False
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hmac.compare_digest(current, root)


def verify_consistency(first: int, second: int, proof: Sequence[bytes], old: bytes, new: bytes) -> bool:
    """True when the tree of `second` leaves with root `new` begins with the tree of `first` and `old`."""
    return first > 0 and verify_subtree_consistency(0, first, second, proof, old, new)


def verify_subtree_inclusion(
    leaf: bytes, index: int, start: int, end: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """True when the proof leads from leaf `index` to the root of the subtree of leaves start <= i < end."""
    return _is_subtree(start, end) and verify_inclusion(leaf, index - start, end - start, proof, root)


def verify_subtree_consistency(
    start: int, end: int, size: int, proof: Sequence[bytes], subtree: bytes, root: bytes
) -> bool:
    """True when the leaves start <= i < end with hash `subtree` are part of the tree of `size` leaves and `root`.

    No leaves are part of every tree, which is why a consistency proof may not begin with none.
    """
    if start == end <= size:
        return not proof and hmac.compare_digest(subtree, EMPTY_ROOT)
    if not _is_subtree(start, end) or end > size:
        return False
    if (start, end) == (0, size):
        return not proof and hmac.compare_digest(subtree, root)
    if not _hashes(subtree, root, *proof):
        return False
    left, right, last = start, end - 1, size - 1
    ends_together = right == last
    while left != right and (ends_together or right & 1):
        left, right, last = left >> 1, right >> 1, last >> 1
    path = [subtree, *proof] if left == right else list(proof)
    return bool(path) and _walk(left, right, last, path, subtree, root)


def _walk(left: int, right: int, last: int, path: list[bytes], subtree: bytes, root: bytes) -> bool:
    small = large = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if right & 1 or right == last:
            if left < right:
                small = node_hash(sibling, small)
            large = node_hash(sibling, large)
            while not right & 1 and right:
                left, right, last = left >> 1, right >> 1, last >> 1
        else:
            large = node_hash(large, sibling)
        left, right, last = left >> 1, right >> 1, last >> 1
    return last == 0 and hmac.compare_digest(small, subtree) and hmac.compare_digest(large, root)


def _is_subtree(start: int, end: int) -> bool:
    """A range that is a subtree of every tree that has it: it starts at a multiple of its own height."""
    return 0 <= start < end and start % (1 << (end - start - 1).bit_length()) == 0


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def _hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)
