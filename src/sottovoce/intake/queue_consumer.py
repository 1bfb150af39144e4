"""Takes events from a queue: a batch is held, decided in one transaction, and only then acknowledged (SPEC 14.1).

Whatever ends in between, a crash included, leaves messages with the broker, which hands them over again; copies change
nothing. A refused message is never put back: it goes where the broker keeps dead letters, and is counted by code.
While the database does not answer, the batch in hand stays unacknowledged and no more is taken; while the broker does
not answer, it is asked again ever more seldom. Told to stop, the consumer finishes the batch in hand.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Final, Protocol

from sottovoce.errors import LedgerUnavailable, QueueRefused, QueueUnavailable, SottovoceError
from sottovoce.intake.batch import Arrival, Receipt
from sottovoce.intake.door import Door
from sottovoce.intake.messages import Posted, as_message

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
NEW, COPY, CONFLICT, UNFORESEEN = "new", "copy", "E_CONFLICT", "E_UNEXPECTED"

_log = logging.getLogger(__name__)


class Broker(Protocol):
    """One queue, open. Each method raises QueueUnavailable: then the broker gives again whatever was not settled."""

    @property
    def idle_s(self) -> float:
        """How long to wait after `take` found nothing; zero where it waited itself."""
        ...

    def take(self) -> Sequence[Posted]:
        """What is there, at most the prefetch; held by the broker until it is settled."""
        ...

    def done(self, posted: Iterable[Posted]) -> None:
        """Acknowledged: never handed over again."""
        ...

    def refuse(self, posted: Iterable[Posted]) -> None:
        """To the broker's dead letters; dropped where it keeps none."""
        ...

    def close(self) -> None:
        """What was not settled goes back. Raises nothing."""
        ...


class Accepting(Protocol):
    """The desk, as far as a consumer needs it."""

    def accept(self, arrivals: Sequence[Arrival]) -> tuple[Receipt, ...]: ...


class Stop(Protocol):
    """`threading.Event`, as far as a consumer needs it."""

    def is_set(self) -> bool: ...

    def wait(self, timeout: float) -> bool: ...


class QueueConsumer:
    """One queue's. `tally` counts what was new, what was a copy, and refusals by their codes."""

    def __init__(
        self,
        *,
        name: str,
        open_broker: Callable[[], Broker],
        door: Door,
        desk: Accepting,
        stop: Stop,
        random: Callable[[], float],
    ) -> None:
        self.name = name
        self.tally: Counter[str] = Counter()
        self._open = open_broker
        self._door = door
        self._desk = desk
        self._stop = stop
        self._random = random
        self._failures = 0

    def run(self, *, once: bool = False) -> None:
        """Until told to stop; with `once`, until the queue is empty, and then an outage is raised, not waited out.

        Raises QueueRefused where the broker refuses from the start.
        """
        was_open = False
        while not self._stop.is_set():
            try:
                with closing(self._open()) as broker:
                    was_open = True
                    self._serve(broker, once=once)
                    return
            except QueueUnavailable as error:
                if once or (isinstance(error, QueueRefused) and not was_open):
                    raise
                self._pause(error)

    def _serve(self, broker: Broker, *, once: bool) -> None:
        while not self._stop.is_set():
            posted = broker.take()
            self._failures = 0
            if posted:
                self._settle(broker, posted, once=once)
            elif once:
                return
            elif broker.idle_s:
                self._stop.wait(broker.idle_s)

    def _settle(self, broker: Broker, posted: Sequence[Posted], *, once: bool) -> None:
        judged = [(one, self._judge(one)) for one in posted]
        admitted = [(one, found) for one, found in judged if isinstance(found, Arrival)]
        refused = [(one, code) for one, code in judged if isinstance(code, str)]
        receipts = self._accept([arrival for _, arrival in admitted], once=once)
        if receipts is None:
            return
        told = [(one, receipt) for (one, _), receipt in zip(admitted, receipts, strict=True)]
        refused += [(one, CONFLICT) for one, receipt in told if receipt.conflict]
        broker.done(one for one, receipt in told if not receipt.conflict)
        self.tally.update(NEW if receipt.fresh else COPY for _, receipt in told if not receipt.conflict)
        self._refuse(broker, refused)

    def _judge(self, one: Posted) -> Arrival | str:
        """The arrival, or the code of its refusal."""
        try:
            return self._door.admit(as_message(one))
        except SottovoceError as error:
            return error.code
        except Exception:  # noqa: BLE001 - one message nobody foresaw must not stop the queue, and its words may hold a value
            return UNFORESEEN

    def _accept(self, arrivals: Sequence[Arrival], *, once: bool) -> tuple[Receipt, ...] | None:
        """Receipts, once they are durable; None when the stop came while the database did not answer."""
        while True:
            try:
                receipts = self._desk.accept(arrivals) if arrivals else ()
            except LedgerUnavailable as error:
                if once:
                    raise
                if self._pause(error):
                    return None
            else:
                self._failures = 0
                return receipts

    def _refuse(self, broker: Broker, refused: Sequence[tuple[Posted, str]]) -> None:
        if not refused:
            return
        codes = Counter(code for _, code in refused)
        broker.refuse(one for one, _ in refused)
        self.tally.update(codes)
        _log.warning("queue %s: refused %s", self.name, ", ".join(f"{n} {code}" for code, n in sorted(codes.items())))

    def _pause(self, error: SottovoceError) -> bool:
        """Waits longer each time, never in step with others; whether the stop came meanwhile."""
        longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._failures, 16))
        self._failures += 1
        _log.warning("queue %s: %s, trying again", self.name, error.code)
        return self._stop.wait(longest * (0.5 + self._random() / 2))
