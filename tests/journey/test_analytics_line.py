"""Calls from the sandbox, redacted and delivered to three vendors that fail in every way: each once, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from sottovoce.cli.main import app
from sottovoce.delivery.receipts import ParcelState
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.ledger.entry import Action
from sottovoce.ledger.verifier import Found
from sottovoce.pipeline.lines import ANALYTICS
from sottovoce.testing.analytics_line import NAMES, AnalyticsLine, analytics_line
from sottovoce.wiring.house import House

pytestmark = pytest.mark.slow

LOSING = 3
"""Faults by which the vendor keeps nothing or something else under a key that it then takes no second time."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnalyticsLine]:
    with analytics_line(tmp_path_factory.mktemp("analytics")) as running:
        yield running


@pytest.fixture(scope="module")
def told(line: AnalyticsLine) -> dict[str, Any]:
    """What one run said of itself."""
    return invoke(line, "run", "--line", "analytics", "--workers", "2", "--json")


@pytest.fixture
def house(line: AnalyticsLine) -> Iterator[House]:
    made = House(line.workspace, line=ANALYTICS)
    yield made
    made.close()


def invoke(line: AnalyticsLine, *command: str) -> Any:
    ended = CliRunner().invoke(app, [*command, "-w", str(line.workspace.root)])
    assert ended.exit_code == 0, ended.output[-2000:]
    return json.loads(ended.stdout)


def test_every_recording_is_delivered_once_with_a_matching_digest(
    line: AnalyticsLine, told: dict[str, Any], house: House
) -> None:
    """5xx, resets, slow answers, tokens that end, a cut upload, a full disk: delivered; 200 and nothing or something
    else kept, under a key that is taken once: withheld, with that reason."""
    sealed = {o.recording for o in house.registry.outcomes("analytics") if o.status is OutcomeStatus.SEALED}
    assert len(sealed) >= 15
    rows = house.deliveries.book.rows(line="analytics")
    assert {(row.recording, row.destination) for row in rows} == {(key, name) for key in sealed for name in NAMES}
    lost = [row for row in rows if row.state is not ParcelState.DELIVERED]
    assert {(row.destination, row.reason) for row in lost} <= {("ingestion", Reason.DELIVERY_LOST)}
    assert len(lost) <= LOSING
    sounds = line.sounds()
    for name in NAMES:
        digests = [hashlib.sha256(data).hexdigest() for data in sounds[name].values()]
        receipts = [row.receipt.digest for row in rows if row.destination == name and row.receipt]
        assert len(set(receipts)) == len(receipts)
        assert set(receipts) <= set(digests)
        assert len(digests) - len(receipts) <= LOSING
    assert told["deliveries"]["bucket"] == told["deliveries"]["files"] == {"delivered": len(sealed)}
    assert sum(told["deliveries"]["ingestion"].values()) == len(sealed)
    assert set(told["lag_s"]) == {"p50", "p95"}
    assert not line.ingestion.faults
    assert not line.files.faults


def test_nothing_unredacted_ever_left(line: AnalyticsLine, told: dict[str, Any]) -> None:
    """Of all that reached a vendor, kept or not, nothing is a phrase, an id, a number, or a sensitive stretch of sound."""
    assert line.spilled() == []


def test_the_search_finds_what_it_looks_for(line: AnalyticsLine) -> None:
    """Were one original sent, it would be found."""
    call = next(call for call in line.sandbox.catalog.calls.values() if call.file == "call-01.flac")
    from sottovoce.sandbox.sound import encoded

    for channel in (0, 1):
        line.ingestion.sent.append(encoded(line.sandbox.catalog.audio(call), "WAV", channel))
    try:
        assert "samples" in line.spilled()
    finally:
        del line.ingestion.sent[-2:]


def test_the_ledger_proves_each_delivery(line: AnalyticsLine, told: dict[str, Any], house: House) -> None:
    """One entry a receipt, with its digest; the chain verifies."""
    receipts = house.deliveries.book.receipts("analytics")
    entries = [entry for _, entry in house.ledger.entries() if entry.action is Action.RECORDING_DELIVERED]
    assert sorted(e.facts["receipt"] for e in entries) == sorted(r.correlation for r in receipts)
    assert {e.facts["digest"] for e in entries} == {r.digest for r in receipts}
    assert house.ledger.verify().found is Found.OK


def test_the_sealed_sound_goes_once_everybody_has_it(told: dict[str, Any], house: House) -> None:
    """The transcript and the map of what was removed stay, apart and sealed."""
    lost = {row.recording for row in house.deliveries.book.rows(line="analytics") if row.receipt is None}
    for outcome in house.registry.outcomes("analytics"):
        if outcome.status is OutcomeStatus.SEALED and outcome.recording not in lost:
            kept = {o.kind: o.deleted for o in house.registry.objects(outcome.recording)}
            assert kept == {"redacted": True, "transcript-analytics": False, "map-analytics": False}


def test_a_second_run_changes_nothing(line: AnalyticsLine, told: dict[str, Any], house: House) -> None:
    """What was delivered is known by its recording's key."""
    before = line.received()
    again = invoke(line, "run", "--line", "analytics", "--json")
    assert again["chosen"] == 0
    assert line.received() == before
    assert invoke(line, "plan", "--line", "analytics", "--json")["wanting"] == {}


def test_the_corpus_line_is_another_matter(line: AnalyticsLine, told: dict[str, Any]) -> None:
    """A recording that went to a vendor is neither taken nor refused for the corpus because of it."""
    planned = invoke(line, "plan", "--json")
    assert "ALREADY_PROCESSED" not in json.dumps(planned)
