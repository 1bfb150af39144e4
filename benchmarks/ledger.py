"""How fast the ledger is: durable appends a second, milliseconds a proof, seconds to verify.

    python benchmarks/ledger.py [--entries 20000] [--large 1000000] [--postgres URL]

Appends are real: each batch is one committed transaction (SQLite: WAL, synchronous FULL). Figures
depend on what a commit costs on the disk at hand, which is printed with them; what of it was this process's own
work is printed as CPU time, which other work on the machine does not change. Beside ours stands what most
audit logs in Python are: a hash chain in SQLite with one commit an event, which proves no entry by itself
and does not miss a tail that was cut.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger import verifier
from sottovoce.ledger.batch import GroupCommit
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer

ORIGIN = "ledger.example/benchmark"
AT = datetime(2026, 3, 1, tzinfo=UTC)
T = TypeVar("T")
BATCHES = (1, 10, 100, 1000)
THREADS = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000, help="how many are appended at each batch size")
    parser.add_argument("--large", type=int, default=0, help="also fill a ledger of this size and verify it")
    parser.add_argument("--postgres", help="an empty database to measure instead of SQLite")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(f"one bare SQLite commit on this disk: {commit_ms(Path(folder)):.2f} ms")
        print(f"hash chain in SQLite, one commit an event: {chain_rate(Path(folder), 4000):>9,.0f} entries/s")
        for batch in BATCHES if not chosen.postgres else (100,):
            ledger = open_ledger(Path(folder), f"{batch}.sqlite", chosen.postgres)
            count = min(chosen.entries, 4000) if batch == 1 else chosen.entries
            print(f"append, batches of {batch:>4}: {rate(ledger, count, batch)}")
        grouped = open_ledger(Path(folder), "grouped.sqlite", None)
        print(f"append one by one from {THREADS} threads, group commit: {group_rate(grouped, 8000):,.0f} entries/s")
        measure_proofs(ledger)
        measure_verifying(ledger, Path(folder) / "export")
        if chosen.large:
            large = open_ledger(Path(folder), "large.sqlite", None)
            print(f"append to {chosen.large:,}, batches of 1000: {rate(large, chosen.large, 1000)}")
            measure_proofs(large)
            measure_verifying(large, Path(folder) / "large")


def open_ledger(folder: Path, name: str, postgres: str | None) -> Ledger:
    engine = open_engine(postgres or f"sqlite:{name}", base=folder)
    upgrade(engine)
    signer = Ed25519Signer(name=ORIGIN, key=Confidential(Ed25519PrivateKey.generate()))
    return Ledger(engine=engine, signer=signer, origin=ORIGIN, clock=lambda: AT)


def an_entry(number: int) -> Entry:
    facts: dict[str, str | int | bool] = {"spans": number % 7, "digest": f"{number:064x}", "detector": "digits"}
    return Entry(
        at=AT,
        actor="svc-worker",
        action=Action.RECORDING_REDACTED,
        object=f"{number:032x}",
        line="corpus",
        purpose="ai_training",
        outcome="ok",
        policy="ab" * 32,
        facts=facts,
    )


def rate(ledger: Ledger, count: int, batch: int) -> str:
    """Entries a second, made, committed and on disk, and the CPU time of one."""
    started, worked = time.perf_counter(), time.process_time()
    for start in range(0, count, batch):
        ledger.record([an_entry(number) for number in range(start, min(start + batch, count))])
    each = (time.process_time() - worked) / count * 1e6
    return f"{count / (time.perf_counter() - started):>9,.0f} entries/s ({each:.0f} µs of CPU each)"


def group_rate(ledger: Ledger, count: int) -> float:
    """Entries a second when each caller appends one and waits until it is on disk."""
    group = GroupCommit(record=ledger.record)
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda number: group.record([an_entry(number)]), range(count)):
            pass
    return count / (time.perf_counter() - started)


def chain_rate(folder: Path, count: int) -> float:
    """Events a second of a hash chain: each row holds the hash of the row before, and is committed alone."""
    connection = sqlite3.connect(folder / "chain.sqlite", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE chain (data, hash)")
    before, started = b"", time.perf_counter()
    for number in range(count):
        data = an_entry(number).encode(number)
        before = hashlib.sha256(before + data).digest()
        connection.execute("INSERT INTO chain VALUES (?, ?)", (data, before))
    seconds = time.perf_counter() - started
    connection.close()
    return count / seconds


def measure_proofs(ledger: Ledger) -> None:
    size = ledger.size()
    signing = milliseconds(ledger.checkpoint, 1)
    proving = milliseconds(lambda: ledger.prove(size // 3), 200)
    consistency = milliseconds(lambda: ledger.prove_consistency(size // 3, size), 200)
    proof = ledger.prove(size // 3)
    checking = milliseconds(lambda: verifier.verify_proof(proof, ledger.vkey), 200)
    print(f"at {size:,} entries: checkpoint {signing:.2f} ms, inclusion proof {proving:.2f} ms, ", end="")
    print(f"consistency proof {consistency:.2f} ms, checking a proof {checking:.2f} ms (medians)")


def measure_verifying(ledger: Ledger, export: Path) -> None:
    (verdict, in_database), (_, exporting) = taken(ledger.verify), taken(lambda: ledger.export(export))
    offline, alone = taken(lambda: verifier.verify(export, ledger.vkey))
    print(f"verify in the database {in_database} ({verdict}); ", end="")
    print(f"export {exporting}; verify offline {alone} ({offline.found})")


def taken(work: Callable[[], T]) -> tuple[T, str]:
    """What it answered, and the seconds it took by the wall and of CPU."""
    started, worked = time.perf_counter(), time.process_time()
    answer = work()
    return answer, f"{time.perf_counter() - started:.1f} s ({time.process_time() - worked:.1f} s of CPU)"


def milliseconds(work: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)


def commit_ms(folder: Path) -> float:
    """What one row of 300 bytes costs without any of ours: the floor under appends one by one."""
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare (data BLOB)")
    taken = milliseconds(lambda: connection.execute("INSERT INTO bare VALUES (?)", (b"\0" * 300,)), 200)
    connection.close()
    return taken


if __name__ == "__main__":
    main()
