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
from collections.abc import Iterator
from pathlib import Path

import pytest

from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.sandbox.catalog import PACKAGED
from sottovoce.sandbox.serve import Sandbox

pytestmark = pytest.mark.slow

CALLS = json.loads((PACKAGED / "calls.json").read_text(encoding="utf-8"))["calls"]
VARIANT = Path(__file__).with_name("variant_worker.py")


def phrases() -> list[str]:
    """Everything sensitive that a sample call's script says and that is rare enough to be looked for."""
    said = {truth["text"] for call in CALLS for truth in call["truth"]}
    return sorted(text for text in said if len(text.replace(" ", "")) >= 8)


def disguises(phrase: str) -> Iterator[bytes]:
    """The phrase as it might lie on disk: cases, without spaces, UTF-16, Base64 at any offset, reversed JSON escapes."""
    for text in {phrase, phrase.lower(), phrase.upper(), phrase.title(), phrase.replace(" ", "")}:
        raw = text.encode()
        yield raw
        yield text.encode("utf-16-le")
        for shift in range(3):
            yield base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4]


def everything(root: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()


def found_in(root: Path, extra: bytes = b"") -> list[str]:
    """Where any planted phrase occurs; names of files only."""
    needles = {needle for phrase in phrases() for needle in disguises(phrase) if len(needle) >= 8}
    hits = [path.name for path, data in everything(root) if any(needle in data for needle in needles)]
    return hits + (["output"] if any(needle in extra for needle in needles) else [])


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
