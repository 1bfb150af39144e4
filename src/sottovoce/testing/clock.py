"""A clock that moves only when told to: sleeping costs a test nothing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SteppedClock:
    """`sleep` moves both the wall clock and the monotonic one, and remembers for how long."""

    def __init__(self, *, start: datetime = datetime(2026, 11, 1, 12, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed += seconds


class AheadClock:
    """Real time, moved ahead when told to: what waits becomes due, and what is timed is timed still."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        self._ahead += by
