"""What the compliance line makes of media that go wrong: judged in the end, or a person's; never lost, never written."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sottovoce.compliance.docket import VerdictRow
from sottovoce.compliance.verdict import Found
from sottovoce.sandbox.catalog import PACKAGED, Call
from sottovoce.sandbox.serve import Sandbox
from sottovoce.testing.compliance_line import ComplianceLine, compliance_line
from sottovoce.testing.house import PASSPHRASE
from sottovoce.testing.planted import found_in

pytestmark = pytest.mark.slow

ALWAYS = 10_000
"""More often than anything is tried."""
SOON, LATE = timedelta(minutes=1), timedelta(hours=7)
"""After the first waits, and after the line's patience with a recording is over."""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComplianceLine]:
    """One line for all faults, each set for a call of its own; nothing spoken is left in its workspace at the end."""
    root = tmp_path_factory.mktemp("line") / "workspace"
    with pytest.MonkeyPatch.context() as patch, Sandbox() as sandbox:
        patch.setenv("SOTTOVOCE_PASSPHRASE", PASSPHRASE)
        with compliance_line(root, sandbox) as opened:
            yield opened
    assert found_in(root) == []


def judged(line: ComplianceLine, file: str, *, after: timedelta, **faults: int) -> tuple[VerdictRow, ...]:
    """The verdicts on one call whose media go wrong so."""
    call, before = line.call(file), {row.id for row in line.house.compliance.docket.verdicts()}
    line.sandbox.faults.set({"calls": {call.id: faults}})
    assert line.feed(conversations=[call.id]) == {"202": 1}
    line.settle_later(after)
    return tuple(row for row in line.house.compliance.docket.verdicts() if row.id not in before)


def written(line: ComplianceLine, call: Call) -> list[str]:
    """Which kinds of things were written back about a call."""
    return [told["kind"] for told in line.sandbox.store.memory.written if told["conversation"] == call.id]


@pytest.mark.parametrize(
    ("file", "fault", "code"),
    [
        ("call-02.ogg", {"truncated": ALWAYS}, "E_MEDIA_TRUNCATED"),
        ("call-03.flac", {"corrupt": ALWAYS}, "E_MEDIA_UNREADABLE"),
        ("call-04.flac", {"empty_media": ALWAYS}, "E_MEDIA_UNREADABLE"),
        ("call-05.ogg", {"empty_ogg": ALWAYS}, "E_MEDIA_TRUNCATED"),
        ("call-06.flac", {"playlists": ALWAYS}, "E_MEDIA_UNREADABLE"),
        ("call-07.ogg", {"wrong_lengths": ALWAYS}, "E_MEDIA_TRUNCATED"),
    ],
)
def test_what_cannot_be_read_is_a_persons(line: ComplianceLine, file: str, fault: dict[str, int], code: str) -> None:
    """A medium that is cut, overwritten, empty, a playlist or short is no verdict but a doubt and one work item."""
    (doubt,) = judged(line, file, after=SOON, **fault)
    assert (doubt.found, doubt.type) == (Found.DOUBT, code)
    assert written(line, line.call(file)) == ["work item"]
    assert line.sandbox.store.memory.followed == 0


@pytest.mark.parametrize(
    ("file", "fault"),
    [
        ("call-08.ogg", {"resets": 1}),
        ("call-12.ogg", {"expired_urls": 2}),
        ("call-14.ogg", {"media_errors": 1}),
    ],
)
def test_what_passes_is_tried_again(line: ComplianceLine, file: str, fault: dict[str, int]) -> None:
    """A connection that was reset, an address that had expired and a busy host are asked again, and the call is judged."""
    (verdict,) = judged(line, file, after=SOON, **fault)
    assert verdict.found is Found.NONE
    assert not any(line.sandbox.faults.of(line.call(file).id).values())
    assert written(line, line.call(file)) == []


def test_the_first_violation_is_known_while_the_medium_still_comes(
    line: ComplianceLine, caplog: pytest.LogCaptureFixture
) -> None:
    """A medium that trickles in is judged as it comes: the first verdict precedes the end of the download."""
    caplog.set_level(logging.INFO, logger="sottovoce.wiring.compliance")
    rows = judged(line, "call-01.flac", after=SOON, trickle_bytes_s=40_000)
    assert {row.found for row in rows} == {Found.VIOLATION}
    first = min(record.created for record in caplog.records if record.getMessage().startswith("violation"))
    assert datetime.fromtimestamp(first, UTC) < downloaded(line, line.call("call-01.flac"))
    assert written(line, line.call("call-01.flac")) == ["annotation", "tag", "work item"]


def sampled(file: str) -> dict[str, Any]:
    calls = json.loads((PACKAGED / "calls.json").read_text(encoding="utf-8"))["calls"]
    return next(call for call in calls if call["file"] == file)


def downloaded(line: ComplianceLine, call: Call) -> datetime:
    """When the first of a call's media had been sent."""
    ends = [told["ended"] for told in line.sandbox.store.memory.downloads if told["conversation"] == call.id]
    return datetime.fromisoformat(min(ends))


def test_another_calls_sound_is_judged_as_what_it_is(line: ComplianceLine) -> None:
    """Nothing in a medium says whose it is: what is heard in the sound that came is what the verdict is about."""
    calls = list(line.sandbox.catalog.calls.values())
    before = calls[calls.index(line.call("call-10.ogg")) - 1]
    rows = judged(line, before.file, after=SOON, wrong_media=ALWAYS)
    assert "CVV_KEPT" in {row.type for row in rows}
    assert "CREDIT_DEBIT_CVV" not in {truth["entity"] for truth in sampled(before.file)["truth"]}


def test_what_does_not_pass_is_a_persons_in_the_end(line: ComplianceLine) -> None:
    """It waits, and nothing is decided; once patience is over, somebody is asked."""
    waiting = {"call-16.ogg": "expired_urls", "call-19.ogg": "resets"}
    for file, fault in waiting.items():
        assert judged(line, file, after=SOON, **{fault: ALWAYS}) == ()
    before = len(line.house.compliance.docket.verdicts())
    line.settle_later(LATE)
    doubts = line.house.compliance.docket.verdicts()[before:]
    assert [(row.found, row.type) for row in doubts] == [(Found.DOUBT, "E_SOURCE_UNAVAILABLE")] * 2
    assert [written(line, line.call(file)) for file in waiting] == [["work item"]] * 2
