"""Checks an exported ledger, a proof or a certificate: offline, alone, and without trusting us.

This file needs Python 3.11 and `cryptography`, and nothing else of sottovoce: copy it, read it, run it.

    python verifier.py EXPORT_FOLDER --key VKEY [--anchor CHECKPOINT_FILE] [--witness VKEY … --quorum K]
    python verifier.py ENTRY.tlog-proof --key VKEY [--witness VKEY … --quorum K]
    python verifier.py GROWTH.tlog-consistency --key VKEY --anchor CHECKPOINT_FILE
    python verifier.py CERTIFICATE.note --key VKEY [--proof ENTRY.tlog-proof | --proof EXPORT_FOLDER]

`--key` may be given again for a log whose key was changed. Standards: RFC 6962 (tree, proofs) and C2SP signed-note,
tlog-checkpoint, -cosignature, -tiles, -proof@v1 and -witness. EXIT_CODES says what was found.
"""

from __future__ import annotations

import argparse
import base64
import enum
import functools
import hashlib
import itertools
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
    UNWITNESSED = "too few witnesses"
    UNPROVED = "not proved"


EXIT_CODES = {found: 9 + number if number else 0 for number, found in enumerate(Found)}  # 0, 10, 11 …; 2: a wrong call


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was found, in a ledger of `size` entries of which checkpoints sign the first `signed`. `leaf` is the first
    entry concerned (of a fork, after the last checkpoint that holds), `entry` a proof's; `says` replaces counts."""

    found: Found
    size: int = 0
    signed: int = 0
    leaf: int | None = None
    says: str = ""
    entry: bytes = b""

    def __str__(self) -> str:
        at = "" if self.leaf is None else f" {self.leaf}"
        return f"{self.found}{at}: " + (self.says or f"{self.size} entries, {self.signed} of them signed")


Row = tuple[int, bytes, bytes]  # position, entry, stored leaf hash
Head = tuple[int, bytes]  # size and root of a checkpoint whose signature holds


Texts = Sequence[str]  # checkpoints kept elsewhere
Vkeys = str | Texts  # keys of the log, and of witnesses


class RefusedError(Exception):
    """What was handed in does not hold; its one argument says how."""


def judge(read: Callable[[], Iterable[Row]], heads: Sequence[Head], roots: list[bytes]) -> Verdict:
    """Walks the entries once, and again to say what is wrong. `roots` receives those of full tiles of 256 entries."""
    due: dict[int, set[bytes]] = {}
    for size, root in heads:
        due.setdefault(size, set()).add(root)
    signed, size, held, peaks, rows = max(due, default=0), 0, 0, list[bytes](), iter(read())
    if due.pop(0, {tree_hash([])}) != {tree_hash([])}:
        return Verdict(found=Found.FORKED, signed=signed, leaf=0)
    while tile := list(itertools.islice(rows, TILE_WIDTH)):
        for at, (position, data, stored) in enumerate(tile, size):
            if position != at or number_of(data) != at or leaf_hash(data) != stored:
                found, leaf = diagnose(every := list(read()))
                return Verdict(found=found, size=len(every), signed=signed, leaf=leaf)
        hashes = [stored for _, _, stored in tile]
        for at in sorted(due.keys() & range(size + 1, size + len(tile) + 1)):
            root = functools.reduce(
                lambda right, left: node_hash(left, right), reversed(peaks), tree_hash(hashes[: at - size])
            )
            if due[at] != {root}:
                return Verdict(found=Found.FORKED, size=at, signed=signed, leaf=held)
            held = at
        if len(tile) == TILE_WIDTH:
            roots.append(root := tree_hash(hashes))
            for _ in range((len(roots) & -len(roots)).bit_length() - 1):
                root = node_hash(peaks.pop(), root)
            peaks.append(root)
        size += len(tile)
    found = Found.OK if size == signed else Found.TRUNCATED if size < signed else Found.UNSIGNED_TAIL
    return Verdict(found=found, size=size, signed=signed, leaf=None if size == signed else min(size, signed))


def diagnose(rows: Sequence[Row]) -> tuple[Found, int]:
    """What was done to entries that are not what they were, and the first place where it was done.

    An entry says its own number, so moved entries are told from changed ones; a moved one hashes to some stored hash.
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
    """The number an entry says it has, or None when it is not one. The members' order lets us read few of them."""
    if quick := re.search(rb',"seq":(0|[1-9][0-9]{0,15}),"ts":-?[0-9]{1,16},"v":[0-9]{1,3}}\Z', data[-60:]):
        return int(quick[1])
    try:
        number = json.loads(data)["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if type(number) is int else None


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of a level (RFC 6962 section 2.1): whoever has no neighbour moves up as it is."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        hashes = [node_hash(*pair) for pair in pairs] + list(hashes[len(hashes) // 2 * 2 :])
    return hashes[0] if hashes else hashlib.sha256(b"").digest()


def _climb(node: int, last: int, start: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """What the proof makes of `start`, in the tree that it ends and in the whole one; None if it has a wrong length."""
    small = large = start
    for sibling in proof:
        if not last or len(sibling) != 32:
            return None
        if node & 1 or node == last:
            small, large = node_hash(sibling, small), node_hash(sibling, large)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            large = node_hash(large, sibling)
        node, last = node >> 1, last >> 1
    return None if last else (small, large)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    right = 0 <= index < size and len(leaf) == 32
    return right and (_climb(index, size - 1, leaf, proof) or (b"", b""))[1] == root


def verify_consistency(first: int, second: int, proof: Sequence[bytes], old: bytes, new: bytes) -> bool:
    if not 0 < first <= second or first == second or len(old) != 32:
        return first == second > 0 and not proof and old == new
    path = list(proof) if first & (first - 1) else [old, *proof]
    full = (first & -first).bit_length() - 1  # the levels below are full, and the same in both trees
    return bool(path) and _climb((first - 1) >> full, (second - 1) >> full, path[0], path[1:]) == (old, new)


def open_note(note: str, vkeys: Vkeys) -> str:
    """The text of a signed note (c2sp.org/signed-note) that one of the keys signed; raises RefusedError otherwise."""
    return _open(note, vkeys)[0]


def open_checkpoint(note: str, vkeys: Vkeys, quorum: int = 0) -> Head:
    """(size, root) of a checkpoint that the log signed under its own name, and at least `quorum` witnesses."""
    text, signers = _open(note, vkeys)
    known = text.partition("\n")[0] in {name for name, key in signers if key[0] == LOG}
    if not known or sum(key[0] != LOG for _, key in signers) < quorum:
        raise RefusedError(Found.UNWITNESSED if known else Found.BAD_SIGNATURE)
    return _head(text)


def _head(text: str) -> Head:
    if not (match := re.fullmatch(r"[^\n]+\n(0|[1-9][0-9]{0,18})\n(\S{44})\n(?:[^\n]+\n)*", text)):
        raise RefusedError(Found.BAD_SIGNATURE)
    return int(match[1]), _unbase64(match[2])


def _open(note: str, vkeys: Vkeys) -> tuple[str, set[tuple[str, bytes]]]:
    """The note's text, and which of the keys signed it; one that signed it wrongly refuses it."""
    known = dict(map(_parse_vkey, [vkeys] if isinstance(vkeys, str) else vkeys))
    body, _, signatures = note.rpartition("\n\n")
    lines = re.findall(r"— ([^\s+]+) (\S+)\n", signatures)
    whole = lines and "".join(f"— {who} {raw}\n" for who, raw in lines) == signatures
    if not whole or len(lines) > 100 or any(char < " " and char != "\n" for char in note):
        raise RefusedError(Found.UNREADABLE)
    signed = [(who, raw[:4], raw[4:]) for who, raw in ((who, _unbase64(encoded)) for who, encoded in lines)]
    found = {(who, known[who, key_id], signature) for who, key_id, signature in signed if (who, key_id) in known}
    if not any(key[0] == LOG for _, key, _ in found) or not all(_holds(*each, f"{body}\n") for each in found):
        raise RefusedError(Found.BAD_SIGNATURE)
    return f"{body}\n", {(who, key) for who, key, _ in found}


LOG, WITNESS, WITNESS_MLDSA = 1, 4, 6  # types of keys; cosignatures, in Ed25519 or ML-DSA-44, begin with their time
_KEY_SIZES = {LOG: 32, WITNESS: 32, WITNESS_MLDSA: 1312}


def _parse_vkey(vkey: str) -> tuple[tuple[str, bytes], bytes]:
    name, key_id, encoded = [*vkey.strip().split("+", 2), "", ""][:3]
    raw = _unbase64(encoded)
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if not name or not raw or _KEY_SIZES.get(raw[0]) != len(raw) - 1 or expected.hex() != key_id:
        raise RefusedError(Found.BAD_SIGNATURE)
    return (name, expected), raw


def _holds(name: str, key: bytes, signature: bytes, text: str) -> bool:
    time = signature[:8] if key[0] != LOG else b""
    said = f"cosignature/v1\ntime {int.from_bytes(time)}\n{text}" if key[0] == WITNESS else text
    try:
        if key[0] == WITNESS_MLDSA:
            from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

            (size, root), cosigner, origin = _head(text), name.encode(), text.partition("\n")[0].encode()
            named = len(cosigner).to_bytes(1) + cosigner + time + len(origin).to_bytes(1) + origin
            message = b"subtree/v1\n\0" + named + bytes(8) + size.to_bytes(8) + root
            MLDSA44PublicKey.from_public_bytes(key[1:]).verify(signature[8:], message)
        else:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[len(time) :], said.encode())
    except InvalidSignature:
        return False
    return key[0] == LOG or 0 < int.from_bytes(time) < 1 << 63


def _unbase64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raw = b""
    if base64.b64encode(raw).decode() != text:
        raise RefusedError(Found.UNREADABLE)
    return raw


def verify_export(folder: Path, vkeys: Vkeys, anchors: Texts = (), quorum: int = 0) -> Verdict:
    """Judges an export: every checkpoint signed, every entry where it was, every tile as computed."""
    files = [*sorted(folder.glob("checkpoints/*")), *folder.glob("checkpoint")]
    notes = [*anchors, *(path.read_bytes().decode() for path in files)]
    heads = [open_checkpoint(note, vkeys) for note in notes]
    open_checkpoint(notes[max(range(len(notes)), key=lambda at: (heads[at][0], at))], vkeys, quorum)
    roots: list[bytes] = []
    verdict = judge(lambda: _rows(folder), heads, roots)
    if verdict.found in {Found.OK, Found.UNSIGNED_TAIL} and not _tiles_stand(folder / "tile", verdict.size, roots):
        return Verdict(found=Found.TAMPERED_NODE, size=verdict.size, signed=verdict.signed)
    return verdict


def _rows(folder: Path) -> Iterator[Row]:
    tiles = _tiles(folder / "tile" / "0")
    for number, path in sorted(_tiles(folder / "tile" / "entries").items()):
        stored = tiles[number].read_bytes() if number in tiles else b""
        for at, data in enumerate(_entries(path.read_bytes())):
            yield number * TILE_WIDTH + at, data, stored[at * 32 : at * 32 + 32]


def _entries(bundle: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(bundle):
        start, at = at + 2, at + 2 + int.from_bytes(bundle[at : at + 2])
        yield bundle[start:at] if at <= len(bundle) else b""


def _tiles(level: Path) -> Mapping[int, Path]:
    """The fullest file of each tile of a level: `x001/x234/067`, or `…/067.p/112` when partial."""
    found: dict[int, tuple[int, Path]] = {}
    for path in level.rglob("*"):
        match = re.fullmatch(r"((?:x\d{3}/)*\d{3})(?:\.p/(\d{1,3}))?", path.relative_to(level).as_posix())
        if match and path.is_file():
            number = int(re.sub(r"\D", "", match[1]))
            found[number] = max(found.get(number, (0, path)), (int(match[2] or TILE_WIDTH), path))
    return {number: path for number, (_, path) in found.items()}


def _tiles_stand(tiles: Path, size: int, hashes: Sequence[bytes]) -> bool:
    """True when every file of tiles holds what the entries make; `hashes` are the roots of level 0's full tiles."""
    widths, level = sum(path.stat().st_size for path in _tiles(tiles / "0").values()), 1
    while hashes:
        stored = b"".join(path.read_bytes() for _, path in sorted(_tiles(tiles / str(level)).items()))
        if stored != b"".join(hashes) or len(hashes) != size >> (8 * level):
            return False
        full = len(hashes) // TILE_WIDTH * TILE_WIDTH
        hashes, level = [tree_hash(hashes[at : at + TILE_WIDTH]) for at in range(0, full, TILE_WIDTH)], level + 1
    return widths == 32 * size and not (tiles / str(level)).exists() and all(map(_begins, tiles.rglob("*.p/*")))


def _begins(partial: Path) -> bool:
    """True when a partial file is how its tile began: other readers may have been given that one."""
    part, full = partial.read_bytes(), partial.parent.with_suffix("")
    whole = full if full.exists() else max(partial.parent.iterdir(), key=lambda other: int(other.name))
    size = sum(len(entry) + 2 for entry in itertools.islice(_entries(part), int(partial.name)))
    return whole.read_bytes().startswith(part) and (len(part) == 32 * int(partial.name) or len(part) == size)


def verify_proof(text: str, vkeys: Vkeys, quorum: int = 0) -> Verdict:
    """Judges a proof (c2sp.org/tlog-proof@v1) whose extra data is the entry itself."""
    head, blank, note = text.partition("\n\n")
    match = re.fullmatch(PROOF_HEADER + r"\nextra (\S+)\nindex (0|[1-9][0-9]{0,18})((?:\n\S+){0,63})", head)
    if not blank or match is None:
        raise RefusedError(Found.UNREADABLE)
    (size, root), entry, index = open_checkpoint(note, vkeys, quorum), _unbase64(match[1]), int(match[2])
    held = verify_inclusion(leaf_hash(entry), index, size, [_unbase64(line) for line in match[3].split()], root)
    return Verdict(found=Found.OK if held else Found.TAMPERED, size=size, signed=size, leaf=index, entry=entry)


def verify_growth(text: str, vkeys: Vkeys, anchors: Texts, quorum: int = 0) -> Verdict:
    """Judges a consistency proof (the body of a C2SP add-checkpoint) from a checkpoint kept elsewhere."""
    head, blank, note = text.partition("\n\n")
    match = re.fullmatch(r"old (0|[1-9][0-9]{0,18})((?:\n\S+){0,63})", head)
    if not blank or match is None or not anchors:
        raise RefusedError(Found.UNREADABLE)
    (size, root), old = open_checkpoint(note, vkeys, quorum), int(match[1])
    proof, before = [_unbase64(line) for line in match[2].split()], [open_checkpoint(each, vkeys) for each in anchors]
    held = all(at == old and verify_consistency(at, size, proof, was, root) for at, was in before)
    return Verdict(found=Found.OK if held else Found.FORKED, size=size, signed=size, leaf=old)


def verify_certificate(note: str, vkeys: Vkeys, proofs: Sequence[Path] = ()) -> Verdict:
    """Judges an erasure certificate. With proofs, or an export: each entry that it names must be shown, and say its id,
    or else one that holds the certificate's own digest, and so says when it was given."""
    header, line, end = open_note(note, vkeys).split("\n")
    if header != CERTIFICATE_HEADER or end:
        raise RefusedError(Found.UNREADABLE)
    content, shown, dated = json.loads(line), set(), f'"{hashlib.sha256(note.encode()).hexdigest()}"'.encode()
    for path in proofs:
        if (verdict := verify(path, vkeys)).found != Found.OK:
            return verdict
        for seq, data, _ in _rows(path) if path.is_dir() else [(verdict.leaf or 0, verdict.entry, b"")]:
            if dated in data or (seq in content["ledger"] and f'"erasure":"{content["id"]}"'.encode() in data):
                shown.add("certified" if dated in data else seq)
    also, due = ", and the ledger holds its digest" * ("certified" in shown), set(content["ledger"])
    says = f"certificate of {content['recordings']} recordings, {len(shown & due)} of {len(due)} entries shown{also}"
    return Verdict(found=Found.OK if not proofs or also or shown == due else Found.UNPROVED, says=says)


def verify(path: Path, keys: Vkeys, anchors: Texts = (), proofs: Sequence[Path] = (), quorum: int = 0) -> Verdict:
    """Judges whatever the path leads to: an export folder, a proof, a consistency proof or a certificate."""
    try:
        if path.is_dir():
            return verify_export(path, keys, anchors, quorum)
        if (text := path.read_bytes().decode()).startswith("old "):
            return verify_growth(text, keys, anchors, quorum)
        proof = text.startswith(PROOF_HEADER)
        return verify_proof(text, keys, quorum) if proof else verify_certificate(text, keys, proofs)
    except RefusedError as refused:
        return Verdict(found=refused.args[0])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return Verdict(found=Found.UNREADABLE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the verdict and returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify a sottovoce ledger export, proof or certificate offline.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--key", "--vkey", action="append", required=True, help="a published key of the log")
    parser.add_argument("--anchor", type=Path, action="append", default=[], help="a checkpoint kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], help="a witness's published key")
    parser.add_argument("--quorum", type=int, help="how many witnesses must have cosigned; all that are given")
    parser.add_argument("--proof", type=Path, action="append", default=[], help="shows a certificate's entries")
    chosen = parser.parse_args(arguments)
    quorum = len(chosen.witness) if chosen.quorum is None else chosen.quorum
    anchors = [path.read_text(encoding="utf-8") if path.is_file() else "" for path in chosen.anchor]
    verdict = verify(chosen.path, chosen.key + chosen.witness, anchors, chosen.proof, quorum)
    print(verdict)  # noqa: T201 - this file is a program of its own
    return EXIT_CODES[verdict.found]


if __name__ == "__main__":
    sys.exit(main())
