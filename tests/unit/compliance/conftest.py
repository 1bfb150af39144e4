"""A line that an external engine judges: desk, docket and questions are real, sound and engine are small."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from sottovoce.breaker import Breaker
from sottovoce.compliance.docket import Docket
from sottovoce.compliance.engine_answers import Answers
from sottovoce.compliance.engine_judge import ExternalJudge
from sottovoce.compliance.engine_leftovers import Leftovers
from sottovoce.compliance.engine_links import Links
from sottovoce.compliance.engine_media import Gallery
from sottovoce.compliance.engine_questions import Questions
from sottovoce.compliance.engine_request import Letterhead, Request
from sottovoce.compliance.engine_sound import SoundRoom
from sottovoce.compliance.examine import Bench, Examiner
from sottovoce.compliance.reading import Reading
from sottovoce.compliance.rules import default_rules
from sottovoce.compliance.steps import Step
from sottovoce.compliance.task import JudgingTask
from sottovoce.custody.registry import Registry
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, SealedObject
from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import ObjectMissing, StorageError, VaultError
from sottovoce.intake.batch import Arrival
from sottovoce.intake.desk import Desk
from sottovoce.intake.event import Announcement, Kind
from sottovoce.intake.outbox import Outbox
from sottovoce.intake.protocol import Delivery
from sottovoce.ledger.ledger import Ledger
from sottovoce.pipeline.protocol import Again
from sottovoce.policy.model import Redaction
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.rules import RedactionRules, rules_for
from sottovoce.testing.house import Deaf, OneSecond, OneWord
from sottovoce.testing.judging import settle
from sottovoce.wiring.rooms import noise_source

RATE = 8000


def key_of(conversation_id: str, recording_id: str) -> str:
    return f"{conversation_id}{recording_id}".encode().hex().zfill(32)[-32:]


@dataclass
class Media:
    metadata: RecordingMetadata
    parts: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, tuple[Role, ...]] = field(default_factory=dict)


class Platform:
    """A source that has every recording there is."""

    def __init__(self) -> None:
        self.asked = 0

    def recordings_of(self, conversation_id: str) -> tuple[str, ...]:
        return (f"{conversation_id}-leg",)

    def live(self, conversation_id: str, recording_id: str) -> Media:
        self.asked += 1
        ref = RecordingRef(source="cloud", key=key_of(conversation_id, recording_id), locator=Confidential("x"))
        return Media(
            RecordingMetadata(
                ref=ref,
                conversation_id=conversation_id,
                recording_id=recording_id,
                started_at=None,
                duration_s=3.0,
                language="en-US",
                queue_category="retail",
                customer_token="tok-customer",
            )
        )


class Keys:
    def recording(self, conversation_id: str, recording_id: str) -> str:
        return key_of(conversation_id, recording_id)


class Store:
    """Seals by turning bytes over, and keeps them until they are deleted."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.is_broken = False

    def seal_object(self, rid: str, kind: str, plaintext: Confidential[bytes], rev: int = 1) -> SealedObject:
        name = f"o/{rid}/{kind}/{rev}"
        self.kept[name] = plaintext.reveal()[::-1]
        return SealedObject(kind=kind, location=name, digest=f"{rev:064x}", size=len(self.kept[name]), rev=rev)

    def fetch(self, held: Any) -> bytes:
        if held.location not in self.kept:
            raise ObjectMissing("there is no such object")
        return self.kept[held.location]

    def open(self, held: Any, ciphertext: bytes) -> Confidential[bytes]:
        return Confidential(ciphertext[::-1])

    def delete_all(self, names: Any) -> dict[str, VaultError]:
        if self.is_broken:
            return {name: StorageError("no answer") for name in names}
        for name in names:
            self.kept.pop(name, None)
        return {}


@contextmanager
def read(parts: Any, roles: Any) -> Iterator[Reading]:
    random = np.random.default_rng(1)
    block = (0.2 * random.standard_normal((3 * RATE, 2))).astype(np.float32)
    yield Reading(blocks=iter([block]), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))


def as_raw(sound: Sound) -> Confidential[bytes]:
    return Confidential(sound.samples.tobytes())


@dataclass
class Scripted:
    """An engine without a wire: what it answers is popped from a list, an error is raised."""

    answers: list[Any] = field(default_factory=list)
    got: list[Request] = field(default_factory=list)

    def ask(self, request: Request) -> Any:
        self.got.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Idle:
    """Leaves what follows from a verdict where it is."""

    def follow(self, subject: str) -> Again | None:
        return None


@dataclass
class ExternalLine:
    platform: Platform
    desk: Desk
    outbox: Outbox
    docket: Docket
    task: JudgingTask
    judge: ExternalJudge
    questions: Questions
    answers: Answers
    gallery: Gallery
    links: Links
    leftovers: Leftovers
    store: Store
    client: Scripted
    breaker: Breaker
    monotonic: list[float]

    def announce(self, number: int = 1) -> str:
        announced = Announcement(
            kind=Kind.AVAILABLE,
            conversation_id=f"conv{number}",
            recording_id=f"rec{number}",
            began_at=None,
            ended_at=None,
            tokens={},
        )
        subject = key_of(f"conv{number}", f"rec{number}")
        delivery = Delivery(sender="t", id=f"e{number}", sent_at=None)
        self.desk.accept([Arrival(delivery=delivery, digest="d", subject=subject, source="cloud", announced=announced)])
        return subject

    def work(self) -> dict[str, Again]:
        """What is ready, and what asked for another try; who asks for one more."""
        return settle(self.outbox, self.task, again=True)

    def correlation(self, subject: str) -> str:
        question = self.questions.of(subject)
        assert question is not None
        return question.correlation


@pytest.fixture
def external(engine: Engine, ledger: Ledger, registry: Registry, clock: Any) -> Callable[..., ExternalLine]:
    def build(
        *,
        client: Any = None,
        redactor: Any = None,
        later: bool = True,
        link_s: int | None = 300,
        removed: bool = False,
        monotonic: Callable[[], float] | None = None,
        **breaker: Any,
    ) -> ExternalLine:
        numbers = itertools.count(1)
        desk = Desk(engine=engine, clock=clock, ids=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}")
        outbox = Outbox(engine=engine, clock=clock, ids=lambda: f"job-{next(numbers)}")
        steps = tuple(Step)[:3]
        docket = Docket(engine=engine, ledger=ledger, clock=clock, ids=lambda: f"verdict-{next(numbers)}", steps=steps)
        platform, store, client, times = Platform(), Store(), client or Scripted(), [0.0]
        questions = Questions(engine=engine, clock=clock)
        answers = Answers(engine=engine, docket=docket, name="verity", clock=clock)
        links = Links(base="https://intake.example/x/", key=lambda: Confidential(b"m" * 32), clock=clock)
        leftovers = Leftovers(engine=engine, ledger=ledger, store=lambda: store, clock=clock)
        watched = Breaker(monotonic=monotonic or (lambda: times[0]), **{"least": 3, "open_s": 30, **breaker})
        quick = Redactor(transcriber=OneWord(), finder=OneSecond(), ears=(Deaf(),), noise_source=noise_source)
        judge = ExternalJudge(
            questions=questions,
            answers=answers,
            letterhead=Letterhead(
                secrets=[Confidential(b"o" * 32), Confidential(b"p" * 32)],
                answer_within_s=600,
                link=links.address,
                clock=clock,
            ),
            client=client,
            breaker=watched,
            rooms=SoundRoom(
                redactor=lambda: redactor or quick,
                rules=lambda metadata: rules(),
                encode=as_raw,
                tells_removed=removed,
                read=read,
            ),
            registry=registry,
            seals=store,
            leftovers=leftovers,
            link_s=link_s,
            answer_within_s=600,
            answers_later=later,
            clock=clock,
        )
        bench = Bench(
            sources={"cloud": platform},
            keys=lambda _: Keys(),
            registry=registry,
            listener=None,  # type: ignore[arg-type]
            rules=default_rules(),
            ears=(),
            seals=store,
            encode=as_raw,
            docket=docket,
            outbox=outbox,
            clock=clock,
            consent_flag=lambda metadata: None,
            report=lambda subject, violation: None,
            external=judge,
        )
        gallery = Gallery(engine=engine, ledger=ledger, links=links, vault=lambda: store, name="verity", clock=clock)
        task = JudgingTask(outbox=outbox, examiner=Examiner(bench=bench), remediator=Idle())  # type: ignore[arg-type]
        return ExternalLine(
            platform, desk, outbox, docket, task, judge, questions, answers, gallery, links, leftovers, store,
            client, watched, times,
        )  # fmt: skip

    return build


def rules() -> RedactionRules:
    return rules_for(Redaction())
