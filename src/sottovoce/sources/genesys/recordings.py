"""The recordings of a conversation, and waiting for one until its media can be fetched.

Just after a call the platform answers 202, 403, 404 or nothing, in any order (GENESYS.md 4a); those
are waited out with growing waits up to a cap. Archived, deleted and failed recordings are told apart
by `fileState` and by the archive stub, never by `deleteDate`, which nearly every recording has.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import MediaArchived, MediaGone, MediaNotReady, SourceRefused, SourceUnavailable
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer, Send, Wait, backoff_s, persist
from sottovoce.sources.genesys.parse import Json, field, moment, number, objects, text
from sottovoce.sources.genesys.paths import RECORDING, RECORDING_METADATA, fill

PERMISSION = "recording:recording:view"
SETTLING = timedelta(minutes=15)
"""How long after a call its recording may still be refused or missing without being gone."""
PATIENCE_S = 600.0
LONGEST_POLL_S = 30.0
SHORTEST_POLL_S = 0.2
_GONE = frozenset({"DELETED", "ERROR"})

Steps = Generator[Send | Wait, Answer, "Recording"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One leg as its metadata describes it; media addresses only once it is ready."""

    id: str
    conversation_id: str
    media: str | None
    subtype: str | None
    file_state: str | None
    started_at: datetime | None
    ended_at: datetime | None
    archived_at: datetime | None
    region: str | None
    estimate_s: float | None
    media_uris: dict[str, Confidential[str]] = dataclasses.field(default_factory=dict, repr=False)

    @property
    def has_sound(self) -> bool:
        return self.media in (None, "audio") and self.subtype != "Screen"


def read_recording(value: Json, *, conversation_id: str) -> Recording | None:
    """Null-safe; None where there is no id."""
    recording_id = text(value, "id")
    if recording_id is None:
        return None
    estimate_ms = number(value, "estimatedTranscodeTimeMs")
    return Recording(
        id=recording_id,
        conversation_id=conversation_id,
        media=text(value, "media"),
        subtype=text(value, "mediaSubtype"),
        file_state=text(value, "fileState"),
        started_at=moment(value, "startTime"),
        ended_at=moment(value, "endTime"),
        archived_at=moment(value, "archiveDate"),
        region=text(value, "region"),
        estimate_s=None if estimate_ms is None else estimate_ms / 1000,
        media_uris=_uris(field(value, "mediaUris")),
    )


def list_recordings(client: GenesysClient, conversation_id: str, *, settled: bool) -> list[Recording]:
    """Every leg with sound, without transcoding anything. None yet, just after a call, is no error.

    Raises SourceRefused when a settled conversation's recordings may not be seen, SourceUnavailable when what is
    answered is no list. A leg that has no id cannot be asked for: it is passed over, and said.
    """
    answer = client.get(fill(RECORDING_METADATA, conversationId=conversation_id))
    if answer.status in (202, 404) or (answer.status == 403 and not settled):
        return []
    body = expect_ok(answer, permission=PERMISSION)
    if not isinstance(body, list):
        raise SourceUnavailable("Genesys Cloud does not list a conversation's recordings")
    legs = [read_recording(value, conversation_id=conversation_id) for value in objects(body)]
    if len(body) != sum(leg is not None for leg in legs):
        _log.warning("a recording without an id was passed over: it cannot be asked for")
    return [leg for leg in legs if leg is not None and leg.has_sound]


def await_media(
    conversation_id: str, recording_id: str, *, ended_at: datetime | None, form: str, now: Callable[[], datetime]
) -> Steps:
    """Asks until the recording has media addresses. Raises MediaGone, MediaArchived, MediaNotReady, SourceRefused."""
    path = fill(RECORDING, conversationId=conversation_id, recordingId=recording_id)
    waited, attempt = 0.0, 0
    while True:
        answer = yield from persist(Send(method="GET", path=path, params={"formatId": form}))
        recording = _judged(answer, conversation_id, now=now(), settled=is_settled(ended_at, now()))
        if recording is not None and recording.media_uris:
            return recording
        pause = _pause(recording, attempt)
        if waited + pause > PATIENCE_S:
            raise MediaNotReady("a recording is still being prepared", hint="it is tried again later")
        yield Wait(seconds=pause)
        waited, attempt = waited + pause, attempt + 1


def is_settled(ended_at: datetime | None, now: datetime) -> bool:
    """Whether the call ended long enough ago for an absence to mean something."""
    return ended_at is not None and now - ended_at > SETTLING


def _judged(answer: Answer, conversation_id: str, *, now: datetime, settled: bool) -> Recording | None:
    """The recording as far as it is there; None means ask again. Raises when it never will be."""
    if answer.status in (403, 404) and not settled:
        return None
    if answer.status == 404:
        raise MediaGone("a recording is not there", hint="it was deleted, or never kept")
    if answer.status == 403:
        raise SourceRefused("a recording may not be seen", hint=f"the client's role needs {PERMISSION}")
    body = answer.body if answer.status == 202 else expect_ok(answer, permission=PERMISSION)
    recording = read_recording(body, conversation_id=conversation_id) if isinstance(body, dict) else None
    if recording is not None:
        _refuse_gone(recording, now)
    return recording


def _refuse_gone(recording: Recording, now: datetime) -> None:
    if recording.file_state in _GONE:
        raise MediaGone("a recording has no media any more", hint=f"its state is {recording.file_state}")
    if recording.file_state == "RESTORING":
        raise MediaNotReady("a recording is being restored from the archive", hint="this takes hours")
    stub = not recording.media_uris and recording.archived_at is not None and recording.archived_at <= now
    if stub or recording.file_state == "ARCHIVED":
        raise MediaArchived("a recording is in the archive", hint="restore it there, or set `restore_archived`")


def _pause(recording: Recording | None, attempt: int) -> float:
    """The platform's own estimate first, then growing waits."""
    estimate = recording.estimate_s if recording is not None else None
    wait = estimate * 2.0**attempt if estimate else backoff_s(attempt)
    return min(LONGEST_POLL_S, max(SHORTEST_POLL_S, wait))


def _uris(value: object) -> dict[str, Confidential[str]]:
    found = value if isinstance(value, dict) else {}
    return {key: Confidential(uri) for key, result in found.items() if (uri := text(result, "mediaUri"))}
