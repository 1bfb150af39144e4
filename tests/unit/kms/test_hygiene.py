"""Keys stay out of dumps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sottovoce.kms.hygiene import harden_process, hardened, swap_in_use

PROGRAM = """
import os, resource, sys
from sottovoce.kms.hygiene import Hardened, harden_process, hardened
assert harden_process() == harden_process() == hardened() == Hardened(no_cores=True, not_dumpable=True)
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_process_with_keys_writes_no_core_and_lets_nobody_attach():
    """RLIMIT_CORE is 0 for good, and the memory of the process belongs to the kernel's owner."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        pid = int(process.stdout.readline())
        assert Path(f"/proc/{pid}/mem").stat().st_uid == 0
        process.send_signal(6)
        process.communicate(timeout=10)
        assert not os.WCOREDUMP(-process.returncode if process.returncode > 0 else 0)
        assert process.returncode == -6
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("listed", "plain"),
    [
        ("Filename Type Size Used Priority\n", ()),
        (
            "Filename Type Size Used Priority\n/swapfile file 1 0 -2\n/dev/sda2 partition 1 0 -3\n",
            ("/swapfile", "/dev/sda2"),
        ),
        ("Filename Type Size Used Priority\n/dev/dm-1 partition 1 0 -2\n/dev/zram0 partition 1 0 -2\n", ()),
    ],
)
def test_plain_swap_is_named(tmp_path, listed, plain):
    """Encrypted swap and memory are not."""
    swaps = tmp_path / "swaps"
    swaps.write_text(listed)
    assert swap_in_use(swaps) == plain


def test_a_machine_without_a_list_of_swap_has_none_we_know_of(tmp_path):
    """It is not Linux, or hides it."""
    assert swap_in_use(tmp_path / "none") == ()


def test_asking_changes_nothing():
    """`doctor` may look before it hardens."""
    assert hardened() == hardened()
    assert callable(harden_process)


def test_the_limits_of_this_process_are_told_as_they_are():
    """What `harden_process` did is what `hardened` then sees, or the answer says where it could not."""
    assert harden_process() == hardened()
    assert harden_process().no_cores


def test_where_there_is_no_prctl_it_is_said(monkeypatch):
    """Another system, or a library without it."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not harden_process().not_dumpable
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda *a, **k: object())
    assert not hardened().not_dumpable


def test_where_the_limit_cannot_be_set_it_is_said(monkeypatch):
    """It may have been forbidden from outside."""

    def refuse(*limits):
        raise ValueError("not allowed")

    monkeypatch.setattr("resource.setrlimit", refuse)
    assert not harden_process().no_cores
