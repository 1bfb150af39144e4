"""A worker process with quick rooms, to be killed: `quick_worker.py WORKSPACE SLOT`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from sottovoce import telemetry
from sottovoce.settings import Workspace
from sottovoce.testing.house import quick_house


def main() -> None:
    telemetry.configure()
    slot = int(sys.argv[2])
    house = quick_house(Workspace(Path(sys.argv[1])), pause_s=0.15, actor=f"worker.{slot}")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    house.warm()
    house.worker(node="chaos", slot=slot).serve(house.carrier(), stop)


if __name__ == "__main__":
    main()
