"""What is erased here and still lies at its source: asked for there, where policy wants that (SPEC 12.4).

That a source is owed a question is written down when the recording is marked, in the same transaction, with the
locator by which the source finds it; so nothing between marking and the last answer can lose it. A question is asked
again until the source shows that the recording is gone, and holds up nothing: what is not done is pending, asked or
refused, and the certificate and the ledger say which. The locator is blanked once it is done.

Only who asks for an erasure has the source asked: a retention sweep, or a consent that was taken back, destroys our
copies and says nothing to the source. Of a held recording the question is kept, and asked when the hold is lifted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, RowMapping, Select, select, update

from sottovoce.custody.rows import milliseconds, moment
from sottovoce.custody.subject import ByCustomer, Subject
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import source_erasures
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import recordings
from sottovoce.database.upsert import insert_new
from sottovoce.domain.at_source import SourceAnswer, SourceState, Way
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Fact
from sottovoce.errors import SottovoceError, SourceError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

PATIENCE: Final = 3
"""After so many failures of one source in a row the rest of it is left for the next time."""
AT_A_TIME: Final = 500
"""How many open ones are looked at in one go, those looked at longest ago first."""


class Asker(Protocol):
    """One source, asked to let go. Idempotent; raises SourceError."""

    def ask(self, locator: Confidential[str], way: Way) -> SourceAnswer: ...

    def look(self, reference: str) -> SourceAnswer:
        """How far a request of that number is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceErasure:
    """One recording that a source is to let go of, and how far that is."""

    recording: str
    erasure: str
    source: str
    way: Way
    state: SourceState
    code: str | None
    reference: str | None
    attempts: int
    owed_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """An erasure that is not done, with what to ask by."""

    known: SourceErasure
    locator: Confidential[str]


class SourceErasures:
    """`ways` says which sources are asked, and how; `askers` are asked, each made when it is needed."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Callable[[], datetime],
        ways: Mapping[str, Way],
        askers: Callable[[str], Asker],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._ways = ways
        self._askers = askers

    def owe(self, connection: Connection, erasure: str, subject: Subject, rows: Iterable[Any]) -> None:
        """Writes down that these recordings' sources are to be asked, within the transaction that marks them.

        A request about the person is made only where the erasure is about a person.
        """
        for row in rows:
            way = self._ways.get(row.source)
            if way is None or row.locator is None:
                continue
            now_ms = milliseconds(self._clock())
            owed = {
                "recording": row.key,
                "erasure": erasure,
                "source": row.source,
                "way": (way if isinstance(subject, ByCustomer) else Way.RECORDINGS).value,
                "locator": row.locator,
                "state": SourceState.PENDING.value,
                "attempts": 0,
                "owed_ms": now_ms,
                "changed_ms": now_ms,
            }
            insert_new(connection, source_erasures, owed)

    def pursue(self, *, by: str, keys: Sequence[str] | None = None) -> tuple[SourceErasure, ...]:
        """Asks, or looks how far it is, for what is open: of these recordings, or of all. Answers what is not done."""
        failures: Counter[str] = Counter()
        for open_ in self._open(keys):
            source = open_.known.source
            if failures[source] < PATIENCE:
                failures[source] = 0 if self._pursued(open_, by) else failures[source] + 1
        return tuple(each for each in self.list(keys) if each.state is not SourceState.DONE)

    def list(self, keys: Sequence[str] | None = None) -> tuple[SourceErasure, ...]:
        """Of these recordings, or every one; oldest first."""
        with reading(self._engine) as connection:
            return tuple(_known(row) for row in _found(connection, select(source_erasures), keys))

    def states(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, int]:
        """How many of the recordings are how far: what a certificate says."""
        found = _found(connection, select(source_erasures), keys)
        return dict(sorted(Counter(str(row["state"]) for row in found).items()))

    def _open(self, keys: Sequence[str] | None) -> Iterator[_Open]:
        """What is not done of recordings that are marked: a held one is not."""
        marked = recordings.c.erasing_ms.is_not(None) & (recordings.c.key == source_erasures.c.recording)
        not_done = source_erasures.c.state != SourceState.DONE.value
        wanted = select(source_erasures).where(not_done, select(recordings.c.key).where(marked).exists())
        with reading(self._engine) as connection:
            rows = sorted(_found(connection, wanted, keys), key=lambda row: (row["changed_ms"], row["recording"]))
        for row in rows[:AT_A_TIME]:
            yield _Open(known=_known(row), locator=Confidential(row["locator"]))

    def _pursued(self, open_: _Open, by: str) -> bool:
        """Whether the source answered."""
        known = open_.known
        try:
            asker = self._askers(known.source)
            followed = known.reference is not None and known.state is SourceState.ASKED
            answer = asker.look(known.reference or "") if followed else asker.ask(open_.locator, known.way)
        except SottovoceError as failure:  # a policy or secret that is wrong now holds up no erasure either
            refused = isinstance(failure, SourceError) and not failure.retryable
            state = SourceState.REFUSED if refused else known.state
            self._write(known, SourceAnswer(state=state, code=failure.code, reference=known.reference), by)
            return refused
        self._write(known, answer, by)
        return True

    def _write(self, known: SourceErasure, answer: SourceAnswer, by: str) -> None:
        """Row and, where anything is new, ledger entry together."""
        now = self._clock()
        change = {
            "state": answer.state.value,
            "code": answer.code,
            "reference": answer.reference,
            "attempts": known.attempts + 1,
            "changed_ms": milliseconds(now),
        }
        change |= {"locator": None} if answer.state is SourceState.DONE else {}
        with writing(self._engine) as connection:
            mine = source_erasures.c.recording == known.recording
            connection.execute(update(source_erasures).where(mine).values(**change))
            if (known.state, known.code) != (answer.state, answer.code):
                self._ledger.append(connection, [_entry(known, answer, now, by)])


def _entry(known: SourceErasure, answer: SourceAnswer, at: datetime, by: str) -> Entry:
    facts: dict[str, Fact] = {"erasure": known.erasure, "source": known.source, "way": known.way.value}
    facts |= {"code": answer.code} if answer.code else {}
    return Entry(
        at=at,
        actor=by,
        action=Action.ERASURE_AT_SOURCE,
        object=known.recording,
        outcome=answer.state.value,
        facts=facts,
    )


def _found(connection: Connection, wanted: Select[Any], keys: Sequence[str] | None) -> list[RowMapping]:
    ordered = wanted.order_by(source_erasures.c.owed_ms, source_erasures.c.recording)
    parts = [ordered] if keys is None else [ordered.where(source_erasures.c.recording.in_(s)) for s in batches(keys)]
    return [row for part in parts for row in connection.execute(part).mappings()]


def _known(row: RowMapping) -> SourceErasure:
    return SourceErasure(
        recording=row["recording"],
        erasure=row["erasure"],
        source=row["source"],
        way=Way(row["way"]),
        state=SourceState(row["state"]),
        code=row["code"],
        reference=row["reference"],
        attempts=row["attempts"],
        owed_at=moment(row["owed_ms"]),
        changed_at=moment(row["changed_ms"]),
    )
