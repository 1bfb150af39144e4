"""Telling those who were given a recording that it was erased (GDPR Article 19), and keeping what they answered.

A notice names deliveries by the recipient's own receipts, and nothing else. It is pending, then sent, then
acknowledged; one that failed stays pending with its code. Sending is at least once: the notice's id is the
idempotency key. Each step is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Engine, RowMapping, select, update

from sottovoce.custody.deliveries import Deliveries, Delivery
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.custody_tables import notices
from sottovoce.database.engine import reading, writing
from sottovoce.domain.outcome import Fact
from sottovoce.errors import CustodyError, NoticeFailed
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger


class NoticeState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One recipient to be told of one erasure."""

    id: str
    erasure: str
    destination: str
    deliveries: int
    state: NoticeState
    attempts: int
    failure: str | None
    reference: str | None
    made_at: datetime
    due: datetime
    sent_at: datetime | None
    acknowledged_at: datetime | None

    def overdue(self, now: datetime) -> bool:
        return self.state is NoticeState.PENDING and now > self.due


class Notifier(Protocol):
    """One way of telling a recipient."""

    def send(self, notice: Notice, deliveries: Sequence[Delivery]) -> str:
        """Tells them; a reference to find it by (a message's id, a letter's name). Raises NoticeFailed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What became of one notice when it was sent; `code` says why it was not."""

    notice: Notice
    code: str | None = None


class Notices:
    """Sends what is pending; `notifiers` by destination, `otherwise` for those policy does not name."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Callable[[], datetime],
        notifiers: Mapping[str, Notifier],
        otherwise: Notifier,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._notifiers = notifiers
        self._otherwise = otherwise
        self._deliveries = Deliveries(engine=engine, ledger=ledger)

    def list(self, *, erasure: str | None = None) -> tuple[Notice, ...]:
        """Every notice, oldest first."""
        wanted = select(notices).order_by(notices.c.made_ms, notices.c.destination, notices.c.id)
        if erasure is not None:
            wanted = wanted.where(notices.c.erasure == erasure)
        with reading(self._engine) as connection:
            return tuple(map(_notice, connection.execute(wanted).mappings()))

    def send(self, *, by: str) -> tuple[Sending, ...]:
        """Sends every pending notice; one that fails keeps none of the others."""
        return tuple(self._send(each, by) for each in self.list() if each.state is NoticeState.PENDING)

    def acknowledge(self, notice: str, *, reference: str, by: str) -> None:
        """Records that a recipient answered; `reference` is their code for it. Again is no error.

        Raises CustodyError for a notice there is not, or that was never sent.
        """
        now = self._clock()
        known = {each.id: each for each in self.list()}.get(notice)
        if known is None or known.state is NoticeState.PENDING:
            raise CustodyError("no notice of that id was sent", hint="`sottovoce erase notices` lists them")
        if known.state is NoticeState.SENT:
            changes = {"acknowledged_ms": milliseconds(now), "reference": reference}
            self._write(known, NoticeState.ACKNOWLEDGED, Action.NOTICE_ACKNOWLEDGED, by, changes)

    def _send(self, notice: Notice, by: str) -> Sending:
        notifier = self._notifiers.get(notice.destination, self._otherwise)
        try:
            reference = notifier.send(notice, self._deliveries.recalled_by(notice.erasure, notice.destination))
        except NoticeFailed as failure:
            with writing(self._engine) as connection:
                tried = {"attempts": notice.attempts + 1, "failure": failure.reason}
                connection.execute(update(notices).where(notices.c.id == notice.id).values(**tried))
            return Sending(notice=notice, code=failure.reason)
        changes = {
            "attempts": notice.attempts + 1,
            "failure": None,
            "reference": reference,
            "sent_ms": milliseconds(self._clock()),
        }
        self._write(notice, NoticeState.SENT, Action.NOTICE_SENT, by, changes)
        return Sending(notice=notice)

    def _write(self, notice: Notice, state: NoticeState, action: Action, by: str, changes: Mapping[str, Any]) -> None:
        facts: dict[str, Fact] = {
            "notice": notice.id,
            "destination": notice.destination,
            "deliveries": notice.deliveries,
        }
        entry = Entry(at=self._clock(), actor=by, action=action, object=notice.erasure, facts=facts)
        with writing(self._engine) as connection:
            change = update(notices).where(notices.c.id == notice.id)
            connection.execute(change.values(state=state.value, **changes))
            self._ledger.append(connection, [entry])


def _notice(row: RowMapping) -> Notice:
    return Notice(
        id=row["id"],
        erasure=row["erasure"],
        destination=row["destination"],
        deliveries=row["deliveries"],
        state=NoticeState(row["state"]),
        attempts=row["attempts"],
        failure=row["failure"],
        reference=row["reference"],
        made_at=moment(row["made_ms"]),
        due=moment(row["due_ms"]),
        sent_at=_when(row["sent_ms"]),
        acknowledged_at=_when(row["acknowledged_ms"]),
    )


def _when(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else moment(at_ms)
