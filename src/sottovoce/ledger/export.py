"""Writes a ledger as static files: entry bundles, hash tiles, checkpoints (c2sp.org/tlog-tiles).

    checkpoint                         the latest signed note
    checkpoints/00000000000000000064   each signed note, by size
    tile/entries/x001/234              256 entries, each after its length in two bytes
    tile/0/x001/234                    their leaf hashes; tile/1/… the roots of full tiles below

The last tile of a level may be partial (`…/234.p/17`), and is then there for every signed size, as the
specification asks. A file is never changed after it was written: a later export adds files, and renews `checkpoint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from sottovoce.errors import CustodyError
from sottovoce.ledger.merkle import merkle_tree_hash
from sottovoce.ledger.tiles import ENTRIES, TILE_WIDTH, tile_path, tile_widths

Files = Iterator[tuple[str, bytes]]


def write_export(folder: Path, entries: Iterable[tuple[bytes, bytes]], signed: Mapping[int, str], latest: str) -> None:
    """Writes (entry, leaf hash) pairs in order, every signed note by its size, and the latest one.

    Raises CustodyError when the folder cannot be written or holds another history.
    """
    try:
        for path, content in export_files(entries, signed):
            _write_once(folder / path, content)
        renewed = folder / ".checkpoint"
        renewed.write_text(latest, encoding="utf-8")
        renewed.replace(folder / "checkpoint")
    except OSError as failure:
        raise CustodyError(f"the export cannot be written ({failure.strerror})") from None


def export_files(entries: Iterable[tuple[bytes, bytes]], signed: Mapping[int, str]) -> Files:
    """Every file that is written once: (path below the log's prefix, content)."""
    roots: list[bytes] = []
    pairs, tile, number = iter(entries), list[tuple[bytes, bytes]](), 0
    while tile := list(islice(pairs, TILE_WIDTH)):
        size = number * TILE_WIDTH + len(tile)
        hashes = [hashed for _, hashed in tile]
        for width in _widths(0, number, size, signed):
            yield tile_path(ENTRIES, number, width), b"".join(len(data).to_bytes(2) + data for data, _ in tile[:width])
            yield tile_path(0, number, width), b"".join(hashes[:width])
        if len(tile) == TILE_WIDTH:
            roots.append(merkle_tree_hash(hashes))
        number += 1
    yield from _above(roots, signed)
    for size, note in signed.items():
        yield f"checkpoints/{size:020d}", note.encode()


def _above(hashes: list[bytes], signed: Mapping[int, str]) -> Files:
    """The tiles of levels 1 and up, of which only full ones count above."""
    level = 1
    while hashes:
        tiles = [hashes[at : at + TILE_WIDTH] for at in range(0, len(hashes), TILE_WIDTH)]
        for number, tile in enumerate(tiles):
            for width in _widths(level, number, number * TILE_WIDTH + len(tile), signed):
                yield tile_path(level, number, width), b"".join(tile[:width])
        hashes = [merkle_tree_hash(tile) for tile in tiles if len(tile) == TILE_WIDTH]
        level += 1


def _widths(level: int, number: int, end: int, signed: Mapping[int, str]) -> Iterable[int]:
    """A full tile as it is; a partial one as it was at every signed size, and as it is now."""
    width = end - number * TILE_WIDTH
    if width == TILE_WIDTH:
        return (TILE_WIDTH,)
    partial = {each for size in signed for at, tile, each in tile_widths(size) if (at, tile) == (level, number)}
    return sorted(partial | {width})


def _write_once(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        if path.read_bytes() != content:
            raise CustodyError(
                "the folder holds an export of another history", hint="export into an empty folder, and compare"
            ) from None
