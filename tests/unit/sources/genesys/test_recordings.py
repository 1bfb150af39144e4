"""Waiting for a recording, told as a conversation without any I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sottovoce.errors import MediaGone, MediaNotReady, SourceError, SourceRefused
from sottovoce.sources.genesys.exchange import LOST, Answer, Wait
from sottovoce.sources.genesys.recordings import Recording, await_media, read_recording

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=3)
JUST_NOW = NOW - timedelta(minutes=2)
READY = {"id": "r", "fileState": "AVAILABLE", "mediaUris": {"S": {"mediaUri": "https://x/y"}}}


def wait_for(*answers: Answer, ended_at: datetime | None = LONG_AGO) -> tuple[Recording, list[float]]:
    """Feeds the answers, the last one again and again; gives back the recording and the waits."""
    steps = await_media("c", "r", ended_at=ended_at, form="WAV", now=lambda: NOW)
    left, waits = list(answers), []
    step = next(steps)
    try:
        while True:
            if isinstance(step, Wait):
                waits.append(step.seconds)
                step = steps.send(LOST)
            else:
                step = steps.send(left.pop(0) if len(left) > 1 else left[0])
    except StopIteration as done:
        return done.value, waits


def ok(**fields: Any) -> Answer:
    return Answer(status=200, body={"id": "r", "fileState": "AVAILABLE", **fields})


def test_transcoding_is_waited_out() -> None:
    """202, empty or with a recording, is asked again with growing waits until media are there."""
    pending = Answer(status=202, body={"id": "r", "estimatedTranscodeTimeMs": 3000})
    recording, waits = wait_for(Answer(status=202), pending, pending, Answer(status=200, body=READY))
    assert recording.media_uris["S"].reveal() == "https://x/y"
    assert waits == [1.0, 6.0, 12.0]


def test_waiting_ends() -> None:
    """A recording that is never ready is tried again later; no wait is longer than half a minute."""
    with pytest.raises(MediaNotReady) as ended:
        wait_for(Answer(status=202))
    assert ended.value.retryable


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("ended_at", [JUST_NOW, None])
def test_just_after_a_call_a_refusal_means_wait(status: int, ended_at: datetime | None) -> None:
    """403 and 404 just after a call are asked again."""
    recording, waits = wait_for(Answer(status=status), Answer(status=200, body=READY), ended_at=ended_at)
    assert recording.id == "r"
    assert waits == [1.0]


@pytest.mark.parametrize(("status", "error"), [(404, MediaGone), (403, SourceRefused), (400, SourceError)])
def test_long_after_a_call_a_refusal_is_one(status: int, error: type[Exception]) -> None:
    """The same answers long after a call are final."""
    with pytest.raises(error):
        wait_for(Answer(status=status))


@pytest.mark.parametrize("state", ["ARCHIVED", "DELETED", "ERROR"])
def test_a_state_without_media_is_gone(state: str) -> None:
    """Archived, deleted and failed recordings are recognized by their state."""
    with pytest.raises(MediaGone):
        wait_for(ok(fileState=state, mediaUris={}))


def test_the_archive_stub_is_gone_although_it_says_available() -> None:
    """No media and a past archive date is the archive, whatever the state says."""
    with pytest.raises(MediaGone, match="archive"):
        wait_for(ok(mediaUris={}, archiveDate="2026-10-01T00:00:00Z"))


def test_a_scheduled_deletion_is_no_deletion() -> None:
    """`deleteDate` is on nearly every recording and says nothing about its media."""
    recording, waits = wait_for(ok(deleteDate="2026-10-01T00:00:00Z", mediaUris=READY["mediaUris"]))
    assert (recording.id, waits) == ("r", [])


def test_restoring_takes_hours_and_is_not_waited_for() -> None:
    """A recording on its way from the archive is given back at once, to be tried later."""
    with pytest.raises(MediaNotReady, match="restored"):
        wait_for(ok(fileState="RESTORING"))


def test_uploading_is_waited_for() -> None:
    """A recording still on its way from the edge is asked for again."""
    assert wait_for(ok(fileState="UPLOADING"), Answer(status=200, body=READY))[1] == [1.0]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"id": 7}, {"id": "r", "mediaUris": [1]}, {"id": "r", "mediaUris": {"S": None}}]
)
def test_a_damaged_answer_is_asked_again(body: Any) -> None:
    """An answer without media in it never counts as a recording."""
    assert wait_for(Answer(status=200, body=body), Answer(status=200, body=READY))[1] == [1.0]


def test_screens_and_chats_have_no_sound() -> None:
    """Only recordings of sound are listed."""
    kinds = [{"media": "audio"}, {}, {"media": "chat"}, {"media": "audio", "mediaSubtype": "Screen"}]
    read = [read_recording({"id": "r", **kind}, conversation_id="c") for kind in kinds]
    assert [r is not None and r.has_sound for r in read] == [True, True, False, False]
    assert read_recording({}, conversation_id="c") is None
