"""Genesys Cloud over HTTP on one's own machine, with sample calls and faults on demand."""
