"""Whatever is done to a ledger is found, under the right name, in the database and in an export alike."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from sottovoce.database.engine import open_engine, reading, writing
from sottovoce.database.migrate import upgrade
from sottovoce.database.tables import checkpoints, ledger_leaves, ledger_nodes
from sottovoce.ledger import verifier
from sottovoce.ledger.checkpoint import Checkpoint, sign_checkpoint
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.merkle import leaf_hash
from sottovoce.ledger.tree import Leaf, append_leaves, root_at
from sottovoce.ledger.verifier import EXIT_CODES, Found, verify

SIZE = 64
SIGNED_AT = (20, 50, 64)
Make = Callable[..., Any]
Row = tuple[str | None, bytes, bytes]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Tampering is the same on every database; the embedded one is fast enough for thousands of changes."""
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def full(ledger: Ledger, an_entry: Make) -> Ledger:
    """Sixty-four entries under three checkpoints."""
    for start, end in zip((0, *SIGNED_AT), SIGNED_AT, strict=False):
        ledger.record([an_entry(object=f"rec-{number}", facts={"n": number}) for number in range(start, end)])
        ledger.checkpoint()
    return ledger


@pytest.fixture
def export(full: Ledger, tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    full.export(folder)
    return folder


def rows_of(connection: Connection) -> list[Row]:
    wanted = select(ledger_leaves.c.object, ledger_leaves.c.data, ledger_leaves.c.leaf_hash)
    return [(row.object, row.data, row.leaf_hash) for row in connection.execute(wanted.order_by(ledger_leaves.c.seq))]


def renumber(engine: Engine, change: Callable[[list[Row]], list[Row]]) -> None:
    """Writes the leaves back as a forger would who moves whole rows."""
    with writing(engine) as connection:
        rows = change(rows_of(connection))
        connection.execute(delete(ledger_leaves))
        values = [
            {"seq": seq, "object": found_by, "data": data, "leaf_hash": hashed}
            for seq, (found_by, data, hashed) in enumerate(rows)
        ]
        connection.execute(insert(ledger_leaves), values)


def rewrite(engine: Engine, start: int, make: Callable[[int], Leaf], count: int) -> None:
    """Replaces history from `start` on, with leaf hashes and subtrees to fit."""
    with writing(engine) as connection:
        connection.execute(delete(ledger_leaves).where(ledger_leaves.c.seq >= start))
        connection.execute(delete(ledger_nodes).where(ledger_nodes.c.seq >= start))
        append_leaves(connection, start, [make(seq) for seq in range(start, start + count)])


def swapped(rows: list[Row]) -> list[Row]:
    return [*rows[:7], rows[40], *rows[8:40], rows[7], *rows[41:]]


MOVES: dict[str, tuple[Callable[[list[Row]], list[Row]], Found, int]] = {
    "removed": (lambda rows: rows[:9] + rows[10:], Found.REMOVED, 9),
    "removed first": (lambda rows: rows[1:], Found.REMOVED, 0),
    "swapped": (swapped, Found.REORDERED, 7),
    "reversed": (lambda rows: rows[::-1], Found.REORDERED, 0),
    "duplicated": (lambda rows: [*rows[:9], rows[8], *rows[9:]], Found.DUPLICATED, 9),
    "overwritten by a copy": (lambda rows: [*rows[:9], rows[30], *rows[10:]], Found.DUPLICATED, 9),
    "repeated at the end": (lambda rows: [*rows, rows[3]], Found.DUPLICATED, SIZE),
    "tail cut": (lambda rows: rows[:60], Found.TRUNCATED, 60),
    "all gone": (lambda rows: rows[:1], Found.TRUNCATED, 1),
}


def bundle(rows: list[Row]) -> bytes:
    return b"".join(len(data).to_bytes(2) + data for _, data, _ in rows)


def write_back(export: Path, rows: list[Row]) -> None:
    """Puts changed rows into an export, entries and leaf hashes both, under the width they now have."""
    for level, content in (("entries", bundle(rows)), ("0", b"".join(hashed for *_, hashed in rows))):
        folder = export / "tile" / level / "000.p"
        shutil.rmtree(folder)
        folder.mkdir()
        (folder / str(len(rows))).write_bytes(content)


def test_an_untouched_ledger_is_ok(full: Ledger, export: Path) -> None:
    """Sixty-four entries, all signed, hold in the database and in the export."""
    for verdict in (full.verify(), verify(export, full.vkey)):
        assert (verdict.found, verdict.size, verdict.signed) == (Found.OK, SIZE, SIZE)
        assert str(verdict) == "ok: 64 entries, 64 of them signed"


@pytest.mark.parametrize("name", MOVES)
def test_moved_entries_are_named(name: str, full: Ledger, export: Path, engine: Engine) -> None:
    """Entries removed, swapped, duplicated or cut off are each found as that, at the place where it was done."""
    move, found, leaf = MOVES[name]
    with reading(engine) as connection:
        rows = move(rows_of(connection))
    write_back(export, rows)
    offline = verify(export, full.vkey)
    assert (offline.found, offline.leaf) == (found, leaf)
    renumber(engine, move)
    verdict = full.verify()
    assert (verdict.found, verdict.leaf) == (found, leaf)


def test_a_row_taken_out_is_a_removed_leaf(full: Ledger, engine: Engine) -> None:
    """A gap in the numbers is found even when the others keep theirs."""
    with writing(engine) as connection:
        connection.execute(delete(ledger_leaves).where(ledger_leaves.c.seq == 33))
    verdict = full.verify()
    assert (verdict.found, verdict.leaf) == (Found.REMOVED, 33)


def test_any_byte_of_any_entry(full: Ledger, engine: Engine) -> None:
    """Any byte of every entry in the database: a change is found, and the entry named."""
    with reading(engine) as connection:
        rows = rows_of(connection)
    for seq, (_, data, _) in enumerate(rows):
        # Every byte of the first entry, and every thirty-first of the others.
        for at in range(0, len(data), 1 if seq == 0 else 31):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            with writing(engine) as connection:
                connection.execute(update(ledger_leaves).where(ledger_leaves.c.seq == seq).values(data=changed))
            verdict = full.verify()
            assert (verdict.found, verdict.leaf) == (Found.TAMPERED, seq), at
        with writing(engine) as connection:
            connection.execute(update(ledger_leaves).where(ledger_leaves.c.seq == seq).values(data=data))
    assert full.verify().found is Found.OK


def test_any_byte_of_an_export(full: Ledger, export: Path, engine: Engine) -> None:
    """Any byte of the export's entries and hashes: a change is found, and the entry named."""
    with reading(engine) as connection:
        ends = [len(data) + 2 for _, data, _ in rows_of(connection)]
    entry_of = [seq for seq, length in enumerate(ends) for _ in range(length)]
    entries, hashes = export / "tile/entries/000.p/64", export / "tile/0/000.p/64"
    for path, owner in ((entries, entry_of), (hashes, [at // 32 for at in range(SIZE * 32)])):
        content = path.read_bytes()
        assert len(content) == len(owner)
        # Every byte of the first and the last entry, and every thirty-first of those between.
        for at in [at for at in range(len(content)) if owner[at] in {0, SIZE - 1} or at % 31 == 0]:
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            verdict = verify(export, full.vkey)
            assert (verdict.found, verdict.leaf) == (Found.TAMPERED, owner[at]), at
        path.write_bytes(content)
    assert verify(export, full.vkey).found is Found.OK


def test_any_byte_of_a_signed_checkpoint(full: Ledger, export: Path) -> None:
    """Every byte of a checkpoint: a change never verifies."""
    path = export / "checkpoint"
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        assert verify(export, full.vkey).found in {Found.BAD_SIGNATURE, Found.UNREADABLE}, at


@pytest.mark.parametrize(("start", "after"), [(3, 0), (20, 20), (30, 20), (63, 50)])
def test_history_rewritten_after_signing_is_a_fork(
    full: Ledger, engine: Engine, an_entry: Make, tmp_path: Path, start: int, after: int
) -> None:
    """Entries replaced with hashes and subtrees to fit still disagree with the signed roots; the verdict says
    from which signed size on."""
    rewrite(
        engine, start, lambda seq: Leaf(data=an_entry(facts={"forged": seq}).encode(seq), object=None), SIZE - start
    )
    verdict = full.verify()
    assert (verdict.found, verdict.leaf) == (Found.FORKED, after)
    with reading(engine) as connection:
        rows = rows_of(connection)
        signed = list(connection.execute(select(checkpoints.c.note).order_by(checkpoints.c.size)).scalars())
    export = tmp_path / "forked"
    for level in ("entries", "0"):
        (export / "tile" / level / "000.p").mkdir(parents=True)
    write_back(export, rows)
    (export / "checkpoints").mkdir()
    for number, note in enumerate(signed):
        (export / "checkpoints" / str(number)).write_text(note, encoding="utf-8")
    offline = verify(export, full.vkey)
    assert (offline.found, offline.leaf) == (Found.FORKED, after)


def test_two_histories_under_one_key_are_a_fork(
    full: Ledger, export: Path, engine: Engine, an_entry: Make, make_signer: Make
) -> None:
    """Two checkpoints of one size with different roots, both well signed, are a fork whichever one is shown."""
    with reading(engine) as connection:
        root = bytes(reversed(root_at(connection, SIZE)))
    other = sign_checkpoint(Checkpoint(origin=full.origin, size=SIZE, root=root), make_signer())
    assert full.verify(anchors=[other]).found is Found.FORKED
    assert verify(export, full.vkey, [other]).found is Found.FORKED
    empty = sign_checkpoint(Checkpoint(origin=full.origin, size=0, root=root), make_signer())
    assert full.verify(anchors=[empty]).found is Found.FORKED


def test_entries_after_the_last_checkpoint_are_an_unsigned_tail(
    full: Ledger, export: Path, engine: Engine, an_entry: Make
) -> None:
    """What no checkpoint covers yet is said to be unsigned, and from where."""
    full.record([an_entry(facts={"n": SIZE})])
    verdict = full.verify()
    assert (verdict.found, verdict.leaf, verdict.signed) == (Found.UNSIGNED_TAIL, SIZE, SIZE)
    with reading(engine) as connection:
        write_back(export, rows_of(connection))
    offline = verify(export, full.vkey)
    assert (offline.found, offline.leaf) == (Found.UNSIGNED_TAIL, SIZE)


@pytest.mark.parametrize("change", [{"object": "rec-9"}, {"object": None}, {"leaf_hash": b"\1" * 32}])
def test_columns_beside_an_entry_are_held_to_it(change: dict[str, Any], full: Ledger, engine: Engine) -> None:
    """The column an entry is found by, and its stored hash, cannot say otherwise than the entry."""
    with writing(engine) as connection:
        connection.execute(update(ledger_leaves).where(ledger_leaves.c.seq == 8).values(**change))
    verdict = full.verify()
    assert (verdict.found, verdict.leaf) == (Found.TAMPERED, 8)


def test_an_entry_that_is_none_is_tampered(full: Ledger, engine: Engine) -> None:
    """Bytes that are no entry are named even when their hash was put right."""
    for junk in (b"not an entry", b"[1]", b'{"seq":"8"}', b"[" * 100_000):
        with writing(engine) as connection:
            values = {"data": junk, "leaf_hash": leaf_hash(junk), "object": None}
            connection.execute(update(ledger_leaves).where(ledger_leaves.c.seq == 8).values(**values))
        verdict = full.verify()
        assert (verdict.found, verdict.leaf) == (Found.TAMPERED, 8)


def test_exchanged_hashes_are_tampered(full: Ledger, engine: Engine) -> None:
    """Stored hashes exchanged between two entries are found at the first of them."""
    with writing(engine) as connection:
        rows = rows_of(connection)
        for seq, other in ((5, 6), (6, 5)):
            values = {"leaf_hash": rows[other][2]}
            connection.execute(update(ledger_leaves).where(ledger_leaves.c.seq == seq).values(**values))
    verdict = full.verify()
    assert (verdict.found, verdict.leaf) == (Found.TAMPERED, 5)


@pytest.mark.parametrize("level", [1, 3, 6])
def test_stored_subtrees_are_verified_too(full: Ledger, engine: Engine, level: int) -> None:
    """A stored subtree from which proofs are made cannot be changed, removed or added unseen."""
    with writing(engine) as connection:
        connection.execute(update(ledger_nodes).where(ledger_nodes.c.level == level).values(hash=b"\1" * 32))
    assert full.verify().found is Found.TAMPERED_NODE
    with writing(engine) as connection:
        connection.execute(delete(ledger_nodes).where(ledger_nodes.c.level == level))
    assert full.verify().found is Found.TAMPERED_NODE


def test_large_exports_have_tiles_of_tiles(ledger: Ledger, engine: Engine, an_entry: Make, tmp_path: Path) -> None:
    """Beyond 256 entries an export has full tiles and a level above, and every one of its files matters."""
    ledger.record([an_entry(facts={"n": number}) for number in range(300)])
    export = tmp_path / "export"
    first = ledger.export(export)
    ledger.record([an_entry(facts={"n": number}) for number in range(300, 600)])
    assert ledger.export(export) != first
    assert verify(export, ledger.vkey).found is Found.OK
    names = {path.relative_to(export).as_posix() for path in export.rglob("*") if path.is_file()}
    assert {"tile/entries/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/0/001.p/44"} <= names
    above = export / "tile/1/000.p/2"
    content = above.read_bytes()
    above.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert verify(export, ledger.vkey).found is Found.TAMPERED_NODE
    above.write_bytes(content)
    (export / "tile/2").mkdir()
    assert verify(export, ledger.vkey).found is Found.TAMPERED_NODE
    (export / "tile/2").rmdir()
    for path in (export / "tile/entries/001", export / "tile/entries/001.p/44"):
        path.unlink()
    verdict = verify(export, ledger.vkey)
    assert (verdict.found, verdict.leaf) == (Found.REMOVED, 256)


def test_an_empty_ledger_exports_its_checkpoint(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger without entries is signed and verified as such; a folder without a checkpoint is not one."""
    ledger.export(tmp_path / "empty")
    verdict = verify(tmp_path / "empty", ledger.vkey)
    assert (verdict.found, verdict.size) == (Found.OK, 0)
    (tmp_path / "nothing").mkdir()
    assert verify(tmp_path / "nothing", ledger.vkey).found is Found.UNREADABLE
    assert verify(tmp_path / "missing", ledger.vkey).found is Found.UNREADABLE


def test_the_program_judges_every_kind_of_file(
    full: Ledger, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called as a program, the verifier prints its verdict and answers with its exit code."""
    proof, note = tmp_path / "entry.tlog-proof", tmp_path / "checkpoint.note"
    proof.write_text(full.prove(3), encoding="utf-8")
    note.write_text(full.checkpoint(), encoding="utf-8")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    anchor = ["--anchor", str(export / "checkpoint")]
    assert verifier.main([str(export), "--vkey", full.vkey, *anchor]) == 0
    assert verifier.main([str(proof), "--vkey", full.vkey]) == 0
    # A checkpoint is well signed, and no certificate.
    assert verifier.main([str(note), "--vkey", full.vkey]) == EXIT_CODES[Found.UNREADABLE]
    assert verifier.main([str(binary), "--vkey", full.vkey]) == EXIT_CODES[Found.UNREADABLE]
    assert capsys.readouterr().out.startswith("ok: 64 entries")
    assert sorted(EXIT_CODES.values()) == [0, *range(10, 22)]


def test_an_export_is_not_written_over_another_history(full: Ledger, export: Path) -> None:
    """Exporting again into a folder whose files say otherwise is refused, and an unwritable one is said."""
    from sottovoce.errors import CustodyError

    (export / "tile/0/000.p/64").write_bytes(b"another")
    with pytest.raises(CustodyError):
        full.export(export)
    with pytest.raises(CustodyError):
        full.export(export / "checkpoint" / "below")


def test_the_verifier_stands_alone(full: Ledger, export: Path, tmp_path: Path) -> None:
    """Copied elsewhere, with nothing of sottovoce to import, the verifier judges exports and proofs by exit code."""
    alone = tmp_path / "alone"
    alone.mkdir()
    script = alone / "check.py"
    shutil.copy(verifier.__file__, script)
    proof = alone / "entry.tlog-proof"
    proof.write_text(full.prove(8), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-W", "error", "-P", str(script), *arguments, "--vkey", full.vkey]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=alone, check=False)
        return done.returncode, done.stdout

    assert run(str(export)) == (0, "ok: 64 entries, 64 of them signed\n")
    assert run(str(proof)) == (0, "ok 8: 64 entries, 64 of them signed\n")
    assert run(str(export), "--anchor", str(export / "checkpoint"))[0] == 0
    assert run(str(alone))[0] == EXIT_CODES[Found.UNREADABLE]
    path = export / "tile/entries/000.p/64"
    path.write_bytes(path.read_bytes()[:-1])
    assert run(str(export))[0] == EXIT_CODES[Found.TAMPERED]
    assert "sottovoce" not in {
        line.split()[1] for line in script.read_text().splitlines() if line.startswith("import ")
    }
    assert "from sottovoce" not in script.read_text(encoding="utf-8")
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 400
