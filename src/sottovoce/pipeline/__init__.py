"""Carries each recording from door to door, once, whatever is killed on the way."""
