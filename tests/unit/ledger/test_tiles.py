"""Tiles as c2sp.org/tlog-tiles describes them, and proofs out of nothing but tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.database.engine import open_engine, reading
from sottovoce.database.migrate import upgrade
from sottovoce.errors import LedgerTampered
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import note_text
from sottovoce.ledger.tiles import TiledLog, parse_bundle, tile_path, tile_widths
from sottovoce.ledger.tree import inclusion_at


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """The embedded database: what is asked here is the same on every one."""
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


def test_paths_are_the_specifications() -> None:
    """Index 1234067 is `x001/x234/067`; a partial tile names its width."""
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(1, 0, 17) == "tile/1/000.p/17"
    assert tile_path("entries", 273, 112) == "tile/entries/273.p/112"
    assert tile_path(2, 1000) == "tile/2/x001/000"


def test_partial_widths_are_the_specifications() -> None:
    """A tree of 70,000 has partial tiles of 112, 17 and 1; one of 256 only one of level 1."""
    assert list(tile_widths(70_000)) == [(0, 273, 112), (1, 1, 17), (2, 0, 1)]
    assert list(tile_widths(256)) == [(1, 0, 1)]
    assert list(tile_widths(0)) == []


def test_bundles_are_length_prefixed() -> None:
    """Entries after their length in two bytes; a bundle that ends within one is refused."""
    assert parse_bundle(b"\x00\x01a\x00\x00\x00\x02bc") == (b"a", b"", b"bc")
    for broken in (b"\x00", b"\x00\x02a", b"\x00\x01a\x00"):
        with pytest.raises(LedgerTampered):
            parse_bundle(broken)


def fetcher(folder: Path) -> Callable[[str], bytes | None]:
    return lambda path: (folder / path).read_bytes() if (folder / path).is_file() else None


def test_an_export_proves_like_the_database(ledger: Ledger, engine: Engine, an_entry: Any, tmp_path: Path) -> None:
    """Roots, inclusion and consistency from tiles equal those from rows, at every size that was signed."""
    signed: list[Checkpoint] = []
    for end in (3, 256, 259, 600):
        ledger.record([an_entry(facts={"n": number}) for number in range(ledger.size(), end)])
        signed.append(Checkpoint.parse(note_text(ledger.checkpoint())))
        ledger.export(tmp_path)
    written = [entry.encode(seq) for seq, entry in ledger.entries()]
    for each in signed:
        log = TiledLog(fetch=fetcher(tmp_path), size=each.size)
        assert log.root() == each.root
        assert list(log.entries()) == written[: each.size]
        for seq in {0, each.size // 2, each.size - 1}:
            with reading(engine) as connection:
                assert log.inclusion(seq) == inclusion_at(connection, seq, each.size)
        assert log.consistency(2) == ledger.prove_consistency(2, each.size)


def test_files_of_every_signed_size_are_there(ledger: Ledger, an_entry: Any, tmp_path: Path) -> None:
    """For each signed size there are the partial tiles that a reader of that checkpoint asks for, and no empty ones."""
    for _ in range(3):
        ledger.record([an_entry() for _ in range(100)])
        ledger.checkpoint()
    ledger.export(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith("tile/")} == {
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    }
    assert (tmp_path / "tile/0/000").stat().st_size == 8192
    assert not list(tmp_path.glob(".checkpoint"))


def test_missing_or_short_tiles_are_refused(ledger: Ledger, an_entry: Any, tmp_path: Path) -> None:
    """A reader is not answered from tiles that are gone or too short."""
    ledger.record([an_entry() for _ in range(5)])
    ledger.export(tmp_path)
    with pytest.raises(LedgerTampered):
        TiledLog(fetch=lambda _: None, size=5).root()
    with pytest.raises(LedgerTampered):
        TiledLog(fetch=lambda _: b"\x00" * 33, size=5).root()
    bundle = (tmp_path / "tile/entries/000.p/5").read_bytes()
    with pytest.raises(LedgerTampered):
        list(TiledLog(fetch=lambda _: bundle, size=6).entries())
