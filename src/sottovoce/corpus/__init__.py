"""A corpus: versions of de-identified samples, signed, split by speaker, opened in memory only (SPEC 11)."""
