"""Every conversation of a period, proved complete."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sottovoce.errors import SourceError, SourceRefused, SourceUnavailable
from sottovoce.sources.genesys.exchange import Answer, Send
from sottovoce.sources.genesys.query import chunks, voice_conversations

START = datetime(2026, 10, 1, tzinfo=UTC)


class Analytics:
    """Stands where the client stands: conversations by their start, and a total that may be wrong."""

    def __init__(self, starts: list[datetime], *, hides_beyond_days: float = 1e6, total_extra: int = 0) -> None:
        self.starts = starts
        self.hides_beyond_days = hides_beyond_days
        self.total_extra = total_extra
        self.intervals: list[tuple[datetime, datetime]] = []

    def drive(self, steps: Any) -> Any:
        step = next(steps)
        try:
            while True:
                step = steps.send(self.answer(step) if isinstance(step, Send) else None)
        except StopIteration as done:
            return done.value

    def answer(self, send: Send) -> Answer:
        start, end = (datetime.fromisoformat(part) for part in send.json["interval"].split("/"))
        paging = send.json["paging"]
        if paging["pageNumber"] == 1:
            self.intervals.append((start, end))
        inside = [(n, s) for n, s in enumerate(self.starts) if start <= s < end]
        hidden = end - start > timedelta(days=self.hides_beyond_days)
        listed = inside[1:] if hidden else inside
        first = (paging["pageNumber"] - 1) * paging["pageSize"]
        page = listed[first : first + paging["pageSize"]]
        body: dict[str, Any] = {"totalHits": len(inside) + self.total_extra}
        if page:
            body["conversations"] = [{"conversationId": f"c{n}", "conversationStart": s.isoformat()} for n, s in page]
        return Answer(status=200, body=body)


def ids(analytics: Any, until: datetime) -> list[str]:
    return [str(c["conversationId"]) for c in voice_conversations(analytics, START, until)]


def test_no_chunk_is_longer_than_seven_days() -> None:
    """A period is covered without gap or overlap by stretches of at most seven days."""
    found = list(chunks(START, START + timedelta(days=17)))
    assert [(b - a).days for a, b in found] == [7, 7, 3]
    assert all(first[1] == second[0] for first, second in itertools.pairwise(found))


def test_all_pages_are_read() -> None:
    """A chunk of many conversations is read page by page until all are there."""
    analytics = Analytics([START + timedelta(minutes=n) for n in range(250)])
    assert ids(analytics, START + timedelta(days=1)) == [f"c{n}" for n in range(250)]


def test_an_empty_chunk_without_a_list_is_no_error() -> None:
    """`conversations` may be absent when there are none."""
    assert ids(Analytics([]), START + timedelta(days=20)) == []


def test_a_count_that_differs_halves_the_interval() -> None:
    """Where fewer are listed than counted, smaller intervals are asked until the counts agree."""
    analytics = Analytics([START + timedelta(hours=n) for n in range(100)], hides_beyond_days=2)
    assert len(ids(analytics, START + timedelta(days=7))) == 100
    assert min(b - a for a, b in analytics.intervals) < timedelta(days=2)


def test_a_count_that_never_agrees_is_an_error() -> None:
    """A listing that stays short is never taken for the whole."""
    with pytest.raises(SourceUnavailable, match="counts more"):
        ids(Analytics([START], total_extra=1), START + timedelta(days=7))


def test_a_total_beyond_the_depth_is_halved_at_once() -> None:
    """More than 100,000 results cannot be paged through, so the interval is halved first."""
    analytics = Analytics([START], total_extra=100_000)
    with pytest.raises(SourceUnavailable):
        ids(analytics, START + timedelta(days=1))


def test_whole_day_answers_are_cut_to_the_period() -> None:
    """The platform answers for whole days; what began outside the period is left out."""

    class WholeDays(Analytics):
        def answer(self, send: Send) -> Answer:
            listed = [
                {"conversationId": f"c{n}", "conversationStart": s.isoformat()} for n, s in enumerate(self.starts)
            ]
            return Answer(status=200, body={"totalHits": len(listed), "conversations": listed})

    starts = [START - timedelta(minutes=1), START, START + timedelta(hours=2)]
    assert ids(WholeDays(starts), START + timedelta(hours=1)) == ["c1"]


@pytest.mark.parametrize(("status", "error"), [(403, SourceRefused), (400, SourceError), (404, SourceError)])
def test_a_refusal_is_an_error(status: int, error: type[SourceError]) -> None:
    """What the query may not see is said, with the permission that is missing."""

    class Refusing(Analytics):
        def answer(self, send: Send) -> Answer:
            return Answer(status=status, body={"code": "missing.any.permissions"})

    with pytest.raises(error):
        ids(Refusing([]), START + timedelta(days=1))
