"""A phrase planted in a recording is found nowhere outside a sealed object."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.sandbox.serve import Sandbox
from sottovoce.testing.planted import found_in, phrases

pytestmark = pytest.mark.slow

VARIANT = Path(__file__).with_name("variant_worker.py")


def test_the_search_itself_finds(tmp_path):
    """A planted phrase written down is found, in the clear and encoded: the check can fail."""
    phrase = phrases()[0]
    (tmp_path / "clear").write_text(f"so {phrase} it was")
    (tmp_path / "encoded").write_bytes(base64.b64encode(f"ab {phrase} cd".encode()))
    (tmp_path / "wide").write_text(phrase, encoding="utf-16")
    assert found_in(tmp_path) == ["clear", "encoded", "wide"]


def test_nothing_after_a_normal_run(demo):
    """After a run, no file of the workspace, log, engine table, ledger entry or output holds a planted phrase."""
    assert found_in(demo.root, demo.output) == []


def run_variant(root: Path, mode: str, sandbox: Sandbox) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(VARIANT), str(root), mode, sandbox.api_url, sandbox.media_host],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_nothing_after_a_detector_that_raises(tmp_path):
    """A detector that raises with the words in its message withholds the recording and leaks nothing."""
    with Sandbox() as sandbox:
        process = run_variant(tmp_path / "w", "raise", sandbox)
        output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output.decode(errors="replace")[-3000:]
    statuses = json.loads(output.splitlines()[-1])
    assert set(statuses) == {f"{OutcomeStatus.QUARANTINED.value}:{Reason.DETECTOR_FAILED.value}"}
    assert found_in(tmp_path / "w", output) == []


def test_nothing_after_kill_9(tmp_path):
    """A process killed in the middle of a recording leaves nothing readable behind."""
    with Sandbox() as sandbox:
        process = run_variant(tmp_path / "w", "slow", sandbox)
        marker = tmp_path / "w" / "heard"
        deadline = time.monotonic() + 300
        while not marker.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marker.exists(), "the worker never heard a word"
        time.sleep(random.Random(3).uniform(0.0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert found_in(tmp_path / "w", output) == []
