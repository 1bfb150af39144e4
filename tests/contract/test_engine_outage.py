"""A PostgreSQL that goes away under a living worker and a waiting queue, and comes back."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from sottovoce.errors import EngineUnavailable
from sottovoce.pipeline.engine import Queue, Worker
from sottovoce.pipeline.job import Job
from sottovoce.testing.engine import FolderHearts, FolderTask
from sottovoce.testing.postgres import find_binaries, running_server

KEYS = [f"k{number}" for number in range(6)]


class Slow(FolderTask):
    def carry(self, line: str, key: str) -> str:
        self.began(key)
        time.sleep(0.4)
        return self.ended(line, key, "sealed")


@pytest.mark.slow
def test_work_goes_on_when_the_database_is_back(tmp_path):
    """While it is away the queue says so by name; afterwards everything ends, what was in hand run once more at most."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries on this machine")
    with running_server(binaries) as url:
        folder = Path(url.partition("host=")[2])
        account = {"user": folder.stat().st_uid, "extra_groups": []} if os.geteuid() == 0 else {}

        def control(*arguments: str) -> None:
            command = [str(binaries / "pg_ctl"), "-D", str(folder / "data"), "-w", *arguments]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
            subprocess.run(command, check=True, **quiet, **account)

        task, stop, queue = Slow(tmp_path), threading.Event(), Queue(url=url)
        for key in KEYS:
            queue.submit(Job(line="corpus", key=key))
        worker = Worker(url=url, node="here", slot=0, slots=tmp_path / "slots", hearts=FolderHearts(tmp_path))
        thread = threading.Thread(target=worker.serve, args=(task, stop))
        thread.start()
        deadline = time.monotonic() + 120
        while not task.beginnings(KEYS[1]) and time.monotonic() < deadline:
            time.sleep(0.02)
        control("-m", "fast", "stop")
        with pytest.raises(EngineUnavailable):
            queue.unfinished()
        control("-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=''", "start")
        while (not all(task.how("corpus", key) for key in KEYS) or queue.unfinished()) and time.monotonic() < deadline:
            time.sleep(0.1)
        stop.set()
        thread.join()
        assert [task.how("corpus", key) for key in KEYS] == ["sealed"] * len(KEYS)
        assert sum(task.beginnings(key) for key in KEYS) <= len(KEYS) + 1
        queue.close()
