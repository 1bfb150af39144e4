"""A registry with a ledger and everything of access over it, on a clock that moves when told to; and a whole house."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from sottovoce.access.alerts import Alerts, FileChannel
from sottovoce.access.biscuits import BiscuitTokens
from sottovoce.access.bulk import BulkWatch
from sottovoce.access.gate import Asked, Gate
from sottovoce.access.grant_book import GrantBook, IssuedGrant, Wish
from sottovoce.access.principals import Kind, Principal, Principals
from sottovoce.access.review import Reviews
from sottovoce.access.roles import Operation, Role
from sottovoce.access.root_keys import RootKeys
from sottovoce.access.tokens import AccessTokens
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.testing.access import VERSION
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.house import carry_all, make_test_workspace, quick_house, settle_all
from sottovoce.wiring.house import House

ORIGIN = "sottovoce.ledger/test"


@dataclass
class World:
    """Access over a database, without a vault."""

    engine: Engine
    folder: Path
    clock: SteppedClock = field(default_factory=SteppedClock)

    def __post_init__(self) -> None:
        numbers = itertools.count(1)
        signer = Ed25519Signer(name=ORIGIN, key=Confidential(Ed25519PrivateKey.generate()))
        now = self.clock.now
        ids = lambda: f"{next(numbers):032x}"  # noqa: E731
        self.ledger = Ledger(engine=self.engine, signer=signer, origin=ORIGIN, clock=now)
        self.principals = Principals(engine=self.engine, ledger=self.ledger, clock=now, ids=ids)
        self.tokens = AccessTokens(engine=self.engine, ledger=self.ledger, clock=now)
        self.keys = RootKeys.open(self.folder / "grants.key", clock=now)
        self.biscuits = BiscuitTokens(keys=self.keys)
        self.grants = GrantBook(
            engine=self.engine, ledger=self.ledger, tokens=self.biscuits, tenant="test", clock=now, ids=ids
        )
        self.alerts = Alerts(
            engine=self.engine, channels=[FileChannel(path=self.folder / "logs" / "alerts.jsonl")], clock=now
        )
        self.ids = ids
        self.gate = self.new_gate()
        self.reviews = Reviews(
            engine=self.engine,
            ledger=self.ledger,
            principals=self.principals,
            tokens=self.tokens,
            grants=self.grants,
            signer=signer,
            clock=now,
            ids=ids,
        )
        self.signer = signer
        self.owner = self.principals.bootstrap("subject-owner", provider="machine")

    def new_gate(self, grants: GrantBook | None = None) -> Gate:
        """Another process's gate over the same database."""
        watch = BulkWatch(floor=20, factor=2.0, learning_days=7, per_hour=300, per_day=1000)
        return Gate(
            engine=self.engine,
            ledger=self.ledger,
            principals=self.principals,
            grants=grants or self.grants,
            tokens=self.biscuits,
            watch=watch,
            alerts=self.alerts,
            tenant="test",
            clock=self.clock.now,
            ids=self.ids,
            random=os.urandom,
        )

    def somebody(self, kind: Kind = Kind.TRAINING, *roles: Role) -> Principal:
        return self.principals.create(kind, by=self.owner.id, roles=roles or (Role.TRAINER,))

    def grant(self, holder: Principal, **changed: object) -> IssuedGrant:
        wish: dict[str, object] = {
            "holder": holder.id,
            "operations": frozenset({Operation.CORPUS_DECRYPT}),
            "prefix": VERSION,
            "purpose": "ai_training",
            "recordings": 1000,
            "lifetime": timedelta(minutes=15),
        }
        return self.grants.issue(Wish(**{**wish, **changed}), by=self.owner.id)  # type: ignore[arg-type]

    def asked(self, grant: IssuedGrant, **changed: object) -> Asked:
        presented = self.gate.present(grant.token, thumbprint=changed.pop("thumbprint", None))  # type: ignore[arg-type]
        told: dict[str, object] = {
            "principal": grant.grant.holder,
            "operation": Operation.CORPUS_DECRYPT,
            "purpose": grant.grant.purpose,
            "grant": presented,
        }
        return Asked(**{**told, **changed})  # type: ignore[arg-type]

    def entries(self, *actions: Action) -> list[Entry]:
        return [entry for _, entry in self.ledger.entries() if not actions or entry.action in actions]


@pytest.fixture(scope="session")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("access")
    engine = open_engine("sqlite:registry.sqlite", base=folder)
    upgrade(engine)
    engine.dispose()
    return folder / "registry.sqlite"


@pytest.fixture
def world(_migrated: Path, tmp_path: Path) -> Iterator[World]:
    shutil.copy(_migrated, tmp_path / "registry.sqlite")
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    yield World(engine=engine, folder=tmp_path)
    engine.dispose()


@pytest.fixture
def elsewhere(postgres: str, tmp_path: Path) -> Iterator[World]:
    """The same over PostgreSQL."""
    engine = open_engine(postgres, base=tmp_path)
    upgrade(engine)
    yield World(engine=engine, folder=tmp_path)
    engine.dispose()


@pytest.fixture(scope="session")
def _released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings sealed and released as corpus/v1: four samples."""
    root = tmp_path_factory.mktemp("access-house") / "w"
    house = quick_house(make_test_workspace(root, count=2))
    assert set(carry_all(house, settle_all(house)).values()) == {"sealed"}
    house.corpus.releaser.release(actor="test")
    house.close()
    return root


@pytest.fixture
def house(_released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    from sottovoce.settings import Workspace

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SOTTOVOCE_TOKEN", raising=False)
    house = quick_house(Workspace(Path(shutil.copytree(_released, tmp_path / "w"))))
    yield house
    house.close()
