"""A budget of requests a minute that every process shares, kept in the registry's database.

A process leases a few requests at a time and must use them within `USE_MS`, or loses them; leases of the last minute
and that allowance together never exceed the budget. One row a lease, gone after two minutes.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select

from sottovoce.database.compliance_tables import rate_leases
from sottovoce.database.engine import writing

WINDOW_MS: Final = 60_000
USE_MS: Final = 5_000
_LOCK: Final = int.from_bytes(b"svbudget")


class RateLeases:
    """Leases for names; a name is whatever shares one budget."""

    def __init__(self, *, engine: Engine) -> None:
        self._engine = engine

    def lease(self, name: str, *, wanted: int, limit: int, now_ms: int) -> tuple[int, int]:
        """How many requests are granted now, and, where none is, how many milliseconds to wait."""
        with writing(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            _forget(connection, name, now_ms)
            since = now_ms - WINDOW_MS - USE_MS
            live = rate_leases.c.name == name, rate_leases.c.at_ms > since
            used = connection.execute(select(func.coalesce(func.sum(rate_leases.c.count), 0)).where(*live)).scalar_one()
            granted = min(wanted, limit - int(used))
            if granted > 0:
                connection.execute(insert(rate_leases).values(name=name, at_ms=now_ms, count=granted))
                return granted, 0
            oldest = connection.execute(select(func.min(rate_leases.c.at_ms)).where(*live)).scalar_one()
        return 0, max(1, int(oldest) - since)


def _forget(connection: Connection, name: str, now_ms: int) -> None:
    old = rate_leases.c.name == name, rate_leases.c.at_ms < now_ms - 2 * WINDOW_MS
    connection.execute(delete(rate_leases).where(*old))
