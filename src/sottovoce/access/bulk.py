"""The watch over bulk access, fed from the table of reads, so that every process sees the reads of all.

Each reader is judged for each purpose and for all together, so that changing purposes hides nothing. What was read
before a suspension was lifted no longer counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from sottovoce.access.principals import Kind, Principal
from sottovoce.access.watch import DAY_S, Alarm, Baseline, Limits, Stream
from sottovoce.database.access_tables import access_baselines, reads
from sottovoce.database.upsert import insert_or_update

ALL: Final = "*"
"""Every purpose together."""

_KEEP_EVERY_S: Final = 900
_PEOPLE: Final = frozenset({Kind.PERSON, Kind.CONTRIBUTOR})


@dataclass(slots=True, kw_only=True)
class _Reader:
    """One principal, with a stream for each purpose, up to a row of the table of reads."""

    since_ms: int
    last: int
    kept_s: float
    streams: dict[str, Stream]


class BulkWatch:
    """Observes inside the transaction that writes the read down; knows nothing that is not in the database."""

    def __init__(self, *, floor: int, factor: float, learning_days: int, per_hour: int, per_day: int) -> None:
        self._people = Limits(floor=floor, factor=factor, per_hour=per_hour, per_day=per_day)
        self._planned = Limits(floor=floor, factor=factor, per_hour=None, per_day=None)
        self._learning_days = learning_days
        self._readers: dict[str, _Reader] = {}

    def observe(
        self,
        connection: Connection,
        principal: Principal,
        purpose: str,
        objects: Iterable[str],
        at: datetime,
        *,
        per_minute: int | None = None,
    ) -> Alarm | None:
        """The first alarm these reads raise, if any. A plan goes with its own purpose and with all together."""
        reader = self._caught_up(connection, principal)
        at_s = at.timestamp()
        streams = [self._stream(connection, principal, reader, each) for each in (purpose, ALL)]
        for name in objects:
            for stream in streams:
                alarm = stream.observe(name, at_s, per_minute=per_minute)
                if alarm is not None:
                    return alarm
        if at_s - reader.kept_s >= _KEEP_EVERY_S:
            self._keep(connection, principal.id, reader, at_s)
        return None

    def noted(self, principal: str, last: int) -> None:
        """The reads just observed are in the table now, up to this row."""
        if principal in self._readers:
            self._readers[principal].last = last

    def forget(self, principal: str) -> None:
        """What is in memory of a reader is not to be trusted any more: its transaction failed."""
        self._readers.pop(principal, None)

    def _caught_up(self, connection: Connection, principal: Principal) -> _Reader:
        reader = self._readers.get(principal.id)
        if reader is None or reader.since_ms != principal.changed_ms:
            reader = self._begun(connection, principal)
            self._readers[principal.id] = reader
            return reader
        wanted = select(reads.c.id, reads.c.purpose, reads.c.object, reads.c.at_ms)
        newer = wanted.where(reads.c.principal == principal.id, reads.c.id > reader.last).order_by(reads.c.id)
        for row in connection.execute(newer):
            for purpose in (row.purpose, ALL):
                self._stream(connection, principal, reader, purpose).observe(row.object, row.at_ms / 1000)
            reader.last = row.id
        return reader

    def _begun(self, connection: Connection, principal: Principal) -> _Reader:
        """A reader as the last day's reads leave it."""
        mine = reads.c.principal == principal.id
        last = connection.execute(select(func.max(reads.c.id)).where(mine)).scalar() or 0
        newest = connection.execute(select(func.max(reads.c.at_ms)).where(mine)).scalar() or 0
        reader = _Reader(since_ms=principal.changed_ms, last=last, kept_s=0.0, streams={})
        after = max(principal.changed_ms, newest - DAY_S * 1000)
        wanted = (
            select(reads.c.purpose, reads.c.object, func.min(reads.c.at_ms).label("at_ms"))
            .where(mine, reads.c.at_ms > after)
            .group_by(reads.c.purpose, reads.c.object)
            .order_by(func.min(reads.c.at_ms))
        )
        for row in connection.execute(wanted):
            for purpose in (row.purpose, ALL):
                stream = self._stream(connection, principal, reader, purpose)
                stream.replay(row.object, row.at_ms / 1000)
        return reader

    def _stream(self, connection: Connection, principal: Principal, reader: _Reader, purpose: str) -> Stream:
        if purpose not in reader.streams:
            found = select(access_baselines.c.state).where(
                access_baselines.c.principal == principal.id, access_baselines.c.purpose == purpose
            )
            kept: Mapping[str, Any] | None = connection.execute(found).scalar_one_or_none()
            days = self._learning_days
            baseline = Baseline.of_json(kept, learning_days=days) if kept else Baseline(learning_days=days)
            limits = self._people if principal.kind in _PEOPLE else self._planned
            reader.streams[purpose] = Stream(limits=limits, baseline=baseline)
        return reader.streams[purpose]

    def _keep(self, connection: Connection, principal: str, reader: _Reader, at_s: float) -> None:
        for purpose, stream in reader.streams.items():
            row = {
                "principal": principal,
                "purpose": purpose,
                "state": stream.baseline.as_json(),
                "updated_ms": int(at_s * 1000),
            }
            insert_or_update(connection, access_baselines, row)
        reader.kept_s = at_s
