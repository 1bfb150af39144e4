"""Signed addresses of many recordings at once, in their own codec: the batch download (GENESYS.md 5a).

One request stands for up to a hundred recordings, and nothing is transcoded. The addresses are signed and live for
an hour at most: they are kept in this process's memory, Confidential, and nowhere else. Only the client that asked
may read the answer, so every worker has batches of its own.

A batch never decides that there is no sound. Whatever it does not give plainly (an error of its own, none, several
files, something else than audio) is asked for singly.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Sequence

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import BulkFailed, SourceError
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer, Send, Wait, backoff_s, persist
from sottovoce.sources.genesys.parse import Json, field, objects, text
from sottovoce.sources.genesys.paths import BATCH, BATCHES, fill
from sottovoce.sources.genesys.recordings import PERMISSION

MOST = 100
"""Recordings a request."""
SIZE = 50
"""What one worker fetches before the addresses are old."""
PATIENCE_S = 300.0
LONGEST_POLL_S = 15.0
TRIES = 3
"""After so many requests in a row that came to nothing, this process asks singly."""

Pair = tuple[str, str]
"""A conversation's id and a recording's."""
Found = dict[Pair, Confidential[str] | None]
"""None where a batch says something, and not plainly one file of audio."""
Upcoming = Callable[[int], Sequence[Pair]]

_log = logging.getLogger(__name__)


class BatchDownloads:
    """Addresses for one worker. `upcoming` names what it will probably fetch next."""

    def __init__(self, *, client: GenesysClient, upcoming: Upcoming, size: int = SIZE) -> None:
        self._client = client
        self._upcoming = upcoming
        self._size = min(size, MOST)
        self._found: Found = {}
        self._failures = 0
        self._lock = threading.Lock()

    def address(self, wanted: Pair) -> Confidential[str] | None:
        """An address, handed out once; None where the recording is to be asked for singly."""
        with self._lock:
            if wanted not in self._found and self._failures < TRIES:
                self._found = self._asked(wanted)
            address, self._found[wanted] = self._found.get(wanted), None
            return address

    def _asked(self, wanted: Pair) -> Found:
        """A new batch in place of the old one, whose addresses are getting old."""
        others = [pair for pair in self._upcoming(self._size) if pair != wanted]
        pairs = [wanted, *others][: self._size]
        try:
            found = self._client.drive(batch(pairs))
        except SourceError as failure:
            self._failures += 1
            _log.info("a batch download came to nothing: %s", failure.code)
            return {}
        self._failures = 0
        return {**dict.fromkeys(pairs), **found}


def batch(pairs: Sequence[Pair]) -> Generator[Send | Wait, Answer, Found]:
    """Submits one batch and waits until it is complete.

    Counts say nothing, because `expectedResultCount` grows while the platform looks; nor does a first result of a
    recording that may have several. The status does. Raises BulkFailed, SourceRefused, SourceError.
    """
    wanted = [{"conversationId": c, "recordingId": r} for c, r in pairs]
    answer = yield from persist(Send(method="POST", path=BATCHES, json={"batchDownloadRequestList": wanted}))
    job_id = text(expect_ok(answer, permission=PERMISSION), "id")
    if job_id is None:
        raise SourceError("a batch download was taken without a number")
    waited, attempt = 0.0, 0
    while waited < PATIENCE_S:
        answer = yield from persist(Send(method="GET", path=fill(BATCH, jobId=job_id)))
        body = expect_ok(answer, permission=PERMISSION)
        if text(body, "status") == "Completed":
            return results_of(body, within=frozenset(pairs))
        pause = min(LONGEST_POLL_S, backoff_s(attempt))
        yield Wait(seconds=pause)
        waited, attempt = waited + pause, attempt + 1
    raise BulkFailed("a batch download takes too long")


def results_of(body: object, *, within: frozenset[Pair]) -> Found:
    """The address of each recording that has exactly one file of audio; pure. What was not asked for is left out."""
    found: Found = {}
    for result in objects(field(body, "results")):
        pair = (text(result, "conversationId") or "", text(result, "recordingId") or "")
        if pair in within:
            found[pair] = None if pair in found else _plain(result)
    return found


def _plain(result: Json) -> Confidential[str] | None:
    """The address, where there is one of audio and no error beside it."""
    address, kind = text(result, "resultUrl"), text(result, "contentType")
    bad = address is None or field(result, "errorMsg") or not (kind or "audio/").startswith("audio/")
    return None if bad or address is None else Confidential(address)
