"""Sealing beside Fernet, each with the same duty: `python benchmarks/vault.py [FOLDER]`.

For 60 kB, 1.9 MB and 19 MB, our Cobblestone-256 and the baseline's Fernet (AES-128-CBC, HMAC, base64) are measured
four ways: alone; with the SHA-256 of the ciphertext; that and a durable write, one by one (temporary name, fsync,
rename, folder fsync); and the same in batches whose flushes go side by side, as the objects of one recording are
kept. Fernet gets the very same writing. Beside them stands what no program that hashes on one thread can go
below: SHA-256 and the disk alone, for our ciphertext. Both take turns, and the best of several runs is printed,
because other work on a machine slows both.

The goal is 15 times Fernet. Name a folder in memory (/dev/shm) to leave the disk out. Also printed: recording keys
made, opened, shredded and moved to another epoch.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

from sottovoce.domain.confidential import Confidential
from sottovoce.durable import durable_files
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault.context import object_context
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.seal import open_sealed, seal, seal_stream
from sottovoce.vault.streaming import StreamSealer

SIZES = {"60 kB": (60_000, 32), "1.9 MB": (1_900_000, 16), "19 MB": (19_000_000, 3)}
"""How large, and how many in a batch."""
GOAL = 15
KEYS = 2_000
Write = Callable[[memoryview], object]
Make = Callable[[Write], object]
"""Writes one object, sealed and hashed."""


def best_ms(*works: Callable[[], object], rounds: int) -> list[float]:
    """The best of several runs of each, in milliseconds, taking turns."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            taken.append((time.perf_counter() - start) * 1000)
    return [min(taken) for taken in times]


def row(name: str, ours: float, theirs: float, note: str = "") -> None:
    mark = "" if theirs >= GOAL * ours else f"  below the goal of {GOAL}"
    print(f"  {name:34}{ours:9.2f}{theirs:10.2f}{theirs / ours:8.1f}x{note}{mark}")


def durably(folder: Path, make: Make, count: int = 1) -> None:
    with durable_files() as files:
        for number in range(count):
            with files.file(folder / f"{number}") as write:
                make(write)


def encrypt(key: Confidential[bytes], context: bytes, plain: Confidential[bytes]) -> None:
    """In one piece while that is small, through a reused buffer from a megabyte on."""
    if len(plain.reveal()) < 1_000_000:
        seal(key, context, plain)
    else:
        seal_stream(key, context, [plain], nowhere)


def nowhere(_piece: memoryview) -> None:
    return


def size_by_size(folder: Path, name: str, size: int, count: int) -> None:
    key, context = Confidential(os.urandom(32)), object_context(tenant="bench", rid="r", kind="sample", rev=1)
    fernet, plain = Fernet(Fernet.generate_key()), Confidential(os.urandom(size))
    data, rounds = seal(key, context, plain), 9 if size > 10_000_000 else 31
    with StreamSealer() as sealer:

        def ours(write: Write) -> None:
            sealer.seal(key, context, plain, write)

        def theirs(write: Write) -> None:
            token = fernet.encrypt(plain.reveal())
            hashlib.sha256(token).hexdigest()
            write(memoryview(token))

        def least(write: Write) -> None:
            hashlib.sha256(data).hexdigest()
            write(memoryview(data))

        print(f"{name}; batches of {count}")
        alone = best_ms(lambda: encrypt(key, context, plain), lambda: fernet.encrypt(plain.reveal()), rounds=rounds)
        row("encryption alone", *alone)
        row("+ SHA-256", *best_ms(lambda: ours(nowhere), lambda: theirs(nowhere), rounds=rounds))
        for what, many in (("one by one", 1), ("in batches", count)):
            works = [lambda make=make, many=many: durably(folder, make, many) for make in (ours, theirs, least)]
            a, b, bound = (each / many for each in best_ms(*works, rounds=max(5, rounds // many)))
            row(f"+ durable write, {what}", a, b, f"  (SHA-256 and disk alone: {bound:.2f} ms, {b / bound:.1f}x)")
    clear(folder)
    (back,) = best_ms(lambda: open_sealed(key, context, data), rounds=rounds)
    print(f"  sealed at {size / alone[0] / 1000:.0f} MB/s, opened at {size / back / 1000:.0f} MB/s; ", end="")
    print(f"{len(data) / size - 1:.2%} larger, Fernet {len(fernet.encrypt(plain.reveal())) / size - 1:.0%}")


def clear(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()


def keys(folder: Path) -> None:
    def clock() -> datetime:
        return datetime.now(UTC)

    store = KeyStore.open(base=folder, tenant="bench", provider=MemoryKeys(clock=clock), clock=clock)
    rids = [f"r{n}" for n in range(KEYS)]
    (made,) = best_ms(lambda: [store.get_or_create(rid) for rid in rids], rounds=1)
    (opened,) = best_ms(lambda: [store.unwrap(rid) for rid in rids], rounds=1)
    (shredded,) = best_ms(lambda: store.shred_all(rids[: KEYS // 2]), rounds=1)
    (rolled,) = best_ms(lambda: store.roll_epoch(store.epochs()[0].name), rounds=1)
    store.close()
    print(f"key store, {KEYS} recordings: made {KEYS / made * 1000:.0f}/s (durable, one by one), ", end="")
    print(
        f"opened {KEYS / opened * 1000:.0f}/s, half shredded in {shredded:.0f} ms, the rest rolled in {rolled:.0f} ms"
    )


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        print(f"{'milliseconds an object, best':36}{'ours':>9}{'Fernet':>10}{'ratio':>9}")
        for label, (size, count) in SIZES.items():
            size_by_size(folder, label, size, count)
        keys(folder)


if __name__ == "__main__":
    main()
