"""A worker of the compliance line that hears and finds quickly, to be killed: `judging_worker.py WORKSPACE SLOT`."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from sottovoce import telemetry
from sottovoce.compliance.progressive import Listener
from sottovoce.compliance.task import QUEUE
from sottovoce.settings import Workspace
from sottovoce.testing.house import OneSecond, OneWord
from sottovoce.wiring.house import House


def main() -> None:
    telemetry.configure()
    slot = int(sys.argv[2])
    house = House(Workspace(Path(sys.argv[1])), actor=f"worker.{slot}")
    house.compliance.__dict__["listener"] = Listener(transcriber=OneWord(pause_s=0.1), finder=OneSecond())
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    house.worker(node="chaos", slot=slot, queue=QUEUE).serve(house.compliance.task(), stop)


if __name__ == "__main__":
    main()
