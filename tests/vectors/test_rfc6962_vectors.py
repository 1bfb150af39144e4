"""RFC 6962 trees against vectors that nobody here wrote: roots, inclusion and consistency proofs."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from sottovoce.ledger import verifier
from sottovoce.ledger.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_tree_hash,
    verify_consistency,
    verify_inclusion,
    verify_subtree_consistency,
    verify_subtree_inclusion,
)


def constants(shared: Path) -> dict[str, list[str]]:
    path = shared / "vectors/rfc6962-roots/transparency-dev-constants.json"
    found: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def probes(shared: Path, kind: str) -> list[dict[str, Any]]:
    folder = shared / "vectors/rfc6962-transparency-dev/testdata" / kind
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.json"))]


def hashes(probe: dict[str, Any]) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(each) for each in probe["proof"] or ())


def test_roots(shared: Path) -> None:
    """The roots of trees of 0 to 8 known leaves are the published ones."""
    leaves = [leaf_hash(bytes.fromhex(each)) for each in constants(shared)["leaf_inputs_hex"]]
    roots = [bytes.fromhex(each) for each in constants(shared)["root_hashes_hex_by_size"]]
    assert [merkle_tree_hash(leaves[:size]) for size in range(len(roots))] == roots
    assert len(roots) == 9


def test_inclusion_probes(shared: Path) -> None:
    """Every inclusion probe is accepted or refused as published, by the ledger and by the stand-alone verifier."""
    found = probes(shared, "inclusion")
    for probe in found:
        leaf, root = (base64.b64decode(probe[name]) for name in ("leafHash", "root"))
        arguments = (leaf, probe["leafIdx"], probe["treeSize"], hashes(probe), root)
        assert verify_inclusion(*arguments) is not probe["wantErr"], probe["desc"]
        assert verifier.verify_inclusion(*arguments) is not probe["wantErr"], probe["desc"]
    assert found


def test_consistency_probes(shared: Path) -> None:
    """Every consistency probe is accepted or refused as published; none from an empty tree proves anything."""
    found = probes(shared, "consistency")
    for probe in found:
        old, new = (base64.b64decode(probe[name]) for name in ("root1", "root2"))
        held = verify_consistency(probe["size1"], probe["size2"], hashes(probe), old, new)
        assert held is not probe["wantErr"], probe["desc"]
        alone = verifier.verify_consistency(probe["size1"], probe["size2"], hashes(probe), old, new)
        assert alone is not probe["wantErr"], probe["desc"]
    assert len(found) + len(probes(shared, "inclusion")) == 196


def test_subtree_probes(shared: Path) -> None:
    """Every probe of a subtree's inclusion and consistency is accepted or refused as published."""
    included, consistent = probes(shared, "subtreeinclusion"), probes(shared, "subtreeconsistency")
    for probe in included:
        leaf, root = (base64.b64decode(probe[name]) for name in ("leafHash", "root"))
        held = verify_subtree_inclusion(leaf, probe["leafIdx"], probe["start"], probe["end"], hashes(probe), root)
        assert held is not probe["wantErr"], probe
    for probe in consistent:
        subtree, root = (base64.b64decode(probe[name]) for name in ("root1", "root2"))
        sizes = (probe["start"], probe["end"], probe["size"])
        held = verify_subtree_consistency(*sizes, hashes(probe), subtree, root)
        assert held is not probe["wantErr"], probe
    assert len(included) + len(consistent) == 322


def test_proofs_made_here_are_the_published_ones(shared: Path) -> None:
    """The proofs in probes that hold are, hash for hash, those made from the published leaves."""
    leaves = [leaf_hash(bytes.fromhex(each)) for each in constants(shared)["leaf_inputs_hex"]]
    made = 0
    for probe in probes(shared, "inclusion"):
        if not probe["wantErr"] and base64.b64decode(probe["root"]) == merkle_tree_hash(leaves[: probe["treeSize"]]):
            assert inclusion_proof(probe["leafIdx"], leaves[: probe["treeSize"]]) == hashes(probe)
            made += 1
    for probe in probes(shared, "consistency"):
        sizes = probe["size1"], probe["size2"]
        if (
            not probe["wantErr"]
            and sizes[0]
            and base64.b64decode(probe["root2"]) == merkle_tree_hash(leaves[: sizes[1]])
        ):
            assert consistency_proof(sizes[0], leaves[: sizes[1]]) == hashes(probe)
            made += 1
    assert made >= 10
