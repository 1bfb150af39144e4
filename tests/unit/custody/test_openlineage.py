"""OpenLineage events, read off the ledger, as the library itself understands them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from sqlalchemy import Engine

from sottovoce.custody.erasure import Eraser
from sottovoce.custody.events import FileCollector, HttpCollector, Nobody, Teller
from sottovoce.custody.openlineage import EventMaker
from sottovoce.custody.subject import ByConversation
from sottovoce.custody.training import RunStatus, Training
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import CustodyError
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.testing.webhooks import Receiver, receiving

Make = Callable[..., Any]
HOW: dict[str, Any] = {"purpose": "asr", "framework": "torch-2", "actor": "trainer-1"}


@pytest.fixture
def engine(on_sqlite: Engine) -> Engine:
    return on_sqlite


@pytest.fixture
def maker(ledger: Ledger, training: Training) -> EventMaker:
    return EventMaker(origin=ledger.origin, namespace="sottovoce.test", training=training)


@pytest.fixture
def told(
    engine: Engine, ledger: Ledger, training: Training, eraser: Eraser, three: list[str], an_entry: Make
) -> list[str]:
    """A release, a run, its model and an erasure have happened."""
    facts = {"recordings": 3, "samples": 3, "root": "ab" * 32, "manifest": "cd" * 32}
    ledger.record([an_entry(Action.CORPUS_RELEASED, object="corpus/v1", facts=facts)])
    training.register("r-1", "corpus@1", parameters="ef" * 32, **HOW)
    training.record_model("m-1", digest="12" * 32, runs=["r-1"], actor="t")
    training.finish("r-1", status=RunStatus.COMPLETED, actor="t")
    eraser.erase(ByConversation(conversation_id="PLANTED-1"), requested_by="o", why="ART17")
    return three


def teller_of(engine: Engine, ledger: Ledger, maker: EventMaker, collector: Any) -> Teller:
    return Teller(engine=engine, ledger=ledger, maker=maker, collector=collector)


def read_back(event: dict[str, Any]) -> RunEvent:
    """The library's own classes, built of our JSON: their validators accept it."""
    return RunEvent(
        eventTime=event["eventTime"],
        eventType=RunState[event["eventType"]],
        run=Run(runId=event["run"]["runId"]),
        job=Job(namespace=event["job"]["namespace"], name=event["job"]["name"]),
        producer=event["producer"],
    )


def test_release_training_model_and_erasure_are_told_in_order(
    engine: Engine, ledger: Ledger, maker: EventMaker, told: list[str], tmp_path: Path
) -> None:
    """Each with START and its end, its datasets with version and count; once, whoever asks again."""
    path = tmp_path / "events" / "lineage.jsonl"
    teller = teller_of(engine, ledger, maker, FileCollector(path=path))
    assert (teller.tell(), teller.tell()) == (7, 0)
    text = path.read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        assert read_back(event).schemaURL.endswith("RunEvent")
    assert [(e["job"]["name"], e["eventType"]) for e in events] == [
        ("corpus.release", "START"),
        ("corpus.release", "COMPLETE"),
        ("training", "START"),
        ("training", "OTHER"),
        ("training", "COMPLETE"),
        ("erasure", "START"),
        ("erasure", "COMPLETE"),
    ]
    release, start, made, erased = events[1], events[2], events[3], events[6]
    assert release["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == 3
    assert release["outputs"][0]["facets"]["version"]["datasetVersion"] == "v1"
    assert release["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "CREATE"
    assert {t["key"]: t["value"] for t in start["run"]["facets"]["tags"]["tags"]}["parameters"] == "ef" * 32
    assert made["outputs"][0]["name"] == "model/m-1"
    assert len({e["run"]["runId"] for e in events[2:5]}) == 1
    assert erased["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "ALTER"
    assert "PLANTED" not in text
    assert "github.com/OpenLineage" not in text.replace("https://openlineage.io/spec", "")
    assert not any(key in text for key in told)


def test_a_collector_that_does_not_answer_hears_it_next_time(
    engine: Engine, ledger: Ledger, maker: EventMaker, told: list[str]
) -> None:
    """What was not taken is told again, from where it stopped; the key goes in a header."""
    with receiving() as receiver:
        receiver.answers = [200, 200, 500]
        teller = teller_of(engine, ledger, maker, collector_of(receiver))
        with pytest.raises(CustodyError, match="500"):
            teller.tell()
        assert teller.tell() == 5
        assert len(receiver.got) == 8
        assert receiver.got[0][0]["authorization"] == "Bearer key-1"
    with pytest.raises(CustodyError, match="does not answer"):
        HttpCollector(url="http://127.0.0.1:9/").tell("{}")


def collector_of(receiver: Receiver) -> HttpCollector:
    return HttpCollector(url=receiver.url, api_key=Confidential("key-1\n"))


def test_events_can_be_looked_at_without_sending(
    engine: Engine, ledger: Ledger, maker: EventMaker, told: list[str]
) -> None:
    """Where policy names nobody, nothing is told, and what would be is shown."""
    teller = teller_of(engine, ledger, maker, Nobody())
    assert len(list(teller.pending())) == 7
    with pytest.raises(CustodyError, match="no lineage collector"):
        teller.tell()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The reason is the system's, and no event is in it."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CustodyError, match="cannot be written"):
        FileCollector(path=tmp_path / "file" / "events").tell("{}")
