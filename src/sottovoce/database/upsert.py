"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have and SQLAlchemy keeps in their dialects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Values = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, values: Values) -> bool:
    """Inserts the row unless its primary key is there already; True when it was inserted."""
    key = list(table.primary_key.columns)
    statement = _insert(connection, table).values(**values).on_conflict_do_nothing(index_elements=key)
    return connection.execute(statement.returning(*key)).first() is not None


def insert_missing(connection: Connection, table: Table, rows: Sequence[Values]) -> None:
    """Inserts those rows whose primary key is not there yet."""
    if rows:
        key = list(table.primary_key.columns)
        connection.execute(_insert(connection, table).on_conflict_do_nothing(index_elements=key), list(rows))


def insert_or_update(connection: Connection, table: Table, values: Values, *, keep: Sequence[str] = ()) -> None:
    """Inserts the row, or brings the row of that primary key up to date, but for the columns to keep."""
    key = [column.name for column in table.primary_key.columns]
    statement = _insert(connection, table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in {*key, *keep}}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed))


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
