"""Processes that are killed, and processes at the same time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import SealedObject
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.storage.stores import FolderStore
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.vault import Vault

PASSPHRASE = Confidential("correct horse")

OPENING = """
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from sottovoce.domain.confidential import Confidential
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.vault.keystore import KeyStore
from sottovoce.storage.stores import FolderStore
from sottovoce.vault.vault import Vault

base, name = Path(sys.argv[1]), sys.argv[2]
clock = lambda: datetime.now(UTC)
ring = FileKeyRing.open(base / "keys.ring", Confidential("correct horse"), clock=clock)
"""

SEALING = (
    OPENING
    + """
keys = KeyStore.open(base=base, tenant="t", provider=ring, clock=clock)
vault = Vault(tenant="t", keystore=keys, store=FolderStore(root=base / "objects"), clock=clock)
for n in range(10_000):
    sealed = vault.seal_object(f"{name}-{n}", "sample", Confidential(b"PLANTED" + bytes(50_000)))
    print(json.dumps(asdict(sealed)), flush=True)
"""
)

MAKING = (
    OPENING
    + """
for n in range(10):
    print(ring.create_key({}), flush=True)
"""
)


def started(script: str, base, name: str) -> subprocess.Popen:
    command = [sys.executable, "-c", script, str(base), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def clock() -> datetime:
    return datetime.now(UTC)


def test_after_a_kill_what_was_answered_is_there_and_a_redo_completes(tmp_path):
    """kill -9 in the middle of sealing, three times: nothing answered is lost, nothing in the clear is left."""
    FileKeyRing.create(tmp_path / "keys.ring", PASSPHRASE, clock=clock)
    for attempt in range(3):
        process = started(SEALING, tmp_path, "r")
        done = [SealedObject(**json.loads(process.stdout.readline())) for _ in range(4 + attempt * 3)]
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        ring = FileKeyRing.open(tmp_path / "keys.ring", PASSPHRASE, clock=clock)
        keys = KeyStore.open(base=tmp_path, tenant="t", provider=ring, clock=clock)
        vault = Vault(tenant="t", keystore=keys, store=FolderStore(root=tmp_path / "objects"), clock=clock)
        for n, sealed in enumerate(done):
            assert vault.open_object(f"r-{n}", sealed).reveal().startswith(b"PLANTED")
            again = vault.seal_object(f"r-{n}", "sample", Confidential(b"again"))
            assert vault.open_object(f"r-{n}", again).reveal() == b"again"
        keys.close()
    everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"PLANTED" not in everything


def test_many_processes_change_one_ring_and_no_key_is_lost(tmp_path):
    """Each change waits for the other: every key that was answered is in the ring."""
    ring = FileKeyRing.create(tmp_path / "keys.ring", PASSPHRASE, clock=clock)
    processes = [started(MAKING, tmp_path, str(n)) for n in range(3)]
    made = [key for process in processes for key in process.communicate()[0].split()]
    assert [p.returncode for p in processes] == [0, 0, 0]
    assert len(set(made)) == 30
    assert all(ring.key_state(key) == "active" for key in made)
