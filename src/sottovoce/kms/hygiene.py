"""Keeping keys out of core dumps, debuggers and swap (SECURITY 1.5), as far as Python lets us.

Python cannot wipe memory. What can be done is done once in every process that opens a key: no core is written
(RLIMIT_CORE, setrlimit(2)), and no other process of the same user may attach or read its memory (PR_SET_DUMPABLE,
prctl(2)). Swap is the machine's: `swap_in_use` says whether there is any that is not encrypted by its name.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PR_GET_DUMPABLE: Final = 3
_PR_SET_DUMPABLE: Final = 4
"""linux/prctl.h"""
_SWAPS: Final = Path("/proc/swaps")
_MAPPED: Final = ("/dev/dm-", "/dev/mapper/", "/dev/zram")
"""Device-mapper swap is how it is encrypted; zram is memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardened:
    """What holds for this process from now on."""

    no_cores: bool
    not_dumpable: bool


def harden_process() -> Hardened:
    """Idempotent, and inherited by children (the core limit) or to be called in each (the other). Never raises:
    where the system has no such thing the answer says so, and `doctor` with it."""
    return Hardened(no_cores=_without_cores(), not_dumpable=_without_dumps())


def hardened() -> Hardened:
    """How this process stands, without changing it."""
    return Hardened(
        no_cores=resource.getrlimit(resource.RLIMIT_CORE)[0] == 0, not_dumpable=_prctl(_PR_GET_DUMPABLE) == 0
    )


def swap_in_use(swaps: Path = _SWAPS) -> tuple[str, ...]:
    """Swap files and plain partitions that are on: pages with keys may be written there in the clear."""
    try:
        lines = swaps.read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return ()
    names = (line.split()[0] for line in lines if line.strip())
    return tuple(name for name in names if not name.startswith(_MAPPED))


def _without_cores() -> bool:
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return False
    return True


def _without_dumps() -> bool:
    return _prctl(_PR_SET_DUMPABLE, 0) == 0


def _prctl(option: int, argument: int = 0) -> int:
    """The call's answer; -1 where there is none."""
    if sys.platform != "linux":
        return -1
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return -1
    prctl.argtypes = (ctypes.c_int, *[ctypes.c_ulong] * 4)
    prctl.restype = ctypes.c_int
    return int(prctl(option, argument, 0, 0, 0))
