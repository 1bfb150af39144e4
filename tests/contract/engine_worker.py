"""A worker process whose task misbehaves: `engine_worker.py URL SLOTS NODE SLOT REGISTRY MODE`.

MODE `poison`: a recording named `poison…` kills the process. `stuck`: every recording is begun and never
ends. `well`: none of it. Effects are lines in REGISTRY's folder, outcomes files named after recordings.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from sottovoce import telemetry
from sottovoce.pipeline.engine import Worker
from sottovoce.testing.engine import FolderHearts, FolderTask


class Misbehaving(FolderTask):
    def __init__(self, folder: Path, mode: str) -> None:
        super().__init__(folder)
        self._mode = mode

    def carry(self, line: str, key: str) -> str:
        self.began(key)
        if self._mode == "poison" and key.startswith("poison"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self._mode == "stuck":
            time.sleep(600)
        return self.ended(line, key, "sealed")


def main() -> None:
    url, slots, node, slot, folder, mode = sys.argv[1:]
    telemetry.configure()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker = Worker(url=url, node=node, slot=int(slot), slots=Path(slots), hearts=FolderHearts(Path(folder)))
    worker.serve(Misbehaving(Path(folder), mode), stop)


if __name__ == "__main__":
    main()
