"""Commands that go on until they are told to stop."""

from __future__ import annotations

import signal
import threading


def stopping() -> threading.Event:
    """Set by SIGTERM and SIGINT: what is in hand is finished first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
