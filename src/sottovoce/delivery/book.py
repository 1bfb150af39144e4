"""The book of errands: one row for each recording, line and destination, and its receipt with its ledger entry.

What is going to leave is written down before it leaves, so that a crash is followed by a question to the destination
and never by a second delivery; and so that an erasure in the meantime recalls it. A receipt, the recall it is owed,
its lineage and its ledger entry commit in one transaction (ARCHITECTURE.md, lock 3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, func, select, update

from sottovoce.custody.deliveries import Delivery, expect_recall, has_arrived, never_left
from sottovoce.custody.nodes import object_id
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.delivery_tables import parcels
from sottovoce.database.engine import reading, writing
from sottovoce.database.upsert import insert_new
from sottovoce.delivery.failures import DeliveryLost, DeliveryRefused, DeliveryUnderWay
from sottovoce.delivery.parcel import Errand, Waybill
from sottovoce.delivery.protocol import Confirmed, How
from sottovoce.delivery.receipts import ParcelRow, ParcelState, Receipt
from sottovoce.domain.outcome import Evidence, Reason, Withheld
from sottovoce.domain.recording import SealedObject
from sottovoce.ledger.entry import Action, Entry, is_code
from sottovoce.ledger.ledger import Ledger

MAX_REFERENCE: Final = 128
FINAL: Final = frozenset({Reason.DELIVERY_UNKNOWN.value})
"""Withheld for these, an errand is not tried again by itself: that might deliver twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Ours to carry out. `waybill` is of what was being placed when somebody was interrupted."""

    waybill: Waybill | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gist:
    """What a receipt needs to know beside the waybill."""

    purpose: str
    policy: str | None
    ended_at: datetime | None


class Book:
    """Every method is one transaction."""

    def __init__(self, *, engine: Engine, ledger: Ledger, clock: Callable[[], datetime], actor: str) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._actor = actor

    def begin(self, errand: Errand, *, lease: timedelta) -> Begun | Receipt | Withheld:
        """Ours until the lease ends; or how it ended before.

        Raises DeliveryUnderWay while somebody else is at it, UnknownRecording, RecordingErased.
        """
        now = self._clock()
        with writing(self._engine) as connection:
            expect_recall(connection, self._delivery(errand, now))
            row = self._row(connection, errand, now)
            if row["state"] == ParcelState.DELIVERED.value:
                return _receipt(row)
            if row["state"] == ParcelState.WITHHELD.value and row["reason"] in FINAL:
                return Withheld(reason=Reason(row["reason"]), evidence=_evidence(errand, row["error"]))
            if row["lease_ms"] > milliseconds(now):
                raise DeliveryUnderWay("somebody is delivering this already", hint="it is looked at again later")
            taken = {
                "state": ParcelState.PLACING.value,
                "attempts": row["attempts"] + 1,
                "lease_ms": milliseconds(now + lease),
                "reason": None,
            }
            connection.execute(update(parcels).where(parcels.c.id == errand.id).values(**taken))
            waybill = Waybill.of(row["waybill"]) if row["waybill"] else None
            return Begun(waybill=waybill, attempts=row["attempts"] + 1)

    def placing(self, errand: Errand, waybill: Waybill) -> None:
        """What is about to leave."""
        self._change(errand, waybill=waybill.as_json())

    def nothing_left(self, errand: Errand) -> None:
        """What was about to leave surely did not: whoever comes next need not look for it."""
        self._change(errand, waybill=None)

    def let_go(self, errand: Errand, *, error: str | None = None) -> None:
        """Not at it any more; whoever comes next begins by looking whether it arrived."""
        self._change(errand, lease_ms=0, **({"error": error} if error else {}))

    def receive(
        self, errand: Errand, waybill: Waybill, confirmed: Confirmed, *, made_from: Sequence[SealedObject], gist: Gist
    ) -> Receipt:
        """It arrived: receipt, lineage and ledger entry, together. Raises RecordingErased, LedgerUnavailable."""
        now = self._clock()
        reference = confirmed.reference
        kept = {
            "state": ParcelState.DELIVERED.value,
            "waybill": waybill.as_json(),
            "reference": reference if reference and len(reference) <= MAX_REFERENCE and is_code(reference) else None,
            "confirmed": confirmed.how.value,
            "is_warned": waybill.is_quiet,
            "lag_ms": None if gist.ended_at is None else max(0, milliseconds(now) - milliseconds(gist.ended_at)),
            "at_ms": milliseconds(now),
            "lease_ms": 0,
            "error": None,
        }
        with writing(self._engine) as connection:
            has_arrived(connection, self._delivery(errand, now), [object_id(each.location) for each in made_from])
            connection.execute(update(parcels).where(parcels.c.id == errand.id).values(**kept))
            receipt = _receipt(self._row(connection, errand, now))
            entry = self._entry(errand, Action.RECORDING_DELIVERED, receipt.facts(), gist, outcome="delivered")
            self._ledger.append(connection, [entry])
        return receipt

    def withhold(self, errand: Errand, reason: Reason, *, error: str, gist: Gist) -> Withheld:
        """It is not delivered, with an entry in the ledger; whatever may lie there stays recalled by an erasure.

        A waybill says that something may: it is taken away where nothing surely left.
        """
        evidence = _evidence(errand, error)
        kept = {
            "state": ParcelState.WITHHELD.value,
            "reason": reason.value,
            "error": error,
            "at_ms": milliseconds(self._clock()),
            "lease_ms": 0,
        }
        with writing(self._engine) as connection:
            connection.execute(update(parcels).where(parcels.c.id == errand.id).values(**kept))
            if self._row(connection, errand, self._clock())["waybill"] is None:
                never_left(connection, errand.id)
            entry = self._entry(errand, Action.DELIVERY_WITHHELD, evidence, gist, outcome=reason.value)
            self._ledger.append(connection, [entry])
        return Withheld(reason=reason, evidence=evidence)

    def settle(self, mark: str, *, arrived: bool, gist: Gist) -> Receipt | Withheld:
        """A person asked the destination: a receipt on their word, or lost and to be delivered again.

        Raises DeliveryRefused for any delivery of which something is known.
        """
        with reading(self._engine) as connection:
            row = connection.execute(select(parcels).where(parcels.c.mark == mark)).mappings().first()
        if row is None or row["state"] != ParcelState.WITHHELD.value or row["reason"] not in FINAL:
            raise DeliveryRefused("no delivery of this name waits for word", hint="see `sottovoce deliveries list`")
        errand = Errand(line=row["line"], recording=row["recording"], destination=row["destination"])
        if arrived:
            waybill, vouched = Waybill.of(row["waybill"]), Confirmed(how=How.VOUCHED)
            return self.receive(errand, waybill, vouched, made_from=(), gist=gist)
        self._change(errand, waybill=None)
        return self.withhold(errand, Reason.DELIVERY_LOST, error=DeliveryLost.code, gist=gist)

    def rows(
        self, *, line: str | None = None, destination: str | None = None, limit: int | None = None
    ) -> tuple[ParcelRow, ...]:
        """Errands, the latest first."""
        wanted = select(parcels).order_by(parcels.c.began_ms.desc(), parcels.c.id)
        if line is not None:
            wanted = wanted.where(parcels.c.line == line)
        if destination is not None:
            wanted = wanted.where(parcels.c.destination == destination)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted if limit is None else wanted.limit(limit)).mappings().all()
        return tuple(map(_parcel_row, rows))

    def receipts(self, line: str, *, destination: str | None = None) -> tuple[Receipt, ...]:
        """Everything that was delivered of a line."""
        found = self.rows(line=line, destination=destination)
        return tuple(each.receipt for each in found if each.receipt is not None)

    def withheld(self, line: str) -> Mapping[str, int]:
        """How many errands of a line a person has to look at, by reason, the most first."""
        of = parcels.c.line == line, parcels.c.state == ParcelState.WITHHELD.value, parcels.c.reason.is_not(None)
        count = func.count()
        asked = select(parcels.c.reason, count).where(*of).group_by(parcels.c.reason)
        with reading(self._engine) as connection:
            found = [(row[0], int(row[1])) for row in connection.execute(asked)]
        return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))

    def over(self, line: str, recording: str) -> Mapping[str, ParcelState]:
        """Destinations for which a recording is over, and how."""
        own = parcels.c.line == line, parcels.c.recording == recording
        ended = parcels.c.state != ParcelState.PLACING.value
        with reading(self._engine) as connection:
            rows = connection.execute(select(parcels.c.destination, parcels.c.state).where(*own, ended))
            return {row.destination: ParcelState(row.state) for row in rows}

    def tried(self, errand: Errand) -> tuple[datetime, int] | None:
        """Since when, and how often; None before the first time."""
        wanted = select(parcels.c.began_ms, parcels.c.attempts).where(parcels.c.id == errand.id)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).first()
        return None if row is None else (moment(row.began_ms), row.attempts)

    def reopen(self, line: str) -> tuple[str, ...]:
        """Lets everything that was withheld be tried again, but for what may have arrived; which recordings."""
        withheld = parcels.c.state == ParcelState.WITHHELD.value, parcels.c.reason.not_in(FINAL)
        own = parcels.c.line == line, *withheld
        again = {"state": ParcelState.PLACING.value, "began_ms": milliseconds(self._clock()), "lease_ms": 0}
        again["attempts"] = 0
        with writing(self._engine) as connection:
            found = connection.execute(select(parcels.c.recording).where(*own).distinct()).scalars().all()
            connection.execute(update(parcels).where(*own).values(**again))
        return tuple(sorted(found))

    def receipt(self, errand: Errand) -> Receipt | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(parcels).where(parcels.c.id == errand.id)).mappings().first()
        return _receipt(row) if row and row["state"] == ParcelState.DELIVERED.value else None

    def _row(self, connection: Connection, errand: Errand, now: datetime) -> RowMapping:
        """The errand's row, made if it is new; ours alone until the transaction ends."""
        row = {
            "id": errand.id,
            "line": errand.line,
            "recording": errand.recording,
            "destination": errand.destination,
            "mark": errand.mark,
            "state": ParcelState.PLACING.value,
            "attempts": 0,
            "lease_ms": 0,
            "began_ms": milliseconds(now),
        }
        insert_new(connection, parcels, row)
        wanted = select(parcels).where(parcels.c.id == errand.id).with_for_update()
        return connection.execute(wanted).mappings().one()

    def _change(self, errand: Errand, **values: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(parcels).where(parcels.c.id == errand.id).values(**values))

    def _delivery(self, errand: Errand, at: datetime) -> Delivery:
        return Delivery(
            id=errand.id,
            recording=errand.recording,
            destination=errand.destination,
            receipt=errand.mark,
            delivered_at=at,
        )

    def _entry(self, errand: Errand, action: Action, facts: Evidence, gist: Gist, *, outcome: str) -> Entry:
        return Entry(
            at=self._clock(),
            actor=self._actor,
            action=action,
            object=errand.recording,
            line=errand.line,
            purpose=gist.purpose,
            policy=gist.policy,
            outcome=outcome,
            facts=facts,
        )


def _evidence(errand: Errand, error: str | None) -> dict[str, str]:
    code = {"code": error} if error else {}
    return {"destination": errand.destination, "delivery": errand.id, "receipt": errand.mark, **code}


def _receipt(row: RowMapping) -> Receipt:
    waybill = Waybill.of(row["waybill"])
    return Receipt(
        id=row["id"],
        line=row["line"],
        recording=row["recording"],
        destination=row["destination"],
        correlation=row["mark"],
        reference=row["reference"],
        digest=waybill.audio.sha256,
        bytes=waybill.bytes,
        items=len(waybill.labels),
        format=waybill.format,
        active_permille=waybill.active_permille,
        is_quiet=waybill.is_quiet,
        confirmed=How(row["confirmed"]),
        at=moment(row["at_ms"]),
        lag_s=None if row["lag_ms"] is None else row["lag_ms"] / 1000,
    )


def _parcel_row(row: RowMapping) -> ParcelRow:
    state = ParcelState(row["state"])
    return ParcelRow(
        id=row["id"],
        line=row["line"],
        recording=row["recording"],
        destination=row["destination"],
        correlation=row["mark"],
        state=state,
        attempts=row["attempts"],
        began_at=moment(row["began_ms"]),
        reason=Reason(row["reason"]) if row["reason"] else None,
        error=row["error"],
        receipt=_receipt(row) if state is ParcelState.DELIVERED else None,
    )
