"""Workers are killed at random; afterwards every recording has exactly one outcome."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.ledger.entry import Action
from sottovoce.ledger.verifier import Found
from sottovoce.pipeline.run import Runner
from sottovoce.pipeline.supervisor import Supervisor
from sottovoce.testing.house import make_test_workspace, quick_house, settle_all
from sottovoce.wiring.house import House

WORKER = Path(__file__).with_name("quick_worker.py")
RECORDINGS = 60
KILLS = 20
SLOTS = 2


class Killer:
    """A supervisor whose workers are killed with SIGKILL at random moments while there is work."""

    def __init__(self, supervisor: Supervisor, *, kills: int, seed: int) -> None:
        self._supervisor = supervisor
        self._random = random.Random(seed)
        self.left = kills
        self._next = time.monotonic() + self._pause()

    def mend(self) -> None:
        if self.left and time.monotonic() > self._next:
            self._supervisor.kill(self._random.randrange(SLOTS))
            self.left -= 1
            self._next = time.monotonic() + self._pause()
        self._supervisor.mend()

    def _pause(self) -> float:
        return self._random.uniform(0.3, 1.6)


def carry_with_kills(house: House, *, kills: int) -> Killer:
    """Submits everything twice, then works and kills until all kills are spent and all is concluded."""
    keys = settle_all(house)
    assert len(keys) == RECORDINGS
    queue = house.queue()
    runner = Runner(line=house.line, registry=house.registry, queue=queue, closer=house.concluder())
    runner.submit(keys)
    runner.submit(keys)
    supervisor = Supervisor(
        command=lambda slot: [sys.executable, str(WORKER), str(house.workspace.root), str(slot)],
        slots=SLOTS,
        logs=house.workspace.logs,
        max_quick_deaths=kills + 10,
    )
    killer = Killer(supervisor, kills=kills, seed=7)
    with supervisor.working():
        runner.wait(keys, killer)
    queue.close()
    return killer


def check_exactly_once(house: House) -> None:
    """One outcome row and one concluding ledger entry for each recording; what is sealed opens."""
    outcomes = house.registry.outcomes(house.line.name)
    assert len(outcomes) == RECORDINGS
    concluding = {Action.RECORDING_SEALED, Action.RECORDING_QUARANTINED, Action.RECORDING_EXCLUDED}
    concluded = Counter(entry.object for _, entry in house.ledger.entries() if entry.action in concluding)
    assert concluded == Counter(outcome.recording for outcome in outcomes)
    for outcome in outcomes:
        if outcome.status is OutcomeStatus.SEALED:
            for held in house.registry.objects(outcome.recording):
                assert house.vault.open(held, house.vault.fetch(held)).reveal()
    house.ledger.checkpoint()
    assert house.ledger.verify().found is Found.OK


@pytest.mark.chaos
@pytest.mark.slow
def test_kills_on_sqlite(tmp_path, chaos_kills):
    """On SQLite, workers killed again and again leave exactly one outcome for every recording."""
    house = quick_house(make_test_workspace(tmp_path / "w", count=RECORDINGS))
    carry_with_kills(house, kills=chaos_kills)
    check_exactly_once(house)
    house.close()


@pytest.mark.chaos
@pytest.mark.slow
def test_kills_on_postgresql(tmp_path, postgres, chaos_kills):
    """On PostgreSQL, workers killed again and again leave exactly one outcome for every recording."""
    house = quick_house(make_test_workspace(tmp_path / "w", count=RECORDINGS, database=postgres))
    carry_with_kills(house, kills=chaos_kills)
    check_exactly_once(house)
    house.close()
