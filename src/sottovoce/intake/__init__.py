"""Events that come in: who sent them, what is left of them once minimized, and each kept exactly once (SPEC 14.1-2)."""
