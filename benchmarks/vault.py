"""Seal, hash and fsync, beside Fernet doing the same: `python benchmarks/vault.py [FOLDER]`.

For 60 kB, 1.9 MB and 19 MB: our Cobblestone-256 and the baseline's Fernet (AES-128-CBC, HMAC, base64), each
followed by the SHA-256 of the ciphertext and a durable write (temporary name, fsync, rename, folder fsync).
The goal is 15 times Fernet. What the disk takes for the same bytes is printed beside it, because where fsync
is dear nothing else shows; name a folder in memory (/dev/shm) to leave the disk out. Also printed: recording
keys made, opened, shredded and moved to another epoch.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.fernet import Fernet

from sottovoce.domain.confidential import Confidential
from sottovoce.durable import write_durably
from sottovoce.testing.keys import MemoryKeys
from sottovoce.vault.context import object_context
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.seal import open_sealed, seal

SIZES = {"60 kB": 60_000, "1.9 MB": 1_900_000, "19 MB": 19_000_000}
GOAL = 15
KEYS = 2_000


def median_ms(work: Callable[[], object], *, rounds: int) -> float:
    """The middle of several runs, in milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def stored(folder: Path, data: bytes) -> None:
    write_durably(folder / hashlib.sha256(data).hexdigest(), data)


def row(name: str, *figures: float) -> None:
    ours, theirs, disk, sealed, tokens = figures
    mark = "" if theirs >= GOAL * ours else f"  below the goal of {GOAL}"
    print(f"{name:8}{ours:9.2f}{theirs:10.2f}{theirs / ours:7.1f}x{disk:10.2f}", end="")
    print(f"   |{sealed:9.2f}{tokens:10.2f}{tokens / sealed:7.1f}x{mark}")


def sealing(folder: Path) -> None:
    key = Confidential(os.urandom(32))
    context = object_context(tenant="bench", rid="r", kind="sample", rev=1)
    fernet = Fernet(Fernet.generate_key())
    print("milliseconds, median   seal + hash + fsync             |  seal + hash")
    print(f"{'':8}{'ours':>9}{'Fernet':>10}{'ratio':>8}{'disk':>10}   |{'ours':>9}{'Fernet':>10}{'ratio':>8}")
    for name, size in SIZES.items():
        plain = Confidential(os.urandom(size))
        sealed = seal(key, context, plain)
        rounds = 5 if size > 10_000_000 else 21
        row(
            name,
            median_ms(lambda p=plain: stored(folder, seal(key, context, p)), rounds=rounds),
            median_ms(lambda p=plain: stored(folder, fernet.encrypt(p.reveal())), rounds=rounds),
            median_ms(lambda s=sealed: write_durably(folder / "disk", s), rounds=rounds),
            median_ms(lambda p=plain: hashlib.sha256(seal(key, context, p)).digest(), rounds=rounds),
            median_ms(lambda p=plain: hashlib.sha256(fernet.encrypt(p.reveal())).digest(), rounds=rounds),
        )
        back = median_ms(lambda s=sealed: open_sealed(key, context, s), rounds=rounds)
        print(f"{'':8} opened at {size / back / 1000:.0f} MB/s")
        for left in folder.iterdir():
            left.unlink()


def keys(folder: Path) -> None:
    def clock() -> datetime:
        return datetime.now(UTC)

    store = KeyStore.open(base=folder, tenant="bench", provider=MemoryKeys(clock=clock), clock=clock)
    rids = [f"r{n}" for n in range(KEYS)]
    made = median_ms(lambda: [store.get_or_create(rid) for rid in rids], rounds=1)
    opened = median_ms(lambda: [store.unwrap(rid) for rid in rids], rounds=1)
    shredded = median_ms(lambda: store.shred_all(rids[: KEYS // 2]), rounds=1)
    rolled = median_ms(lambda: store.roll_epoch(store.epochs()[0].name), rounds=1)
    store.close()
    print(f"\nkey store, {KEYS} recordings: made {KEYS / made * 1000:.0f}/s (durable, one by one), ", end="")
    print(
        f"opened {KEYS / opened * 1000:.0f}/s, half shredded in {shredded:.0f} ms, the rest rolled in {rolled:.0f} ms"
    )


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as name:
        folder = Path(name)
        sealing(folder)
        keys(folder)


if __name__ == "__main__":
    main()
