"""docs/conformance.md is held to the program."""

from __future__ import annotations

import re
from pathlib import Path

from sottovoce.conformance.findings import MEANING, Failure
from sottovoce.conformance.sabotage import Sabotage

PAGE = (Path(__file__).parents[3] / "docs" / "conformance.md").read_text(encoding="utf-8")


def rows(section: str) -> list[str]:
    part = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([a-z_0-9][a-z_0-9-]*)` \|", part, re.MULTILINE)


def test_every_failure_is_explained() -> None:
    """On the page, and in the program's own answer."""
    assert rows("What a file can fail") == [failure.value for failure in Failure]
    assert set(MEANING) == set(Failure)


def test_every_sabotage_is_explained() -> None:
    """In the program's order."""
    assert rows("Is the judge right?") == [how.value for how in Sabotage]
