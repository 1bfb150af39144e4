"""Conversation details: limits, filters, jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sottovoce.testing.calls import AGENT, QUEUE, call_entry
from sottovoce.testing.clock import SteppedClock

QUERY = "/api/v2/analytics/conversations/details/query"
JOBS = "/api/v2/analytics/conversations/details/jobs"
WEEK = "2026-10-05T00:00:00Z/2026-10-12T00:00:00Z"


def predicate(dimension: str, value: str | None = None, **more: Any) -> dict[str, Any]:
    return {"predicates": [{"type": "dimension", "dimension": dimension, "value": value, **more}]}


def test_a_query_lists_conversations_without_attributes(opened: Callable[..., Any]) -> None:
    """The synchronous query gives participants, sessions and segments, and no attributes."""
    _, http = opened()
    body = http.post(QUERY, json={"interval": WEEK}).json()
    (conversation,) = body["conversations"]
    assert body["totalHits"] == 1
    assert conversation["conversationEnd"] == "2026-10-05T10:00:01.000Z"
    assert all("attributes" not in p for p in conversation["participants"])
    agent = conversation["participants"][1]
    assert (agent["userId"], agent["sessions"][0]["segments"][0]["queueId"]) == (AGENT, QUEUE)


def test_no_conversations_is_no_list(opened: Callable[..., Any]) -> None:
    """With no hits the list is absent."""
    _, http = opened()
    assert http.post(QUERY, json={"interval": "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"}).json() == {"totalHits": 0}


def test_an_active_conversation_has_no_end(opened: Callable[..., Any], clock: SteppedClock) -> None:
    """`conversationEnd` is absent while the call goes on."""
    _, http = opened(call_entry(1, started_at="2026-11-01T11:59:00Z", duration_s=120.0))
    ask = {"interval": "2026-11-01T00:00:00Z/2026-11-02T00:00:00Z"}
    assert "conversationEnd" not in http.post(QUERY, json=ask).json()["conversations"][0]
    clock.advance(120)
    assert "conversationEnd" in http.post(QUERY, json=ask).json()["conversations"][0]


@pytest.mark.parametrize(
    ("interval", "hits"),
    [
        ("2026-10-05T23:00:00Z/2026-10-05T23:30:00Z", 1),
        ("2026-10-04T00:00:00Z/2026-10-05T00:00:00Z", 0),
        ("2026-10-04T00:00:00Z/2026-10-05T00:00:01Z", 1),
        ("2026-10-05T00:00:00+00:00/2026-10-06T00:00:00+00:00", 1),
        ("2026-10-05T00:00:00/2026-10-06T00:00:00", 1),
    ],
)
def test_an_interval_takes_whole_days(opened: Callable[..., Any], interval: str, hits: int) -> None:
    """An interval means the conversations that started on a day it touches."""
    _, http = opened()
    assert http.post(QUERY, json={"interval": interval}).json()["totalHits"] == hits


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"interval": "2026-10-01T00:00:00Z/2026-10-08T00:00:01Z"}, "does not exceed 7 days"),
        (
            {
                "interval": "2026-09-01T00:00:00Z/2026-10-03T00:00:00Z",
                "segmentFilters": [predicate("mediaType", "voice")],
            },
            "does not exceed 31 days",
        ),
        ({"interval": "2026-10-01T00:00:00Z/2026-10-09T00:00:00Z", "conversationFilters": [{}]}, "7 days"),
        ({"interval": WEEK, "paging": {"pageSize": 101}}, "pageSize"),
        (
            {"interval": WEEK, "paging": {"pageSize": 100, "pageNumber": 1001}},
            "Pagination may not exceed 100000 results",
        ),
        ({"interval": WEEK, "paging": {"pageSize": "5"}}, "pageSize"),
        ({"interval": "2026-10-05T00:00:00Z"}, "ISO-8601"),
        ({"interval": "yesterday/today"}, "ISO-8601"),
        ({}, "ISO-8601"),
        ({"interval": "2026-10-06T00:00:00Z/2026-10-05T00:00:00Z"}, "ends before"),
        ({"interval": WEEK, "segmentFilters": [predicate("colour", "blue")]}, "dimension"),
    ],
)
def test_the_documented_limits_hold(opened: Callable[..., Any], body: dict[str, Any], text: str) -> None:
    """Seven days, 31 with a real filter, 100 a page, 100,000 deep: each with its text."""
    _, http = opened()
    answer = http.post(QUERY, json=body)
    assert answer.status_code == 400
    assert text in answer.json()["message"]


@pytest.mark.parametrize(
    ("filters", "hits"),
    [
        ({"segmentFilters": [predicate("mediaType", "voice")]}, 2),
        ({"segmentFilters": [predicate("mediaType", "chat")]}, 0),
        ({"segmentFilters": [predicate("queueId", QUEUE), predicate("direction", "outbound")]}, 1),
        ({"segmentFilters": [{"type": "or", "predicates": [*predicate("ani", "tel:+12025550001")["predicates"]]}]}, 1),
        (
            {
                "segmentFilters": [
                    {"type": "or", "clauses": [predicate("mediaType", "chat"), predicate("userId", AGENT)]}
                ]
            },
            2,
        ),
        ({"conversationFilters": [predicate("externalTag", operator="exists")]}, 0),
        ({"conversationFilters": [predicate("externalTag", operator="notExists")]}, 2),
        ({"conversationFilters": [predicate("originatingDirection", "OUTBOUND")]}, 1),
        (
            {
                "segmentFilters": [
                    {"predicates": [{"type": "property", "property": "aiTrainingConsent", "value": "true"}]}
                ]
            },
            0,
        ),
    ],
)
def test_filters_choose_conversations(opened: Callable[..., Any], filters: dict[str, Any], hits: int) -> None:
    """Dimensions filter; attributes cannot be filtered on."""
    _, http = opened(call_entry(1), call_entry(2, direction="outbound"))
    assert http.post(QUERY, json={"interval": WEEK, **filters}).json()["totalHits"] == hits


def test_pages_and_order(opened: Callable[..., Any]) -> None:
    """Pages follow one another in the order asked for."""
    entries = [call_entry(n, started_at=f"2026-10-05T1{n}:00:00Z") for n in range(3)]
    _, http = opened(*entries)
    paging = {"pageSize": 2, "pageNumber": 2}
    first = http.post(QUERY, json={"interval": WEEK, "paging": paging}).json()
    last = http.post(QUERY, json={"interval": WEEK, "paging": paging, "order": "desc"}).json()
    assert [c["conversationId"] for c in first["conversations"]] == [entries[2]["id"]]
    assert [c["conversationId"] for c in last["conversations"]] == [entries[0]["id"]]
    assert first["totalHits"] == 3


def test_a_job_walks_to_its_results(opened: Callable[..., Any]) -> None:
    """A job is queued, pending, fulfilled; results come by cursor, with attributes."""
    _, http = opened(call_entry(1), call_entry(2), call_entry(3))
    submitted = http.post(JOBS, json={"interval": WEEK})
    job = f"{JOBS}/{submitted.json()['jobId']}"
    assert submitted.status_code == 202
    assert http.get(f"{job}/results").status_code == 404
    assert [http.get(job).json()["state"] for _ in range(4)] == ["QUEUED", "PENDING", "FULFILLED", "FULFILLED"]
    first = http.get(f"{job}/results", params={"pageSize": 2}).json()
    second = http.get(f"{job}/results", params={"pageSize": 2, "cursor": first["cursor"]}).json()
    assert (len(first["conversations"]), len(second["conversations"]), "cursor" in second) == (2, 1, False)
    assert first["conversations"][0]["participants"][0]["attributes"]["aiTrainingConsent"] == "true"


def test_jobs_take_no_paging_and_are_known(opened: Callable[..., Any]) -> None:
    """Paging is refused in a job; an unknown job is not found; availability is a moment."""
    _, http = opened()
    assert http.post(JOBS, json={"interval": WEEK, "paging": {}}).status_code == 400
    assert http.get(JOBS + "/other").status_code == 404
    assert http.get(JOBS + "/availability").json() == {"dataAvailabilityDate": "2026-11-01T12:00:00.000Z"}


def test_analytics_need_their_permission(opened: Callable[..., Any]) -> None:
    """Without the permission the answer is 403 and names it."""
    _, http = opened(permissions=frozenset())
    answer = http.post(QUERY, json={"interval": WEEK})
    assert answer.status_code == 403
    assert "analytics:conversationDetail:view" in answer.json()["message"]
