"""Whatever field the platform drops, nulls or gives another type: our own error, or every recording."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sottovoce.domain.at_source import SourceAnswer, SourceState
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SottovoceError
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.deletion import GenesysEraser
from sottovoce.sources.genesys.hosts import Hosts
from sottovoce.sources.genesys.keeping import GenesysKeeper
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import HmacTokenizer, Timing
from sottovoce.testing.clock import SteppedClock

STAMPS = {"conversationStart": "2026-10-05T10:00:00Z", "conversationEnd": "2026-10-05T10:01:00Z"}
SEGMENT = {"segmentStart": "2026-10-05T10:00:00Z", "segmentType": "interact", "queueId": "q"}
SESSION = {"mediaType": "voice", "direction": "inbound", "ani": "tel:+1", "dnis": "tel:+2", "segments": [SEGMENT]}
PARTY = {"purpose": "customer", "externalContactId": "x", "attributes": {"a": "true"}, "sessions": [SESSION]}
LISTED = {"conversationId": "c", "originatingDirection": "inbound", "participants": [PARTY], **STAMPS}
LEG = {
    "id": "r",
    "media": "audio",
    "fileState": "AVAILABLE",
    "startTime": "2026-10-05T10:00:00Z",
    "endTime": "2026-10-05T10:01:00Z",
    "deleteDate": "2027-10-05T10:01:00Z",
    "mediaUris": {
        "0": {"mediaUri": "https://api-downloads.mypurecloud.ie/0"},
        "1": {"mediaUri": "https://api-downloads.mypurecloud.ie/1"},
    },
}
ANSWERS: dict[str, Any] = {
    "query": {"totalHits": 1, "conversations": [LISTED]},
    "availability": {"dataAvailabilityDate": "2026-11-01T00:00:00Z"},
    "jobs": {"jobId": "j", "id": "j", "entities": [{"id": "j", "state": "FULFILLED"}]},
    "j": {"state": "FULFILLED", "totalProcessedRecordings": 1},
    "results": {"conversations": [LISTED], "dataAvailabilityDate": "2026-11-01T00:00:00Z"},
    "c": {"id": "c", "startTime": "2026-10-05T10:00:00Z", "endTime": "2026-10-05T10:01:00Z", "participants": [{**PARTY, "ani": "tel:+1", "calls": [{"direction": "inbound"}]}]},
    "recordingmetadata": [LEG],
    "r": LEG,
    "deletionprotection": [],
    "queues": {"entities": [{"id": "q", "name": "Orders"}], "pageCount": 1},
    "me": {"grants": [{"role": {"policies": [{"domain": "a", "entityName": "b", "actions": ["c"]}]}}]},
    "batchrequests": {"id": "b"},
    "b": {"status": "Completed", "results": [{"conversationId": "c", "recordingId": "r", "resultUrl": "https://api-downloads.mypurecloud.ie/S", "contentType": "audio/ogg"}]},
    "subjects": {"entities": [{"externalContactId": "x"}]},
    "requests": {"entities": [{"id": "g", "requestType": "GDPR_DELETE", "status": "DELETING", "subject": {"externalContactId": "x"}}], "id": "g"},
    "g": {"id": "g", "status": "DELETING"},
}  # fmt: skip
DROP = object()
VALUES = [DROP, None, "", "x", "../x", 0, -1, 10**400, float("nan"), True, [], {}, [None], [[]], {"": None}]


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a document, itself included."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*at, name))


PLACES = [(name, *at) for name, answer in ANSWERS.items() for at in places(answer)]
CHANGES = st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(VALUES)), min_size=1, max_size=3)


def changed(changes: list[tuple[tuple[Any, ...], Any]]) -> dict[str, Any]:
    answers = copy.deepcopy(ANSWERS)
    for (*path, last), value in changes:
        holder: Any = answers
        try:
            for name in path:
                holder = holder[name]
            if value is DROP and path:
                del holder[last]
            else:
                holder[last] = None if value is DROP else copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return answers


def client(answers: dict[str, Any]) -> GenesysClient:
    clock = SteppedClock()

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host.startswith("api-downloads"):
            return httpx.Response(200, stream=httpx.ByteStream(b"sound"))
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        answer = answers.get(request.url.path.rpartition("/")[2])
        return httpx.Response(200, content=json.dumps(answer).encode())

    return GenesysClient(
        hosts=Hosts.of(region="eu_west_1"),
        client_id=Confidential("id"),
        client_secret=Confidential("secret"),
        timing=Timing(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
        requests_per_minute=3000,
        transport=httpx.MockTransport(handler),
    )


@pytest.fixture(scope="module", autouse=True)
def _one_context() -> Iterator[None]:
    """Certificates are read once: reading them takes longer than anything here."""
    made = httpx.create_ssl_context(trust_env=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(httpx, "create_ssl_context", lambda **_how: made)
        yield


class Heard(logging.Handler):
    """Warnings of ours, while it listens."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def found_by(answers: dict[str, Any], *, bulk: bool, batch: bool) -> tuple[int, list[str]]:
    """How many recordings were found and fetched or refused by name; and what was warned of."""
    source = GenesysSource(
        name="g",
        client=client(answers),
        tokenizer=HmacTokenizer(key=Confidential(b"k" * 32)),
        attributes=frozenset({"a"}),
        since=datetime(2026, 10, 5, tzinfo=UTC),
        until=datetime(2026, 10, 6, tzinfo=UTC),
        bulk_from=1 if bulk else None,
        upcoming=(lambda _limit: [("c", "r")]) if batch else None,
        language_matters=lambda _participants: False,
    )
    heard = Heard()
    logging.getLogger("sottovoce").addHandler(heard)
    count = 0
    try:
        for metadata in source.discover():
            count += 1
            try:
                source.fetch(metadata.ref, metadata)
            except SottovoceError as error:
                assert error.code
        return count, heard.lines
    except SottovoceError as error:
        return count, [*heard.lines, error.code]
    finally:
        logging.getLogger("sottovoce").removeHandler(heard)
        source.close()


def told_otherwise(answers: dict[str, Any]) -> bool:
    """Whether the platform says itself that there is nothing to take: no leg, or none with sound."""
    legs = answers["recordingmetadata"]
    return isinstance(legs, list) and all(
        isinstance(leg, dict) and (leg.get("media") not in (None, "", "audio") or leg.get("mediaSubtype"))
        for leg in legs
    )


def gone(legs: Any) -> bool:
    """Whether the platform shows, in a listing that is whole, that the recording is not there any more."""
    if not isinstance(legs, list) or not all(isinstance(leg, dict) and leg.get("id") for leg in legs):
        return False
    return all(leg["id"] != "r" or leg.get("fileState") == "DELETED" for leg in legs)


def nothing_counted(answers: dict[str, Any]) -> bool:
    """Whether the platform says itself that there are no conversations."""
    return isinstance(answers["query"], dict) and answers["query"].get("totalHits") == 0


def test_as_it_is_everything_is_found() -> None:
    """Unchanged, the answers give one recording, whichever way it is read."""
    for bulk, batch in ((False, False), (True, False), (False, True), (True, True)):
        assert found_by(ANSWERS, bulk=bulk, batch=batch) == (1, [])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES, bulk=st.booleans(), batch=st.booleans())
def test_no_field_is_trusted(changes: list[tuple[tuple[Any, ...], Any]], bulk: bool, batch: bool) -> None:
    """No exception that is not ours; no recording is lost without a reason that has a name."""
    answers = changed(changes)
    found, reasons = found_by(answers, bulk=bulk, batch=batch)
    assert found or reasons or told_otherwise(answers) or nothing_counted(answers)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_nothing_is_let_go_of_on_a_broken_word(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    """Erasing, looking and counting at the source end in an answer of ours, or in an error of ours."""
    answers = changed(changes)
    asked = client(answers)
    eraser, keeper = GenesysEraser(client=asked), GenesysKeeper(client=asked)
    for step in (
        lambda: eraser.delete_recording("c", "r"),
        lambda: eraser.request_deletion("c"),
        lambda: eraser.look_at_request("g"),
        lambda: keeper.kept_too_long(1),
        lambda: keeper.submit(datetime(2026, 10, 5, tzinfo=UTC)),
        lambda: keeper.look("j"),
    ):
        try:
            answer = step()
            if isinstance(answer, SourceAnswer) and answer.state is SourceState.DONE:
                assert answer.reference == "g" if answer.reference else gone(answers["recordingmetadata"])
        except SottovoceError as error:
            assert error.code
    asked.close()
