"""A consumer and its broker, its desk, and what goes wrong with each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from sottovoce.errors import LedgerUnavailable, QueueRefused, QueueUnavailable
from sottovoce.intake.batch import Arrival, Receipt
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.messages import BrokerTrusted, Posted
from sottovoce.intake.protocol import Pseudonyms
from sottovoce.intake.queue_consumer import QueueConsumer
from sottovoce.testing.brokers import MemoryBroker

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class Stopping:
    """Stops after so many waits, each of which is remembered and takes no time."""

    after: int = 10
    waits: list[float] = field(default_factory=list)
    told: bool = False

    def is_set(self) -> bool:
        return self.told or len(self.waits) >= self.after

    def wait(self, timeout: float) -> bool:
        self.waits.append(timeout)
        return self.is_set()


class Outage:
    """A desk whose database is away for the first `times` calls; `before` runs before each."""

    def __init__(self, desk: Desk, *, times: int = 0, before: Callable[[], object] = list) -> None:
        self._desk = desk
        self._times = times
        self._before = before

    def accept(self, arrivals: Sequence[Arrival]) -> tuple[Receipt, ...]:
        self._before()
        if self._times:
            self._times -= 1
            raise LedgerUnavailable("the registry's database failed")
        return self._desk.accept(arrivals)


@pytest.fixture
def trusted(door: Door) -> Door:
    pseudonyms: Pseudonyms = door._pseudonyms
    return Door(verifiers=[BrokerTrusted(sender="bus")], pseudonyms=pseudonyms, source="genesys", clock=lambda: NOW)


@pytest.fixture
def consumer(trusted: Door, desk: Desk) -> Callable[..., QueueConsumer]:
    def made(broker: MemoryBroker, *, stop: Any = None, of: Any = None) -> QueueConsumer:
        return QueueConsumer(
            name="events",
            open_broker=broker.open,
            door=trusted,
            desk=of or desk,
            stop=stop or Stopping(),
            random=lambda: 1.0,
        )

    return made


def posted(*bodies: Any) -> list[Posted]:
    return [Posted(body=json.dumps(body).encode(), tag=n) for n, body in enumerate(bodies)]


def broker_of(*bodies: Any) -> MemoryBroker:
    broker = MemoryBroker()
    broker.waiting.extend(posted(*bodies))
    return broker


def test_events_are_kept_once_and_then_acknowledged(consumer: Any, an_event: Any, desk: Desk) -> None:
    """Copies are acknowledged too, and change nothing."""
    broker = broker_of(*(an_event(n % 7) for n in range(25)))
    running = consumer(broker)
    running.run(once=True)
    assert running.tally == {"new": 7, "copy": 18}
    assert len(broker.settled) == 25
    assert desk.counts() == {"ready": 7}


def test_nothing_is_acknowledged_before_the_commit(consumer: Any, an_event: Any, desk: Desk) -> None:
    """While the desk decides, the whole batch is held and none of it settled."""
    broker = broker_of(*(an_event(n) for n in range(5)))
    seen: list[tuple[int, int]] = []
    consumer(broker, of=Outage(desk, before=lambda: seen.append((len(broker.held), len(broker.settled))))).run(
        once=True
    )
    assert seen == [(5, 0)]


def test_refusals_are_dead_letters_and_counted_by_code(
    consumer: Any, an_event: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """They are not put back, what is good beside them is kept, and no word of theirs is logged."""
    spoken = {"type": "recordingAvailable", "data": {"ani": "+12025550143"}}
    broker = broker_of(an_event(1), spoken, {"type": "unknown"})
    broker.waiting.append(Posted(body=b"\x80\x04K\x01."))
    running = consumer(broker)
    running.run(once=True)
    assert running.tally == {"new": 1, "E_EVENT": 3}
    assert (len(broker.settled), len(broker.dead), len(broker.waiting)) == (1, 3, 0)
    assert "2025550143" not in caplog.text
    assert "queue events: refused 3 E_EVENT" in caplog.text


def test_the_same_id_with_another_body_is_refused(consumer: Any, an_event: Any) -> None:
    """The first stands."""
    broker = MemoryBroker()
    broker.waiting.extend(
        Posted(body=json.dumps(an_event(n)).encode(), headers={"webhook-id": "e"}, tag=n) for n in (1, 2)
    )
    running = consumer(broker)
    running.run(once=True)
    assert running.tally == {"new": 1, "E_CONFLICT": 1}
    assert [one.tag for one in broker.dead] == [2]


def test_a_message_nobody_foresaw_does_not_stop_the_queue(desk: Desk, an_event: Any, door: Door) -> None:
    """It is a dead letter like another."""

    class Broken(Door):
        def admit(self, message: Any) -> Arrival:
            raise KeyError("+12025550143")

    made = Broken(verifiers=[BrokerTrusted(sender="bus")], pseudonyms=door._pseudonyms, source="s", clock=lambda: NOW)
    broker = broker_of(an_event())
    running = QueueConsumer(
        name="events", open_broker=broker.open, door=made, desk=desk, stop=Stopping(), random=lambda: 1.0
    )
    running.run(once=True)
    assert running.tally == {"E_UNEXPECTED": 1}


def test_while_the_database_is_away_messages_stay_unacknowledged(consumer: Any, an_event: Any, desk: Desk) -> None:
    """The batch in hand is tried again ever more seldom; nothing more is taken meanwhile, and nothing is lost."""
    broker, stop = broker_of(*(an_event(n) for n in range(12))), Stopping(after=5)
    running = consumer(broker, stop=stop, of=Outage(desk, times=4))
    running.run()
    assert stop.waits[:4] == [1.0, 2.0, 4.0, 8.0]
    assert running.tally == {"new": 12}
    assert broker.opened == 1


def test_told_to_stop_in_an_outage_everything_goes_back(consumer: Any, an_event: Any, desk: Desk) -> None:
    """Not acknowledged, not refused: the next consumer gets it, in order."""
    broker = broker_of(*(an_event(n) for n in range(3)))
    before = list(broker.waiting)
    running = consumer(broker, stop=Stopping(after=2), of=Outage(desk, times=99))
    running.run()
    assert (list(broker.waiting), broker.settled, broker.dead) == (before, [], [])
    assert running.tally == {}


def test_told_to_stop_the_batch_in_hand_is_finished(consumer: Any, an_event: Any, desk: Desk) -> None:
    """The stop comes while it is decided: it is committed and acknowledged, and the rest is not begun."""
    broker, stop = broker_of(*(an_event(n) for n in range(15))), Stopping()
    consumer(broker, stop=stop, of=Outage(desk, before=lambda: setattr(stop, "told", True))).run()
    assert (len(broker.settled), len(broker.waiting)) == (10, 5)


def test_a_broker_that_goes_away_is_asked_again(consumer: Any, an_event: Any, desk: Desk) -> None:
    """Lost before the acknowledgement, a batch comes again as copies: nothing is doubled."""
    broker = broker_of(*(an_event(n) for n in range(3)))
    fail = itertools.chain([lambda: setattr(broker, "down", 3)], itertools.repeat(lambda: None))
    stop = Stopping(after=4)
    running = consumer(broker, stop=stop, of=Outage(desk, before=lambda: next(fail)()))
    running.run()
    assert stop.waits == [1.0, 2.0, 4.0, 0.5]
    assert running.tally == {"copy": 3}
    assert desk.counts() == {"ready": 3}
    assert (broker.opened, len(broker.settled)) == (2, 3)


def test_once_an_outage_is_an_error(consumer: Any, an_event: Any, desk: Desk) -> None:
    """Whoever asked for one pass is told, of the broker's and of the database's."""
    with pytest.raises(QueueUnavailable):
        consumer(MemoryBroker(down=1)).run(once=True)
    broker = broker_of(an_event())
    with pytest.raises(LedgerUnavailable):
        consumer(broker, of=Outage(desk, times=1)).run(once=True)
    assert len(broker.waiting) == 1


def test_a_refusal_at_the_start_ends_it(consumer: Any) -> None:
    """Wrong credentials will not be right in a minute; once it was open, a refusal may pass."""

    class Closed(MemoryBroker):
        def open(self) -> MemoryBroker:
            self.opened += 1
            if self.opened != 2:
                raise QueueRefused("the broker refuses")
            self.down = 1
            return self

    with pytest.raises(QueueRefused):
        consumer(Closed()).run()
    second = Closed(opened=1)
    consumer(second, stop=Stopping(after=3)).run()
    assert second.opened == 4


def test_pauses_have_a_longest(consumer: Any) -> None:
    """A minute, less up to half by chance."""
    stop = Stopping(after=12)
    consumer(MemoryBroker(down=99), stop=stop).run()
    assert stop.waits[-1] == 60.0
    assert stop.waits == sorted(stop.waits)
