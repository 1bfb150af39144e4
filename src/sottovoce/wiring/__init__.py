"""Composes everything; owns clock, randomness and ids. Nothing below knows where anything comes from."""
