"""The notes of one journey, kept in memory until its outcome commits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sottovoce.errors import EntryRefused
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.job import Job
from sottovoce.pipeline.journal import Journal
from sottovoce.pipeline.known import LineKnown
from sottovoce.testing.house import carry_all, settle_all


def journal():
    now = datetime(2026, 11, 1, tzinfo=UTC)
    return Journal(line="corpus", key="k1", actor="worker.0", purpose="ai_training", policy="d" * 64, clock=lambda: now)


def test_notes_keep_their_order_and_facts():
    """Each door is one entry about the recording, under line, purpose and policy, with a copy of its facts."""
    noted, facts = journal(), {"words": 3}
    noted.note(Action.RECORDING_HEARD, facts)
    facts["words"] = 4
    noted.note(Action.RECORDING_QUARANTINED, {}, outcome="GAVE_UP")
    first, second = noted.entries()
    assert (first.action, first.outcome, first.facts, first.object) == (
        Action.RECORDING_HEARD,
        "ok",
        {"words": 3},
        "k1",
    )
    assert (second.outcome, second.line, second.purpose, second.policy) == (
        "GAVE_UP",
        "corpus",
        "ai_training",
        "d" * 64,
    )


def test_prose_is_refused_when_it_is_noted():
    """What a ledger may not hold is refused at the door, before anything is sealed."""
    with pytest.raises(EntryRefused):
        journal().note(Action.RECORDING_HEARD, {"said": "zanzibar marmalade"})


def test_a_job_is_its_id_and_back():
    """An id names line, recording and try; anything else in the engine's tables is nobody's job."""
    job = Job(line="corpus", key="ab_-9", generation=3)
    assert job.id == "corpus:ab_-9:g3"
    assert Job.of_id(job.id) == job
    assert [Job.of_id(text) for text in ("corpus:ab", "Corpus:ab:g1", "corpus:a b:g1", "", "sched-1")] == [None] * 5


def test_what_a_line_has_done_is_asked_each_time(house):
    """A recording is unknown until it has its outcome, and its sound until it was sealed."""
    known = LineKnown(registry=house.registry, line="corpus")
    key = settle_all(house)[0]
    assert not known.processed(key)
    carry_all(house, [key])
    assert known.processed(key)
    assert known.key_of_sound(house.registry.outcome("corpus", key).facts["media"]) == key
    assert known.key_of_sound("0" * 64) is None
