"""An external engine judges: asked once, answered once, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from sqlalchemy import Engine, select, update

from sottovoce.compliance.docket import Case
from sottovoce.compliance.engine_answers import Letter, Standing
from sottovoce.compliance.verdict import Found
from sottovoce.custody.deliveries import Deliveries
from sottovoce.database.compliance_tables import remediations
from sottovoce.database.engine import reading, writing
from sottovoce.database.question_tables import engine_questions
from sottovoce.database.tables import objects, recordings
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Reason, Withheld
from sottovoce.errors import JudgeRefused, JudgeUnavailable, VerdictPending, VerdictRefused
from sottovoce.intake.protocol import Message
from sottovoce.intake.signatures import StandardWebhooks
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.compliance_engine import clean, violation

Make = Callable[..., Any]


def asked(line: Any, at: int = -1) -> dict[str, Any]:
    return dict(json.loads(line.client.got[at].body))


def token_of(question: dict[str, Any]) -> str:
    return urlsplit(question["media"]["url"]).path.rpartition("/")[2]


class Thinks:
    """Judges what it is asked, by a function, at once."""

    def __init__(self, judge: Any) -> None:
        self.got: list[Any] = []
        self._judge = judge

    def ask(self, request: Any) -> Any:
        self.got.append(request)
        return self._judge(json.loads(request.body))


def promised(external: Make, **given: Any) -> tuple[Any, str, dict[str, Any]]:
    """A line whose engine said that it will answer later."""
    line = external(**given)
    subject = line.announce()
    line.client.answers = [None]
    line.work()
    return line, subject, asked(line)


def test_an_answer_at_once_is_the_verdict(external: Make, ledger: Ledger, engine: Engine) -> None:
    """Its type, place and confidence, the engine's name, one of each step; then its sound is gone."""
    line = external(client=Thinks(violation))
    subject = line.announce()
    line.work()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type, row.rule) == (Found.VIOLATION, "PROHIBITED_PROMISE", "verity")
    assert (row.offset_ms, row.confidence, row.evidence) == (1200, 0.9, None)
    said = [entry for _, entry in ledger.entries() if entry.action is Action.VERDICT_REACHED]
    assert [entry.facts["engine"] for entry in said] == ["verity"]
    with reading(engine) as connection:
        assert len(connection.execute(select(remediations.c.step)).all()) == 3
        (question,) = connection.execute(select(engine_questions)).mappings()
    assert (question["state"], question["locator"], question["facts"]) == ("answered", None, {})
    assert (line.store.kept, question["object"], line.desk.counts()) == ({}, None, {"done": 1})


def test_a_question_says_little_and_is_signed(external: Make) -> None:
    """An opaque key, lengths, roles, language: no conversation, no token; signed with each of our secrets."""
    line, subject, question = promised(external)
    assert set(question) == {
        "schemaVersion", "type", "correlationId", "recordingId", "answerWithinSeconds", "recording", "media",
    }  # fmt: skip
    assert question["recordingId"] == subject
    assert question["recording"] == {
        "durationMs": 3000,
        "channels": ["agent", "customer"],
        "language": "en-US",
        "queueCategory": "retail",
    }
    body = line.client.got[0].body
    assert not any(word in body for word in (b"conv1", b"rec1", b"tok-customer"))
    now = line.judge._clock()
    for secret in (b"o" * 32, b"p" * 32):
        check = StandardWebhooks(sender="us", secrets=[Confidential(secret)])
        check.verify(Message(headers=line.client.got[0].headers, body=body), now=now)


def test_what_was_removed_is_told_where_policy_says_so(external: Make) -> None:
    """Entities, channel and times; without sound the question has no address."""
    _, _, question = promised(external, removed=True, link_s=None)
    assert "media" not in question
    (removed,) = question["removed"]
    assert removed["entities"] == ["CREDIT_DEBIT_NUMBER"]
    assert removed["channel"] == 1
    assert removed["startMs"] <= 800
    assert removed["endMs"] >= 2200


def test_the_engine_hears_redacted_sound_alone(external: Make, ledger: Ledger, engine: Engine) -> None:
    """The second that held a number is silent; each use is ledgered, and the engine is a known recipient."""
    line, subject, question = promised(external)
    sound = line.gallery.open(token_of(question))
    samples = np.frombuffer(sound.reveal(), dtype=np.float32).reshape(2, -1)
    assert not samples[1, 8000:16000].any()
    assert samples[0, 8000:16000].any()
    line.gallery.open(token_of(question))
    actions = [entry for _, entry in ledger.entries() if entry.object == subject]
    assert [e.facts["use"] for e in actions if e.action is Action.OBJECT_READ] == [1, 2]
    assert [e.action for e in actions].count(Action.RECORDING_DELIVERED) == 1
    (delivery,) = Deliveries(engine=engine, ledger=ledger).of_recording(subject)
    assert (delivery.destination, delivery.receipt) == ("verity", question["correlationId"])


def test_a_link_opens_nothing_once_it_is_over(external: Make, clock: Any) -> None:
    """After its time, to the second."""
    line, _, question = promised(external)
    clock.pass_(299)
    assert line.gallery.open(token_of(question)) is not None
    clock.pass_(1)
    assert line.gallery.open(token_of(question)) is None


def test_a_link_opens_a_few_times_only(external: Make) -> None:
    """Enough for a slow download, and not for passing it round."""
    line, _, question = promised(external)
    assert [line.gallery.open(token_of(question)) is None for _ in range(9)] == [False] * 8 + [True]


@pytest.mark.parametrize("at", [0, 6, -44, -1])
def test_a_forged_link_opens_nothing(external: Make, at: int) -> None:
    """Another question, another time, another mark."""
    line, _, question = promised(external)
    token = list(token_of(question))
    token[at] = "0" if token[at] != "0" else "1"
    assert line.gallery.open("".join(token)) is None
    assert line.gallery.open("") is None


def test_an_answered_question_shows_no_sound(external: Make) -> None:
    """Its purpose is over."""
    line, _, question = promised(external)
    assert line.answers.take(clean(question), correlation=question["correlationId"]) is Standing.TAKEN
    assert line.gallery.open(token_of(question)) is None
    assert line.leftovers.sweep() == 1
    assert line.store.kept == {}


def test_what_cannot_be_redacted_is_never_offered(external: Make) -> None:
    """The engine is not asked, and a person is."""

    class Withholds:
        def treat(self, sound: Any, rules: Any, *, language: str | None) -> Withheld:
            return Withheld(reason=Reason.DETECTOR_FAILED, evidence={})

    line = external(redactor=Withholds())
    subject = line.announce()
    line.work()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type) == (Found.DOUBT, "E_REDACTION")
    assert (line.client.got, line.store.kept) == ([], {})


def test_an_answer_later_is_the_verdict(external: Make, clock: Any) -> None:
    """Waited for without asking again; the first answer stands, a copy is known, another changes nothing."""
    line, subject, question = promised(external)
    clock.pass_(5)
    line.work()
    assert (len(line.client.got), line.desk.counts()) == (1, {"handed": 1})
    correlation = question["correlationId"]
    letter = Letter(sender="engine/verity", id="m1", digest="a")
    assert line.answers.take(violation(question), correlation=correlation, letter=letter) is Standing.TAKEN
    assert line.answers.take(violation(question), correlation=correlation, letter=letter) is Standing.COPY
    again = Letter(sender="engine/verity", id="m2", digest="a")
    assert line.answers.take(violation(question), correlation=correlation, letter=again) is Standing.COPY
    assert line.answers.take(clean(question), correlation=correlation) is Standing.OTHERWISE
    changed = Letter(sender="engine/verity", id="m1", digest="b")
    assert line.answers.take(clean(question), correlation=correlation, letter=changed) is Standing.CHANGED
    assert line.answers.take(clean(question), correlation="job-99") is Standing.UNKNOWN
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.seconds_to_verdict) == (Found.VIOLATION, 5)
    clock.pass_(60)
    line.work()
    assert line.desk.counts() == {"done": 1}


def test_an_answer_that_does_not_come_is_a_persons(external: Make, clock: Any) -> None:
    """After its time the call is inconclusive, and what comes then is too late."""
    line, subject, question = promised(external)
    clock.pass_(601)
    assert line.answers.take(clean(question), correlation=question["correlationId"]) is Standing.LATE
    line.work()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type) == (Found.DOUBT, "E_VERDICT_LATE")
    assert line.answers.take(violation(question), correlation=question["correlationId"]) is Standing.LATE
    assert len(line.docket.verdicts(subject)) == 1
    assert line.store.kept == {}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (JudgeRefused("no"), "E_JUDGE_REFUSED"),
        (VerdictRefused("nonsense"), "E_VERDICT"),
        ({"verdict": "NO_VIOLATION"}, "E_VERDICT"),
        (None, "E_VERDICT"),
    ],
)
def test_a_refusal_is_a_persons(external: Make, answer: Any, code: str) -> None:
    """Refused, not a verdict, a promise that nobody could check: inconclusive, and asked no more."""
    line = external(later=False)
    subject = line.announce()
    line.client.answers = [answer]
    line.work()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type) == (Found.DOUBT, code)
    question = line.questions.of(subject)
    assert question is not None
    assert question.state == "over"


def test_an_inconclusive_answer_is_a_persons(external: Make) -> None:
    """The engine could not judge either."""
    line = external(client=Thinks(lambda question: clean(question) | {"verdict": "INCONCLUSIVE"}))
    subject = line.announce()
    line.work()
    (row,) = line.docket.verdicts(subject)
    assert (row.found, row.type) == (Found.DOUBT, "ENGINE_INCONCLUSIVE")


def test_a_question_is_prepared_once_and_sent_as_it_was(external: Make, clock: Any) -> None:
    """The same bytes under the same key while the link lasts; a new key with a new link."""
    line = external()
    line.announce()
    line.client.answers = [JudgeUnavailable("503"), VerdictPending("409"), JudgeUnavailable("503"), None]
    for wait in (3, 5, 400, 900):
        line.work()
        clock.pass_(wait)
    keys = [request.headers["idempotency-key"] for request in line.client.got]
    bodies = [request.body for request in line.client.got]
    assert (line.platform.asked, len(keys)) == (1, 4)
    assert (len(set(keys)), len(set(bodies))) == (2, 2)
    assert keys[0] == keys[2] != keys[3]


def test_an_engine_that_fails_opens_the_breaker_and_nothing_is_lost(external: Make, clock: Any) -> None:
    """Work waits, one probe goes when the time is over, and each call has one verdict in the end."""
    line = external()
    subjects = [line.announce(number) for number in range(5)]
    line.client.answers = [JudgeUnavailable("down")] * 4
    line.work()
    assert len(line.client.got) == 3
    clock.pass_(700)
    line.monotonic[0] = 31
    line.work()
    assert len(line.client.got) == 4
    clock.pass_(700)
    line.monotonic[0] = 62
    line.client.answers = [None] * 5
    line.work()
    for subject in subjects:
        correlation = line.correlation(subject)
        question = {"recordingId": subject, "correlationId": correlation}
        assert line.answers.take(clean(question), correlation=correlation) is Standing.TAKEN
    assert line.platform.asked == 5
    assert len(line.docket.verdicts()) == 5


def test_an_erased_recording_is_neither_shown_nor_judged(external: Make, engine: Engine) -> None:
    """Its link opens nothing, its answer is too late, and what led to it is gone."""
    from sottovoce.custody.blanking import blank_recordings

    line, subject, question = promised(external)
    with writing(engine) as connection:
        connection.execute(update(recordings).where(recordings.c.key == subject).values(erasing_ms=1))
    assert line.gallery.open(token_of(question)) is None
    assert line.answers.take(clean(question), correlation=question["correlationId"]) is Standing.LATE
    with writing(engine) as connection:
        blank_recordings(connection, {subject: []}, 1)
        (row,) = connection.execute(select(engine_questions)).mappings()
    assert (row["state"], row["locator"], row["facts"], row["object"]) == ("over", None, {}, None)
    assert line.docket.verdicts() == ()


def test_sound_that_cannot_be_deleted_now_is_deleted_later(external: Make, engine: Engine, clock: Any) -> None:
    """A store that fails keeps it until the next sweep; a legal hold keeps it for good."""
    line, subject, question = promised(external)
    line.store.is_broken = True
    line.answers.take(clean(question), correlation=question["correlationId"])
    assert line.leftovers.sweep() == 0
    line.store.is_broken = False
    with writing(engine) as connection:
        connection.execute(update(recordings).where(recordings.c.key == subject).values(legal_hold=True))
    assert line.leftovers.sweep() == 0
    with writing(engine) as connection:
        connection.execute(update(recordings).where(recordings.c.key == subject).values(legal_hold=False))
    assert line.leftovers.sweep() == 1
    with reading(engine) as connection:
        assert connection.execute(select(objects.c.state)).scalars().all() == ["deleted"]


def test_many_answers_at_once_are_one_verdict(external: Make, ledger: Ledger) -> None:
    """Copies, other verdicts and the end of waiting meet: one verdict, one entry, and everybody is told what stands."""
    line, subject, question = promised(external)
    verdicts = [clean(question), violation(question), violation(question, at_ms=7)] * 3

    def take(number: int) -> Standing | bool:
        if number == len(verdicts):
            return bool(line.questions.close(subject))
        letter = Letter(sender="engine/verity", id=f"m{number}", digest=str(number))
        return line.answers.take(verdicts[number], correlation=question["correlationId"], letter=letter)

    with ThreadPoolExecutor(5) as pool:
        outcomes = list(pool.map(take, [*range(5), len(verdicts), *range(5, len(verdicts))]))
    taken = outcomes.count(Standing.TAKEN)
    assert taken == len(line.docket.verdicts(subject))
    assert taken == sum(entry.action is Action.VERDICT_REACHED for _, entry in ledger.entries())
    assert taken == (0 if True in outcomes else 1)
    assert set(outcomes) <= {Standing.TAKEN, Standing.COPY, Standing.OTHERWISE, Standing.LATE, True, False}


def test_a_conclusion_stands_whoever_comes_second(external: Make) -> None:
    """A person was asked already: the engine's verdict changes nothing."""
    line, subject, question = promised(external)
    case = Case(
        subject=subject, conversation_id="", recording_id="", rate=1, judged=(), correlation="job-1",
        rules_digest="r", available_at=line.judge._clock(), doubt="E_VERDICT_PENDING",
    )  # fmt: skip
    assert line.docket.conclude(case) == 1
    assert line.answers.take(violation(question), correlation=question["correlationId"]) is Standing.LATE
    (row,) = line.docket.verdicts(subject)
    assert row.type == "E_VERDICT_PENDING"
