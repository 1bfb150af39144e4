"""From a job to a verdict and what follows: each once, whatever fails on the way."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, select

from sottovoce.breaker import Breaker
from sottovoce.compliance.dispatch import Dispatcher
from sottovoce.compliance.docket import Docket
from sottovoce.compliance.examine import Bench, Examiner
from sottovoce.compliance.judge import Violation
from sottovoce.compliance.progressive import Listener
from sottovoce.compliance.reading import Reading
from sottovoce.compliance.remedy import MAX_ATTEMPTS, Order, Remediator
from sottovoce.compliance.rules import default_rules
from sottovoce.compliance.steps import Step
from sottovoce.compliance.task import JudgingTask
from sottovoce.compliance.verdict import Found
from sottovoce.custody.registry import Registry
from sottovoce.database.compliance_tables import remediations
from sottovoce.database.engine import reading
from sottovoce.database.tables import objects
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, SealedObject
from sottovoce.domain.sound import Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Transcript
from sottovoce.errors import (
    HearingError,
    LedgerUnavailable,
    MediaGone,
    MediaNotReady,
    SottovoceError,
    SourceRefused,
    SourceUnavailable,
)
from sottovoce.intake.batch import Arrival
from sottovoce.intake.desk import Desk
from sottovoce.intake.event import Announcement, Kind
from sottovoce.intake.outbox import Outbox
from sottovoce.intake.protocol import Delivery
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.pipeline.job import Job as EngineJob
from sottovoce.pipeline.protocol import Again
from sottovoce.pipeline.refs import StepError
from sottovoce.testing.judging import settle

RATE = 1000
ROLES = (Role.AGENT, Role.CUSTOMER)


@dataclass
class Media:
    metadata: RecordingMetadata
    parts: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)


@dataclass
class Platform:
    """A source whose recordings are there, or fail as told, in order."""

    failures: list[SottovoceError] = field(default_factory=list)
    asked: int = 0

    def recordings_of(self, conversation_id: str) -> tuple[str, ...]:
        self._fail()
        return (f"{conversation_id}-leg1", f"{conversation_id}-leg2")

    def live(self, conversation_id: str, recording_id: str) -> Media:
        self.asked += 1
        self._fail()
        ref = RecordingRef(source="cloud", key=key_of(conversation_id, recording_id), locator=Confidential("x"))
        return Media(
            RecordingMetadata(
                ref=ref, conversation_id=conversation_id, recording_id=recording_id, started_at=None, duration_s=40.0
            )
        )

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


def key_of(conversation_id: str, recording_id: str) -> str:
    return f"{conversation_id}{recording_id}".encode().hex().zfill(32)[-32:]


class Keys:
    def recording(self, conversation_id: str, recording_id: str) -> str:
        return key_of(conversation_id, recording_id)


class Quiet:
    """Hears nothing, but the silence of a disclosure is said to be there."""

    def __init__(self) -> None:
        self.failure: SottovoceError | None = None

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        if self.failure is not None:
            raise self.failure
        channels = tuple(ChannelTranscript(channel=c, segments=(), speech=()) for c in range(sound.channels))
        return Transcript(channels=channels, rate=sound.rate, engine="quiet", model_digest="0", language="en")


class Card:
    """Finds a card number at ten seconds, and a CVV at twenty."""

    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:
        return tuple(
            Finding(entity=entity, channel=1, span=Span(at, at + 5000), detector="d", score=0.9)
            for entity, at in ((Entity.CREDIT_DEBIT_NUMBER, 10_000), (Entity.CREDIT_DEBIT_CVV, 20_000))
        )


class Nothing:
    def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:
        return ()


class Deaf:
    def find(self, sound: Sound) -> tuple[Finding, ...]:
        return ()


class Seals:
    def __init__(self) -> None:
        self.sealed: list[str] = []

    def seal_object(self, rid: str, kind: str, plaintext: Confidential[bytes], rev: int = 1) -> SealedObject:
        self.sealed.append(rid)
        return SealedObject(kind=kind, location=f"o/{rid}/{kind}/{rev}", digest=f"{rev:064x}", size=10, rev=rev)


@contextmanager
def read(parts: Any, roles: Any) -> Iterator[Reading]:
    block = np.zeros((40 * RATE, 2), dtype=np.float32)
    yield Reading(blocks=iter([block]), rate=RATE, roles=ROLES)


@dataclass
class Remedies:
    """The platform's writing side: fails as told, remembers what was done."""

    failures: list[SottovoceError] = field(default_factory=list)
    done: list[tuple[Step, str]] = field(default_factory=list)

    def do(self, order: Order) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.done.append((order.step, order.code))


@dataclass
class Line:
    platform: Platform
    desk: Desk
    outbox: Outbox
    docket: Docket
    examiner: Examiner
    remediator: Remediator
    task: JudgingTask
    remedies: Remedies
    seals: Seals
    hears: Quiet
    reported: list[Violation]
    monotonic: list[float]

    def announce(self, number: int = 1, *, ended: bool = False) -> str:
        conversation, recording = f"conv{number}", None if ended else f"rec{number}"
        announced = Announcement(
            kind=Kind.ENDED if ended else Kind.AVAILABLE,
            conversation_id=conversation,
            recording_id=recording,
            began_at=None,
            ended_at=None,
            tokens={},
        )
        subject = f"c-{conversation}" if recording is None else key_of(conversation, recording)
        delivery = Delivery(sender="t", id=f"e{number}{ended}", sent_at=None)
        self.desk.accept([Arrival(delivery=delivery, digest="d", subject=subject, source="cloud", announced=announced)])
        return subject

    def settle(self, *, again: bool = False) -> dict[str, Again]:
        return settle(self.outbox, self.task, again=again)


@pytest.fixture
def make(engine: Engine, ledger: Ledger, registry: Registry, clock: Any) -> Callable[..., Line]:
    def build(*, finds: Any = None, steps: tuple[Step, ...] = tuple(Step)[:3]) -> Line:
        numbers = itertools.count(1)
        desk = Desk(engine=engine, clock=clock, ids=lambda: f"job-{next(numbers)}")
        outbox = Outbox(engine=engine, clock=clock, ids=lambda: f"job-{next(numbers)}")
        docket = Docket(engine=engine, ledger=ledger, clock=clock, ids=lambda: f"verdict-{next(numbers)}", steps=steps)
        platform, seals, hears, remedies = Platform(), Seals(), Quiet(), Remedies()
        reported: list[Violation] = []
        bench = Bench(
            sources={"cloud": platform},
            keys=lambda _: Keys(),
            registry=registry,
            listener=Listener(transcriber=hears, finder=finds or Card()),
            rules=default_rules(),
            ears=(Deaf(),),
            seals=seals,
            encode=lambda sound: Confidential(b"clip"),
            docket=docket,
            outbox=outbox,
            clock=clock,
            consent_flag=lambda metadata: None,
            report=lambda subject, violation: reported.append(violation),
            read=read,
        )
        monotonic = [0.0]
        remediator = Remediator(
            engine=engine,
            ledger=ledger,
            remedies=remedies,
            breaker=Breaker(monotonic=lambda: monotonic[0], least=3, open_s=30),
            clock=clock,
            reopen=outbox.reopen,
        )
        examiner = Examiner(bench=bench)
        task = JudgingTask(outbox=outbox, examiner=examiner, remediator=remediator)
        return Line(
            platform,
            desk,
            outbox,
            docket,
            examiner,
            remediator,
            task,
            remedies,
            seals,
            hears,
            reported,
            monotonic,
        )

    return build


def actions(ledger: Ledger) -> list[Action]:
    return [entry.action for _, entry in ledger.entries()]


def test_a_violation_ends_as_one_of_each(make: Callable[..., Line], ledger: Ledger, engine: Engine) -> None:
    """One annotation, one label, one work item, for the first violation; a verdict for each rule; all ledgered."""
    line = make()
    subject = line.announce()
    line.settle()
    found = {row.type: row for row in line.docket.verdicts(subject)}
    assert set(found) == {"PCI_MID_CAPTURE", "CVV_KEPT", "DISCLOSURE_MISSING"}
    assert (found["PCI_MID_CAPTURE"].offset_ms, found["PCI_MID_CAPTURE"].confidence) == (10_000, 0.9)
    assert line.remedies.done == [(step, "PCI_MID_CAPTURE") for step in tuple(Step)[:3]]
    assert [violation.type for violation in line.reported][:1] == ["PCI_MID_CAPTURE"]
    said = actions(ledger)
    assert (said.count(Action.VERDICT_REACHED), said.count(Action.REMEDIATION_DONE)) == (3, 3)
    with reading(engine) as connection:
        clips = connection.execute(select(objects.c.id).where(objects.c.kind == "evidence")).scalars().all()
        kept = connection.execute(select(remediations.c.locator)).scalars().all()
    assert {row.evidence for row in found.values()} == set(clips)
    assert kept == [None] * 3
    assert line.desk.counts() == {"done": 1}


def test_doing_it_again_changes_nothing(make: Callable[..., Line], ledger: Ledger) -> None:
    """A process that died between the verdict and the end of its job: the next one finds it judged."""
    line = make()
    subject = line.announce()
    job = line.outbox.job(subject)
    assert job is not None
    assert line.examiner.examine(job) is None
    line.settle()
    before = ledger.size
    assert line.examiner.examine(job) is None
    assert line.task.carry("compliance", subject) == "done"
    assert ledger.size == before
    assert len(line.remedies.done) == 3
    assert line.platform.asked == 1


def test_a_clean_call_is_a_verdict_and_nothing_follows(make: Callable[..., Line]) -> None:
    """NO_VIOLATION is said, and no step is made."""
    line = make(finds=Nothing())
    subject = line.announce()
    line.hears.failure = None
    line.settle()
    (row,) = line.docket.verdicts(subject)
    assert row.type in ("-", "DISCLOSURE_MISSING")
    assert line.docket.is_judged(subject)


def test_a_conversations_end_becomes_its_recordings(make: Callable[..., Line]) -> None:
    """Each leg is judged once, also when it is announced by itself too."""
    line = make()
    line.announce(7, ended=True)
    line.settle()
    assert line.platform.asked == 2
    assert {row.subject for row in line.docket.verdicts()} == {
        key_of("conv7", "conv7-leg1"),
        key_of("conv7", "conv7-leg2"),
    }


def test_what_is_not_there_yet_is_asked_for_later(make: Callable[..., Line]) -> None:
    """While the platform prepares the engine is asked for another try, with its own growing waits; then the verdict."""
    line = make()
    subject = line.announce()
    line.platform.failures = [MediaNotReady("not yet"), SourceUnavailable("down")]
    assert line.settle() == {subject: Again()}
    assert line.settle(again=True) == {subject: Again()}
    assert (line.desk.counts(), line.docket.is_judged(subject)) == ({"handed": 1}, False)
    assert line.settle(again=True) == {}
    assert line.docket.is_judged(subject)
    assert line.desk.counts() == {"done": 1}


@pytest.mark.parametrize("failure", [MediaGone("deleted"), HearingError("failed"), SourceRefused("no rights")])
def test_what_cannot_be_judged_is_a_persons(make: Callable[..., Line], failure: SottovoceError, clock: Any) -> None:
    """A verdict of doubt with the code, and a work item only."""
    line = make()
    subject = line.announce()
    if isinstance(failure, HearingError):
        line.hears.failure = failure
    else:
        line.platform.failures = [failure]
    line.settle()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type, row.offset_ms) == (Found.DOUBT, failure.code, None)
    assert line.remedies.done == [(Step.WORK_ITEM, failure.code)]


def test_what_nobody_foresaw_is_a_persons_too(make: Callable[..., Line]) -> None:
    """A bug in a detector, with words in its message: a verdict of doubt by code, and the next job is taken."""

    class Broken:
        def find(self, sound: Sound, transcript: Transcript) -> tuple[Finding, ...]:
            raise KeyError("four one one one")

    line = make(finds=Broken())
    subject = line.announce(1)
    line.announce(2)
    line.settle()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type) == (Found.DOUBT, "E_UNEXPECTED")
    assert line.desk.counts() == {"done": 2}


def test_patience_ends(make: Callable[..., Line], clock: Any) -> None:
    """Six hours after its event a recording that is still not there is a doubt."""
    line = make()
    subject = line.announce()
    clock.pass_(6 * 3600 + 1)
    line.platform.failures = [MediaNotReady("not yet")]
    line.settle()
    assert line.docket.verdicts(subject)[0].found is Found.DOUBT


def test_an_erased_recording_is_not_judged(make: Callable[..., Line], registry: Registry, engine: Engine) -> None:
    """It ends without a verdict, and nothing is kept of it."""
    from sqlalchemy import update

    from sottovoce.database.engine import writing
    from sottovoce.database.tables import recordings

    line = make()
    subject = line.announce()
    media = line.platform.live("conv1", "rec1")
    registry.remember(media.metadata.ref, media.metadata)
    with writing(engine) as connection:
        connection.execute(update(recordings).where(recordings.c.key == subject).values(erased_ms=1, erasing_ms=1))
    line.settle()
    assert line.docket.verdicts() == ()
    assert (line.seals.sealed, line.desk.counts()) == ([], {"done": 1})


def test_erasing_a_recording_ends_what_was_still_to_follow(make: Callable[..., Line], engine: Engine) -> None:
    """Dead letters and jobs forget the ids that lead to it, and what was done stays as codes."""
    from sottovoce.custody.blanking import blank_recordings
    from sottovoce.database.compliance_tables import intake_jobs
    from sottovoce.database.engine import writing

    line = make()
    subject = line.announce()
    line.remedies.failures = [SourceRefused("no rights")]
    line.settle()
    with writing(engine) as connection:
        blank_recordings(connection, {subject: []}, 1)
    assert line.remediator.replay() == 0
    assert line.remediator.counts() == {"done": 2}
    with reading(engine) as connection:
        (job,) = connection.execute(select(intake_jobs.c.locator, intake_jobs.c.tokens)).all()
    assert (job.locator, job.tokens) == (None, {})
    assert not any(row.evidence for row in line.docket.verdicts(subject))


def test_a_service_that_fails_opens_the_breaker_and_nothing_is_lost(make: Callable[..., Line]) -> None:
    """Work waits as long as the breaker is open, one probe goes when that is over, and every step is done in the end."""
    line = make()
    first, second = line.announce(1), line.announce(2)
    line.remedies.failures = [SourceUnavailable("down") for _ in range(4)]
    waits = line.settle()
    assert set(waits) == {first, second}
    assert waits[second] == Again(after_s=30)
    assert len(line.remedies.failures) == 1
    line.monotonic[0] = 10
    assert line.settle(again=True)[first] == Again(after_s=20)
    assert len(line.remedies.failures) == 1
    line.monotonic[0] = 31
    assert set(line.settle(again=True)) == {first, second}
    assert (line.remedies.failures, line.remedies.done) == ([], [])
    line.monotonic[0] = 62
    assert line.settle(again=True) == {}
    assert len(line.remedies.done) == 6
    assert line.remediator.counts() == {"done": 6}


def test_a_refusal_is_a_dead_letter_until_it_is_replayed(make: Callable[..., Line]) -> None:
    """Missing rights are not tried again; after they were mended, a person brings the step back, and the call is not
    judged a second time."""
    line = make()
    line.announce()
    line.remedies.failures = [SourceRefused("no rights")]
    line.settle()
    assert (line.remediator.counts(), line.desk.counts()) == ({"dead": 1, "done": 2}, {"done": 1})
    assert line.remediator.replay() == 1
    assert line.desk.counts() == {"ready": 1}
    line.settle()
    assert line.remediator.counts() == {"done": 3}
    assert (line.platform.asked, line.desk.counts()) == (1, {"done": 1})


def test_a_step_that_fails_for_ever_is_given_up(make: Callable[..., Line]) -> None:
    """After its attempts it is a dead letter too, and its job is over."""
    line = make(steps=(Step.LABEL,))
    line.announce()
    line.remedies.failures = [SourceUnavailable("down") for _ in range(40)]
    line.settle()
    for _ in range(40):
        line.monotonic[0] += 3600
        line.settle(again=True)
    assert (line.remediator.counts(), line.desk.counts()) == ({"dead": 1}, {"done": 1})
    assert len(line.remedies.failures) == 40 - MAX_ATTEMPTS


def test_a_callback_that_may_have_been_made_is_never_repeated(make: Callable[..., Line]) -> None:
    """Nobody knows whether it was: it is dead, a replay leaves it alone, and so does a crash in the middle."""
    line = make(steps=(Step.CALLBACK,))
    for number in (1, 2, 3):
        line.announce(number)
    line.remedies.failures = [SourceUnavailable("nobody knows")]
    line.settle()
    assert line.remediator.counts() == {"dead": 1, "done": 2}
    assert line.remediator.replay() == 0

    class Crash(BaseException):
        pass

    def crash(order: Order) -> None:
        raise Crash

    fourth = line.announce(4)
    works, line.remedies.do = line.remedies.do, crash  # type: ignore[method-assign]
    with pytest.raises(Crash):
        line.settle()
    line.remedies.do = works  # type: ignore[method-assign]
    assert line.remediator.counts()["sent"] == 1
    assert line.task.carry("compliance", fourth) == "done"
    assert line.remediator.counts() == {"dead": 2, "done": 2}
    assert len(line.remedies.done) == 2


def test_two_remediators_do_a_step_once(make: Callable[..., Line]) -> None:
    """Whoever takes it first does it."""
    line = make()
    subject = line.announce()
    job = line.outbox.job(subject)
    assert job is not None
    line.examiner.examine(job)
    rows = line.remediator._ready(subject)
    assert line.remediator.follow(subject) is None
    for row in rows:
        line.remediator._try(row)
    assert len(line.remedies.done) == 3


def test_a_database_that_is_away_is_asked_for_another_try(make: Callable[..., Line], engine: Engine) -> None:
    """Nothing is concluded, nothing is lost, and the engine is told when to come again by its own waits."""
    line = make()
    subject = line.announce()
    line.examiner._bench.docket._steps = (Unwritable(),)  # type: ignore[assignment]
    assert line.settle() == {subject: Again()}
    line.examiner._bench.docket._steps = ()
    assert line.settle(again=True) == {}
    assert line.docket.is_judged(subject)


class Unwritable:
    """A step whose row cannot be written."""

    @property
    def value(self) -> str:
        raise LedgerUnavailable("away")


def test_a_surprise_after_the_verdict_leaves_as_its_code(make: Callable[..., Line]) -> None:
    """What a remedy raises unforeseen may quote what was said: only its type goes on to the engine."""
    line = make()
    subject = line.announce()

    def broken(order: Order) -> None:
        raise ValueError("four one one one")

    line.remedies.do = broken  # type: ignore[method-assign]
    with pytest.raises(StepError) as told:
        line.task.carry("compliance", subject)
    assert (told.value.code, str(told.value)) == ("ValueError", "ValueError")
    assert told.value.__suppress_context__
    assert line.task.close("compliance", subject, "ValueError") == "dead"
    assert line.desk.counts() == {"dead": 1}
    assert line.outbox.replay() == 1


def test_the_dispatcher_hands_on_what_came_in_and_what_it_is_not_sure_of(make: Callable[..., Line]) -> None:
    """Once each while it runs; anew when it starts, because an engine that was restored may have lost it."""

    class Submitted:
        def __init__(self) -> None:
            self.ids: list[str] = []

        def submit(self, job: EngineJob) -> None:
            self.ids.append(job.id)

    class Keeper:
        def adopt(self) -> int:
            return 0

        def close_given_up(self) -> int:
            return 0

        def purge(self) -> None:
            return None

    line, queue = make(), Submitted()
    dispatcher = Dispatcher(outbox=line.outbox, queue=queue, keeper=Keeper())
    dispatcher.begin()
    subject = line.announce()
    assert (dispatcher.is_idle(), dispatcher.hand_on(), dispatcher.hand_on(), dispatcher.is_idle()) == (
        False,
        1,
        0,
        False,
    )
    dispatcher.begin()
    assert queue.ids == [f"compliance:{subject}:g1"] * 2
    line.task.carry("compliance", subject)
    assert dispatcher.is_idle()
