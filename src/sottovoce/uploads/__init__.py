"""What contributors send in: encrypted where they are, taken in by an inbox, gone again when it was used (SPEC 3.1)."""
