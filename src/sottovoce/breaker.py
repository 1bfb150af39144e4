"""A circuit breaker: stops asking a service that fails, and finds out carefully when it is well again.

Closed, it counts the last calls; when enough of them failed it opens, and for a while nobody is let through. Then it is
half open: one probe goes, and its result closes it or opens it again. It holds no work: whoever is refused keeps the
work where it was. Thread-safe; time is passed in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

from sottovoce.errors import BreakerOpen

WINDOW: Final = 20
SHARE: Final = 0.5
LEAST: Final = 6
OPEN_S: Final = 30.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens when `share` of the last `window` calls failed, of at least `least`; stays open for `open_s` seconds."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        window: int = WINDOW,
        share: float = SHARE,
        least: int = LEAST,
        open_s: float = OPEN_S,
    ) -> None:
        self._monotonic = monotonic
        self._results: deque[bool] = deque(maxlen=window)
        self._share = share
        self._least = least
        self._open_s = open_s
        self._opened_at: float | None = None
        self._is_probing = False
        self._lock = threading.Lock()

    @property
    def state(self) -> BreakerState:
        with self._lock:
            return self._state()

    @property
    def wait_s(self) -> float:
        """How long until a probe may go; zero when calls are let through."""
        with self._lock:
            if self._opened_at is None:
                return 0.0
            return max(0.0, self._opened_at + self._open_s - self._monotonic())

    @contextmanager
    def call(self, *failures: type[Exception]) -> Iterator[None]:
        """Lets a call through, or raises BreakerOpen. Of what the call raises, `failures` count against the service."""
        self._admit()
        try:
            yield
        except failures:
            self._settle(is_good=False)
            raise
        except BaseException:
            self._release()
            raise
        self._settle(is_good=True)

    def _admit(self) -> None:
        with self._lock:
            state = self._state()
            if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._is_probing):
                raise BreakerOpen("the service has failed too often", hint="what waits is tried again later")
            self._is_probing = state is BreakerState.HALF_OPEN

    def _settle(self, *, is_good: bool) -> None:
        with self._lock:
            if self._opened_at is not None:
                self._is_probing = False
                self._opened_at = None if is_good else self._monotonic()
                self._results.clear()
                return
            self._results.append(is_good)
            failed = self._results.count(False)
            if len(self._results) >= self._least and failed >= self._share * len(self._results):
                self._opened_at = self._monotonic()

    def _release(self) -> None:
        """The call ended by something that says nothing of the service: the next one may probe."""
        with self._lock:
            self._is_probing = False

    def _state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        over = self._monotonic() >= self._opened_at + self._open_s
        return BreakerState.HALF_OPEN if over else BreakerState.OPEN
