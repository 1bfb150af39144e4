"""The sandbox against the platform's documented behaviour, point by point (GENESYS.md 12): a test or more for each.

Points 1 to 7, numbered as there; the others are in `test_sandbox_conformance_writing.py`. What single handlers do
beyond them is tested in `tests/unit/sandbox`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from sottovoce.sandbox.app import API_ROUTES
from sottovoce.sandbox.damage import EMPTY_OGG
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox
from sottovoce.sandbox.store import RECORDING_VIEW
from sottovoce.testing.calls import call_entry
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.tenant import TLS, Open, sandboxes, signed_in

CALLS = [call_entry(n) for n in (1, 2, 3)]
CALL = CALLS[0]
CONVERSATION = f"/api/v2/conversations/{CALL['id']}"
RECORDINGS = f"{CONVERSATION}/recordings"
RECORDING = f"{RECORDINGS}/{CALL['recording_id']}"
QUERY = "/api/v2/analytics/conversations/details/query"
DETAIL_JOBS = "/api/v2/analytics/conversations/details/jobs"
BATCHES = "/api/v2/recording/batchrequests"
JOBS = "/api/v2/recording/jobs"
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


# 1


def test_01_tokens_are_issued_and_expire(opened: Open, clock: SteppedClock) -> None:
    """Basic and form give a bearer token with its lifetime; once it is over, the answer is 401 with its code."""
    sandbox, http = opened(token_lifetime_s=300)
    pair = (sandbox.client_id, sandbox.client_secret)
    issued = http.post("/oauth/token", auth=pair, data={"grant_type": "client_credentials"}).json()
    assert (issued["token_type"], issued["expires_in"]) == ("bearer", 300)
    clock.advance(300)
    assert said(http.get(QUEUES)) == (401, "credentials.expired")


@pytest.mark.parametrize(
    ("pair", "status", "text"),
    [(("sandbox-client", "no"), 401, "authentication failed"), (("nobody", "no"), 400, "client not found")],
)
def test_01_refused_clients_get_the_login_hosts_shape(
    opened: Open, pair: tuple[str, str], status: int, text: str
) -> None:
    """A wrong secret is 401, an unknown client 400; neither is an ErrorBody."""
    _, http = opened()
    answer = http.post("/oauth/token", auth=pair, data={"grant_type": "client_credentials"})
    expected = {"error": "invalid_client", "description": text, "error_description": text}
    assert (answer.status_code, answer.json()) == (status, expected)


# 2


def test_02_every_answer_is_correlated_and_counted(opened: Open) -> None:
    """Answers of every kind carry a correlation id; those to a token, how many it has left and until when."""
    _, http = opened()
    answers = [http.get(QUEUES), http.get(f"{CONVERSATION}x"), http.get("/api/v2/nothing"), http.post(QUERY, json={})]
    assert [answer.status_code for answer in answers] == [200, 404, 404, 400]
    assert len({answer.headers["ININ-Correlation-Id"] for answer in answers}) == 4
    assert [answer.headers["inin-ratelimit-count"] for answer in answers] == ["1", "2", "3", "4"]
    assert {answer.headers["inin-ratelimit-allowed"] for answer in answers} == {"300"}
    assert all(0 < int(answer.headers["inin-ratelimit-reset"]) <= 60 for answer in answers)


def test_02_three_hundred_a_minute_and_token(opened: Open, clock: SteppedClock) -> None:
    """The 301st request within a minute is 429 with Retry-After; another token and the next minute begin anew."""
    sandbox, http = opened()
    assert {http.get(QUEUES).status_code for _ in range(300)} == {200}
    refused = http.get(QUEUES)
    assert said(refused) == (429, "too.many.requests")
    assert refused.json()["message"] == "Rate limit exceeded the maximum [300] requests within [60] seconds"
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    with signed_in(sandbox) as other:
        assert other.get(QUEUES).status_code == 200
    clock.advance(60)
    assert http.get(QUEUES).status_code == 200


def test_02_bodies_end_at_512000_bytes(opened: Open) -> None:
    """`request.bytes.max`: one byte more is 413, announced or not, on every endpoint that takes a body."""
    _, http = opened()
    padding = b'{"interval":"' + b"x" * 511_985 + b'"}'
    assert len(padding) == 512_000
    assert http.post(QUERY, content=padding).status_code == 400
    assert said(http.post(QUERY, content=padding + b" ")) == (413, "request.entity.too.large")
    pieces = (b"x" * 100_000 for _ in range(6))
    assert said(http.post(QUERY, content=pieces)) == (413, "request.entity.too.large")
    for route in API_ROUTES:
        for method in (route.methods or set()) & {"POST", "PUT", "PATCH"}:
            path = re.sub(r"\{\w+\}", "x", route.path)
            assert http.request(method, path, content=b"x" * 512_001).status_code == 413


# 3


def test_03_recordings_come_as_an_array_after_202s(opened: Open) -> None:
    """The list is a bare array after empty 202s; the single one a 202 with an estimate and no addresses."""
    _, http = opened(faults=Faults(transcoding_polls=2))
    waiting = [http.get(RECORDINGS, params={"formatId": "WAV"}) for _ in range(2)]
    assert [(answer.status_code, answer.content) for answer in waiting] == [(202, b"")] * 2
    (shown,) = http.get(RECORDINGS, params={"formatId": "WAV"}).json()
    assert (shown["media"], shown["fileState"], shown["conversationId"]) == ("audio", "AVAILABLE", CALL["id"])
    single = http.get(RECORDING, params={"formatId": "MP3"})
    assert (single.status_code, single.json()["id"]) == (202, CALL["recording_id"])
    assert single.json()["estimatedTranscodeTimeMs"] > 0
    assert "mediaUris" not in single.json()


def test_03_absence_has_its_codes(opened: Open) -> None:
    """Unknown conversations, recordings of others, calls without any, and the moments just after a call."""
    sandbox, http = opened(*CALLS, call_entry(4, recorded=False))
    assert said(http.get("/api/v2/conversations/x/recordings")) == (404, "conversation.not.found")
    assert said(http.get(f"{RECORDINGS}/x")) == (404, "not.found")
    assert http.get(f"/api/v2/conversations/{call_entry(4)['id']}/recordings").json() == []
    sandbox.faults.set({"empty_lists": 1, "not_there_yet": 1})
    assert [http.get(RECORDINGS).status_code for _ in range(3)] == [404, 200, 200]


@pytest.mark.parametrize("permission", RECORDING_VIEW)
def test_03_any_view_of_recordings_will_do(opened: Open, permission: str) -> None:
    """Each of the four lets a client see recordings; without any, 403 in the recordings' own words."""
    sandbox, _ = opened()
    with signed_in(sandbox, permissions=[permission]) as reader, signed_in(sandbox, permissions=[]) as nobody:
        assert reader.get(RECORDINGS).status_code == 200
        refused = nobody.get(RECORDINGS)
    assert said(refused) == (403, "recording.recording.view.permission.check.failed")
    assert refused.json()["message"] == "The recording:recording:view permission is required."


# 4


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        ({"formatId": "WAV"}, {"0", "1"}),
        ({"formatId": "WEBM"}, {"0", "1"}),
        ({"formatId": "MP3"}, {"S"}),
        ({"formatId": "WAV", "download": "true"}, {"S"}),
    ],
)
def test_04_channels_are_keyed(opened: Open, params: dict[str, str], keys: set[str]) -> None:
    """Two channels are "0" and "1"; MP3 and downloads are one "S"."""
    _, http = opened()
    assert http.get(RECORDING, params=params).json()["mediaUris"].keys() == keys


def test_04_addresses_are_signed_for_another_host(opened: Open, media: httpx.Client, clock: SteppedClock) -> None:
    """They lie on another port, carry Expires and Signature, work without a token, and die as CloudFront's do."""
    sandbox, http = opened(url_lifetime_s=120)
    url = httpx.URL(http.get(RECORDING, params={"formatId": "WAV"}).json()["mediaUris"]["0"]["mediaUri"])
    assert url.netloc.decode() == sandbox.media_host != httpx.URL(sandbox.api_url).netloc.decode()
    assert {"Expires", "Signature", "Key-Pair-Id"} <= set(url.params)
    whole = media.get(url)
    assert int(whole.headers["Content-Length"]) == len(whole.content)
    part = media.get(url, headers={"Range": "bytes=44-1043"})
    assert (part.status_code, part.content) == (206, whole.content[44:1044])
    assert part.headers["Content-Range"] == f"bytes 44-1043/{len(whole.content)}"
    assert media.get(url, headers={"Authorization": "Bearer x"}).status_code == 400
    clock.advance(120)
    late = media.get(url)
    assert (late.status_code, late.headers["Content-Type"].split(";")[0]) == (403, "text/xml")
    assert b"<Code>AccessDenied</Code>" in late.content


def test_04_media_go_wrong_on_demand(opened: Open, media: httpx.Client) -> None:
    """Cut, reset, overwritten, empty, 27 bytes of Ogg, a playlist, another call's, short: each once, then the sound."""
    sandbox, http = opened(CALL, call_entry(2))
    url = http.get(RECORDING, params={"formatId": "WAV"}).json()["mediaUris"]["0"]["mediaUri"]
    good = media.get(url).content
    for name, error in (("truncated", httpx.RemoteProtocolError), ("resets", httpx.ReadError)):
        sandbox.faults.set({name: 1})
        with pytest.raises(error):
            media.get(url)
    expected = {
        "corrupt": bytes(len(good)),
        "empty_media": b"",
        "empty_ogg": EMPTY_OGG,
        "wrong_lengths": good[: len(good) // 2],
    }
    for name, content in expected.items():
        sandbox.faults.set({name: 1})
        assert media.get(url).content == content
    sandbox.faults.set({"playlists": 1})
    assert media.get(url).text.startswith("#EXTM3U")
    assert media.get(url).content == good
    assert len(EMPTY_OGG) == 27


def test_04_what_the_organisation_redacts_is_redacted_silently(opened: Open, media: httpx.Client) -> None:
    """Without viewSensitiveData the media are silent where they are sensitive, batches leave the call out, jobs refuse."""
    truth = [{"channel": 1, "start_s": 0.25, "end_s": 0.75}]
    sandbox, http = opened(call_entry(1, truth=truth), call_entry(2), redacts_sensitive=True)

    def loud(client: httpx.Client) -> bool:
        shown = client.get(RECORDING, params={"formatId": "WAV"}).json()
        samples, rate = soundfile.read(io.BytesIO(media.get(shown["mediaUris"]["1"]["mediaUri"]).content))
        assert np.abs(samples[: rate // 4]).max() > 0.1
        return bool(np.abs(samples[rate // 4 + 1 : 3 * rate // 4 - 1]).max() > 0.1)

    order = {"batchDownloadRequestList": [{"conversationId": call["id"]} for call in (CALL, call_entry(2))]}
    job = {"action": "DELETE", "actionAge": 1, "includeRecordingsWithSensitiveData": True, "conversationQuery": WEEK}
    with signed_in(sandbox, without=["recording:recording:viewSensitiveData"]) as reader:
        assert (loud(http), loud(reader)) == (True, False)
        made = reader.post(BATCHES, json=order).json()["selfUri"]
        assert [reader.get(made).json()["expectedResultCount"] for _ in range(2)][-1] == 1
        assert said(reader.post(JOBS, json=job)) == (403, "missing.permissions")


# 5


@pytest.mark.parametrize("state", ["AVAILABLE", "ARCHIVED", "DELETED", "RESTORED", "RESTORING", "UPLOADING", "ERROR"])
def test_05_every_file_state_is_there(opened: Open, state: str) -> None:
    """Only what is available or restored has addresses; the archive's stub has a date and no session."""
    _, http = opened()
    http.post("/sandbox/states", json={"conversation": CALL["id"], "file_state": state})
    shown = http.get(RECORDING).json()
    assert (shown["fileState"], bool(shown["mediaUris"])) == (state, state in ("AVAILABLE", "RESTORED"))
    assert ("sessionId" in shown, "archiveDate" in shown) == (state != "ARCHIVED", state == "ARCHIVED")
    assert shown["deleteDate"] > "2030"


# 6


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            {"interval": "2026-10-01T00:00:00Z/2026-10-09T00:00:00Z"},
            "You must specify a search interval as part of your query that does not exceed 7 days",
        ),
        (
            {
                "interval": "2026-09-01T00:00:00Z/2026-10-03T00:00:00Z",
                "segmentFilters": [{"predicates": [{"dimension": "mediaType", "value": "voice"}]}],
            },
            "You must specify a search interval as part of your query that does not exceed 31 days",
        ),
        (
            {**WEEK, "paging": {"pageSize": 100, "pageNumber": 1001}},
            "Pagination may not exceed 100000 results. Tip: When extracting large chunks of data",
        ),
        ({**WEEK, "paging": {"pageSize": 101, "pageNumber": 1}}, "pageSize"),
        (
            {"interval": "yesterday"},
            "Dates must be specified as ISO-8601 strings. For example: yyyy-MM-ddTHH:mm:ss.SSSZ",
        ),
    ],
)
def test_06_limits_are_refused_in_the_real_words(opened: Open, query: dict[str, Any], text: str) -> None:
    """Seven days without a filter, 31 with one, a hundred a page, a hundred thousand deep."""
    _, http = opened()
    answer = http.post(QUERY, json=query)
    assert answer.status_code == 400
    assert text in answer.json()["message"]


def test_06_the_deepest_page_is_allowed(opened: Open) -> None:
    """A hundred thousand rows deep is empty, not refused; totalHits is there all the same."""
    _, http = opened()
    answer = http.post(QUERY, json={**WEEK, "paging": {"pageSize": 100, "pageNumber": 1000}})
    assert (answer.status_code, answer.json()) == (200, {"totalHits": 3})


def test_06_conversations_without_attributes_and_without_end(opened: Open, clock: SteppedClock) -> None:
    """The day an interval touches counts whole; attributes never come; no end while a call goes on."""
    _, http = opened(call_entry(1, started_at="2026-11-01T11:59:30Z", duration_s=60.0))
    ask = {"interval": "2026-11-01T23:00:00+00:00/2026-11-01T23:30:00+00:00"}
    (active,) = http.post(QUERY, json=ask).json()["conversations"]
    assert "conversationEnd" not in active
    assert not any("attributes" in participant for participant in active["participants"])
    clock.advance(60)
    assert http.post(QUERY, json=ask).json()["conversations"][0]["conversationEnd"]


def test_06_single_conversations_are_read(opened: Open) -> None:
    """By ids joined with commas, and one by one."""
    _, http = opened()
    ids = ",".join([CALLS[0]["id"], "unknown", CALLS[2]["id"]])
    found = http.get("/api/v2/analytics/conversations/details", params={"id": ids}).json()["conversations"]
    assert [each["conversationId"] for each in found] == [CALLS[0]["id"], CALLS[2]["id"]]
    one = http.get(f"/api/v2/analytics/conversations/{CALL['id']}/details").json()
    assert one["conversationId"] == CALL["id"]
    assert http.get("/api/v2/analytics/conversations/details").status_code == 400


# 7


def test_07_jobs_walk_page_and_lag(opened: Open) -> None:
    """202 and an id, states in order, pages by cursor, none on the last, attributes; recent calls are hidden."""
    sandbox, http = opened(*CALLS, call_entry(4, started_at="2026-11-01T08:00:00Z"))
    ask = {"interval": "2026-10-05T00:00:00Z/2026-11-02T00:00:00Z"}
    submitted = http.post(DETAIL_JOBS, json=ask)
    assert submitted.status_code == 202
    job = f"{DETAIL_JOBS}/{submitted.json()['jobId']}"
    assert [http.get(job).json()["state"] for _ in range(3)] == ["QUEUED", "PENDING", "FULFILLED"]
    first = http.get(f"{job}/results", params={"pageSize": 3}).json()
    last = http.get(f"{job}/results", params={"pageSize": 3, "cursor": first["cursor"]}).json()
    assert (len(first["conversations"]), len(last["conversations"]), "cursor" in last) == (3, 1, False)
    assert first["conversations"][0]["participants"][0]["attributes"]
    sandbox.store.settings = _lagging(sandbox, 48 * 3600)
    assert len(http.get(f"{job}/results").json()["conversations"]) == 3
    assert http.get(f"{DETAIL_JOBS}/availability").json()["dataAvailabilityDate"] == "2026-10-30T12:00:00.000Z"


def _lagging(sandbox: Sandbox, seconds: int) -> Any:
    from dataclasses import replace

    return replace(sandbox.store.settings, lake_lag_s=seconds)


def test_07_a_cancelled_job_has_no_results(opened: Open) -> None:
    """DELETE cancels."""
    _, http = opened()
    job = f"{DETAIL_JOBS}/{http.post(DETAIL_JOBS, json=WEEK).json()['jobId']}"
    assert http.delete(job).status_code == 202
    assert http.get(job).json()["state"] == "CANCELLED"
    assert http.get(f"{job}/results").status_code == 404
