"""Addresses of redacted sound: ours, for one question, for a while."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sottovoce.compliance.engine_links import Links
from sottovoce.domain.confidential import Confidential

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def links(*, key: bytes = b"k" * 32, at: datetime = NOW) -> Links:
    return Links(base="https://intake.example/sv", key=lambda: Confidential(key), clock=lambda: at)


def token(until: datetime = NOW + timedelta(minutes=5)) -> str:
    return links().address("job-1", until).reveal().rpartition("/")[2]


def test_an_address_leads_back_to_its_question() -> None:
    """Below the base, and the same whenever it is made."""
    made = links().address("job-1", NOW + timedelta(minutes=5))
    assert made.reveal().startswith("https://intake.example/sv/v1/media/job-1.")
    assert made.reveal() == links().address("job-1", NOW + timedelta(minutes=5)).reveal()
    assert links().read(token()) == "job-1"
    assert "job-1" not in repr(made)


def test_another_key_another_time_another_question() -> None:
    """None of them is ours."""
    name, stamp, mark = token().split(".")
    assert links(key=b"x" * 32).read(token()) is None
    assert links(at=NOW + timedelta(minutes=5)).read(token()) is None
    assert links().read(f"job-2.{stamp}.{mark}") is None
    assert links().read(f"{name}.{int(stamp) + 1}.{mark}") is None
    assert links().read(f"{name}.{stamp}.{mark[:-1]}{'A' if mark[-1] != 'A' else 'B'}") is None


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "job-1.1", "é.1." + "a" * 43, "a." + "9" * 13 + "." + "a" * 43])
def test_what_is_no_token_is_none(text: str) -> None:
    """Whatever else comes in its place."""
    assert links().read(text) is None


def test_no_address_lasts_longer_than_a_quarter_of_an_hour() -> None:
    """Neither is one made, nor would one be believed that somebody else made with our key."""
    with pytest.raises(ValueError, match="quarter"):
        links().address("job-1", NOW + timedelta(minutes=16))
    long = links(at=NOW + timedelta(minutes=5)).address("job-1", NOW + timedelta(minutes=20)).reveal()
    assert links().read(long.rpartition("/")[2]) is None
