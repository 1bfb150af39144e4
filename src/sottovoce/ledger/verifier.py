"""Checks an exported ledger, a proof or a certificate: offline, alone, and without trusting us.

This file needs Python 3.11 and `cryptography`, and nothing else of sottovoce: copy it, read it, run it.

    python verifier.py EXPORT_FOLDER|FILE.tlog-proof|CERTIFICATE.note --vkey VKEY [--anchor CHECKPOINT_FILE]

Standards: RFC 6962 section 2.1 (tree), RFC 9162 section 2.1.3.2 (inclusion), and C2SP signed-note,
tlog-checkpoint, tlog-tiles and tlog-proof@v1. The exit code says what was found (EXIT_CODES).
"""

from __future__ import annotations

import argparse
import base64
import binascii
import enum
import functools
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TILE_WIDTH = 256
PROOF_HEADER, CERTIFICATE_HEADER = "c2sp.org/tlog-proof@v1", "sottovoce/erasure-certificate@v1"


class Found(enum.StrEnum):
    OK = "ok"
    TAMPERED = "tampered leaf"
    TRUNCATED = "truncated"
    FORKED = "forked"
    UNSIGNED_TAIL = "unsigned tail"
    REORDERED = "reordered"
    REMOVED = "removed leaf"
    DUPLICATED = "duplicated leaf"
    BAD_SIGNATURE = "bad signature"
    UNREADABLE = "unreadable"
    TAMPERED_NODE = "tampered node"


EXIT_CODES = {found: 0 if found is Found.OK else 9 + number for number, found in enumerate(Found)}
"""0 for ok, 10 to 19 for the others in this order; 2 is a wrong call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found, in a ledger of `size` entries of which checkpoints sign the first `signed`.

    `leaf` is the first entry concerned; for FORKED, the first after the last checkpoint that holds."""

    found: Found
    size: int = 0
    signed: int = 0
    leaf: int | None = None

    def __str__(self) -> str:
        at = "" if self.leaf is None else f" {self.leaf}"
        return f"{self.found}{at}: {self.size} entries, {self.signed} of them signed"


Row = tuple[int, bytes, bytes]  # position, entry, stored leaf hash
Head = tuple[int, bytes]  # size and root of a checkpoint whose signature holds


class RefusedError(Exception):
    """What was handed in does not hold; its one argument says how."""


def judge(read: Callable[[], Iterable[Row]], heads: Sequence[Head]) -> Verdict:
    """Walks the entries once, and a second time when something is wrong, to say what."""
    due: dict[int, set[bytes]] = {}
    for size, root in heads:
        due.setdefault(size, set()).add(root)
    signed, size, held, peaks = max(due, default=0), 0, 0, list[tuple[int, bytes]]()
    if due.pop(0, {_fold([])}) != {_fold([])}:
        return Verdict(found=Found.FORKED, signed=signed, leaf=0)
    for position, data, stored in read():
        if position != size or number_of(data) != size or leaf_hash(data) != stored:
            found, leaf = diagnose(rows := list(read()))
            return Verdict(found=found, size=len(rows), signed=signed, leaf=leaf)
        _push(peaks, stored)
        size += 1
        if size in due:
            if due[size] != {_fold(peaks)}:
                return Verdict(found=Found.FORKED, size=size, signed=signed, leaf=held)
            held = size
    if size == signed:
        return Verdict(found=Found.OK, size=size, signed=signed)
    found = Found.TRUNCATED if size < signed else Found.UNSIGNED_TAIL
    return Verdict(found=found, size=size, signed=signed, leaf=min(size, signed))


def diagnose(rows: Sequence[Row]) -> tuple[Found, int]:
    """What was done to entries that are not what they were, and the first place where it was done.

    An entry says its own number, so moved entries are told from changed ones: a moved entry still
    hashes to a leaf hash that is stored somewhere, a changed one to none.
    """
    stored_hashes, numbers = {stored for _, _, stored in rows}, [number_of(data) for _, data, _ in rows]
    for at, (position, data, _) in enumerate(rows):
        if position != at:
            return Found.REMOVED, at
        if numbers[at] is None or leaf_hash(data) not in stored_hashes:
            return Found.TAMPERED, at
    moved = next((at for at, number in enumerate(numbers) if number != at), None)
    if moved is None:
        return Found.TAMPERED, next(at for at, (_, data, stored) in enumerate(rows) if leaf_hash(data) != stored)
    whole = Found.REORDERED if moved in numbers else Found.REMOVED
    return (whole if len(set(numbers)) == len(numbers) else Found.DUPLICATED), moved


def number_of(data: bytes) -> int | None:
    """The number an entry says it has, or None when it is not an entry."""
    try:
        number = json.loads(data)["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if isinstance(number, int) else None


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _push(peaks: list[tuple[int, bytes]], leaf: bytes) -> None:
    level, current = 0, leaf
    while peaks and peaks[-1][0] == level:
        level, current = level + 1, node_hash(peaks.pop()[1], current)
    peaks.append((level, current))


def _fold(peaks: Sequence[tuple[int, bytes]]) -> bytes:
    hashes = [value for _, value in peaks] or [hashlib.sha256(b"").digest()]
    return functools.reduce(lambda right, left: node_hash(left, right), reversed(hashes))


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    if not 0 <= index < size or any(len(value) != 32 for value in (leaf, root, *proof)):
        return False
    node, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = node_hash(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and current == root


def open_note(note: str, vkey: str) -> str:
    """The text of a signed note (c2sp.org/signed-note) that the key signed; raises RefusedError otherwise."""
    name, key_id, key = _parse_vkey(vkey)
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not re.fullmatch(r"(— \S+ \S+\n)+", signatures):
        raise RefusedError(Found.UNREADABLE)
    signed, signers = f"{text}\n", 0
    for who, encoded in re.findall(r"— (\S+) (\S+)\n", signatures):
        raw = _unbase64(encoded)
        if who == name and raw[:4] == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(raw[4:], signed.encode())
            except InvalidSignature:
                raise RefusedError(Found.BAD_SIGNATURE) from None
            signers += 1
    if not signers:
        raise RefusedError(Found.BAD_SIGNATURE)
    return signed


def open_checkpoint(note: str, vkey: str) -> Head:
    """(size, root) of a signed checkpoint of the log that the key is named after."""
    lines = open_note(note, vkey).split("\n")
    if len(lines) < 4 or lines[0] != vkey.partition("+")[0] or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]):
        raise RefusedError(Found.BAD_SIGNATURE)
    return int(lines[1]), _unbase64(lines[2])


def _parse_vkey(vkey: str) -> tuple[str, bytes, bytes]:
    name, key_id, encoded = [*vkey.strip().split("+", 2), "", ""][:3]
    raw = _unbase64(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or len(raw) != 33 or raw[:1] != b"\x01" or expected.hex() != key_id:
        raise RefusedError(Found.BAD_SIGNATURE)
    return name, expected, raw[1:]


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(Found.UNREADABLE) from None


def verify_export(folder: Path, vkey: str, anchors: Sequence[str] = ()) -> Verdict:
    """Judges an export: every checkpoint signed, every entry where it was, every tile as computed."""
    files = [*sorted(folder.glob("checkpoints/*")), *folder.glob("checkpoint")]
    notes = [path.read_bytes().decode() for path in files] + list(anchors)
    if not notes:
        raise RefusedError(Found.UNREADABLE)
    verdict = judge(lambda: _rows(folder), [open_checkpoint(note, vkey) for note in notes])
    if verdict.found in {Found.OK, Found.UNSIGNED_TAIL} and not _tiles_stand(folder, verdict.size):
        return Verdict(found=Found.TAMPERED_NODE, size=verdict.size, signed=verdict.signed)
    return verdict


def _rows(folder: Path) -> Iterator[Row]:
    tiles = _tiles(folder / "tile" / "0")
    for number, bundle in sorted(_tiles(folder / "tile" / "entries").items()):
        stored = tiles[number].read_bytes() if number in tiles else b""
        for offset, data in enumerate(_entries(bundle.read_bytes())):
            yield number * TILE_WIDTH + offset, data, stored[offset * 32 : offset * 32 + 32]


def _entries(bundle: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2])
        yield bundle[at + 2 : end] if end <= len(bundle) else b""
        at = end


def _tiles(level: Path) -> Mapping[int, Path]:
    """The fullest file of each tile of a level: `x001/x234/067`, or `…/067.p/112` when partial."""
    found: dict[int, tuple[int, Path]] = {}
    for path in level.rglob("*"):
        match = re.fullmatch(r"((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", path.relative_to(level).as_posix())
        if match and path.is_file():
            number, width = int(re.sub(r"\D", "", match[1])), int(match[2] or TILE_WIDTH)
            found[number] = max(found.get(number, (0, path)), (width, path))
    return {number: path for number, (_, path) in found.items()}


def _tiles_stand(folder: Path, size: int) -> bool:
    hashes, level = [stored for _, _, stored in _rows(folder)], 0
    while hashes:
        stored = b"".join(path.read_bytes() for _, path in sorted(_tiles(folder / "tile" / str(level)).items()))
        if stored != b"".join(hashes) or len(hashes) != size >> (8 * level):
            return False
        hashes = hashes[: len(hashes) // TILE_WIDTH * TILE_WIDTH]
        for _ in range(TILE_WIDTH.bit_length() - 1):
            hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
        level += 1
    return not (folder / "tile" / str(level)).exists()


def verify_proof(text: str, vkey: str) -> Verdict:
    """Judges a proof (c2sp.org/tlog-proof@v1) whose extra data is the entry itself."""
    head, blank, note = text.partition("\n\n")
    match = re.fullmatch(PROOF_HEADER + r"\nextra (\S+)\nindex (0|[1-9]\d{0,18})((?:\n\S+)*)", head)
    if not blank or match is None:
        raise RefusedError(Found.UNREADABLE)
    size, root = open_checkpoint(note, vkey)
    proof, index = [_unbase64(line) for line in match[3].split()], int(match[2])
    held = verify_inclusion(leaf_hash(_unbase64(match[1])), index, size, proof, root)
    return Verdict(found=Found.OK if held else Found.TAMPERED, size=size, signed=size, leaf=index)


def verify(path: Path, vkey: str, anchors: Sequence[str] = ()) -> Verdict:
    """Judges whatever the path leads to: an export folder, a proof, or a certificate (a note with one line of JSON)."""
    try:
        if path.is_dir():
            return verify_export(path, vkey, anchors)
        if (text := path.read_bytes().decode()).startswith(PROOF_HEADER):
            return verify_proof(text, vkey)
        lines = open_note(text, vkey).split("\n")
        return Verdict(found=Found.OK if lines[0] == CERTIFICATE_HEADER and len(lines) == 3 else Found.UNREADABLE)
    except RefusedError as refused:
        return Verdict(found=refused.args[0])
    except (OSError, UnicodeDecodeError):
        return Verdict(found=Found.UNREADABLE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the verdict and returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify a sottovoce ledger export, proof or certificate offline.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--vkey", required=True, help="the log's published verifier key")
    parser.add_argument("--anchor", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    chosen = parser.parse_args(arguments)
    verdict = verify(chosen.path, chosen.vkey, [path.read_text(encoding="utf-8") for path in chosen.anchor])
    print(verdict)  # noqa: T201 - this file is a program of its own
    return EXIT_CODES[verdict.found]


if __name__ == "__main__":
    sys.exit(main())
