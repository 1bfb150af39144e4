"""Doubles and fixtures that are shipped: small, real, and usable by those who extend sottovoce."""
