"""A corpus to erase, train on and keep: three recordings in one version, with keys and objects in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.deliveries import Deliveries
from sottovoce.custody.erasure import Eraser
from sottovoce.custody.erasure_list import ErasureList
from sottovoce.custody.holds import Holds
from sottovoce.custody.impact import Impacts
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import CorpusSample, CorpusVersion
from sottovoce.custody.training import Training
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.ledger.commitment import commit_to
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer
from sottovoce.testing.custody import MemoryNotes, MemoryVault

LINE = "corpus"
Make = Callable[..., Any]


@pytest.fixture
def on_sqlite(tmp_path: Path) -> Iterator[Engine]:
    """For tests whose statements others hold to both databases already."""
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def outside() -> MemoryNotes:
    """Where notes are kept outside the database."""
    return MemoryNotes()


@pytest.fixture
def notes(outside: MemoryNotes, signer: Signer) -> ErasureList:
    return ErasureList(store=outside, signer=signer)


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


@pytest.fixture
def eraser(
    registry: Registry, ledger: Ledger, vault: MemoryVault, signer: Signer, clock: Make, notes: ErasureList
) -> Eraser:
    ids = iter(f"erasure-{number}" for number in range(99))
    return Eraser(
        registry=registry,
        ledger=ledger,
        shredder=vault,
        ciphertext=vault,
        signer=signer,
        clock=clock,
        ids=lambda: next(ids),
        random=lambda size: b"r" * size,
        freezer=vault,
        notes=notes,
    )


@pytest.fixture
def three(
    registry: Registry, vault: MemoryVault, a_recording: Make, a_sealed: Make, an_entry: Make, clock: Make
) -> list[str]:
    """Recordings 1 and 2 of one customer and 3 of another, all of them sealed and in a corpus version."""
    keys, samples = [], []
    for number in (1, 2, 3):
        token = "PLANTED-TOKEN" if number < 3 else "other"
        ref, metadata = a_recording(number, customer_token=token, conversation_id=f"PLANTED-{number}")
        registry.remember(ref, metadata)
        sealed = a_sealed(number)
        made = commit_to(Confidential({"c": f"PLANTED-{number}"}), random=lambda size, n=number: bytes([n]) * size)
        registry.conclude(
            LINE,
            ref.key,
            OutcomeStatus.SEALED,
            sealed=sealed,
            facts={"spans": 1},
            entries=[an_entry()],
            commitments=[made],
        )
        vault.keys.add(ref.key)
        vault.objects |= {each.location for each in sealed.objects}
        keys.append(ref.key)
        samples.append(
            CorpusSample(
                corpus_id=f"s{number}",
                recording=ref.key,
                split="train",
                released={"captureYear": 2026},
                location=sealed.objects[0].location,
            )
        )
    registry.record_version(
        CorpusVersion(version="corpus@1", root="ab" * 32, manifest_digest="cd" * 32, created_at=clock()), samples
    )
    return keys


@pytest.fixture
def holds(engine: Engine, ledger: Ledger, vault: MemoryVault, clock: Make) -> Holds:
    return Holds(engine=engine, ledger=ledger, clock=clock, freezer=vault)


@pytest.fixture
def training(engine: Engine, ledger: Ledger, clock: Make) -> Training:
    return Training(engine=engine, ledger=ledger, clock=clock)


@pytest.fixture
def deliveries(engine: Engine, ledger: Ledger) -> Deliveries:
    return Deliveries(engine=engine, ledger=ledger)


@pytest.fixture
def impacts(engine: Engine, ledger: Ledger, clock: Make) -> Impacts:
    return Impacts(engine=engine, ledger=ledger, clock=clock)
