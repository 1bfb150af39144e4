"""What a source keeps too long, and its own jobs that delete it: submitted here, and carried through (SPEC 12.3).

Only where policy says how long a source may keep recordings, and somebody asks. A job of the source's knows nothing of
our holds: while a held recording's conversation is not protected there, none is submitted, and none that was is
executed. It is carried on by the next sweep, one step a look, and every step is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Engine, RowMapping, insert, select, update

from sottovoce.custody.protections import Guard
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.custody_tables import source_sweeps
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import recordings
from sottovoce.domain.at_source import JobLook, JobState
from sottovoce.domain.outcome import Fact
from sottovoce.errors import RetentionConflict, SottovoceError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger


class Keeper(Guard, Protocol):
    """One source's own retention. Raises SourceError."""

    def kept_too_long(self, days: int) -> int: ...

    def submit(self, before: datetime) -> str: ...

    def look_at(self, job: str) -> JobLook: ...

    def execute(self, job: str) -> None: ...

    def cancel(self, job: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSweep:
    """One job of a source. `counts` of recordings by what became of them; `code` is why it is no further."""

    id: str
    source: str
    before: datetime
    state: JobState
    counts: Mapping[str, int]
    by: str
    started_at: datetime
    changed_at: datetime
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSweeps:
    """`days` says how long each source may keep recordings; `keepers` are made when they are needed."""

    engine: Engine
    ledger: Ledger
    clock: Callable[[], datetime]
    days: Mapping[str, int]
    keepers: Callable[[str], Keeper]

    def kept_too_long(self) -> Mapping[str, int]:
        """How many recordings each source has kept longer than it may. Raises SourceError."""
        return {name: self.keepers(name).kept_too_long(days) for name, days in sorted(self.days.items())}

    def start(self, source: str, *, by: str) -> SourceSweep:
        """Submits a job, or gives back the one that is not over. Raises RetentionConflict, SourceError."""
        under_way = next((each for each in self.list(source) if not each.state.over), None)
        if under_way is not None:
            return under_way
        keeper, now = self.keepers(source), self.clock()
        self._refuse_held(source, keeper)
        before = now - timedelta(days=self.days[source])
        made = SourceSweep(
            id=keeper.submit(before),
            source=source,
            before=before,
            state=JobState.PENDING,
            counts={},
            by=by,
            started_at=now,
            changed_at=now,
        )
        with writing(self.engine) as connection:
            connection.execute(insert(source_sweeps).values(**_row(made)))
            self.ledger.append(connection, [_entry(made)])
        return made

    def pursue(self, *, by: str) -> tuple[SourceSweep, ...]:
        """One step of each job that is not over; a source that does not answer is asked another time."""
        return tuple(self._pursued(by))

    def list(self, source: str | None = None) -> tuple[SourceSweep, ...]:
        """Every job, oldest first."""
        wanted = select(source_sweeps).order_by(source_sweeps.c.started_ms, source_sweeps.c.id)
        if source is not None:
            wanted = wanted.where(source_sweeps.c.source == source)
        with reading(self.engine) as connection:
            return tuple(map(_sweep, connection.execute(wanted).mappings()))

    def _pursued(self, by: str) -> Iterator[SourceSweep]:
        for each in self.list():
            if each.state.over:
                continue
            try:
                stepped = self._stepped(each)
            except SottovoceError as failure:  # whatever it is, it holds up no other job and no sweep of ours
                stepped = replace(each, code=failure.code)
            if stepped != each:
                stepped = replace(stepped, by=by, changed_at=self.clock())
                self._write(each, stepped)
            yield stepped

    def _stepped(self, each: SourceSweep) -> SourceSweep:
        keeper = self.keepers(each.source)
        look = keeper.look_at(each.id)
        state = self._let_go(each, keeper) if look.state is JobState.READY else look.state
        return replace(each, state=state, counts=dict(look.counts), code=None)

    def _let_go(self, each: SourceSweep, keeper: Keeper) -> JobState:
        """Executed, unless a hold was placed meanwhile that the source does not know."""
        if self._unprotected(each.source, keeper):
            keeper.cancel(each.id)
            return JobState.CANCELLED
        keeper.execute(each.id)
        return JobState.PROCESSING

    def _write(self, before: SourceSweep, changed: SourceSweep) -> None:
        """The ledger hears of steps, not of tries."""
        with writing(self.engine) as connection:
            mine = update(source_sweeps).where(source_sweeps.c.id == changed.id)
            connection.execute(mine.values(**_row(changed)))
            if (before.state, before.counts) != (changed.state, changed.counts):
                self.ledger.append(connection, [_entry(changed)])

    def _refuse_held(self, source: str, keeper: Keeper) -> None:
        held = self._unprotected(source, keeper)
        if held:
            hint = "set `protect_at_source` and place the holds again, or protect them in Genesys Cloud"
            raise RetentionConflict(f"{held} held conversations are not protected at the source", hint=hint)

    def _unprotected(self, source: str, keeper: Keeper) -> int:
        mine = (recordings.c.source == source, recordings.c.legal_hold.is_(True))
        with reading(self.engine) as connection:
            wanted = select(recordings.c.conversation_id).where(*mine, recordings.c.conversation_id.is_not(None))
            held = sorted(set(connection.execute(wanted).scalars()))
        return len(set(held) - keeper.protected(held)) if held else 0


def _row(each: SourceSweep) -> dict[str, object]:
    return {
        "id": each.id,
        "source": each.source,
        "before_ms": milliseconds(each.before),
        "state": each.state.value,
        "counts": dict(each.counts),
        "code": each.code,
        "swept_by": each.by,
        "started_ms": milliseconds(each.started_at),
        "changed_ms": milliseconds(each.changed_at),
    }


def _sweep(row: RowMapping) -> SourceSweep:
    return SourceSweep(
        id=row["id"],
        source=row["source"],
        before=moment(row["before_ms"]),
        state=JobState(row["state"]),
        counts=row["counts"],
        code=row["code"],
        by=row["swept_by"],
        started_at=moment(row["started_ms"]),
        changed_at=moment(row["changed_ms"]),
    )


def _entry(each: SourceSweep) -> Entry:
    facts: dict[str, Fact] = {"source": each.source, "before": each.before.date().isoformat(), **each.counts}
    return Entry(
        at=each.changed_at,
        actor=each.by,
        action=Action.RETENTION_AT_SOURCE,
        object=each.id,
        outcome=each.state.value,
        facts=facts,
    )
