"""The proof: ledger, registry, lineage, erasure."""
