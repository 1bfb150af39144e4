"""What an external engine is asked, and how far that is: one question for each recording (SPEC 14.5).

    ready → sent → asked → answered
       └──────┴──────┴───→ over

It is `sent` before the first byte goes, so that an answer never meets a question that was not asked, and `asked` once
the engine promised an answer for later. Whoever answers or ends it does so in one transaction; there is no way back.
When it is over, what led to the recording is forgotten here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, insert, select, update

from sottovoce.compliance.docket import keep_object, milliseconds
from sottovoce.custody.records import known_recording
from sottovoce.custody.rows import moment
from sottovoce.database.engine import reading, writing
from sottovoce.database.question_tables import engine_questions
from sottovoce.database.tables import objects, recordings
from sottovoce.domain.recording import SealedObject

READY, SENT, ASKED, ANSWERED, OVER = "ready", "sent", "asked", "answered", "over"
OPEN: Final = (READY, SENT, ASKED)
WAITING: Final = (SENT, ASKED)
"""An answer is taken, and sound handed out, only now."""
_FORGOTTEN: Final[dict[str, Any]] = {"locator": None, "facts": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`correlation` is the job's id, `subject` the recording's opaque key; the ids are for the steps that follow."""

    subject: str
    correlation: str
    state: str
    conversation_id: str = field(repr=False)
    recording_id: str = field(repr=False)
    facts: Mapping[str, Any]
    """What it is told of the recording: lengths, roles, codes and times."""
    object: str | None
    opened: int
    answer: str | None
    """The digest of the answer that stands."""
    available_at: datetime
    link_until: datetime | None
    answer_until: datetime | None

    @property
    def is_waiting(self) -> bool:
        return self.state in WAITING


class Questions:
    """The questions of one workspace. Every method is one transaction."""

    def __init__(self, *, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def of(self, subject: str) -> Question | None:
        with reading(self._engine) as connection:
            return found(connection, engine_questions.c.subject == subject)

    def keep(self, question: Question, sealed: SealedObject | None) -> Question:
        """The question with its sound, or the one that was there already. Raises RecordingErased."""
        with writing(self._engine) as connection:
            known_recording(connection, question.subject)
            there = found(connection, engine_questions.c.subject == question.subject)
            if there is not None:
                return there
            kept = None if sealed is None else keep_object(connection, question.subject, sealed)
            connection.execute(insert(engine_questions).values(**_row(question), object=kept, changed_ms=self._now()))
            found_again = found(connection, engine_questions.c.subject == question.subject)
        assert found_again is not None  # noqa: S101 - it was inserted in this transaction
        return found_again

    def sending(self, subject: str, *, link_until: datetime | None) -> None:
        """It is about to be sent, with a link that works until then."""
        until = None if link_until is None else milliseconds(link_until)
        self._move(subject, (READY, SENT), state=SENT, link_until_ms=until)

    def promised(self, subject: str, *, until: datetime) -> None:
        """The engine will answer later; until then it is waited for, and not asked again."""
        self._move(subject, (SENT,), state=ASKED, answer_until_ms=milliseconds(until))

    def close(self, subject: str) -> bool:
        """No answer is taken any more; False when one was taken before."""
        self._move(subject, OPEN, state=OVER, **_FORGOTTEN)
        with reading(self._engine) as connection:
            there = found(connection, engine_questions.c.subject == subject)
        return there is None or there.state == OVER

    def _move(self, subject: str, states: tuple[str, ...], **values: Any) -> None:
        these = engine_questions.c.subject == subject, engine_questions.c.state.in_(states)
        with writing(self._engine) as connection:
            connection.execute(update(engine_questions).where(*these).values(**values, changed_ms=self._now()))

    def _now(self) -> int:
        return milliseconds(self._clock())


def by_correlation(connection: Connection, correlation: str) -> Question | None:
    return found(connection, engine_questions.c.correlation == correlation)


def held(connection: Connection, question: Question) -> Question:
    """As it is now, and nobody else moves it until the transaction ends. Lock its recording before it."""
    this = select(engine_questions).where(engine_questions.c.subject == question.subject)
    return _question(connection.execute(this.with_for_update()).mappings().one())


def found(connection: Connection, where: ColumnElement[bool]) -> Question | None:
    row = connection.execute(select(engine_questions).where(where)).mappings().first()
    return None if row is None else _question(row)


def answered(connection: Connection, question: Question, *, answer: str, now: int) -> None:
    """This answer stands."""
    values = {"state": ANSWERED, "answer": answer, "changed_ms": now, **_FORGOTTEN}
    _this(connection, question, **values)


def over_with_sound(connection: Connection, *, limit: int) -> dict[str, Question]:
    """Questions that wait for nothing and still have their sound, by where it lies; not those under a legal hold."""
    kept = engine_questions.join(objects, objects.c.id == engine_questions.c.object)
    free = recordings.c.key == engine_questions.c.subject, recordings.c.legal_hold.is_(False)
    over = engine_questions.c.state.in_((ANSWERED, OVER))
    wanted = select(engine_questions, objects.c.location).select_from(kept).where(*free, over).limit(limit)
    return {row["location"]: _question(row) for row in connection.execute(wanted).mappings()}


def silenced(connection: Connection, question: Question) -> None:
    """Its sound is gone."""
    _this(connection, question, object=None)


def ended(connection: Connection, question: Question, *, now: int) -> None:
    """Too late for any answer."""
    _this(connection, question, state=OVER, changed_ms=now, **_FORGOTTEN)


def counted(connection: Connection, question: Question) -> None:
    """Its sound was handed out once more."""
    _this(connection, question, opened=engine_questions.c.opened + 1)


def _this(connection: Connection, question: Question, **values: Any) -> None:
    connection.execute(update(engine_questions).where(engine_questions.c.subject == question.subject).values(**values))


def _row(question: Question) -> dict[str, Any]:
    return {
        "subject": question.subject,
        "correlation": question.correlation,
        "state": question.state,
        "locator": json.dumps([question.conversation_id, question.recording_id]),
        "facts": dict(question.facts),
        "opened": 0,
        "available_ms": milliseconds(question.available_at),
    }


def _question(row: RowMapping) -> Question:
    conversation_id, recording_id = json.loads(row["locator"] or '["", ""]')
    return Question(
        subject=row["subject"],
        correlation=row["correlation"],
        state=row["state"],
        conversation_id=conversation_id,
        recording_id=recording_id,
        facts=row["facts"],
        object=row["object"],
        opened=row["opened"],
        answer=row["answer"],
        available_at=moment(row["available_ms"]),
        link_until=_maybe(row["link_until_ms"]),
        answer_until=_maybe(row["answer_until_ms"]),
    )


def _maybe(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else moment(at_ms)
