"""What follows from a violation, done through the platform, each once (SPEC 14.6).

A step is ready, done, or dead; a service that fails opens the breaker, and what waits stays ready until the durable
engine brings its recording again. A refusal is not tried again: it is a dead letter that a person replays when rights
were mended. A callback cannot be looked for afterwards, so it is marked as sent before it is: one that nobody knows
about is dead, never repeated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, RowMapping, func, select, update

from sottovoce.breaker import Breaker
from sottovoce.compliance.docket import LINE, milliseconds
from sottovoce.compliance.steps import DEAD, DONE, READY, SENT, Step
from sottovoce.database.compliance_tables import remediations
from sottovoce.database.engine import reading, writing
from sottovoce.errors import BreakerOpen, SottovoceError, SourceUnavailable
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.pipeline.protocol import Again

MAX_ATTEMPTS: Final = 12
"""With the engine's waits between them, more than an hour and a half."""
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
    """Does what follows for one recording at a time. Several may run: a step is taken by one.

    `reopen` has a recording's job handed to the engine again, in the transaction it is given.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        remedies: Remedies,
        breaker: Breaker,
        clock: Callable[[], datetime],
        reopen: Callable[[Connection, Sequence[str]], None],
        actor: str = "compliance",
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._remedies = remedies
        self._breaker = breaker
        self._clock = clock
        self._reopen = reopen
        self._actor = actor

    def follow(self, subject: str) -> Again | None:
        """What is ready for a recording, in order; Again while some of it still is."""
        self._bury_sent(subject)
        for row in self._ready(subject):
            try:
                self._try(row)
            except BreakerOpen:
                return Again(after_s=self._breaker.wait_s or None)
            except SourceUnavailable:
                continue
        return Again() if self._ready(subject) else None

    def replay(self) -> int:
        """Brings every dead letter back, but for callbacks that may have been made; how many."""
        dead = remediations.c.state == DEAD, remediations.c.error.is_distinct_from(UNKNOWN)
        with writing(self._engine) as connection:
            subjects = connection.execute(select(remediations.c.subject).where(*dead)).scalars().all()
            values = {"state": READY, "attempts": 0, "error": None}
            connection.execute(update(remediations).where(*dead).values(**values))
            self._reopen(connection, sorted(set(subjects)))
        return len(subjects)

    def counts(self) -> Mapping[str, int]:
        """How many steps are in each state."""
        counted = select(remediations.c.state, func.count()).group_by(remediations.c.state)
        with reading(self._engine) as connection:
            return {state: int(count) for state, count in sorted(tuple(row) for row in connection.execute(counted))}

    def _ready(self, subject: str) -> Sequence[RowMapping]:
        wanted = select(remediations).where(remediations.c.subject == subject, remediations.c.state == READY)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted).mappings().all()
        order = list(Step)
        return sorted(rows, key=lambda row: order.index(Step(row["step"])))

    def _bury_sent(self, subject: str) -> None:
        """A callback whose sender died: nobody knows whether it was made, so a person has to look."""
        sent = remediations.c.subject == subject, remediations.c.state == SENT
        with writing(self._engine) as connection:
            values = {"state": DEAD, "error": UNKNOWN, "changed_ms": self._now()}
            connection.execute(update(remediations).where(*sent).values(**values))

    def _try(self, row: RowMapping) -> None:
        order = _order(row)
        once = order.step is Step.CALLBACK
        with self._breaker.call(SourceUnavailable):
            if not self._take(order, state=SENT if once else READY, attempts=row["attempts"]):
                return
            try:
                self._remedies.do(order)
            except SottovoceError as error:
                self._failed(order, error, attempts=row["attempts"] + 1, once=once)
                if isinstance(error, SourceUnavailable):
                    raise
                return
        self._done(order)

    def _take(self, order: Order, *, state: str, attempts: int) -> bool:
        """Ours to do now; False when somebody else took it meanwhile."""
        mine = remediations.c.state == READY, remediations.c.attempts == attempts
        with writing(self._engine) as connection:
            values = {"state": state, "attempts": attempts + 1, "changed_ms": self._now()}
            return connection.execute(update(remediations).where(_is(order), *mine).values(**values)).rowcount == 1

    def _failed(self, order: Order, error: SottovoceError, *, attempts: int, once: bool) -> None:
        again = error.retryable and attempts < MAX_ATTEMPTS and not once
        values: dict[str, Any] = {"state": READY if again else DEAD, "error": error.code, "changed_ms": self._now()}
        if once and error.retryable:
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
