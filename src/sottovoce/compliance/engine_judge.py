"""Lets an external engine judge a recording: prepared once, asked until it answers, waited for as agreed (SPEC 14.5).

Called again and again for the same recording it goes on where it was. While the engine fails, its breaker keeps
everybody from asking, and the question stays as it is. Whatever ends without an answer ends for good: the question is
closed before a person is asked, so that a verdict that comes later meets no open question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sottovoce.breaker import Breaker
from sottovoce.compliance.engine_answers import Answers, Standing
from sottovoce.compliance.engine_questions import ANSWERED, ASKED, OVER, READY, Question, Questions
from sottovoce.compliance.engine_request import Letterhead, Request
from sottovoce.compliance.engine_sound import LiveMedia, Prepared, SoundRoom
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, SealedObject
from sottovoce.errors import JudgeUnavailable, SottovoceError, VerdictLate, VerdictPending, VerdictRefused
from sottovoce.intake.outbox import Job

KIND: Final = "redacted-engine"
"""Of its own: the analytics line seals the same recording under `redacted`."""


class LiveSource(Protocol):
    def live(self, conversation_id: str, recording_id: str) -> LiveMedia: ...


class Remembers(Protocol):
    def remember(self, ref: RecordingRef, metadata: RecordingMetadata) -> bool: ...


class Seals(Protocol):
    def seal_object(self, rid: str, kind: str, plaintext: Confidential[bytes], rev: int = 1) -> SealedObject: ...


class Asks(Protocol):
    def ask(self, request: Request) -> Mapping[str, Any] | None: ...


class Sweeps(Protocol):
    """Deletes the sound that no engine needs any more."""

    def sweep(self) -> int: ...


class ExternalJudge:
    """Judges by one engine. `link_s` is None where it gets no sound; without `answers_later` a promise is refused."""

    def __init__(
        self,
        *,
        questions: Questions,
        answers: Answers,
        letterhead: Letterhead,
        client: Asks,
        breaker: Breaker,
        rooms: SoundRoom,
        registry: Remembers,
        seals: Seals,
        leftovers: Sweeps,
        link_s: int | None,
        answer_within_s: int,
        answers_later: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._questions = questions
        self._answers = answers
        self._letterhead = letterhead
        self._client = client
        self._breaker = breaker
        self._rooms = rooms
        self._registry = registry
        self._seals = seals
        self._leftovers = leftovers
        self._link = None if link_s is None else timedelta(seconds=link_s)
        self._answer_within = timedelta(seconds=answer_within_s)
        self._answers_later = answers_later
        self._clock = clock

    def judge(self, job: Job, source: LiveSource) -> None:
        """Afterwards the recording is judged. Raises SottovoceError, retryable where it may still come to that."""
        question = self._questions.of(job.subject) or self._prepared(job, source)
        try:
            self._pursue(question)
        except SottovoceError as error:
            if error.retryable:
                raise
            if self._questions.close(question.subject):
                self._leftovers.sweep()
                raise
        self._leftovers.sweep()

    def _prepared(self, job: Job, source: LiveSource) -> Question:
        """The question with its sound sealed, whoever wrote it."""
        live = source.live(job.conversation_id, job.recording_id or "")
        available_at = self._clock()
        self._registry.remember(live.metadata.ref, live.metadata)
        prepared = self._rooms.prepare(live)
        question = Question(
            subject=job.subject,
            correlation=job.id,
            state=READY,
            conversation_id=job.conversation_id,
            recording_id=job.recording_id or "",
            facts=prepared.facts,
            object=None,
            opened=0,
            answer=None,
            available_at=available_at,
            link_until=None,
            answer_until=None,
        )
        return self._questions.keep(question, self._sealed(job.subject, prepared))

    def _sealed(self, subject: str, prepared: Prepared) -> SealedObject | None:
        return None if self._link is None else self._seals.seal_object(subject, KIND, prepared.data)

    def _pursue(self, question: Question) -> None:
        if question.state == OVER:
            raise VerdictLate("the compliance engine was not waited for any longer")
        if question.state == ASKED:
            self._wait(question)
        elif question.state != ANSWERED:
            self._ask(question)

    def _wait(self, question: Question) -> None:
        if question.answer_until is not None and self._clock() > question.answer_until:
            raise VerdictLate("the compliance engine did not answer in time", hint="its time is answer_within_s")
        raise VerdictPending("the compliance engine has not answered yet")

    def _ask(self, question: Question) -> None:
        with self._breaker.call(JudgeUnavailable, VerdictRefused):
            asked = self._sending(question)
            answer = self._client.ask(self._letterhead.write(asked))
            if answer is not None:
                self._take(asked, answer)
                return
            if not self._answers_later:
                raise VerdictRefused("the engine promises an answer that nobody could know to be its own")
        self._questions.promised(question.subject, until=self._clock() + self._answer_within)
        raise VerdictPending("the compliance engine will answer later")

    def _take(self, question: Question, answer: Mapping[str, Any]) -> None:
        """An answer at once; one that was called back meanwhile stands."""
        if self._answers.take(answer, correlation=question.correlation) is Standing.LATE:
            raise VerdictLate("the compliance engine was not waited for any longer")

    def _sending(self, question: Question) -> Question:
        """The question as it is sent now: with a link that lasts, the same one while it does."""
        self._questions.sending(question.subject, link_until=self._link_until(question))
        return self._questions.of(question.subject) or question

    def _link_until(self, question: Question) -> datetime | None:
        if self._link is None:
            return None
        now = self._clock().replace(microsecond=0)
        until = question.link_until
        return until if until is not None and until - now >= self._link / 2 else now + self._link
