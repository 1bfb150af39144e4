"""Brings a database to this release's tables, from an installed package and without an ini file.

Any process may call it at its start: one of them migrates, the others wait and find it done.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from sottovoce.database.engine import reading, writing

_LOCK = int.from_bytes(b"svschema")
"""PostgreSQL's advisory lock while migrating; SQLite has one writer anyway."""


def upgrade(engine: Engine) -> None:
    """Afterwards the database holds every table of this release; nothing happens when it did already."""
    if current(engine) == head():
        return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        command.upgrade(_config(connection), "head")


def current(engine: Engine) -> str | None:
    """The revision the database is at; None when it is new."""
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """The revision of this release."""
    return ScriptDirectory(str(_HERE)).get_current_head()


_HERE = Path(__file__).resolve().parent


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
