"""Conversation details: the synchronous query and the asynchronous jobs, with their limits."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import accepted, bad_request, json_object, not_found, stamp, whole
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.filters import has_real_filter, interval_of, matches, touches_day_of
from sottovoce.sandbox.permissions import require
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import analytics

MAX_PAGE = 100
DEEPEST = 100_000
JOB_PAGE = 1000
_STATES = ("QUEUED", "PENDING", "FULFILLED")
_VIEW = ("analytics:conversationDetail:view", "analytics:agentConversationDetail:view")


async def query(request: Request) -> Response:
    """One page of conversations, and how many there are in all."""
    store = Store.of(request)
    require(request, *_VIEW)
    body = await json_object(request)
    interval = _bounded_interval(body)
    size, number = _paging(body)
    calls = [call for call in store.catalog.calls.values() if touches_day_of(call.began, interval)]
    found = _fitting(store, body, calls, with_attributes=False)
    page = found[(number - 1) * size : number * size]
    answer: dict[str, Any] = {"totalHits": len(found)}
    return JSONResponse(answer | {"conversations": page} if page else answer)


async def several(request: Request) -> Response:
    """Those of `id=a,b` that there are, without attributes."""
    store = Store.of(request)
    require(request, *_VIEW)
    wanted = [part for part in request.query_params.get("id", "").split(",") if part]
    if not wanted or len(wanted) > MAX_PAGE:
        raise bad_request(f"id names 1 to {MAX_PAGE} conversations.")
    found = [call for each in wanted if (call := store.catalog.calls.get(each)) is not None]
    return JSONResponse({"conversations": [analytics(store, call, with_attributes=False) for call in found]})


async def single(request: Request) -> Response:
    store = Store.of(request)
    require(request, *_VIEW)
    return JSONResponse(analytics(store, store.call(request), with_attributes=False))


async def job_submitted(request: Request) -> Response:
    store = Store.of(request)
    require(request, *_VIEW)
    body = await json_object(request)
    if "paging" in body or "aggregations" in body:
        raise bad_request("Jobs take neither paging nor aggregations.")
    interval_of(body)
    job_id = f"job-{len(store.memory.jobs) + 1}"
    store.memory.jobs[job_id] = {"query": body, "asked": 0, "submitted": store.now(), "is_cancelled": False}
    return accepted({"jobId": job_id})


async def job_status(request: Request) -> Response:
    """Each look sees the job one state further."""
    job = _job(request)
    if job["is_cancelled"]:
        return JSONResponse({"state": "CANCELLED", "submissionDate": stamp(job["submitted"])})
    state = _STATES[min(job["asked"], len(_STATES) - 1)]
    job["asked"] += 1
    shown = {"state": state, "submissionDate": stamp(job["submitted"])}
    if state == "FULFILLED":
        shown["completionDate"] = stamp(Store.of(request).now())
    return JSONResponse(shown)


async def job_results(request: Request) -> Response:
    """One page by cursor; no cursor on the last. Before the job is fulfilled there are none."""
    store, job = Store.of(request), _job(request)
    if job["is_cancelled"] or job["asked"] < len(_STATES):
        raise not_found()
    size = whole(request, "pageSize", JOB_PAGE, most=10_000)
    start = int(cursor) if (cursor := request.query_params.get("cursor", "")).isdigit() else 0
    available = store.now() - timedelta(seconds=store.settings.lake_lag_s)
    begin, end = interval_of(job["query"])
    calls = [c for c in store.catalog.calls.values() if c.began < end and c.ended >= begin and c.ended <= available]
    found = _fitting(store, job["query"], calls, with_attributes=True)
    answer: dict[str, Any] = {"conversations": found[start : start + size], "dataAvailabilityDate": stamp(available)}
    if start + size < len(found):
        answer["cursor"] = str(start + size)
    return JSONResponse(answer)


async def job_cancelled(request: Request) -> Response:
    """It says CANCELLED from now on, and has no results."""
    _job(request)["is_cancelled"] = True
    return accepted()


async def availability(request: Request) -> Response:
    store = Store.of(request)
    return JSONResponse({"dataAvailabilityDate": stamp(store.now() - timedelta(seconds=store.settings.lake_lag_s))})


def _job(request: Request) -> dict[str, Any]:
    require(request, *_VIEW)
    job = Store.of(request).memory.jobs.get(request.path_params["jobId"])
    if job is None:
        raise not_found()
    return job


def _bounded_interval(body: dict[str, Any]) -> tuple[datetime, datetime]:
    interval = interval_of(body)
    days = 31 if has_real_filter(body) else 7
    if interval[1] - interval[0] > timedelta(days=days):
        raise bad_request(f"You must specify a search interval as part of your query that does not exceed {days} days")
    return interval


def _paging(body: dict[str, Any]) -> tuple[int, int]:
    paging = body.get("paging") or {}
    size, number = paging.get("pageSize") or 25, paging.get("pageNumber") or 1
    if type(size) is not int or type(number) is not int or size < 1 or number < 1 or size > MAX_PAGE:
        raise bad_request(f"pageSize is within 1..{MAX_PAGE} and pageNumber starts at 1.")
    if size * number > DEEPEST:
        raise bad_request(
            f"Pagination may not exceed {DEEPEST} results. Tip: When extracting large chunks of data"
            " query in smaller intervals"
        )
    return size, number


def _fitting(store: Store, body: dict[str, Any], calls: list[Call], *, with_attributes: bool) -> list[dict[str, Any]]:
    shown = [analytics(store, call, with_attributes=with_attributes) for call in calls]
    found = [conversation for conversation in shown if matches(body, conversation)]
    return found[::-1] if body.get("order") == "desc" else found
