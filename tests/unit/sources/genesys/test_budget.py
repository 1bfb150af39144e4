"""The shared budget of requests a minute."""

from __future__ import annotations

from sottovoce.sources.genesys.budget import RateBudget
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
