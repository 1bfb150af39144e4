"""Opens the registry's database, and says when a transaction reads and when it writes.

SQLite runs as WAL with synchronous FULL, so that what was committed survives a power cut; with
secure_delete, so that what was erased is overwritten; and every writing transaction begins
IMMEDIATE, so that there is one writer from its first statement on (ENGINE.md 1.7, SECURITY.md 1.5).

It refuses to let a driver's message out: those quote the values of the row that failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from sottovoce.errors import LedgerUnavailable, WorkspaceError

BUSY_TIMEOUT_MS = 30_000
"""How long a second writer waits for the first (ENGINE.md 1.7)."""

_PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
_READS = "sottovoce_reads"


def open_engine(url: str, *, base: Path) -> Engine:
    """An engine for `sqlite:name.sqlite` (a file below `base`) or `postgresql://…`.

    A new SQLite file is readable by its owner only. Raises WorkspaceError for any other URL, and
    where the folder is missing.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        return _sqlite(_file(rest, base))
    if scheme in {"postgresql", "postgresql+psycopg"}:
        return create_engine(f"postgresql+psycopg:{rest}", hide_parameters=True, pool_pre_ping=True)
    raise WorkspaceError(
        f"a database of the kind {scheme!r} is not known",
        hint="write sqlite:registry.sqlite or postgresql://user@host/name",
    )


@contextmanager
def without_details() -> Iterator[None]:
    """Turns whatever a driver raises into LedgerUnavailable, without its message and its chain."""
    try:
        yield
    except SQLAlchemyError as failure:
        # Neither the message nor the chain goes on: both can quote rows (PostgreSQL's DETAIL does).
        raise LedgerUnavailable(
            f"the registry's database failed ({type(failure).__name__})",
            hint="check that it is reachable, that its disk has room, and that migrations have run",
        ) from None


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that holds the write lock from its start and commits when the block ends."""
    with without_details(), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One snapshot of the database; nothing is written, and no writer is kept waiting."""
    with without_details(), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        else:
            connection = connection.execution_options(**{_READS: True})
        yield connection


def forget_deleted(engine: Engine) -> bool:
    """Drives what was deleted out of the database's own files; True when it is known to be gone.

    SQLite: the write-ahead log is folded in and truncated (with secure_delete the pages are zeroed
    already). PostgreSQL: VACUUM, and False, because its write-ahead log and archives age out later.
    """
    with without_details():
        if engine.dialect.name == "sqlite":
            return _truncate_log(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
        return False


def _file(rest: str, base: Path) -> Path:
    path = Path(rest.removeprefix("//")) if rest.startswith("///") else base / rest
    if not path.parent.is_dir():
        raise WorkspaceError("the folder of the database does not exist", hint="run `sottovoce init` first")
    return path


def _sqlite(path: Path) -> Engine:
    _create_private(path)
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True, connect_args={"isolation_level": None})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _create_private(path: Path) -> None:
    """Only where there is no file: closing one that is open would drop this process's SQLite locks on it."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepare(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _truncate_log(engine: Engine) -> bool:
    raw = engine.raw_connection()
    try:
        busy, _, _ = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        raw.close()
    return not busy
