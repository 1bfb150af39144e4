"""Custody: what became of each recording; registry, lineage, retention, erasure (SPEC 12.2 to 12.4)."""
