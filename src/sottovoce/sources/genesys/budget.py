"""A shared budget of requests a minute: Genesys Cloud counts them for each token (GENESYS.md 7)."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from sottovoce.sources.protocol import Timing

WINDOW_S = 60.0
USE_S = 4.0
"""A little less than a lease allows, because clocks are read twice."""
AT_ONCE = 10


class Budget(Protocol):
    def take(self) -> None:
        """Waits until one more request is within the budget."""
        ...


class RateBudget:
    """At most `per_minute` requests in any minute, over all threads that share the budget."""

    def __init__(self, *, per_minute: int, timing: Timing) -> None:
        self._sent: deque[float] = deque(maxlen=per_minute)
        self._timing = timing
        self._lock = threading.Lock()

    def take(self) -> None:
        """Waits until one more request is within the budget."""
        while (wait := self._reserve()) > 0:
            self._timing.sleep(wait)

    def _reserve(self) -> float:
        with self._lock:
            now = self._timing.monotonic()
            oldest = self._sent[0] if len(self._sent) == self._sent.maxlen else None
            if oldest is not None and now - oldest < WINDOW_S:
                return WINDOW_S - (now - oldest)
            self._sent.append(now)
            return 0.0


class Leases(Protocol):
    """Where processes agree on who may send how much."""

    def lease(self, name: str, *, wanted: int, limit: int, now_ms: int) -> tuple[int, int]:
        """How many requests are granted now, and, where none is, how many milliseconds to wait."""
        ...


class SharedBudget:
    """At most `per_minute` requests in any minute, over all processes and machines that share the leases.

    Each takes a few at a time and uses them at once; what is left over after `USE_S` seconds is given up.
    """

    def __init__(self, *, leases: Leases, name: str, per_minute: int, timing: Timing) -> None:
        self._leases = leases
        self._name = name
        self._per_minute = per_minute
        self._timing = timing
        self._left = 0
        self._until = 0.0
        self._lock = threading.Lock()

    def take(self) -> None:
        """Waits until one more request is within the budget."""
        while (wait_s := self._reserve()) > 0:
            self._timing.sleep(wait_s)

    def _reserve(self) -> float:
        with self._lock:
            if self._left <= 0 or self._timing.monotonic() >= self._until:
                granted, wait_ms = self._lease()
                if not granted:
                    return wait_ms / 1000
                self._left, self._until = granted, self._timing.monotonic() + USE_S
            self._left -= 1
            return 0.0

    def _lease(self) -> tuple[int, int]:
        now_ms = int(self._timing.now().timestamp() * 1000)
        wanted = max(1, min(AT_ONCE, self._per_minute // 10))
        return self._leases.lease(self._name, wanted=wanted, limit=self._per_minute, now_ms=now_ms)
