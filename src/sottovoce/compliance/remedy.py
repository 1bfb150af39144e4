"""What follows from a violation, done through the platform, each once (SPEC 14.6).

A step is ready, done, or dead; a service that fails opens the breaker, and what waits stays ready. A refusal is not
tried again: it is a dead letter that a person replays when rights were mended. A callback cannot be looked for
afterwards, so it is marked as sent before it is: one that nobody knows about is dead, never repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, RowMapping, select, update

from sottovoce.breaker import Breaker
from sottovoce.compliance.docket import LINE, milliseconds
from sottovoce.compliance.steps import DEAD, DONE, READY, SENT, Step
from sottovoce.database.compliance_tables import remediations
from sottovoce.database.engine import reading, writing
from sottovoce.errors import BreakerOpen, SottovoceError, SourceUnavailable
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

MAX_ATTEMPTS: Final = 12
FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=30)
UNKNOWN: Final = "E_UNKNOWN_WHETHER_DONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One step to do. `mark` is opaque, and the same whenever it is tried."""

    step: Step
    subject: str
    mark: str
    code: str
    offset_ms: int
    conversation_id: str = field(repr=False)
    recording_id: str = field(repr=False)


class Remedies(Protocol):
    """Does a step on the platform. Idempotent but for CALLBACK. Raises SottovoceError, retryable or not."""

    def do(self, order: Order) -> None: ...


class Remediator:
    """Works off what is due. Several may run: a step is taken by one."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        remedies: Remedies,
        breaker: Breaker,
        clock: Callable[[], datetime],
        actor: str = "compliance",
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._remedies = remedies
        self._breaker = breaker
        self._clock = clock
        self._actor = actor

    def work(self, *, limit: int = 50) -> int:
        """Does what is due, one after the other; how many steps are done now that were not."""
        done = 0
        for row in self._due(limit):
            try:
                done += self._try(row)
            except BreakerOpen:
                break
            except SourceUnavailable:
                continue
        return done

    def replay(self) -> int:
        """Brings every dead letter back, but for callbacks that may have been made; how many."""
        dead = remediations.c.state == DEAD, remediations.c.error.is_distinct_from(UNKNOWN)
        with writing(self._engine) as connection:
            values = {"state": READY, "attempts": 0, "due_ms": milliseconds(self._clock()), "error": None}
            return connection.execute(update(remediations).where(*dead).values(**values)).rowcount

    def counts(self) -> Mapping[str, int]:
        """How many steps are in each state."""
        with reading(self._engine) as connection:
            states = connection.execute(select(remediations.c.state)).scalars().all()
        return {state: states.count(state) for state in sorted(set(states))}

    def _due(self, limit: int) -> Sequence[RowMapping]:
        now = milliseconds(self._clock())
        wanted = select(remediations).where(remediations.c.state == READY, remediations.c.due_ms <= now)
        with reading(self._engine) as connection:
            return connection.execute(wanted.order_by(remediations.c.due_ms).limit(limit)).mappings().all()

    def _try(self, row: RowMapping) -> bool:
        order = _order(row)
        once = order.step is Step.CALLBACK
        with self._breaker.call(SourceUnavailable):
            if not self._take(order, state=SENT if once else READY, attempts=row["attempts"]):
                return False
            try:
                self._remedies.do(order)
            except SottovoceError as error:
                self._failed(order, error, attempts=row["attempts"] + 1, once=once)
                if isinstance(error, SourceUnavailable):
                    raise
                return False
        self._done(order)
        return True

    def _take(self, order: Order, *, state: str, attempts: int) -> bool:
        """Ours to do now; False when somebody else took it meanwhile."""
        later = milliseconds(self._clock() + LONGEST_WAIT)
        mine = remediations.c.state == READY, remediations.c.attempts == attempts
        with writing(self._engine) as connection:
            values = {"state": state, "attempts": attempts + 1, "due_ms": later, "changed_ms": self._now()}
            return connection.execute(update(remediations).where(_is(order), *mine).values(**values)).rowcount == 1

    def _failed(self, order: Order, error: SottovoceError, *, attempts: int, once: bool) -> None:
        again = error.retryable and attempts < MAX_ATTEMPTS and not once
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts, 16))
        values: dict[str, Any] = {"state": READY if again else DEAD, "error": error.code, "changed_ms": self._now()}
        if again:
            values["due_ms"] = milliseconds(self._clock() + wait)
        elif once and error.retryable:
            values["error"] = UNKNOWN
        with writing(self._engine) as connection:
            connection.execute(update(remediations).where(_is(order)).values(**values))

    def _done(self, order: Order) -> None:
        with writing(self._engine) as connection:
            values = {"state": DONE, "locator": None, "error": None, "changed_ms": self._now()}
            connection.execute(update(remediations).where(_is(order)).values(**values))
            self._ledger.append(connection, [self._entry(order)])

    def _entry(self, order: Order) -> Entry:
        return Entry(
            at=self._clock(),
            actor=self._actor,
            action=Action.REMEDIATION_DONE,
            object=order.subject,
            line=LINE,
            purpose="compliance",
            outcome="done",
            facts={"step": order.step.value, "type": order.code},
        )

    def _now(self) -> int:
        return milliseconds(self._clock())

    def settle(self, *, older_than: timedelta = LONGEST_WAIT) -> int:
        """Callbacks that a dead process had sent: nobody knows, so a person has to look; how many."""
        before = milliseconds(self._clock() - older_than)
        with writing(self._engine) as connection:
            return _bury_unknown(connection, before, self._now())


def _bury_unknown(connection: Connection, before: int, now: int) -> int:
    stale = remediations.c.state == SENT, remediations.c.changed_ms < before
    values = {"state": DEAD, "error": UNKNOWN, "changed_ms": now}
    return connection.execute(update(remediations).where(*stale).values(**values)).rowcount


def _is(order: Order) -> Any:
    return (remediations.c.subject == order.subject) & (remediations.c.step == order.step.value)


def _order(row: RowMapping) -> Order:
    conversation_id, recording_id = json.loads(row["locator"])
    return Order(
        step=Step(row["step"]),
        subject=row["subject"],
        mark=row["mark"],
        code=row["code"],
        offset_ms=row["offset_ms"],
        conversation_id=conversation_id,
        recording_id=recording_id,
    )
