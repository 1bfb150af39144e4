"""Taking what was found out of the sound, the words and the file, and proving it (SPEC 7)."""
