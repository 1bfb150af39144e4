"""The policy file: one YAML document that says what may be done with which recordings."""
