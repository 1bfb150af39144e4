"""Sound in and out of memory, and from sound to words (SPEC 3.4, 5)."""
