"""Principals, grants, reads and their review. Times are milliseconds since 1970, UTC."""

from __future__ import annotations
