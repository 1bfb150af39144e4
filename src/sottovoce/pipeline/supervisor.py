"""Keeps one process a slot alive while there is work.

A worker is a process of its own because models hold the interpreter for seconds and because a hostile
recording may kill the process that reads it. Dead workers are started again. A slot that says no early
and again (a missing model, a wrong passphrase) stops the run with its code; one that is killed by what
it reads may be killed more often, until the engine has given every such recording up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sottovoce.errors import EngineError

QUICK_DEATH_S = 60.0
"""Models are warm and work is taken long before."""
MAX_QUICK_DEATHS = 3
MAX_QUICK_KILLS = 24
"""Six recordings in a row, each killing its worker four times before it is given up."""
STOP_S = 40.0


@dataclass(slots=True)
class _Slot:
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0
    kills: int = 0


class Supervisor:
    """`command(slot)` starts a worker; its log lines go to `logs/worker-SLOT.log`."""

    def __init__(
        self,
        *,
        command: Callable[[int], Sequence[str]],
        slots: int,
        logs: Path,
        max_quick_deaths: int = MAX_QUICK_DEATHS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = command
        self._count = slots
        self._logs = logs
        self._clock = clock
        self._max_quick_deaths = max_quick_deaths
        self._slots: dict[int, _Slot] = {}
        self.restarts = 0

    @contextlib.contextmanager
    def working(self) -> Iterator[Supervisor]:
        """Workers run inside the block and have ended after it."""
        self._logs.mkdir(parents=True, exist_ok=True)
        for slot in range(self._count):
            self._slots[slot] = _Slot(self._start(slot), self._clock())
        try:
            yield self
        finally:
            self._stop()

    def mend(self) -> None:
        """Start again what has died. Raises EngineError when a slot cannot stay up."""
        for number, slot in self._slots.items():
            if slot.process.poll() is None:
                continue
            self._slots[number] = self._again(number, slot)
            self.restarts += 1

    def kill(self, slot: int) -> None:
        """SIGKILL, as a crash or the kernel would; `mend` starts the slot again."""
        self._slots[slot].process.kill()
        self._slots[slot].process.wait()

    def _again(self, number: int, slot: _Slot) -> _Slot:
        """The slot with a new process, counting early ends in a row."""
        code = slot.process.returncode
        deaths = kills = 0
        if self._clock() - slot.started < QUICK_DEATH_S:
            deaths, kills = slot.deaths + (code >= 0), slot.kills + (code < 0)
        if deaths >= self._max_quick_deaths or kills >= max(MAX_QUICK_KILLS, self._max_quick_deaths):
            raise EngineError(
                f"worker {number} ended {deaths + kills} times, at last with exit code {code}",
                hint=f"see worker-{number}.log, or run `sottovoce doctor`",
            )
        return _Slot(self._start(number), self._clock(), deaths, kills)

    def _start(self, slot: int) -> subprocess.Popen[bytes]:
        with (self._logs / f"worker-{slot}.log").open("ab") as log:
            return subprocess.Popen(
                self._command(slot),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**_one_thread(), **os.environ},
            )

    def _stop(self) -> None:
        for slot in self._slots.values():
            if slot.process.poll() is None:
                slot.process.send_signal(signal.SIGTERM)
        for slot in self._slots.values():
            try:
                slot.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                slot.process.kill()
                slot.process.wait()


def _one_thread() -> dict[str, str]:
    """Each slot is a process, so numerical libraries need no threads of their own: they would take turns."""
    return dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
