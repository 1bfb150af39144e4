"""Writes a ledger as static files: entry bundles, hash tiles, checkpoints (c2sp.org/tlog-tiles).

    checkpoint                         the latest signed note
    checkpoints/00000000000000000064   each signed note, by size
    tile/entries/x001/234              256 entries, each after its length in two bytes
    tile/0/x001/234                    their leaf hashes; tile/1/… the roots of full tiles below

The last tile of a level may be partial (`…/234.p/17`). A file is never changed after it was written:
a later export adds files, and renews `checkpoint`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sottovoce.errors import CustodyError
from sottovoce.ledger.merkle import merkle_tree_hash

TILE_WIDTH = 256


def write_export(folder: Path, entries: Iterable[tuple[bytes, bytes]], signed: Mapping[int, str], latest: str) -> None:
    """Writes (entry, leaf hash) pairs in order, every signed note by its size, and the latest one.

    Raises CustodyError when the folder cannot be written or holds another history.
    """
    try:
        _write_tiles(folder / "tile", _write_bundles(folder / "tile" / "entries", entries))
        for size, note in signed.items():
            _write_once(folder / "checkpoints" / f"{size:020d}", note.encode())
        (folder / "checkpoint").write_text(latest, encoding="utf-8")
    except OSError as failure:
        raise CustodyError(f"the export cannot be written ({failure.strerror})") from None


def _write_bundles(folder: Path, entries: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    hashes: list[bytes] = []
    bundle: list[bytes] = []
    for data, hashed in entries:
        hashes.append(hashed)
        bundle.append(len(data).to_bytes(2) + data)
        if len(bundle) == TILE_WIDTH:
            _write_once(folder / tile_path(len(hashes) // TILE_WIDTH - 1, TILE_WIDTH), b"".join(bundle))
            bundle.clear()
    if bundle:
        _write_once(folder / tile_path(len(hashes) // TILE_WIDTH, len(bundle)), b"".join(bundle))
    return hashes


def _write_tiles(folder: Path, hashes: Sequence[bytes]) -> None:
    level = 0
    while hashes:
        tiles = [hashes[at : at + TILE_WIDTH] for at in range(0, len(hashes), TILE_WIDTH)]
        for number, tile in enumerate(tiles):
            _write_once(folder / str(level) / tile_path(number, len(tile)), b"".join(tile))
        hashes = [merkle_tree_hash(tile) for tile in tiles if len(tile) == TILE_WIDTH]
        level += 1


def tile_path(number: int, width: int) -> str:
    """`x001/x234/067` for tile 1234067, with `.p/W` behind it when it holds W < 256 hashes."""
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


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
