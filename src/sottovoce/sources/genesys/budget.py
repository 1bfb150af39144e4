"""A shared budget of requests a minute: Genesys Cloud counts them for each token (GENESYS.md 7)."""

from __future__ import annotations

import threading
from collections import deque

from sottovoce.sources.protocol import Timing

WINDOW_S = 60.0


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
