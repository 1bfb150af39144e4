"""The shared budget of requests a minute."""

from __future__ import annotations

from pathlib import Path

from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.database.rate_leases import RateLeases
from sottovoce.sources.genesys.budget import RateBudget, SharedBudget
from sottovoce.sources.protocol import Timing
from sottovoce.testing.clock import SteppedClock


def test_no_minute_holds_more_than_the_budget() -> None:
    """The fourth request of a budget of three waits until the first is a minute old."""
    clock = SteppedClock()
    budget = RateBudget(per_minute=3, timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep))
    for pause in (0, 10, 10):
        clock.advance(pause)
        budget.take()
    assert clock.slept == []
    budget.take()
    assert clock.slept == [40.0]
    budget.take()
    assert clock.slept == [40.0, 10.0]


def test_processes_share_one_budget(tmp_path: Path) -> None:
    """However many take from it, no minute holds more than the budget, and nobody waits for nothing."""
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(engine)
    clock, sent = SteppedClock(), []
    timing = Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep)
    budgets = [
        SharedBudget(leases=RateLeases(engine=engine), name="org", per_minute=40, timing=timing) for _ in range(3)
    ]
    for number in range(200):
        budgets[number % 3].take()
        sent.append(clock.monotonic())
        clock.advance(0.1)
    engine.dispose()
    for start in sent:
        assert sum(start <= at < start + 60 for at in sent) <= 40
    assert sent[-1] < 7 * 66


def test_what_is_leased_and_not_used_is_given_up(tmp_path: Path) -> None:
    """Requests leased long ago are leased again, so that they count when they are sent; others have budgets of theirs."""
    engine = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(engine)
    leases = RateLeases(engine=engine)
    assert leases.lease("a", wanted=10, limit=15, now_ms=0) == (10, 0)
    assert leases.lease("a", wanted=10, limit=15, now_ms=1000) == (5, 0)
    assert leases.lease("a", wanted=10, limit=15, now_ms=2000) == (0, 63_000)
    assert leases.lease("b", wanted=10, limit=15, now_ms=2000) == (10, 0)
    assert leases.lease("a", wanted=10, limit=15, now_ms=65_000) == (10, 0)
    engine.dispose()
