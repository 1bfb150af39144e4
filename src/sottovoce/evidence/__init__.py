"""Evidence packs: control by control, what was checked, the figures, and where the ledger proves it (SPEC 12.5)."""
