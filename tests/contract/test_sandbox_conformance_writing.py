"""The sandbox against the platform's documented behaviour, point by point (GENESYS.md 12): a test or more for each.

Points 8 to 15, numbered as there; the others are in `test_sandbox_conformance.py`. What single handlers do
beyond them is tested in `tests/unit/sandbox`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sottovoce.sandbox.app import API_ROUTES
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.store import ALL_PERMISSIONS, RECORDING_VIEW
from sottovoce.testing.calls import QUEUE, call_entry
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.tenant import TLS, Open, sandboxes, signed_in

PATHS = Path(__file__).parents[3] / "shared" / "genesys" / "paths.txt"
CALLS = [call_entry(n) for n in (1, 2, 3)]
CALL = CALLS[0]
CONVERSATION = f"/api/v2/conversations/{CALL['id']}"
RECORDINGS = f"{CONVERSATION}/recordings"
RECORDING = f"{RECORDINGS}/{CALL['recording_id']}"
NOTES = f"{RECORDING}/annotations"
QUERY = "/api/v2/analytics/conversations/details/query"
DETAIL_JOBS = "/api/v2/analytics/conversations/details/jobs"
BATCHES = "/api/v2/recording/batchrequests"
JOBS = "/api/v2/recording/jobs"
PROTECT = "/api/v2/recordings/deletionprotection"
REQUESTS = "/api/v2/gdpr/requests"
ITEMS = "/api/v2/taskmanagement/workitems"
QUEUES = "/api/v2/routing/queues"
WEEK = {"interval": "2026-10-05T00:00:00Z/2026-10-12T00:00:00Z"}


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def opened(tmp_path: Path, clock: SteppedClock) -> Iterator[Open]:
    """Opens a sandbox of tiny calls, and a client with every permission."""
    with sandboxes(tmp_path, clock) as open_one:
        yield lambda *entries, **options: open_one(*(entries or CALLS), **options)


@pytest.fixture
def media() -> Iterator[httpx.Client]:
    """What fetches media: no token."""
    with httpx.Client(trust_env=False, verify=TLS) as http:
        yield http


def said(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of an ErrorBody, whose shape is checked on the way."""
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["contextId"] == answer.headers["ININ-Correlation-Id"]
    assert isinstance(body["message"], str)
    return answer.status_code, body["code"]


# 8


def test_08_batches_are_capped_partial_and_growing(opened: Open, media: httpx.Client) -> None:
    """A hundred at most; half of the results first, then all, with a message for what has no media."""
    _, http = opened(*CALLS, call_entry(4, file_state="ARCHIVED"))
    too_many = http.post(BATCHES, json={"batchDownloadRequestList": [{"conversationId": "c"}] * 101})
    assert said(too_many) == (400, "batch.download.too.many.items")
    assert too_many.json()["message"] == "Too many items requested, max 100 allowed"
    assert said(http.post(BATCHES, json={})) == (400, "batch.download.bad.request")
    wanted = [CALL["id"], CALLS[1]["id"], call_entry(4)["id"], "unknown"]
    order = {"batchDownloadRequestList": [{"conversationId": each} for each in wanted]}
    job = http.post(BATCHES, json=order).json()["selfUri"]
    first, last = http.get(job).json(), http.get(job).json()
    assert (first["status"], first["expectedResultCount"], len(first["results"])) == ("InProgress", 2, 2)
    assert (last["status"], last["expectedResultCount"], last["resultCount"]) == ("Completed", 4, 4)
    assert last["errorCount"] == sum("errorMsg" in result for result in last["results"]) == 2
    assert media.get(last["results"][0]["resultUrl"]).content.startswith(b"OggS")


def test_08_only_the_submitter_sees_a_batch(opened: Open) -> None:
    """Another client is refused in the real words; an unknown job is not found."""
    sandbox, http = opened()
    job = http.post(BATCHES, json={"batchDownloadRequestList": [{"conversationId": CALL["id"]}]}).json()["selfUri"]
    with signed_in(sandbox, without=[]) as other:
        refused = other.get(job)
    assert said(refused) == (403, "batch.download.permission.denied")
    assert refused.json()["message"] == "Only user that initiated the job can request results"
    assert said(http.get(f"{BATCHES}/x")) == (404, "batch.download.job.not.found")


# 9


@pytest.mark.parametrize("action", ["EXPORT", "DELETE", "ARCHIVE"])
def test_09_recording_jobs_are_executed_by_who_made_them(opened: Open, action: str) -> None:
    """PENDING, READY, PROCESSING by PUT of the maker alone, FULFILLED; what has no media is a failed recording."""
    sandbox, http = opened(*CALLS, call_entry(4, file_state="ERROR"))
    order = {"action": action, "actionAge": 1, "integrationId": "s3", "conversationQuery": WEEK}
    made = http.post(JOBS, json=order)
    assert (made.status_code, made.json()["state"]) == (202, "PENDING")
    job = made.json()["selfUri"]
    assert http.get(job).json()["state"] == "READY"
    with signed_in(sandbox, without=[]) as other:
        assert said(other.put(job, json={"state": "PROCESSING"})) == (403, "not.authorized")
        assert other.get(JOBS, params={"showOnlyMyJobs": "true"}).json()["total"] == 0
    assert http.put(job, json={"state": "PROCESSING"}).json()["state"] == "PROCESSING"
    done = http.get(job).json()
    assert (done["state"], done["totalProcessedRecordings"], done["totalFailedRecordings"]) == ("FULFILLED", 3, 1)
    failed = http.get(done["failedRecordings"]).json()
    assert [each["recording"]["id"] for each in failed["entities"]] == [call_entry(4)["recording_id"]]


def test_09_two_jobs_at_once(opened: Open) -> None:
    """A third is refused until one of them is over."""
    _, http = opened()
    order = {"action": "DELETE", "actionAge": 1, "conversationQuery": WEEK}
    first, _ = http.post(JOBS, json=order), http.post(JOBS, json=order)
    assert http.post(JOBS, json=order).status_code == 429
    http.delete(first.json()["selfUri"])
    assert http.post(JOBS, json=order).status_code == 202


# 10


def test_10_dates_protection_and_what_is_kept_too_long(opened: Open) -> None:
    """A date in the past deletes unless the conversation is protected; what is over its time is found, by cursor."""
    _, http = opened()
    http.put(PROTECT, json={"conversationIds": [CALL["id"]]}, params={"protect": "true"})
    past = {"deleteDate": "2026-01-01T00:00:00+00:00"}
    assert http.put(RECORDING, json=past).json()["fileState"] == "AVAILABLE"
    assert [each["id"] for each in http.post(PROTECT, json={"conversationIds": [CALL["id"]]}).json()] == [CALL["id"]]
    http.put(PROTECT, json={"conversationIds": [CALL["id"]]}, params={"protect": "false"})
    assert http.get(RECORDING).json()["fileState"] == "DELETED"
    query = "/api/v2/recordings/retention/query"
    found = http.get(query, params={"retentionThresholdDays": 7, "pageSize": 1}).json()
    assert found["entities"][0].keys() >= {"conversationId", "recordingId", "creationTime", "deleteDate"}
    assert found["cursor"] in found["nextUri"]


# 11


def test_11_gdpr_requests_walk_and_deletes_are_confirmed(opened: Open) -> None:
    """A delete without its confirmation is refused; confirmed, it walks to COMPLETED and takes the recordings."""
    _, http = opened()
    order = {"requestType": "GDPR_DELETE", "subject": {"phoneNumbers": [CALL["ani"]]}}
    assert http.post(REQUESTS, json=order).status_code == 400
    made = http.post(REQUESTS, json=order, params={"deleteConfirmed": "true"}).json()
    walked = [made["status"], *(http.get(made["selfUri"]).json()["status"] for _ in range(3))]
    assert walked == ["INITIATED", "SEARCHING", "DELETING", "COMPLETED"]
    assert http.get(RECORDING).json()["fileState"] == "DELETED"


# 12


def test_12_what_is_written_back_answers_as_documented(opened: Open) -> None:
    """202 without a body for attributes and flags, 202 and a sentence for tags, 200 for annotations and work items."""
    _, http = opened()
    participant = f"{CONVERSATION}/participants/{http.get(CONVERSATION).json()['participants'][0]['id']}"
    attributes = http.patch(f"{participant}/attributes", json={"attributes": {"flag": "X"}})
    flag = http.put(f"{participant}/flaggedreason", json={"flaggedReason": "general"})
    assert [(each.status_code, each.content) for each in (attributes, flag)] == [(202, b"")] * 2
    tag = http.put(f"{CONVERSATION}/tags", json={"externalTag": "SV-1"})
    assert (tag.status_code, tag.json()) == (202, "The tags update request was accepted.")
    note = http.post(NOTES, json={"type": "bookmark", "location": 1200})
    item = http.post(ITEMS, json={"name": "Review", "typeId": "t"})
    assert (note.status_code, item.status_code) == (200, 200)
    written = http.get("/sandbox/written").json()["written"]
    assert [each["kind"] for each in written] == ["attributes", "flag", "tag", "annotation", "work item"]


NEEDS = [
    ("GET", RECORDINGS, RECORDING_VIEW),
    ("GET", RECORDING, RECORDING_VIEW),
    ("GET", f"{CONVERSATION}/recordingmetadata", RECORDING_VIEW),
    ("POST", BATCHES, RECORDING_VIEW),
    ("PUT", RECORDING, ("recording:recording:editRetention",)),
    ("GET", NOTES, ("recording:annotation:view",)),
    ("POST", NOTES, ("recording:annotation:add",)),
    ("PUT", f"{NOTES}/x", ("recording:annotation:edit",)),
    ("DELETE", f"{NOTES}/x", ("recording:annotation:delete",)),
    ("POST", JOBS, ("recording:job:add",)),
    ("GET", JOBS, ("recording:job:view",)),
    ("PUT", f"{JOBS}/x", ("recording:job:edit",)),
    ("PUT", f"{JOBS}/x", ("recording:snippetRecording:editRetention",)),
    ("DELETE", f"{JOBS}/x", ("recording:job:delete",)),
    ("PUT", f"{PROTECT}?protect=true", ("recording:deletionProtection:apply",)),
    ("PUT", f"{PROTECT}?protect=false", ("recording:deletionProtection:revoke",)),
    ("GET", "/api/v2/recordings/retention/query", RECORDING_VIEW),
    ("POST", QUERY, ("analytics:conversationDetail:view", "analytics:agentConversationDetail:view")),
    ("POST", DETAIL_JOBS, ("analytics:conversationDetail:view",)),
    ("GET", f"{DETAIL_JOBS}/x", ("analytics:conversationDetail:view",)),
    ("GET", CONVERSATION, ("conversation:communication:view",)),
    ("PUT", f"{CONVERSATION}/tags", ("conversation:externalTag:edit",)),
    ("GET", "/api/v2/gdpr/subjects", ("gdpr:subject:view",)),
    ("POST", REQUESTS, ("gdpr:request:add",)),
    ("GET", REQUESTS, ("gdpr:request:view",)),
    ("POST", ITEMS, ("workitems:workitem:add",)),
    ("GET", QUEUES, ("routing:queue:view",)),
]


@pytest.mark.parametrize(("method", "path", "permissions"), NEEDS)
def test_12_each_call_needs_its_permission(opened: Open, method: str, path: str, permissions: tuple[str, ...]) -> None:
    """A client that has every other permission gets 403 and the name of the one that is missing."""
    sandbox, http = opened()
    with signed_in(sandbox, without=list(permissions)) as other:
        refused = other.request(method, path, json={})
    assert refused.status_code == 403
    assert permissions[0] in refused.json()["message"]
    assert http.request(method, path, json={}).status_code != 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/api/v2/conversations/calls/{CALL['id']}"),
        ("POST", PROTECT),
        ("GET", "/api/v2/authorization/subjects/me"),
        ("GET", "/api/v2/recording/settings"),
    ],
)
def test_12_some_calls_need_none(opened: Open, method: str, path: str) -> None:
    """A client without any role may still make the calls for which the platform lists no permission."""
    sandbox, _ = opened()
    with signed_in(sandbox, permissions=[]) as nobody:
        assert nobody.request(method, path, json={"conversationIds": []}).status_code == 200


def test_12_annotations_are_left_out_silently(opened: Open) -> None:
    """Without the right to see them, a recording has none, and nothing says so."""
    sandbox, http = opened()
    http.post(NOTES, json={"name": "flag"})
    with signed_in(sandbox, without=["recording:annotation:view"]) as reader:
        seen = [client.get(RECORDING, params={"formatId": "NONE"}).json()["annotations"] for client in (http, reader)]
        assert [len(notes) for notes in seen] == [1, 0]
        assert reader.get(f"{CONVERSATION}/recordingmetadata").json()[0]["annotations"] == []


def test_12_the_token_says_what_it_may(opened: Open) -> None:
    """The token's own subject lists exactly the client's permissions; unknown ones cannot be asked for."""
    sandbox, http = opened()
    with signed_in(sandbox, permissions=["gdpr:request:view"]) as reader:
        (grant,) = reader.get("/api/v2/authorization/subjects/me").json()["grants"]
    assert grant["role"]["policies"] == [{"domain": "gdpr", "entityName": "request", "actions": ["view"]}]
    assert http.post("/sandbox/clients", json={"permissions": ["recording:read"]}).status_code == 400
    assert "recording:recording:view" in ALL_PERMISSIONS


# 13


def test_13_events_are_doubled_and_shuffled(opened: Open) -> None:
    """EventBridge's envelope, each sent as often as asked, once more where that fault is set, in another order."""
    sandbox, http = opened(faults=Faults(duplicate_events=1))
    order = {"url": "http://127.0.0.1:9/", "scheme": "none", "copies": 2, "shuffle": True}
    assert http.post("/sandbox/events", json=order).json() == {"0": 7}
    sent = [event["conversation"] for event in sandbox.store.memory.delivered]
    assert sorted(map(sent.count, {call["id"] for call in CALLS})) == [2, 2, 3]
    assert sent != sorted(sent, key=[call["id"] for call in CALLS].index)


# 14


def _shape(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


@pytest.mark.skipif(not PATHS.exists(), reason="the platform's list of paths is not here")
def test_14_nothing_is_served_that_the_platform_does_not_have() -> None:
    """Every path under /api/v2 is one of the official SDK's 2,288."""
    real = {_shape(line.strip().strip("'")) for line in PATHS.read_text().splitlines()}
    assert len(real) > 2000
    assert not {route.path for route in API_ROUTES if _shape(route.path) not in real}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v2/eventsub/eventsubscriptions"),
        ("PATCH", f"/api/v2/recordings/{CALL['recording_id']}"),
        ("POST", "/api/v2/analytics/datadatasets/records"),
        ("GET", f"{CONVERSATION}/participants"),
        ("GET", f"{RECORDING}/media"),
        ("POST", "/api/v2/recordings/jobs"),
        ("POST", "/api/v2/recording/export"),
    ],
)
def test_14_what_guides_invented_is_not_found(opened: Open, method: str, path: str) -> None:
    """404 with the platform's own body, also for a client that may do everything."""
    _, http = opened()
    assert said(http.request(method, path, json={})) == (404, "not.found")


# 15


def test_15_the_sdks_ways_are_understood(opened: Open) -> None:
    """A literal null for no body, lists joined by commas, offsets for zones, parameters nobody knows."""
    _, http = opened()
    assert http.post(QUERY, content=b"null", headers={"Content-Type": "application/json"}).status_code == 400
    assert http.put(f"{RECORDING}?unknown=1", content=b"null").status_code == 200
    assert (
        http.get(RECORDING, params={"mediaFormats": "WAV,MP3", "fileName": "x", "locale": "en-us"}).status_code == 200
    )
    assert http.get(f"{RECORDING}?mediaFormats=OGG_OPUS%2CMP3").json()["mediaUris"].keys() == {"0", "1"}
    dates = {"interval": "2026-10-05T00:00:00+00:00/2026-10-06T00:00:00+00:00", "unknown": True}
    assert http.post(QUERY, json=dates).json()["totalHits"] == 3
    assert http.get(QUEUES, params={"name": "*", "sortOrder": "asc"}).json()["entities"][0]["id"] == QUEUE
