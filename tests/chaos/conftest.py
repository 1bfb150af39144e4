"""How often the chaos tests kill, and a way to say what they counted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def chaos_kills() -> int:
    """20 by default; `make chaos` asks for more."""
    return int(os.environ.get("SOTTOVOCE_CHAOS_KILLS", "20"))


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Writes a line past pytest's capture, so that a run shows its counts."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write
