"""The languages numbers and prompts are known in, each a value: data for the one grammar."""
