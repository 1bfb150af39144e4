"""Genesys Cloud over its real API: only paths that exist, only hosts that are allowed."""
