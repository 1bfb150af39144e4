"""Opening a database: what SQLite is told, whose file it is, and what its errors may say."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text

from sottovoce.database.engine import forget_deleted, open_engine, reading, writing
from sottovoce.database.migrate import upgrade
from sottovoce.database.tables import heartbeats, recordings
from sottovoce.errors import LedgerUnavailable, WorkspaceError


def test_sqlite_survives_power_cuts_and_overwrites_what_was_deleted(tmp_path: Path) -> None:
    """A SQLite registry runs as WAL, synchronous FULL, with secure_delete and foreign keys on."""
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    wanted = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "busy_timeout": 30_000}
    with reading(engine) as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in wanted}
    assert found == wanted
    engine.dispose()


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    """A new SQLite registry can be read by its owner only."""
    open_engine("sqlite:registry.sqlite", base=tmp_path).dispose()
    assert stat.S_IMODE((tmp_path / "registry.sqlite").stat().st_mode) == 0o600


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    """`sqlite:///…` names a file outside the workspace."""
    engine = open_engine(f"sqlite://{tmp_path}/elsewhere.sqlite", base=Path("unused"))
    with reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    assert (tmp_path / "elsewhere.sqlite").is_file()
    engine.dispose()


@pytest.mark.parametrize("url", ["mysql://somewhere/db", "registry.sqlite", "sqlite:missing/registry.sqlite"])
def test_other_databases_and_missing_folders_are_refused(url: str, tmp_path: Path) -> None:
    """A URL that cannot be opened is an error with a hint."""
    with pytest.raises(WorkspaceError) as refused:
        open_engine(url, base=tmp_path)
    assert refused.value.hint


def test_a_writer_holds_the_lock_from_its_start(tmp_path: Path) -> None:
    """Two writing transactions never overlap, not even before their first statement."""
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    impatient = open_engine("sqlite:registry.sqlite", base=tmp_path)
    event.listen(impatient, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout = 10"))
    with writing(engine), pytest.raises(LedgerUnavailable), writing(impatient):
        pytest.fail("the second writer got in")
    engine.dispose()
    impatient.dispose()


def test_a_reader_keeps_no_writer_waiting(tmp_path: Path) -> None:
    """A reading transaction sees one snapshot while others write."""
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(engine)
    count = select(heartbeats.c.executor)
    with reading(engine) as snapshot:
        assert snapshot.execute(count).all() == []
        with writing(engine) as connection:
            connection.execute(insert(heartbeats).values(executor="w0", seen_ms=1))
        assert snapshot.execute(count).all() == []
    with reading(engine) as later:
        assert later.execute(count).all() == [("w0",)]
    engine.dispose()


def test_a_drivers_message_does_not_come_out(tmp_path: Path, postgres: str) -> None:
    """An error of the database names neither a row's values nor the statement, in message or chain."""
    for url in ("sqlite:registry.sqlite", postgres):
        engine = open_engine(url, base=tmp_path)
        upgrade(engine)
        row = {"key": "k", "source": "s", "conversation_id": "PLANTED", "first_seen_ms": 1, "legal_hold": False}
        with pytest.raises(LedgerUnavailable) as failed, writing(engine) as connection:
            connection.execute(insert(recordings).values(**row))
            connection.execute(insert(recordings).values(**row))
        assert "PLANTED" not in str(failed.value)
        assert failed.value.__cause__ is None
        assert failed.value.__suppress_context__
        engine.dispose()


def test_forgetting_reaches_the_files(tmp_path: Path) -> None:
    """After forgetting, what was deleted is in no file of the database, its write-ahead log included."""
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(engine)
    planted = "PLANTED-PHRASE-0123456789abcdef"
    with writing(engine) as connection:
        connection.execute(insert(heartbeats).values(executor=planted, seen_ms=1))
    assert any(planted.encode() in path.read_bytes() for path in tmp_path.iterdir())
    with writing(engine) as connection:
        connection.execute(heartbeats.delete())
    assert forget_deleted(engine)
    assert not any(planted.encode() in path.read_bytes() for path in tmp_path.iterdir())
    engine.dispose()


def test_forgetting_on_a_server_claims_no_more_than_it_can(tmp_path: Path, postgres: str) -> None:
    """PostgreSQL is vacuumed, and its archives are not claimed to be reached."""
    engine = open_engine(postgres, base=tmp_path)
    upgrade(engine)
    assert not forget_deleted(engine)
    engine.dispose()
