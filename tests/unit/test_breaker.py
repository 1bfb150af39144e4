"""The breaker opens on failures, waits, probes once, and closes again; with a clock of ours and a real one."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sottovoce.breaker import Breaker, BreakerState
from sottovoce.errors import BreakerOpen, SourceRefused, SourceUnavailable
from sottovoce.testing.clock import SteppedClock


def attempt(breaker: Breaker, *, works: bool) -> str:
    try:
        with breaker.call(SourceUnavailable):
            if not works:
                raise SourceUnavailable("down")
    except BreakerOpen:
        return "refused"
    except SourceUnavailable:
        return "failed"
    return "done"


def opened(clock: SteppedClock) -> Breaker:
    breaker = Breaker(monotonic=clock.monotonic, open_s=30)
    for works in [True, False] * 3:
        attempt(breaker, works=works)
    return breaker


def test_a_service_that_fails_half_the_time_opens_it() -> None:
    """Half of the last calls failed: nobody is let through until the time is over."""
    clock = SteppedClock()
    breaker = opened(clock)
    assert breaker.state is BreakerState.OPEN
    assert attempt(breaker, works=True) == "refused"
    assert breaker.wait_s == 30
    clock.advance(29.9)
    assert attempt(breaker, works=True) == "refused"


def test_one_probe_decides() -> None:
    """Half open, one call goes; a second is refused while it runs; its success closes the breaker."""
    clock = SteppedClock()
    breaker = opened(clock)
    clock.advance(30)
    assert breaker.state is BreakerState.HALF_OPEN
    with breaker.call(SourceUnavailable):
        assert attempt(breaker, works=True) == "refused"
    assert (breaker.state, breaker.wait_s) == (BreakerState.CLOSED, 0)
    assert attempt(breaker, works=True) == "done"


def test_a_failed_probe_opens_it_again() -> None:
    """And the whole time has to pass once more."""
    clock = SteppedClock()
    breaker = opened(clock)
    clock.advance(31)
    assert attempt(breaker, works=False) == "failed"
    clock.advance(29)
    assert attempt(breaker, works=True) == "refused"
    clock.advance(1)
    assert attempt(breaker, works=True) == "done"


def test_what_says_nothing_of_the_service_does_not_count() -> None:
    """A refusal of ours, or an interrupt, neither opens it nor uses the probe up."""
    clock = SteppedClock()
    breaker = Breaker(monotonic=clock.monotonic)
    for _ in range(20):
        with pytest.raises(SourceRefused), breaker.call(SourceUnavailable):
            raise SourceRefused("no")
    assert breaker.state is BreakerState.CLOSED
    breaker = opened(clock)
    clock.advance(30)
    with pytest.raises(KeyboardInterrupt), breaker.call(SourceUnavailable):
        raise KeyboardInterrupt
    assert attempt(breaker, works=True) == "done"


def test_few_calls_do_not_open_it() -> None:
    """One failure of one call is no rate."""
    breaker = Breaker(monotonic=SteppedClock().monotonic)
    assert [attempt(breaker, works=False) for _ in range(5)] == ["failed"] * 5
    assert breaker.state is BreakerState.CLOSED


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 20)), max_size=80))
def test_while_it_is_open_nothing_goes_through(calls: list[tuple[bool, float]]) -> None:
    """Whatever happens when: between opening and the end of its time every call is refused."""
    clock = SteppedClock()
    breaker = Breaker(monotonic=clock.monotonic, open_s=30)
    for works, later in calls:
        before = breaker.state
        result = attempt(breaker, works=works)
        assert (result == "refused") == (before is BreakerState.OPEN)
        clock.advance(later)


def test_it_holds_in_real_time_over_threads() -> None:
    """A service that comes back is found by one probe, and every piece of work is done in the end."""
    breaker = Breaker(monotonic=time.monotonic, open_s=0.1, least=4, window=8)
    well_at, probes, done = time.monotonic() + 0.3, [], []
    lock = threading.Lock()

    def work(number: int) -> None:
        while True:
            try:
                with breaker.call(SourceUnavailable):
                    if time.monotonic() < well_at:
                        with lock:
                            probes.append(number)
                        raise SourceUnavailable("down")
                    with lock:
                        done.append(number)
                return
            except (BreakerOpen, SourceUnavailable):
                time.sleep(0.01)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == list(range(8))
    assert len(probes) < 20
