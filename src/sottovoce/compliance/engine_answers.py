"""Takes an external engine's answer, once (SPEC 14.5): the first one stands, and becomes the verdict.

An answer counts where its question waits for one: it was asked, is not answered, and its time is not over. A copy is
told so; another verdict on the same question, another body under the same message id, and what comes too late change
nothing. All of it is decided and written in one transaction, with the ledger entry and the steps that follow.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select

from sottovoce.compliance.docket import Case, Docket, milliseconds
from sottovoce.compliance.engine_questions import ANSWERED, Question, answered, by_correlation, ended, held
from sottovoce.compliance.judge import Violation
from sottovoce.compliance.verdict import Found, Judged, Verdict, read_verdict
from sottovoce.custody.records import known_recording
from sottovoce.database.compliance_tables import intake_events
from sottovoce.database.engine import writing
from sottovoce.domain.spans import Span
from sottovoce.errors import RecordingErased, UnknownRecording, VerdictRefused
from sottovoce.intake.signatures import ID

INCONCLUSIVE: Final = "ENGINE_INCONCLUSIVE"
EXTERNAL: Final = "external"
"""In place of the digest of rules of ours: an engine's own are not known here."""
_RATE: Final = 1000
"""Of an engine's times, which are milliseconds."""


class Standing(StrEnum):
    """What an answer came to."""

    TAKEN = "taken"
    COPY = "copy"
    UNKNOWN = "unknown"
    """No question of that name was asked."""
    OTHERWISE = "otherwise"
    """The question was answered with another verdict before."""
    CHANGED = "changed"
    """The same message id came with another body before."""
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A signed message: who sent it, its id, the SHA-256 of its body in hex."""

    sender: str
    id: str
    digest: str


class Answers:
    """The answers of the engine called `name`."""

    def __init__(self, *, engine: Engine, docket: Docket, name: str, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._docket = docket
        self._name = name
        self._clock = clock

    def take(self, document: Mapping[str, Any], *, correlation: str, letter: Letter | None = None) -> Standing:
        """What it came to, once that is durable. Raises VerdictRefused, LedgerUnavailable: then nothing changed."""
        with writing(self._engine) as connection:
            seen = None if letter is None else _seen(connection, letter)
            if letter is not None and seen not in (None, letter.digest):
                return Standing.CHANGED
            question = by_correlation(connection, correlation)
            if question is None:
                return Standing.UNKNOWN
            verdict = read_verdict(document, recording=question.subject, correlation=question.correlation)
            is_there = recording_is_there(connection, question.subject)
            standing = self._taken(connection, held(connection, question), verdict, is_there=is_there)
            if letter is not None and seen is None and standing in (Standing.TAKEN, Standing.COPY):
                _remember(connection, letter, job=correlation, now=self._now())
            return standing

    def _taken(self, connection: Connection, question: Question, verdict: Verdict, *, is_there: bool) -> Standing:
        digest = digest_of(verdict)
        if question.state == ANSWERED:
            return Standing.COPY if question.answer == digest else Standing.OTHERWISE
        if not question.is_waiting or self._is_over(question) or not is_there:
            ended(connection, question, now=self._now())
            return Standing.LATE
        answered(connection, question, answer=digest, now=self._now())
        case = case_of(question, verdict, engine=self._name)
        if self._docket.conclude_in(connection, case):
            return Standing.TAKEN
        ended(connection, question, now=self._now())
        return Standing.LATE

    def _is_over(self, question: Question) -> bool:
        return question.answer_until is not None and self._clock() > question.answer_until

    def _now(self) -> int:
        return milliseconds(self._clock())


def case_of(question: Question, verdict: Verdict, *, engine: str) -> Case:
    """The engine's verdict as a case: its codes and times, and no evidence of its own."""
    return Case(
        subject=question.subject,
        conversation_id=question.conversation_id,
        recording_id=question.recording_id,
        rate=_RATE,
        judged=_judged(verdict, engine),
        correlation=question.correlation,
        rules_digest=EXTERNAL,
        engine=engine,
        available_at=question.available_at,
        doubt=INCONCLUSIVE if verdict.verdict is Found.DOUBT else None,
    )


def _judged(verdict: Verdict, engine: str) -> tuple[Judged, ...]:
    if verdict.violationType is None or verdict.timestampOffsetMs is None:
        return ()
    violation = Violation(
        rule=engine,
        type=verdict.violationType,
        channel=0,
        span=Span(verdict.timestampOffsetMs, verdict.timestampOffsetMs + 1),
        confidence=verdict.confidenceScore,
        action=verdict.recommendedAction,
    )
    return (Judged(first=violation, count=1),)


def digest_of(verdict: Verdict) -> str:
    """The same for the same verdict, however it was written."""
    return hashlib.sha256(json.dumps(verdict.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()


def named_in(document: Mapping[str, Any]) -> str:
    """The correlation id an answer says it is for. Raises VerdictRefused."""
    value = document.get("correlationId")
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise VerdictRefused("the engine's verdict is not one we understand", hint="correlationId")
    return value


def recording_is_there(connection: Connection, subject: str) -> bool:
    """Not erased, and not being erased while the transaction lasts."""
    try:
        known_recording(connection, subject)
    except (RecordingErased, UnknownRecording):
        return False
    return True


def _seen(connection: Connection, letter: Letter) -> str | None:
    """The digest of the body that came under this id before."""
    same = intake_events.c.sender == letter.sender, intake_events.c.event == letter.id
    return connection.execute(select(intake_events.c.digest).where(*same)).scalar()


def _remember(connection: Connection, letter: Letter, *, job: str, now: int) -> None:
    row = {"sender": letter.sender, "event": letter.id, "digest": letter.digest, "job": job, "received_ms": now}
    connection.execute(insert(intake_events).values(**row))
