"""How often the chaos tests kill."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def chaos_kills() -> int:
    """20 by default; `make chaos` asks for more."""
    return int(os.environ.get("SOTTOVOCE_CHAOS_KILLS", "20"))
