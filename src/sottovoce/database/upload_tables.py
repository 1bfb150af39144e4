"""Contributors and what they sent in. Times are milliseconds since 1970, UTC."""

from __future__ import annotations
