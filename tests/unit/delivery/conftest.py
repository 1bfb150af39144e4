"""A deliverer over a destination in memory, with the product's own book, registry and ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.breaker import Breaker
from sottovoce.custody.deliveries import Deliveries
from sottovoce.custody.registry import Registry
from sottovoce.delivery.book import Book
from sottovoce.delivery.deliverer import Clockwork, Deliverer, Route
from sottovoce.delivery.packing import Packer
from sottovoce.delivery.parcel import CallFacts, Errand
from sottovoce.delivery.profile import load_profile
from sottovoce.domain.recording import Sealed
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.delivery import ROLES, MemoryDestination, MemorySeals, redacted_parts
from sottovoce.wiring.delivery import SpeechStudio

LINE = "analytics"


@dataclass
class Desk:
    """What one process delivers with. `another` is a second process."""

    engine: Engine
    ledger: Ledger
    registry: Registry
    clock: Any
    destination: MemoryDestination
    seals: MemorySeals
    a_recording: Callable[..., Any]
    route: Route
    slept: list[float]

    @property
    def book(self) -> Book:
        return Book(engine=self.engine, ledger=self.ledger, clock=self.clock, actor="svc-worker")

    @property
    def custody(self) -> Deliveries:
        return Deliveries(engine=self.engine, ledger=self.ledger)

    def with_route(self, **changes: Any) -> Desk:
        return replace(self, route=replace(self.route, **changes))

    def deliverer(self) -> Deliverer:
        return Deliverer(
            book=self.book,
            packer=Packer(vault=self.seals, studio=SpeechStudio(), version="1"),
            routes={"vendor": self.route},
            clockwork=Clockwork(now=self.clock, monotonic=self.monotonic, sleep=self.sleep),
            purpose="analytics",
            policy_digest="ab" * 32,
        )

    def monotonic(self) -> float:
        return float(self.clock().timestamp())

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_(seconds)

    def sealed(self, number: int = 1) -> Sealed:
        ref, metadata = self.a_recording(number)
        self.registry.remember(ref, metadata)
        return self.seals.seal(ref.key, redacted_parts(seed=number))

    def deliver(self, sealed: Sealed, *, ended_at: datetime | None = None) -> Any:
        about = CallFacts(roles=ROLES, ended_at=ended_at or self.clock() - timedelta(minutes=2))
        return self.deliverer().deliver(sealed, about, line=LINE, destination="vendor")

    def errand(self, sealed: Sealed) -> Errand:
        return Errand(line=LINE, recording=sealed.ref.key, destination="vendor")

    def entries(self, action: Action) -> list[Entry]:
        return [entry for _, entry in self.ledger.entries(0) if entry.action is action]


@pytest.fixture
def desk(engine: Engine, ledger: Ledger, registry: Registry, clock: Any, a_recording: Callable[..., Any]) -> Desk:
    destination = MemoryDestination()
    route = Route(
        name="vendor",
        destination=destination,
        profile=load_profile("generic", base=Path()),
        breaker=Breaker(monotonic=lambda: float(clock().timestamp())),
    )
    return Desk(
        engine=engine,
        ledger=ledger,
        registry=registry,
        clock=clock,
        destination=destination,
        seals=MemorySeals(),
        a_recording=a_recording,
        route=route,
        slept=[],
    )
