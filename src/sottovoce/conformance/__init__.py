"""Judging any vendor's redacted audio from the sound alone (SPEC 7.7)."""
