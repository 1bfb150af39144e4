"""Finding what must not be heard: text detectors over the transcript, acoustic ones over the sound (SPEC 6)."""
