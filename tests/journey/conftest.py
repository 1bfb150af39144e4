"""The demo, run once for all tests that look at what it left."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sottovoce.settings import Workspace
from sottovoce.wiring.house import House


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What `sottovoce demo` left behind, and what it said."""

    root: Path
    said: dict[str, Any]
    output: bytes

    def house(self) -> House:
        return House(Workspace(self.root), actor="test")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo") / "workspace"
    done = subprocess.run(
        [sys.executable, "-m", "sottovoce", "demo", "--into", str(root), "--json"],
        capture_output=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    return Demo(root=root, said=json.loads(done.stdout), output=done.stdout + done.stderr)
