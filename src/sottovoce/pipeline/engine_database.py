"""The engine's SQLite file, with settings that survive a power cut and keep nothing deleted (ENGINE.md 1.7).

Its own file beside the registry, readable by its owner only. The engine begins its own transactions, so
the driver is told to make each one IMMEDIATE; parameters never reach an error's text.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from sottovoce.errors import EngineUnavailable

_PRAGMAS = (
    "PRAGMA busy_timeout = 30000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)


def open_database(url: str) -> Engine | None:
    """None for PostgreSQL, which the engine opens itself."""
    if not url.startswith("sqlite"):
        return None
    with failures_named():
        _own(make_url(url).database or "")
        database = create_engine(url, hide_parameters=True)
        event.listen(database, "connect", _prepare)
        return database


@contextmanager
def failures_named() -> Iterator[None]:
    """Whatever a driver raises becomes EngineUnavailable, without its message and its chain."""
    try:
        yield
    except (SQLAlchemyError, OSError) as failure:
        raise EngineUnavailable(
            f"the engine's database failed ({type(failure).__name__})",
            hint="check database.engine_url: that it is reachable, may be written, and has room; then run again",
        ) from None


def _own(path: str) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = "IMMEDIATE"
    for pragma in _PRAGMAS:
        connection.execute(pragma)
