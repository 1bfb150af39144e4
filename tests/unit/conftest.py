"""What unit tests of several rooms share: a ledger, a registry, a clock that a test moves, a full disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from sottovoce.custody.registry import Registry
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, Sealed, SealedObject
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer

ORIGIN = "ledger.example/test"
EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = EPOCH

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def make_signer(seed: int = 1, name: str = ORIGIN) -> Ed25519Signer:
    return Ed25519Signer(name=name, key=Confidential(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)))


def an_entry(action: Action = Action.RECORDING_SEALED, **changes: object) -> Entry:
    members: dict[str, object] = {"at": EPOCH, "actor": "svc-worker", "action": action, **changes}
    return Entry(**members)  # type: ignore[arg-type]


def key_of(number: int) -> str:
    return f"{number:032x}"


def a_recording(number: int, **changes: object) -> tuple[RecordingRef, RecordingMetadata]:
    ref = RecordingRef(source="calls", key=key_of(number), locator=Confidential(f"locator-of-{number}"))
    members: dict[str, object] = {
        "ref": ref,
        "conversation_id": f"conversation-{number}",
        "recording_id": f"recording-{number}",
        "started_at": EPOCH,
        "duration_s": 42.5,
        "customer_token": f"token-{number}",
        **changes,
    }
    return ref, RecordingMetadata(**members)  # type: ignore[arg-type]


def a_sealed(number: int, *kinds: str) -> Sealed:
    ref, _ = a_recording(number)
    objects = tuple(
        SealedObject(kind=kind, location=f"objects/{number:04x}/{kind}", digest=f"{number:064x}", size=1000, channel=0)
        for kind in kinds or ("audio", "transcript", "map")
    )
    return Sealed(ref=ref, key_id=f"k-{number:04x}", objects=objects, facts={}, predecessor=f"{number:064x}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signer() -> Ed25519Signer:
    return make_signer()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = "sqlite:registry.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres")
    made = open_engine(url, base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def ledger(engine: Engine, signer: Ed25519Signer, clock: Clock) -> Ledger:
    return Ledger(engine=engine, signer=signer, origin=ORIGIN, clock=clock)


@pytest.fixture
def registry(engine: Engine, ledger: Ledger, clock: Clock) -> Registry:
    return Registry(engine=engine, ledger=ledger, clock=clock)


@pytest.fixture(name="an_entry")
def _an_entry() -> object:
    return an_entry


@pytest.fixture(name="make_signer")
def _make_signer() -> object:
    return make_signer


@pytest.fixture(name="a_recording")
def _a_recording() -> object:
    return a_recording


@pytest.fixture(name="a_sealed")
def _a_sealed() -> object:
    return a_sealed


@pytest.fixture
def no_room():
    """A context in which no file can grow past 16 bytes, as on a full disk."""

    @contextmanager
    def full(limit: int = 16):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return full
