"""The HTTP services: what machines and people ask over the wire."""
