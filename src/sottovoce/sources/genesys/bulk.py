"""Conversations with their attributes by the thousand: the asynchronous details job (GENESYS.md 2b).

A job reads the platform's data lake, which lags behind by a day or two and misses some: a real one missed 83 of
669. So it is asked only about stretches that lie before the lake's `dataAvailabilityDate` and hold many
conversations, and it never decides what there is: `query` does, by count. What a job has not is asked singly.

A job that fails, is cancelled, expires or never ends costs its advantage and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from datetime import datetime

from sottovoce.errors import BulkFailed, SourceError
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer, Send, Wait, backoff_s, persist
from sottovoce.sources.genesys.parse import Json, field, moment, objects, text
from sottovoce.sources.genesys.paths import DETAILS_AVAILABILITY, DETAILS_JOB, DETAILS_JOBS, DETAILS_RESULTS, fill
from sottovoce.sources.genesys.query import PERMISSION, VOICE, Interval, spelled

WORTH = 200
"""Fewer conversations than this are asked singly in less time than a job takes."""
PAGE_SIZE = 2000
PATIENCE_S = 1800.0
LONGEST_POLL_S = 30.0
_LOST = frozenset({"FAILED", "CANCELLED", "EXPIRED"})

_log = logging.getLogger(__name__)

Steps = Generator[Send | Wait, Answer, dict[str, Json]]


class DetailsJobs:
    """The jobs of one discovery, one after the other; after the first that fails there is none any more."""

    def __init__(self, *, client: GenesysClient, worth: int = WORTH) -> None:
        self._client = client
        self._worth = worth
        self._available: datetime | None = None
        self._given_up = False

    def tell(self, interval: Interval, *, listed: Mapping[str, Json]) -> Mapping[str, Json]:
        """Conversations of the interval with their attributes, by id; none where a job is not the right tool."""
        if self._given_up or len(listed) < self._worth or not self._settled(interval[1]):
            return {}
        try:
            found = self._client.drive(job(interval))
        except SourceError as failure:
            self._given_up = True
            _log.warning("a details job came to nothing (%s): conversations are asked singly", failure.code)
            return {}
        _log.info(
            "a details job told %d conversations, missed %d of %d, and had %d that were not listed",
            len(found),
            len(listed.keys() - found.keys()),
            len(listed),
            len(found.keys() - listed.keys()),
        )
        return {i: {**listed.get(i, {}), **told} for i, told in found.items()}

    def _settled(self, end: datetime) -> bool:
        """Whether the lake has everything up to then, as it says itself."""
        if self._available is None:
            answer = self._client.get(DETAILS_AVAILABILITY)
            self._available = moment(answer.body, "dataAvailabilityDate") if answer.status == 200 else None
            self._given_up = self._available is None
        return self._available is not None and end <= self._available


def job(interval: Interval) -> Steps:
    """Submits one job, waits for it, reads every page. Raises BulkFailed, SourceRefused, SourceError."""
    body = {
        "interval": spelled(interval),
        "order": "asc",
        "orderBy": "conversationStart",
        "segmentFilters": VOICE,
        "startOfDayIntervalMatching": True,
    }
    answer = yield from persist(Send(method="POST", path=DETAILS_JOBS, json=body))
    job_id = text(answer.body if answer.status == 202 else expect_ok(answer, permission=PERMISSION), "jobId")
    if job_id is None:
        raise BulkFailed("a details job was taken without a number")
    yield from _fulfilled(job_id)
    return (yield from _results(job_id))


def _fulfilled(job_id: str) -> Generator[Send | Wait, Answer, None]:
    """Waits until the job is done; one that takes too long is cancelled."""
    path, waited, attempt = fill(DETAILS_JOB, jobId=job_id), 0.0, 0
    while True:
        answer = yield from persist(Send(method="GET", path=path))
        state = text(expect_ok(answer, permission=PERMISSION), "state")
        if state == "FULFILLED":
            return
        if state in _LOST:
            raise BulkFailed("a details job was not carried out", hint=f"its state is {state}")
        pause = min(LONGEST_POLL_S, backoff_s(attempt))
        if waited + pause > PATIENCE_S:
            yield from persist(Send(method="DELETE", path=path))
            raise BulkFailed("a details job takes too long", hint="it was cancelled")
        yield Wait(seconds=pause)
        waited, attempt = waited + pause, attempt + 1


def _results(job_id: str) -> Steps:
    """Every page; the last has no cursor. A cursor that comes again would never end."""
    path, found = fill(DETAILS_RESULTS, jobId=job_id), dict[str, Json]()
    cursor, used = "", set[str]()
    while True:
        params: dict[str, str | int] = {"pageSize": PAGE_SIZE} | ({"cursor": cursor} if cursor else {})
        answer = yield from persist(Send(method="GET", path=path, params=params))
        body = expect_ok(answer, permission=PERMISSION)
        found.update({i: c for c in objects(field(body, "conversations")) if (i := text(c, "conversationId"))})
        used.add(cursor)
        cursor = text(body, "cursor") or ""
        if not cursor:
            return found
        if cursor in used:
            raise BulkFailed("a details job gives the same page again")
