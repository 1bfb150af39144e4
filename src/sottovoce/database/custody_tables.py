"""Training runs, models, retention, deliveries and notices. Times are milliseconds since 1970, UTC."""

from __future__ import annotations
