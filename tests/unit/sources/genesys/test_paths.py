"""Only endpoints that exist, and ids that cannot change a path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sottovoce.errors import SourceError
from sottovoce.sandbox.app import API_ROUTES
from sottovoce.sources.genesys.paths import API_TEMPLATES, CONVERSATION, fill


@pytest.fixture
def real_paths(shared: Path) -> set[str]:
    listed = shared / "genesys" / "paths.txt"
    if not listed.is_file():
        pytest.skip("needs the list of the SDK's paths")
    return set(re.findall(r"'(/api/v2/[^']+)'", listed.read_text()))


def test_every_endpoint_we_call_exists(real_paths: set[str]) -> None:
    """Each path template of the client is in the official SDK."""
    assert set(API_TEMPLATES) <= real_paths


def test_every_endpoint_the_sandbox_serves_exists(real_paths: set[str]) -> None:
    """The sandbox invents no endpoint either."""
    assert {route.path for route in API_ROUTES} <= real_paths


@pytest.mark.parametrize("bad", ["", "..", "a/b", "a?b", "a#b", "a%2Fb", "a b", "x" * 129])
def test_an_id_cannot_change_the_path(bad: str) -> None:
    """Ids with other than letters, digits, `-` and `_` are refused."""
    with pytest.raises(SourceError):
        fill(CONVERSATION, conversationId=bad)


def test_an_id_is_put_in_its_place() -> None:
    """A good id fills the template."""
    assert fill(CONVERSATION, conversationId="a-1") == "/api/v2/conversations/a-1"
