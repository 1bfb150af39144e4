"""Training runs, models, and the answer to which recordings were used when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from sottovoce.custody.erasure import Eraser
from sottovoce.custody.lineage import descendants
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import CorpusSample, CorpusVersion
from sottovoce.custody.subject import ByConversation
from sottovoce.custody.training import Reads, RunStatus, Training
from sottovoce.custody.usage import usage_of
from sottovoce.database.engine import reading
from sottovoce.errors import CustodyError, EntryRefused
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger

Make = Callable[..., Any]
HOW: dict[str, Any] = {"purpose": "asr", "framework": "torch-2", "actor": "trainer-1"}
DIGEST = "ab" * 32


def test_a_run_is_presumed_to_have_read_all_of_its_split(
    training: Training, engine: Engine, ledger: Ledger, three: list[str]
) -> None:
    """Registered before it reads, with every sample of the split as an edge of the lineage, and ledgered."""
    run = training.register("r-1", "corpus@1", parameters=DIGEST, **HOW)
    assert (run.samples, run.reads, run.status, run.ended_at) == (3, Reads.PRESUMED, RunStatus.RUNNING, None)
    with reading(engine) as connection:
        assert "run:r-1" in descendants(connection, three[0])
    ((_, entry),) = ledger.entries_about("run:r-1")
    assert entry.action is Action.TRAINING_STARTED
    assert entry.facts["parameters"] == DIGEST


def test_what_the_readers_say_replaces_what_was_presumed(training: Training, engine: Engine, three: list[str]) -> None:
    """Only the samples read lead to the run; a sample of another version is refused."""
    training.register("r-1", "corpus@1", **HOW)
    assert training.record_reads("r-1", ["s1", "s1"], manifest=DIGEST, actor="reader") == 1
    assert training.record_reads("r-1", ["s2"], manifest=DIGEST, actor="reader") == 2
    assert training.run("r-1").reads is Reads.RECORDED
    with reading(engine) as connection:
        assert [("run:r-1" in descendants(connection, key)) for key in three] == [True, True, False]
    with pytest.raises(CustodyError, match="1 samples"):
        training.record_reads("r-1", ["stranger"], manifest=DIGEST, actor="reader")


def test_a_run_that_will_tell_starts_with_nothing_read(training: Training, three: list[str]) -> None:
    """`recorded` presumes nothing."""
    assert training.register("r-1", "corpus@1", reads=Reads.RECORDED, **HOW).samples == 0


def test_an_erased_sample_is_read_by_no_later_run(training: Training, eraser: Eraser, three: list[str]) -> None:
    """A run registered after an erasure never had what went."""
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), requested_by="o", why="ART17")
    assert training.register("r-1", "corpus@1", **HOW).samples == 2


def test_ends_and_models_are_recorded_once(training: Training, ledger: Ledger, clock: Make, three: list[str]) -> None:
    """The first end counts; a model names the runs it came of, and is found from them."""
    training.register("r-1", "corpus@1", **HOW)
    clock.pass_(60)
    ended = training.finish("r-1", status=RunStatus.COMPLETED, actor="trainer-1")
    clock.pass_(60)
    assert training.finish("r-1", status=RunStatus.FAILED, actor="trainer-1") == ended
    model = training.record_model("m-1", digest=DIGEST, runs=["r-1"], actor="trainer-1")
    assert (model.runs, model.state, training.runs(version="corpus@1")[0].models) == (("r-1",), "active", ("m-1",))
    assert training.runs(version="corpus@2") == ()
    assert ledger.entries_about("model:m-1")[0][1].action is Action.MODEL_MADE


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda t: t.register("r-2", "corpus@9", **HOW), "no such corpus version"),
        (lambda t: t.register("r-2", "corpus@1", splits=["dev"], **HOW), "no split dev"),
        (lambda t: t.register("r-1", "corpus@1", **HOW), "is registered"),
        (lambda t: t.finish("r-9", status=RunStatus.FAILED, actor="a"), "no run"),
        (lambda t: t.run("r-9"), "no run"),
        (lambda t: t.record_model("m-1", digest=DIGEST, runs=["r-9"], actor="a"), "no run"),
        (lambda t: t.record_model("m-1", digest=DIGEST, runs=[], actor="a"), "needs an id"),
    ],
)
def test_what_does_not_fit_is_refused(training: Training, three: list[str], ask: Make, says: str) -> None:
    """Unknown versions, splits and runs, and ids that are taken."""
    training.register("r-1", "corpus@1", **HOW)
    with pytest.raises(CustodyError, match=says):
        ask(training)
    assert len(training.runs()) == 1


def test_a_run_is_named_by_a_code(training: Training, three: list[str]) -> None:
    """The ledger takes no prose, so a run whose name is prose is not registered."""
    with pytest.raises(EntryRefused):
        training.register("my best run", "corpus@1", **HOW)
    assert training.runs() == ()


def test_one_question_says_which_recordings_were_used_and_when(
    training: Training,
    registry: Registry,
    ledger: Ledger,
    engine: Engine,
    three: list[str],
    clock: Make,
    an_entry: Make,
) -> None:
    """Conversation, consent, treatment, runs, models and openings of every sample in the corpus."""
    registry.decide(
        "corpus", three[0], admitted=True, policy_digest="p" * 8, evidence={"wording": "w1", "consent": True}
    )
    training.register("r-1", "corpus@1", **HOW)
    clock.pass_(3600)
    training.finish("r-1", status=RunStatus.COMPLETED, actor="trainer-1")
    training.record_model("m-1", digest=DIGEST, runs=["r-1"], actor="trainer-1")
    clock.pass_(3600)
    ledger.record([an_entry(Action.CORPUS_READ, object="s1", purpose="listening", at=clock())])
    usage = usage_of(engine, conversation_id="PLANTED-1")
    (sample,) = usage.samples
    assert (sample.conversation_id, sample.recording, sample.split) == ("PLANTED-1", three[0], "train")
    assert (sample.training_run_ids, sample.models, sample.runs[0].presumed) == (("r-1",), ("m-1",), True)
    assert (sample.consent["wording"], sample.treatment) == ("w1", {"spans": 1})
    assert [(each.actor, each.purpose) for each in sample.openings] == [("svc-worker", "listening")]
    assert sample.last_used_at == clock()
    assert "PLANTED" not in repr(usage) + repr(usage.without_conversations().samples[0].conversation_id)
    assert len(usage_of(engine).samples) == 3
    assert usage_of(engine, version="corpus@9").samples == ()
    assert len(usage_of(engine, run="r-1").samples) == 3
    assert usage_of(engine, run="r-2").samples == ()


def test_a_run_is_shown_with_the_version_it_read(
    training: Training, registry: Registry, engine: Engine, three: list[str], clock: Make, a_sealed: Make
) -> None:
    """A sample keeps its id from version to version; a run on the first is no use of the second."""
    location = a_sealed(1).objects[0].location
    sample = CorpusSample(
        corpus_id="s1", recording=three[0], split="test", released={"captureYear": 2026}, location=location
    )
    version = CorpusVersion(version="corpus@2", root="cd" * 32, manifest_digest="ef" * 32, created_at=clock())
    registry.record_version(version, [sample])
    training.register("r-1", "corpus@1", **HOW)
    shown = {each.version: each.training_run_ids for each in usage_of(engine, conversation_id="PLANTED-1").samples}
    assert shown == {"corpus@1": ("r-1",), "corpus@2": ()}


def test_erased_samples_are_counted_and_not_listed(eraser: Eraser, engine: Engine, three: list[str]) -> None:
    """They stand for nobody any more."""
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), requested_by="o", why="ART17")
    usage = usage_of(engine)
    assert (len(usage.samples), usage.erased) == (2, 1)
    assert usage_of(engine, conversation_id="PLANTED-1").samples == ()
    assert usage_of(engine, version="corpus@1").erased == 1
    assert usage.samples[0].last_used_at is None
