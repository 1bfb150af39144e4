"""What a feed tells, each once: that it is late, that more is withheld, that a paper ends soon."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.unit.pipeline.line_kit import Make, failing, key_of

from sottovoce.access.alert import Notice
from sottovoce.cli.follow import Feed, follow
from sottovoce.delivery.failures import DeliveryLost
from sottovoce.errors import LedgerUnavailable
from sottovoce.pipeline.errands import MOST_LOSSES
from sottovoce.wiring.corridor import call_ends
from sottovoce.wiring.house import House


class Idle:
    """A runner that is told of keys and does nothing."""

    def submit(self, keys: Any) -> None: ...

    def tend(self) -> None: ...


def a_feed(house: House, *, waiting: tuple[str, ...] = ()) -> Feed:
    return Feed(house=house, runner=Idle(), waiting=lambda: waiting)  # type: ignore[arg-type]


def look(feed: Feed) -> None:
    feed._next_look = 0.0
    feed.turn()


def told(house: House) -> list[dict[str, Any]]:
    """What lies in the workspace's file, oldest first."""
    path = house.workspace.logs / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def test_what_waits_makes_the_line_late_and_is_told_again_once_it_is_well(make: Make) -> None:
    """Nothing was delivered, so no receipt is late: the age of what waits is. One notice each way."""
    house = make()
    key = key_of(house)
    assert not house.analytics.delivered().is_late
    feed = a_feed(house, waiting=(key,))
    look(feed)
    look(feed)
    (alarm,) = told(house)
    assert (alarm["type"], alarm["data"]["subject"]) == ("analytics.lag_over_objective", "analytics")
    assert (alarm["data"]["waiting"], alarm["data"]["objective_s"]) == (1, 900.0)
    end = call_ends(house, [key])[key]
    assert alarm["data"]["p95_s"] == pytest.approx((house.clock() - end).total_seconds(), abs=60)
    assert key not in json.dumps(alarm)
    feed._waiting = lambda: ()
    look(feed)
    look(feed)
    assert [each["type"] for each in told(house)][1:] == ["analytics.lag_within_objective"]


def test_what_could_not_be_told_is_told_at_the_next_look(make: Make) -> None:
    """A notice that could not be written down counts as not told."""
    house = make()
    feed = a_feed(house, waiting=(key_of(house),))
    tell = house.access.alerts.tell

    def away(notice: Notice) -> Any:
        raise LedgerUnavailable("down")

    house.access.alerts.tell = away  # type: ignore[method-assign]
    look(feed)
    assert told(house) == []
    house.access.alerts.tell = tell  # type: ignore[method-assign]
    look(feed)
    assert [each["type"] for each in told(house)] == ["analytics.lag_over_objective"]


def test_more_that_is_withheld_is_told_with_its_reasons(make: Make) -> None:
    """What was withheld before the feed began is not news."""
    house = make()
    key = key_of(house)
    feed = a_feed(house)
    look(feed)
    failing(house, *(DeliveryLost("gone") for _ in range(MOST_LOSSES)))
    for _ in range(MOST_LOSSES):
        house.analytics.task().carry("analytics", key)
    look(feed)
    look(feed)
    (notice,) = [each for each in told(house) if each["type"] == "delivery.withheld"]
    assert notice["data"]["DELIVERY_LOST"] == 1
    later = a_feed(house)
    look(later)
    assert len([each for each in told(house) if each["type"] == "delivery.withheld"]) == 1


def test_a_paper_that_ends_soon_is_told_once(make: Make) -> None:
    """By destination, kind and last day; it is among the alerts that the command lists, too."""
    house = make()
    soon = datetime.now(UTC).date() + timedelta(days=9)
    house.agreements.register.add(a_paper(house, soon), by="test")
    for paper in house.agreements.register.list(destination="here"):
        if paper.kind.value == "DPA" and paper.expires is None:
            house.agreements.register.withdraw(paper.id, why="REPLACED", by="test")
    feed = a_feed(house)
    look(feed)
    look(feed)
    (notice,) = [each for each in told(house) if each["type"] == "agreements.expiring"]
    assert notice["data"] | {"id": ""} == {"id": "", "subject": "here", "paper": "DPA", "last_day": str(soon)}
    (kept,) = [each for each in house.access.alerts.all() if isinstance(each, Notice)]
    assert (kept.kind, kept.subject) == ("agreements.expiring", "here")


def a_paper(house: House, expires: Any) -> Any:
    from sottovoce.agreements.paper import Paper
    from sottovoce.domain.agreement import AgreementKind

    day = house.today()
    return Paper(
        destination="here",
        kind=AgreementKind.DPA,
        reference="DPA-9",
        digest="9" * 64,
        signed=day,
        effective=day,
        expires=expires,
    )


@pytest.mark.slow
def test_a_feed_tells_once_that_it_is_late(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """The calls ended long ago, so the lag is beyond the objective: one line in the alerts, however often it looks."""
    house = make()
    key = key_of(house)
    house.analytics.task().carry("analytics", key)
    follow(house, workers=1, stop=threading.Event(), as_json=True, passes=2)
    alerts = (house.workspace.logs / "alerts.jsonl").read_text().splitlines()
    assert len(alerts) == 1
    assert "analytics.lag_over_objective" in alerts[0]
    assert capsys.readouterr().out.count('"late": true') == 2
