"""The ledger: a Merkle tree of what was done, its checkpoints, proofs, anchors and verifier (SPEC 12.1)."""
