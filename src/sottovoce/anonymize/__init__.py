"""Disguises voices: the person goes, the words and their times stay."""
