"""A house of two small recordings, copied for each test because making keys is slow on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.pipeline import line_kit

from sottovoce.settings import Workspace
from sottovoce.testing.house import make_test_workspace, quick_house
from sottovoce.wiring.house import House


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_test_workspace(tmp_path_factory.mktemp("fresh") / "w", count=2)


@pytest.fixture
def house(fresh: Workspace, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(fresh.root, tmp_path / "w")
    house = quick_house(Workspace(tmp_path / "w"))
    yield house
    house.close()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[line_kit.Make]:
    """Houses on the analytics line, let go of afterwards."""
    made: list[House] = []

    def build(**wanted: Any) -> House:
        made.append(line_kit.build(tmp_path / "w", **wanted))
        return made[-1]

    yield build
    for house in made:
        house.close()
