"""Recording jobs: ARCHIVE, DELETE and EXPORT of what a query finds, as the platform walks them (GENESYS.md 5b).

PENDING, then READY, and only the one who made it moves it to PROCESSING; the next looks find it PROCESSING and
FULFILLED. Two at a time. Protected conversations are skipped by DELETE; what has no media fails.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import ApiError, accepted, bad_request, json_object, not_found, stamp, whole
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.filters import interval_of, matches, touches_day_of
from sottovoce.sandbox.permissions import client_of, require, require_all
from sottovoce.sandbox.retention import archive_now, delete_now
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import analytics

MOST_AT_ONCE = 2
_ACTIONS = frozenset({"ARCHIVE", "DELETE", "EXPORT"})
_OVER = frozenset({"FULFILLED", "CANCELLED", "FAILED"})
_EDIT = (
    "recording:job:edit",
    "recording:recording:editRetention",
    "recording:screenRecording:editRetention",
    "recording:snippetRecording:editRetention",
)
_MEDIA = frozenset({"AVAILABLE", "RESTORED"})

Job = dict[str, Any]


async def submitted(request: Request) -> Response:
    """202 and the job, which still has to be executed."""
    store = Store.of(request)
    require(request, "recording:job:add")
    query = await json_object(request)
    _check(query)
    if query.get("includeRecordingsWithSensitiveData"):
        require(request, "recording:recording:viewSensitiveData")
    with store.lock:
        if sum(job["state"] not in _OVER for job in store.memory.recording_jobs.values()) >= MOST_AT_ONCE:
            raise ApiError(429, "recording.job.max.concurrent", "The maximum number of concurrent jobs is reached.")
        job = _new(query, store.now(), client_of(request).id)
        store.memory.recording_jobs[job["id"]] = job
    return accepted(_shown(job))


async def looked_at(request: Request) -> Response:
    """The job; each look sees it one state further."""
    store, job = _job(request, "recording:job:view")
    _walk(store, job)
    return JSONResponse(_shown(job))


async def executed(request: Request) -> Response:
    """PUT `{"state": "PROCESSING"}` by the one who made it, when it is READY."""
    _, job = _job(request, *_EDIT)
    if (await json_object(request)).get("state") != "PROCESSING":
        raise bad_request("A job can only be moved to PROCESSING.")
    if job["by"] != client_of(request).id:
        raise ApiError(403, "not.authorized", "Only the user that created the job can execute it.")
    if job["state"] != "READY":
        raise bad_request("The job is not ready.", code="recording.job.not.ready")
    job["state"] = "PROCESSING"
    return JSONResponse(_shown(job))


async def cancelled(request: Request) -> Response:
    _, job = _job(request, "recording:job:delete")
    if job["state"] not in _OVER:
        job["state"] = "CANCELLED"
    return Response(status_code=204)


async def listed(request: Request) -> Response:
    """All jobs, by state, action and maker where asked."""
    store = Store.of(request)
    require(request, "recording:job:view")
    state, kind = request.query_params.get("state"), request.query_params.get("jobType")
    mine = request.query_params.get("showOnlyMyJobs", "").lower() == "true"
    makers = (client_of(request).id,) if mine else tuple(store.memory.clients)
    jobs = [
        _shown(job)
        for job in store.memory.recording_jobs.values()
        if state in (None, job["state"]) and kind in (None, job["query"]["action"]) and job["by"] in makers
    ]
    size = whole(request, "pageSize", 25, most=500)
    return JSONResponse({"entities": jobs[:size], "pageSize": size, "total": len(jobs)})


async def failures(request: Request) -> Response:
    """The recordings the job could do nothing with."""
    _, job = _job(request, "recording:job:view")
    size, number = whole(request, "pageSize", 25, most=500), whole(request, "pageNumber", 1, most=10_000)
    every = [{"conversation": {"id": c}, "recording": {"id": r}} for c, r in job["failed"]]
    page = every[(number - 1) * size : number * size]
    shown = {"entities": page, "pageSize": size, "pageNumber": number, "total": len(every)}
    return JSONResponse(shown | {"pageCount": -(-len(every) // size)})


def _check(query: dict[str, Any]) -> None:
    if query.get("action") not in _ACTIONS:
        raise bad_request("action is one of ARCHIVE, DELETE, EXPORT.")
    if query["action"] == "EXPORT" and not query.get("integrationId"):
        raise bad_request("EXPORT names an integrationId.")
    if query["action"] != "EXPORT" and not (query.get("actionDate") or query.get("actionAge")):
        raise bad_request("ARCHIVE and DELETE say when: actionDate or actionAge.")
    if not isinstance(query.get("conversationQuery"), dict):
        raise bad_request("A job has a conversationQuery.")
    interval_of(query["conversationQuery"])


def _new(query: dict[str, Any], now: datetime, by: str) -> Job:
    return {
        "id": str(uuid4()),
        "state": "PENDING",
        "query": query,
        "by": by,
        "made": now,
        "total": 0,
        "done": 0,
        "skipped": 0,
        "failed": [],
    }


def _walk(store: Store, job: Job) -> None:
    with store.lock:
        state = job["state"]
        job["state"] = {"PENDING": "READY", "PROCESSING": "FULFILLED"}.get(state, state)
    if state == "PENDING":
        job["total"] = len(_meant(store, job))
    if state == "PROCESSING":
        for call in _meant(store, job):
            _act(store, job, call)


def _meant(store: Store, job: Job) -> list[Call]:
    query = job["query"]["conversationQuery"]
    interval = interval_of(query)
    calls = [call for call in store.catalog.calls.values() if call.recorded and touches_day_of(call.began, interval)]
    return [call for call in calls if matches(query, analytics(store, call, with_attributes=False))]


def _act(store: Store, job: Job, call: Call) -> None:
    if store.file_state(call) not in _MEDIA:
        job["failed"].append((call.id, call.recording_id))
        return
    action = job["query"]["action"]
    if action == "DELETE" and not delete_now(store, call):
        job["skipped"] += 1
        return
    if action == "ARCHIVE":
        archive_now(store, call)
    job["done"] += 1


def _job(request: Request, *permissions: str) -> tuple[Store, Job]:
    store = Store.of(request)
    require_all(request, *permissions)
    job = store.memory.recording_jobs.get(request.path_params["jobId"])
    if job is None:
        raise not_found()
    return store, job


def _shown(job: Job) -> dict[str, Any]:
    total, ended = job["total"], job["state"] == "FULFILLED"
    return {
        "id": job["id"],
        "state": job["state"],
        "user": {"id": job["by"]},
        "recordingJobsQuery": job["query"],
        "dateCreated": stamp(job["made"]),
        "totalConversations": total,
        "totalRecordings": total,
        "totalProcessedRecordings": job["done"],
        "totalSkippedRecordings": job["skipped"],
        "totalFailedRecordings": len(job["failed"]),
        "failedRecordings": f"/api/v2/recording/jobs/{job['id']}/failedrecordings",
        "percentProgress": 100 if ended else 0,
        "selfUri": f"/api/v2/recording/jobs/{job['id']}",
    }
