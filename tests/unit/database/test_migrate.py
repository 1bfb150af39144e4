"""Migrations lead to exactly the tables that the program uses, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from sottovoce.database.engine import open_engine, reading
from sottovoce.database.migrate import current, head, upgrade
from sottovoce.database.schema import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return "sqlite:registry.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")


def test_migrated_tables_are_the_programs_tables(url: str, tmp_path: Path) -> None:
    """After migrating, nothing is left to do between the database and the program's metadata."""
    engine = open_engine(url, base=tmp_path)
    assert current(engine) is None
    upgrade(engine)
    assert current(engine) == head()
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        indexes = {index["name"] for table in metadata.tables for index in inspect(connection).get_indexes(table)}
    assert indexes == {index.name for table in metadata.tables.values() for index in table.indexes}
    engine.dispose()


def test_migrating_twice_changes_nothing(url: str, tmp_path: Path) -> None:
    """Any process may migrate at its start, several at once."""
    engine = open_engine(url, base=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, [engine] * 4))
    upgrade(engine)
    assert current(engine) == head()
    engine.dispose()
