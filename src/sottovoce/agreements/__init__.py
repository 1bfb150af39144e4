"""Whether a recording may go to a destination: what must be on file, what is, which borders it crosses (SPEC 10.2)."""
