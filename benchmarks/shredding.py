"""Erase half of 20,000 recordings and look for what is left.

    python benchmarks/shredding.py [FOLDER] [--recordings 20000]

Small synthetic recordings are registered, sealed and concluded one by one, in memory where the machine has
/dev/shm, and then moved to FOLDER. Half of them, one customer's, are erased by the program's own Eraser:
the goal is 10,000 in 60 seconds. Afterwards, with the epoch rolled, every byte of the registry, the key store, their
logs, the objects and a copy of the key store from before the erasure is searched for keys and for words that
were planted; every recording that was left is opened; and asking again must change nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from sottovoce.custody.subject import ByCustomer
from sottovoce.database.engine import open_engine
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import VaultError
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.storage.stores import FolderStore
from sottovoce.testing.shredding import World, files_under, key_of, marker, traces, wrapped_keys

GOAL_S = 60.0
WHO = {"requested_by": "officer-1", "why": "ART17"}
GONE, KEPT = ByCustomer(token="token-of-those-who-go"), ByCustomer(token="token-of-those-who-stay")  # noqa: S106 - planted
T = TypeVar("T")


def now() -> datetime:
    return datetime.now(UTC)


def timed(what: str, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    answer = work()
    print(f"{what:58}{time.perf_counter() - start:9.2f} s", flush=True)
    return answer


def world_at(folder: Path) -> World:
    ring, passphrase = folder / "ring.json", Confidential("a passphrase of the benchmark")
    provider = (FileKeyRing.open if ring.exists() else FileKeyRing.create)(ring, passphrase, clock=now)
    return World(folder=folder, provider=provider, store=FolderStore(root=folder / "objects"), clock=now)


def fill(folder: Path, count: int) -> World:
    world = world_at(folder)
    for number in range(count):
        world.add(number, customer=(KEPT if number % 2 else GONE).token)
    return world


def moved(world: World, folder: Path) -> World:
    world.close()
    shutil.copytree(world.folder, folder, dirs_exist_ok=True)
    there = world_at(folder)
    there.sealed = world.sealed
    return there


def backup_of(world: World) -> Path:
    """The key store as a nightly copy would have it."""
    copy = world.folder.parent / "restored"
    copy.mkdir()
    for path in world.folder.glob("keys.sqlite*"):
        shutil.copy(path, copy)
    return copy


def left_in(files: Iterable[Path], needles: Iterable[bytes]) -> str:
    paths = list(files)
    found = traces(paths, needles)
    return f"{found} found in {len(paths)} files, {sum(p.stat().st_size for p in paths) / 1e6:.0f} MB"


def opened(world: World, numbers: Iterable[int]) -> int:
    return sum(world.reads(number) for number in numbers)


def opened_by_backup(world: World, folder: Path, gone: Iterable[int]) -> int:
    """How many of the erased open with the restored key store and the provider as it is now."""
    keys, count = world.open_keys(folder), 0
    for number in gone:
        try:
            keys.unwrap(key_of(number))
            count += 1
        except VaultError:
            continue
    keys.close()
    return count


def fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in files_under(folder):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def planted(numbers: Iterable[int]) -> list[bytes]:
    kinds = ("WORDS", "CONVERSATION", "RECORDING", "LOCATOR")
    return [marker(n, kind).encode()[len("PLANTED-") :] for n in numbers for kind in kinds] + [GONE.token.encode()]


def erase(world: World, gone: list[int]) -> None:
    start = time.perf_counter()
    report = world.eraser().erase(GONE, **WHO)
    took = time.perf_counter() - start
    verdict = "" if took < GOAL_S else f"  above the goal of {GOAL_S:.0f} s"
    print(f"{f'erased {len(report.recordings):,} ({len(report.unreached)} out of reach)':58}{took:9.2f} s{verdict}")
    assert len(report.recordings) == len(gone)
    timed("rolled the epoch, its survivors wrapped anew", lambda: world.vault.roll_epoch(world.vault.epochs()[0].name))


def measure(world: World, count: int) -> None:
    gone, kept = list(range(0, count, 2)), list(range(1, count, 2))
    engine = open_engine(world.keys_url, base=world.folder)
    wrapped = wrapped_keys(engine, map(key_of, gone))
    engine.dispose()
    raw = [world.keys.unwrap(key_of(number)).key.reveal() for number in gone]
    backup = backup_of(world)
    print(f"before: keys and words that will go: {left_in(files_under(world.folder), wrapped + planted(gone))}")
    print(f"before: erased ones that the backup opens: {opened_by_backup(world, backup, gone):,}")
    erase(world, gone)
    here = list(files_under(world.folder))
    print(f"keys, wrapped or not, in databases, logs and objects: {left_in(here, raw + wrapped)}")
    print(f"planted words, ids and tokens there: {left_in(here, planted(gone))}")
    print(f"keys in the restored backup: {left_in(files_under(backup), raw)}")
    print(f"erased ones that the backup opens: {opened_by_backup(world, backup, gone):,}")
    read = timed("opened the others", lambda: opened(world, kept))
    print(f"others that still read: {read:,} of {len(kept):,}")
    before = fingerprint(world.folder)
    report = timed("asked again", lambda: world.eraser().erase(GONE, **WHO))
    same = before == fingerprint(world.folder) and not report.recordings
    print(f"the second run changed {'nothing' if same else 'SOMETHING'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="where the files lie; the system's folder for such by default")
    parser.add_argument("--recordings", type=int, default=20_000)
    chosen = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - only while it is filled
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as first,
        tempfile.TemporaryDirectory(dir=chosen.folder) as second,
    ):
        filled = timed(f"registered and sealed {chosen.recordings:,}", lambda: fill(Path(first), chosen.recordings))
        world = moved(filled, Path(second) / "house")
        measure(world, chosen.recordings)
        world.close()


if __name__ == "__main__":
    main()
