"""A house of synthetic recordings to erase from, and a search for what erasure left behind.

Each recording's words, its ids and its customer's token are planted markers that occur nowhere else, so
that finding none of their bytes in a file means something. The search is over raw bytes: it knows no format.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, select

from sottovoce.custody.erasure import Eraser
from sottovoce.custody.registry import Registry
from sottovoce.database.engine import open_engine, reading
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, Sealed, SealedObject
from sottovoce.kms.protocol import KeyProvider
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.storage.protocol import ObjectStore
from sottovoce.vault import key_tables
from sottovoce.vault.keystore import KeyStore
from sottovoce.vault.vault import Vault

ORIGIN: Final = "ledger.example/shredding"
TENANT: Final = "shredding"
LINE: Final = "corpus"
_WINDOW: Final = 8
_TOGETHER: Final = 32 << 20


def key_of(number: int) -> str:
    """The opaque key of a recording: random to look at, and the same for the same number."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"recording {number}").hex


def marker(number: int, what: str) -> str:
    """Found nowhere but in one recording's own `what`."""
    return f"PLANTED-{what}-{number:06d}-{uuid.uuid5(uuid.NAMESPACE_OID, f'{what} {number}').hex}"


@dataclass
class World:
    """Registry, ledger, key store and vault of one tenant, over any key provider, database and store."""

    folder: Path
    provider: KeyProvider
    store: ObjectStore
    clock: Callable[[], datetime]
    registry_url: str = "sqlite:registry.sqlite"
    keys_url: str = "sqlite:keys.sqlite"
    words: int = 2_000
    sealed: dict[str, SealedObject] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine: Engine = open_engine(self.registry_url, base=self.folder)
        upgrade(self.engine)
        self.signer = Ed25519Signer(name=ORIGIN, key=Confidential(Ed25519PrivateKey.from_private_bytes(b"s" * 32)))
        self.ledger = Ledger(engine=self.engine, signer=self.signer, origin=ORIGIN, clock=self.clock)
        self.registry = Registry(engine=self.engine, ledger=self.ledger, clock=self.clock)
        self.keys = self.open_keys(self.folder)
        self.vault = Vault(tenant=TENANT, keystore=self.keys, store=self.store, clock=self.clock)

    def close(self) -> None:
        self.keys.close()
        self.engine.dispose()

    def open_keys(self, folder: Path, *, url: str = "") -> KeyStore:
        """The key store, or a restored copy of it in another folder."""
        return KeyStore.open(url or self.keys_url, base=folder, tenant=TENANT, provider=self.provider, clock=self.clock)

    def eraser(self) -> Eraser:
        return Eraser(
            registry=self.registry,
            ledger=self.ledger,
            shredder=self.vault,
            ciphertext=self.store,
            signer=self.signer,
            clock=self.clock,
            ids=lambda: str(uuid.uuid4()),
            random=os.urandom,
        )

    def plain(self, number: int) -> bytes:
        """What was said in a recording."""
        said = marker(number, "WORDS").encode()
        return (said * (self.words // len(said) + 1))[: self.words]

    def add(self, number: int, *, customer: str) -> str:
        """One recording registered, sealed and concluded, with its entry in the ledger."""
        key = key_of(number)
        ref = RecordingRef(source="calls", key=key, locator=Confidential(marker(number, "LOCATOR")))
        metadata = RecordingMetadata(
            ref=ref,
            conversation_id=marker(number, "CONVERSATION"),
            recording_id=marker(number, "RECORDING"),
            started_at=None,
            duration_s=1.0,
            customer_token=customer,
        )
        self.registry.remember(ref, metadata)
        made = self.vault.seal_object(key, "sample", Confidential(self.plain(number)))
        sealed = Sealed(ref=ref, key_id=f"{TENANT}:{key}", objects=(made,), facts={}, predecessor="a" * 64)
        self.registry.conclude(LINE, key, OutcomeStatus.SEALED, sealed=sealed, facts={"verified": True})
        self.sealed[key] = made
        return key

    def reads(self, number: int) -> bool:
        """Whether the recording opens to what was said in it."""
        key = key_of(number)
        return self.vault.open_object(key, self.sealed[key]).reveal() == self.plain(number)


def wrapped_keys(engine: Engine, rids: Iterable[str]) -> list[bytes]:
    """The wrapped keys of recordings as they lie in the key store: what must be gone after erasure."""
    wanted = set(rids)
    query = select(key_tables.recording_keys.c.rid, key_tables.wrapped_keys.c.blob).join(
        key_tables.wrapped_keys, key_tables.recording_keys.c.wrapped_id == key_tables.wrapped_keys.c.id
    )
    with reading(engine) as connection:
        return [bytes(row.blob) for row in connection.execute(query) if row.rid in wanted]


def traces(files: Iterable[Path], needles: Iterable[bytes]) -> int:
    """How often any needle of 8 bytes or more begins in any of the files."""
    sought = list(needles)
    heads = np.unique(np.array([np.frombuffer(each[:_WINDOW], "<u8")[0] for each in sought], np.uint64))
    by_head: dict[bytes, list[bytes]] = {}
    for each in sought:
        by_head.setdefault(each[:_WINDOW], []).append(each)
    return sum(_hits(data, heads, by_head) for data in _together(files))


def _together(files: Iterable[Path]) -> Iterator[bytes]:
    """Small files joined, so that a search costs the same for one large file and for thousands."""
    gathered: list[bytes] = []
    size = 0
    for path in files:
        gathered.append(path.read_bytes())
        size += len(gathered[-1])
        if size > _TOGETHER:
            yield b"\x00".join(gathered)
            gathered.clear()
            size = 0
    yield b"\x00".join(gathered)


def _hits(data: bytes, heads: Any, by_head: dict[bytes, list[bytes]]) -> int:
    found = 0
    for shift in range(_WINDOW):
        view = np.frombuffer(data[shift : shift + (len(data) - shift) // _WINDOW * _WINDOW], "<u8")
        for at in np.flatnonzero(np.isin(view, heads)):
            start = shift + int(at) * _WINDOW
            found += sum(data.startswith(each, start) for each in by_head[data[start : start + _WINDOW]])
    return found


def files_under(folder: Path) -> Iterator[Path]:
    """Every file, databases and their logs, objects and remains alike."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
