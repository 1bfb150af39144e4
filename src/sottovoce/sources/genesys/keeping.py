"""What Genesys Cloud keeps too long, and its own jobs that delete it (GENESYS.md 5b, 5c).

A job is submitted, prepared by the platform, and executed only when whoever made it says so; an organisation may have
two at a time. What is protected it skips. Screen recordings, and recordings under the organisation's own retention
policies, are left to those.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from sottovoce.domain.at_source import JobLook, JobState
from sottovoce.errors import SourceError, SourceUnavailable
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Send
from sottovoce.sources.genesys.parse import Json, field, number, objects, text
from sottovoce.sources.genesys.paths import RECORDING_JOB, RECORDING_JOBS, RETENTION_QUERY, fill
from sottovoce.sources.genesys.query import VOICE, spelled, stamp

PAGE_SIZE: Final = 500
MOST_JOBS: Final = 2
REACH: Final = timedelta(days=5 * 365)
"""A query reaches back five years; what is older has a way of its own."""
PERMISSIONS: Final = (
    "recording:job:add",
    "recording:job:view",
    "recording:job:delete",
    "recording:job:edit",
    "recording:recording:editRetention",
    "recording:recording:viewSensitiveData",
    "recording:screenRecording:editRetention",
    "recording:snippetRecording:editRetention",
)
"""What the jobs need; executing one needs all three `editRetention`."""
_COUNTS: Final = {
    "total": "totalRecordings",
    "deleted": "totalProcessedRecordings",
    "skipped": "totalSkippedRecordings",
    "failed": "totalFailedRecordings",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesysKeeper:
    """Counts, submits, looks, executes. Raises SourceUnavailable (try again), SourceRefused, SourceError."""

    client: GenesysClient

    def kept_too_long(self, days: int) -> int:
        """How many recordings the platform has kept for longer than this."""
        return sum(1 for _ in self._kept(days))

    def submit(self, before: datetime) -> str:
        """A job that deletes what began before that day; its number. It does nothing until it is executed."""
        self._refuse_a_third()
        midnight = before.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        wanted: dict[str, Any] = {
            "action": "DELETE",
            "actionDate": stamp(self.client.timing.now()),
            "includeRecordingsWithSensitiveData": True,
            "conversationQuery": {
                "interval": spelled((midnight - REACH, midnight)),
                "order": "asc",
                "orderBy": "conversationStart",
                "segmentFilters": VOICE,
                "startOfDayIntervalMatching": True,
            },
        }
        answer = self.client.once(Send(method="POST", path=RECORDING_JOBS, json=wanted))
        needs = "recording:job:add and recording:recording:viewSensitiveData"
        job = text(answer.body if answer.status == 202 else expect_ok(answer, permission=needs), "id")
        if job is None:
            raise SourceError("a recording job was taken without a number", hint="look for it in Genesys Cloud")
        return job

    def look(self, job: str) -> JobLook:
        """How far it is; a job that is not known any more was cancelled."""
        answer = self.client.once(Send(method="GET", path=fill(RECORDING_JOB, jobId=job)))
        if answer.status == 404:
            return JobLook(state=JobState.CANCELLED)
        body = expect_ok(answer, permission="recording:job:view")
        counts = {name: int(count) for name, key in _COUNTS.items() if (count := number(body, key)) is not None}
        return JobLook(state=_state(body), counts=counts)

    def execute(self, job: str) -> None:
        """From here on it deletes."""
        send = Send(method="PUT", path=fill(RECORDING_JOB, jobId=job), json={"state": JobState.PROCESSING.value})
        needs = "recording:job:edit, and editRetention of recording, screenRecording and snippetRecording"
        expect_ok(self.client.once(send), permission=needs)

    def cancel(self, job: str) -> None:
        answer = self.client.once(Send(method="DELETE", path=fill(RECORDING_JOB, jobId=job)))
        if answer.status not in (202, 204, 404):
            expect_ok(answer, permission="recording:job:delete")

    def _kept(self, days: int) -> Iterator[Json]:
        cursor, used = "", set[str]()
        while True:
            params: dict[str, str | int] = {"retentionThresholdDays": days, "pageSize": PAGE_SIZE}
            params |= {"cursor": cursor} if cursor else {}
            answer = self.client.call(Send(method="GET", path=RETENTION_QUERY, params=params))
            body = expect_ok(answer, permission="recording:recording:view")
            yield from objects(field(body, "entities"))
            used.add(cursor)
            cursor = _cursor(body)
            if not cursor:
                return
            if cursor in used:
                raise SourceError("Genesys Cloud gives the same page of kept recordings again")

    def _refuse_a_third(self) -> None:
        answer = self.client.once(Send(method="GET", path=RECORDING_JOBS, params={"pageSize": 100}))
        jobs = objects(field(expect_ok(answer, permission="recording:job:view"), "entities"))
        if sum(not _state(job).over for job in jobs) >= MOST_JOBS:
            hint = "an organisation has two at a time: ask again when one is over"
            raise SourceUnavailable("Genesys Cloud has two recording jobs under way", hint=hint)


def _state(job: Json) -> JobState:
    """One that is not said, or is new to us, is not over."""
    said = text(job, "state")
    return JobState(said) if said is not None and said in JobState.__members__ else JobState.PENDING


def _cursor(body: object) -> str:
    """As a field, or within the address of the next page."""
    found = parse_qs(urlsplit(text(body, "nextUri") or "").query).get("cursor", [""])
    return text(body, "cursor") or found[0]
