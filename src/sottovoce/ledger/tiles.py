"""The tree as static tiles (c2sp.org/tlog-tiles): where each lies, and roots and proofs out of them.

    tile/<L>/<N>[.p/<W>]        up to 256 hashes of level 8·L, at index N of their level
    tile/entries/<N>[.p/<W>]    the entries below, each after its length in two bytes

An auditor or a witness who is given the files needs no database: every root and proof folds from a few tiles. A
partial tile may be gone once the full one is there, so a reader asks for the one and then for the other.

It refuses tiles and bundles that do not have their width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sottovoce.errors import LedgerTampered
from sottovoce.ledger.merkle import (
    HASH_SIZE,
    Range,
    Subtree,
    consistency_ranges,
    fold,
    inclusion_ranges,
    merkle_tree_hash,
    subtrees,
)

TILE_WIDTH = 256
TILE_HEIGHT = 8
ENTRIES = "entries"

Fetch = Callable[[str], bytes | None]
"""The content of a file by its path below the log's prefix, or None where there is none."""


def tile_path(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """`tile/0/x001/x234/067`, with `.p/W` behind it when the tile holds W < 256 hashes or entries."""
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join(["tile", str(level), *(f"x{part}" for part in parts[:-1]), parts[-1]])
    return path if width == TILE_WIDTH else f"{path}.p/{width}"


def tile_widths(size: int) -> Iterator[tuple[int, int, int]]:
    """(level, number, width) of the last tile of each level of a tree of `size` leaves, where it is partial."""
    level, count = 0, size
    while count:
        if count % TILE_WIDTH:
            yield level, count // TILE_WIDTH, count % TILE_WIDTH
        level, count = level + 1, count // TILE_WIDTH


def parse_bundle(bundle: bytes) -> tuple[bytes, ...]:
    """The entries of a bundle; raises LedgerTampered where it does not end with one."""
    found, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2])
        if at + 2 > len(bundle) or end > len(bundle):
            raise LedgerTampered("malformed entry bundle")
        found.append(bundle[at + 2 : end])
        at = end
    return tuple(found)


class TiledLog:
    """A log read from its tiles, at one size, which the caller has from a checkpoint that it verified."""

    def __init__(self, *, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._tiles: dict[tuple[int, int], tuple[bytes, ...]] = {}

    def root(self) -> bytes:
        """The root, which is the checkpoint's or the tiles are not the log's."""
        return self._hash((0, self._size))

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of an entry."""
        return tuple(map(self._hash, inclusion_ranges(index, self._size)))

    def consistency(self, first: int) -> tuple[bytes, ...]:
        """The consistency proof from the log of `first` entries."""
        return tuple(map(self._hash, consistency_ranges(first, self._size)))

    def entries(self) -> Iterator[bytes]:
        """Every entry in order. Raises LedgerTampered for a bundle that does not have its width."""
        for number in range(-(-self._size // TILE_WIDTH)):
            width = min(TILE_WIDTH, self._size - number * TILE_WIDTH)
            bundle = parse_bundle(self._file(ENTRIES, number, width))
            if len(bundle) < width:
                raise LedgerTampered("an entry bundle is shorter than it should be")
            yield from bundle[:width]

    def _hash(self, leaves: Range) -> bytes:
        return fold([self._subtree(each) for each in subtrees(*leaves)])

    def _subtree(self, subtree: Subtree) -> bytes:
        """Folds it from the hashes of the tile level at or below its own."""
        last, level = subtree
        tile_level = level // TILE_HEIGHT
        count = 1 << (level % TILE_HEIGHT)
        end = (last + 1) >> (TILE_HEIGHT * tile_level)
        number, at = divmod(end - count, TILE_WIDTH)
        return merkle_tree_hash(self._tile(tile_level, number)[at : at + count])

    def _tile(self, level: int, number: int) -> Sequence[bytes]:
        if (level, number) not in self._tiles:
            width = min(TILE_WIDTH, (self._size >> (TILE_HEIGHT * level)) - number * TILE_WIDTH)
            content = self._file(level, number, width)
            if len(content) % HASH_SIZE or len(content) < width * HASH_SIZE:
                raise LedgerTampered("a tile does not have its width")
            hashes = tuple(content[at : at + HASH_SIZE] for at in range(0, width * HASH_SIZE, HASH_SIZE))
            self._tiles[level, number] = hashes
        return self._tiles[level, number]

    def _file(self, level: int | str, number: int, width: int) -> bytes:
        for path in dict.fromkeys((tile_path(level, number, width), tile_path(level, number))):
            content = self._fetch(path)
            if content is not None:
                return content
        raise LedgerTampered("a tile of the log is missing")
