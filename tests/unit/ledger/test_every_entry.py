"""A ledger of 256 entries: whatever is done to any one of them is found, offline and in the database, under its name."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from sottovoce.database.engine import open_engine, reading, writing
from sottovoce.database.migrate import upgrade
from sottovoce.database.tables import ledger_leaves
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.merkle import leaf_hash
from sottovoce.ledger.verifier import Found, verify

SIZE = 256
SIGNED_AT = (100, 256)
Row = tuple[bytes, bytes]
Change = Callable[[list[Row], int], list[Row]]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def full(ledger: Ledger, an_entry: Callable[..., Any]) -> Ledger:
    for start, end in zip((0, *SIGNED_AT), SIGNED_AT, strict=False):
        ledger.record([an_entry(facts={"n": number}) for number in range(start, end)])
        ledger.checkpoint()
    return ledger


@pytest.fixture
def export(full: Ledger, tmp_path: Path) -> Path:
    full.export(tmp_path / "export")
    return tmp_path / "export"


def changed(rows: list[Row], at: int) -> list[Row]:
    data, hashed = rows[at]
    middle = len(data) // 2
    return [*rows[:at], (data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :], hashed), *rows[at + 1 :]]


def forged(rows: list[Row], at: int) -> list[Row]:
    """Another entry of that number, with the leaf hash to fit."""
    data = rows[at][0].replace(b'"actor":"svc-worker"', b'"actor":"svc-nobody"')
    return [*rows[:at], (data, leaf_hash(data)), *rows[at + 1 :]]


def removed(rows: list[Row], at: int) -> list[Row]:
    return rows[:at] + rows[at + 1 :]


def swapped(rows: list[Row], at: int) -> list[Row]:
    other = (at + 97) % SIZE
    moved = list(rows)
    moved[at], moved[other] = moved[other], moved[at]
    return moved


def duplicated(rows: list[Row], at: int) -> list[Row]:
    return [*rows[: at + 1], rows[at], *rows[at + 1 :]]


def cut(rows: list[Row], at: int) -> list[Row]:
    return rows[:at]


def expected(name: str, at: int) -> tuple[Found, int]:
    """The verdict, and the first entry it names."""
    return {
        "changed": (Found.TAMPERED, at),
        "forged": (Found.FORKED, 0 if at < SIGNED_AT[0] else SIGNED_AT[0]),
        # Without the last one nothing stands in a wrong place: the end is missing.
        "removed": (Found.REMOVED, at) if at < SIZE - 1 else (Found.TRUNCATED, at),
        "swapped": (Found.REORDERED, min(at, (at + 97) % SIZE)),
        "duplicated": (Found.DUPLICATED, at + 1),
        "cut": (Found.TRUNCATED, at),
    }[name]


CHANGES: dict[str, Change] = {
    "changed": changed,
    "forged": forged,
    "removed": removed,
    "swapped": swapped,
    "duplicated": duplicated,
    "cut": cut,
}


def write_tiles(export: Path, rows: list[Row]) -> None:
    """The bundles and leaf tiles of these rows, under the widths they have, in place of those there were."""
    for level in ("entries", "0"):
        shutil.rmtree(export / "tile" / level, ignore_errors=True)
        for start in range(0, len(rows), 256):
            part = rows[start : start + 256]
            full = export / "tile" / level / f"{start // 256:03d}"
            path = full if len(part) == 256 else full.with_suffix(".p") / str(len(part))
            path.parent.mkdir(parents=True, exist_ok=True)
            bundle = b"".join(len(data).to_bytes(2) + data for data, _ in part)
            path.write_bytes(bundle if level == "entries" else b"".join(hashed for _, hashed in part))


def write_rows(engine: Engine, rows: list[Row]) -> None:
    with writing(engine) as connection:
        connection.execute(delete(ledger_leaves))
        values = [{"seq": s, "object": None, "data": d, "leaf_hash": h} for s, (d, h) in enumerate(rows)]
        if values:
            connection.execute(insert(ledger_leaves), values)


def rows_of(engine: Engine) -> list[Row]:
    with reading(engine) as connection:
        wanted = select(ledger_leaves.c.data, ledger_leaves.c.leaf_hash).order_by(ledger_leaves.c.seq)
        return [(row.data, row.leaf_hash) for row in connection.execute(wanted)]


@pytest.mark.parametrize("name", CHANGES)
def test_of_every_entry_it_is_found_offline(name: str, full: Ledger, export: Path, engine: Engine) -> None:
    """Each of 256 entries changed, forged, removed, swapped, duplicated, or the log cut there: named, with its place."""
    rows = rows_of(engine)
    for at in range(SIZE):
        write_tiles(export, CHANGES[name](rows, at))
        verdict = verify(export, full.vkey)
        assert (verdict.found, verdict.leaf) == expected(name, at), at
    write_tiles(export, rows)
    assert verify(export, full.vkey).found is Found.OK


@pytest.mark.parametrize("name", CHANGES)
def test_in_the_database_it_is_found_too(name: str, full: Ledger, engine: Engine) -> None:
    """The same done to rows of the database is named the same."""
    rows = rows_of(engine)
    for at in (0, 1, 99, 100, 101, 158, 255):
        write_rows(engine, CHANGES[name](rows, at))
        verdict = full.verify()
        assert (verdict.found, verdict.leaf) == expected(name, at), at


def test_every_changed_row_is_found(full: Ledger, engine: Engine) -> None:
    """Every one of 256 rows with one bit changed is named."""
    for at, (data, _) in enumerate(rows_of(engine)):
        place = ledger_leaves.c.seq == at
        with writing(engine) as connection:
            connection.execute(
                update(ledger_leaves).where(place).values(data=data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
            )
        verdict = full.verify()
        assert (verdict.found, verdict.leaf) == (Found.TAMPERED, at)
        with writing(engine) as connection:
            connection.execute(update(ledger_leaves).where(place).values(data=data))


def test_every_byte_of_a_smaller_partial_tile_counts(ledger: Ledger, tmp_path: Path, an_entry: Any) -> None:
    """Partial tiles of signed sizes that are past are held to the fuller ones: another reader may have been given them."""
    for _ in range(2):
        ledger.record([an_entry() for _ in range(5)])
        ledger.checkpoint()
    export = tmp_path / "export"
    ledger.export(export)
    for path in (export / "tile/0/000.p/5", export / "tile/entries/000.p/5"):
        content = path.read_bytes()
        for at in range(0, len(content), 7):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            assert verify(export, ledger.vkey).found is Found.TAMPERED_NODE, at
        path.write_bytes(content[: len(content) // 2])
        assert verify(export, ledger.vkey).found is Found.TAMPERED_NODE
        path.write_bytes(content)
    assert verify(export, ledger.vkey).found is Found.OK
