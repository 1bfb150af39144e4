"""Was a rule broken in this call? Rules as data, judgement, verdicts and what follows (SPEC 14.3 to 14.6)."""
