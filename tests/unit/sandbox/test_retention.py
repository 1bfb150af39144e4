"""Dates, protection, jobs and GDPR requests: how recordings end on the platform."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.testing.calls import call_entry
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.tenant import signed_in

CALLS = [call_entry(n) for n in (1, 2, 3)]
CALL = CALLS[0]
RECORDING = f"/api/v2/conversations/{CALL['id']}/recordings/{CALL['recording_id']}"
JOBS = "/api/v2/recording/jobs"
REQUESTS = "/api/v2/gdpr/requests"
PROTECT = "/api/v2/recordings/deletionprotection"
WEEK = {"interval": "2026-10-05T00:00:00Z/2026-10-12T00:00:00Z"}


def state(http: Any, call: dict[str, Any] = CALL) -> str:
    path = f"/api/v2/conversations/{call['id']}/recordings/{call['recording_id']}"
    return str(http.get(path, params={"formatId": "NONE"}).json()["fileState"])


def test_a_date_in_the_past_deletes(opened: Callable[..., Any], clock: SteppedClock) -> None:
    """A recording is erased by setting its delete date; a date ahead changes nothing until it comes."""
    _, http = opened(CALL)
    ahead = http.put(RECORDING, json={"deleteDate": "2026-11-01T13:00:00Z"}).json()
    assert (ahead["deleteDate"], ahead["fileState"]) == ("2026-11-01T13:00:00.000Z", "AVAILABLE")
    clock.advance(3600)
    assert state(http) == "DELETED"
    assert http.get(RECORDING).json()["mediaUris"] == {}
    assert http.put(RECORDING, json={"deleteDate": None}).json()["fileState"] == "AVAILABLE"


def test_protection_overrides_the_date(opened: Callable[..., Any]) -> None:
    """A protected conversation's recording is not deleted, whatever its date."""
    _, http = opened(CALL)
    http.put(PROTECT, json={"conversationIds": [CALL["id"]]})
    assert http.put(RECORDING, json={"deleteDate": "2026-01-01T00:00:00Z"}).json()["fileState"] == "AVAILABLE"
    http.put(PROTECT, json={"conversationIds": [CALL["id"]]}, params={"protect": "false"})
    assert state(http) == "DELETED"


def test_an_archived_recording_is_restored(opened: Callable[..., Any], clock: SteppedClock) -> None:
    """Archived media are gone until the archive date is moved ahead and the restoration is done."""
    _, http = opened(CALL)
    assert http.put(RECORDING, json={"archiveDate": "2026-10-30T00:00:00Z"}).json()["fileState"] == "ARCHIVED"
    assert http.get(RECORDING).json()["mediaUris"] == {}
    assert http.put(RECORDING, json={"archiveDate": "2027-01-01T00:00:00Z"}).json()["fileState"] == "RESTORING"
    clock.advance(2)
    assert state(http) == "RESTORED"
    assert http.get(RECORDING).json()["mediaUris"]


def test_dates_are_dates_and_need_rights(opened: Callable[..., Any]) -> None:
    """A date without its zone is refused, and so is a client that may only read."""
    _, http = opened(CALL)
    assert http.put(RECORDING, json={"deleteDate": "tomorrow"}).status_code == 400
    assert http.put(f"{RECORDING}x", json={}).status_code == 404
    _, reader = opened(CALL, permissions=frozenset({"recording:recording:view"}) & ALL_PERMISSIONS)
    assert reader.put(RECORDING, json={}).status_code == 403


def test_what_is_kept_too_long_is_found(opened: Callable[..., Any]) -> None:
    """The retention query pages through recordings older than the threshold."""
    _, http = opened(*CALLS)
    query = "/api/v2/recordings/retention/query"
    assert http.get(query, params={"retentionThresholdDays": 90}).json()["entities"] == []
    first = http.get(query, params={"retentionThresholdDays": 7, "pageSize": 2}).json()
    rest = http.get(query, params={"retentionThresholdDays": 7, "pageSize": 2, "cursor": first["cursor"]}).json()
    assert (len(first["entities"]), len(rest["entities"])) == (2, 1)
    assert "cursor" not in rest


def test_a_delete_job_is_walked_and_executed(opened: Callable[..., Any]) -> None:
    """PENDING, READY, then PROCESSING when its maker says so, FULFILLED; protected ones are skipped."""
    _, http = opened(*CALLS)
    http.put(PROTECT, json={"conversationIds": [CALLS[1]["id"]]})
    http.put(RECORDING, json={"archiveDate": "2026-10-30T00:00:00Z"})
    order = {"action": "DELETE", "actionDate": "2026-11-01T00:00:00Z", "conversationQuery": WEEK}
    made = http.post(JOBS, json=order)
    assert (made.status_code, made.json()["state"]) == (202, "PENDING")
    job = f"{JOBS}/{made.json()['id']}"
    assert http.put(job, json={"state": "PROCESSING"}).status_code == 400
    assert (http.get(job).json()["state"], http.get(job).json()["totalRecordings"]) == ("READY", 3)
    assert http.put(job, json={"state": "READY"}).status_code == 400
    assert http.put(job, json={"state": "PROCESSING"}).json()["state"] == "PROCESSING"
    done = http.get(job).json()
    assert (done["state"], done["percentProgress"]) == ("FULFILLED", 100)
    counts = [done[f"total{name}Recordings"] for name in ("Processed", "Skipped", "Failed")]
    assert counts == [1, 1, 1]
    assert http.get(f"{job}/failedrecordings").json()["entities"][0]["recording"] == {"id": CALL["recording_id"]}
    assert [state(http, call) for call in CALLS] == ["ARCHIVED", "AVAILABLE", "DELETED"]


def test_archive_jobs_archive_and_jobs_are_listed(opened: Callable[..., Any]) -> None:
    """An archive job archives; jobs are listed by state and action, and cancelled."""
    _, http = opened(CALL)
    made = http.post(JOBS, json={"action": "ARCHIVE", "actionAge": 1, "conversationQuery": WEEK}).json()
    http.get(f"{JOBS}/{made['id']}")
    http.put(f"{JOBS}/{made['id']}", json={"state": "PROCESSING"})
    http.get(f"{JOBS}/{made['id']}")
    assert state(http) == "ARCHIVED"
    export = {"action": "EXPORT", "integrationId": "s3", "conversationQuery": WEEK}
    other = http.post(JOBS, json=export).json()
    assert http.delete(f"{JOBS}/{other['id']}").status_code == 204
    assert http.get(JOBS, params={"state": "CANCELLED", "jobType": "EXPORT"}).json()["total"] == 1
    assert http.get(JOBS).json()["total"] == 2


@pytest.mark.parametrize(
    "order",
    [
        {"action": "BURN", "conversationQuery": WEEK},
        {"action": "EXPORT", "conversationQuery": WEEK},
        {"action": "DELETE", "conversationQuery": WEEK},
        {"action": "DELETE", "actionAge": 1},
        {"action": "DELETE", "actionAge": 1, "conversationQuery": {"interval": "x"}},
    ],
)
def test_a_wrong_job_is_refused(opened: Callable[..., Any], order: dict[str, Any]) -> None:
    """A job says what, when and on which conversations."""
    _, http = opened(CALL)
    assert http.post(JOBS, json=order).status_code == 400


def test_two_jobs_at_a_time_and_only_the_maker_executes(opened: Callable[..., Any]) -> None:
    """A third concurrent job is refused, and another client cannot execute mine."""
    sandbox, http = opened(CALL)
    order = {"action": "DELETE", "actionAge": 1, "conversationQuery": WEEK}
    first = http.post(JOBS, json=order).json()
    http.post(JOBS, json=order)
    assert http.post(JOBS, json=order).status_code == 429
    http.get(f"{JOBS}/{first['id']}")
    with signed_in(sandbox, without=[]) as other:
        refused = other.put(f"{JOBS}/{first['id']}", json={"state": "PROCESSING"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not.authorized")
    assert http.get(f"{JOBS}/x").status_code == 404


def test_a_batch_is_shown_to_its_submitter_only(opened: Callable[..., Any]) -> None:
    """Another client is told that only the submitter may ask; the submitter may have a new token."""
    sandbox, http = opened(CALL)
    path = "/api/v2/recording/batchrequests"
    made = http.post(path, json={"batchDownloadRequestList": [{"conversationId": CALL["id"]}]}).json()
    with signed_in(sandbox, without=[]) as other:
        assert other.get(f"{path}/{made['id']}").json()["code"] == "batch.download.permission.denied"
    with signed_in(sandbox) as renewed:
        assert renewed.get(f"{path}/{made['id']}").status_code == 200
    assert http.get(f"{path}/{made['id']}").status_code == 200


def test_a_gdpr_delete_takes_the_callers_recordings(opened: Callable[..., Any]) -> None:
    """A confirmed delete walks to COMPLETED and takes the recordings of that number, and no others."""
    _, http = opened(*CALLS)
    number = CALL["ani"].removeprefix("tel:")
    found = http.get("/api/v2/gdpr/subjects", params={"searchType": "PHONE", "searchValue": number}).json()
    subject = found["entities"][0]
    assert (found["total"], subject["phoneNumbers"]) == (1, [number])
    order = {"requestType": "GDPR_DELETE", "subject": subject}
    assert http.post(REQUESTS, json=order).status_code == 400
    made = http.post(REQUESTS, json=order, params={"deleteConfirmed": "true"}).json()
    states = [http.get(f"{REQUESTS}/{made['id']}").json()["status"] for _ in range(4)]
    assert (made["status"], states) == ("INITIATED", ["SEARCHING", "DELETING", "COMPLETED", "COMPLETED"])
    assert [state(http, call) for call in CALLS] == ["DELETED", "AVAILABLE", "AVAILABLE"]
    assert http.get(REQUESTS).json()["total"] == 1


@pytest.mark.parametrize(
    "order",
    [
        {"requestType": "GDPR_FORGET", "subject": {"name": "x"}},
        {"requestType": "GDPR_EXPORT"},
        {"requestType": "GDPR_EXPORT", "subject": {}},
        {"requestType": "GDPR_UPDATE", "subject": {"name": "x"}},
    ],
)
def test_a_wrong_gdpr_request_is_refused(opened: Callable[..., Any], order: dict[str, Any]) -> None:
    """A request says what, about whom, and an update what to replace."""
    _, http = opened(CALL)
    assert http.post(REQUESTS, json=order).status_code == 400
    assert http.get(f"{REQUESTS}/x").status_code == 404
    assert http.get("/api/v2/gdpr/subjects", params={"searchType": "SHOE"}).status_code == 400


def test_others_are_not_known(opened: Callable[..., Any]) -> None:
    """A search by another kind of value finds nobody: the sample calls know numbers only."""
    _, http = opened(CALL)
    found = http.get("/api/v2/gdpr/subjects", params={"searchType": "EMAIL", "searchValue": "a@example.com"})
    assert found.json()["entities"] == []
