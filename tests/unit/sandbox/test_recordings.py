"""Recordings and their media: waiting, states, formats, signatures, ranges."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from sottovoce.errors import SourceError, SourceUnavailable
from sottovoce.sandbox.catalog import Catalog
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.serve import Sandbox, serve_forever
from sottovoce.sandbox.store import ALL_PERMISSIONS
from sottovoce.testing.calls import call_entry, write_calls
from sottovoce.testing.clock import SteppedClock

CALL = call_entry(1)
LIST = f"/api/v2/conversations/{CALL['id']}/recordings"
ONE = f"{LIST}/{CALL['recording_id']}"
BATCHES = "/api/v2/recording/batchrequests"


def address(http: httpx.Client, key: str = "0", **params: str) -> str:
    return str(http.get(ONE, params=params).json()["mediaUris"][key]["mediaUri"])


def test_transcoding_answers_202_first(opened: Callable[..., Any]) -> None:
    """The list is an empty 202 and the single a 202 without addresses, as often as set, for each format."""
    _, http = opened(CALL, faults=Faults(transcoding_polls=1))
    waiting = http.get(LIST)
    assert (waiting.status_code, waiting.content) == (202, b"")
    assert http.get(LIST).json()[0]["mediaUris"].keys() == {"0", "1"}
    single = http.get(ONE, params={"formatId": "WAV"})
    assert (single.status_code, "mediaUris" in single.json()) == (202, False)
    assert single.json()["estimatedTranscodeTimeMs"] > 0


@pytest.mark.parametrize(
    ("params", "keys", "container"),
    [
        ({"formatId": "WAV"}, {"0", "1"}, "WAV"),
        ({"formatId": "WAV_ULAW"}, {"0", "1"}, "WAV"),
        ({"formatId": "OGG_OPUS"}, {"0", "1"}, "OGG"),
        ({"formatId": "OGG_VORBIS"}, {"0", "1"}, "OGG"),
        ({"formatId": "MP3"}, {"S"}, "MP3"),
        ({"formatId": "WAV", "download": "true"}, {"S"}, "WAV"),
        ({"formatId": "WEBM", "mediaFormats": "WAV,MP3"}, {"0", "1"}, "WAV"),
    ],
)
def test_channels_come_apart_or_together(
    plain: httpx.Client, opened: Callable[..., Any], params: dict[str, str], keys: set[str], container: str
) -> None:
    """Two channels are "0" and "1"; MP3 and downloads are one "S"; mediaFormats overrides formatId."""
    _, http = opened(CALL)
    uris = http.get(ONE, params=params).json()["mediaUris"]
    assert uris.keys() == keys
    for result in uris.values():
        info = soundfile.info(io.BytesIO(plain.get(result["mediaUri"]).content))
        assert (info.format, info.channels) == (container, 2 if keys == {"S"} else 1)


def test_the_default_is_webm(plain: httpx.Client, opened: Callable[..., Any]) -> None:
    """Without a format the platform transcodes to WebM."""
    _, http = opened(CALL)
    assert plain.get(address(http)).content.startswith(b"\x1a\x45\xdf\xa3")


def test_metadata_needs_no_media(opened: Callable[..., Any]) -> None:
    """Metadata and `formatId=NONE` show the recording and no addresses."""
    _, http = opened(CALL, faults=Faults(transcoding_polls=9))
    metadata = f"/api/v2/conversations/{CALL['id']}/recordingmetadata"
    assert http.get(metadata).json()[0]["media"] == "audio"
    assert http.get(f"{metadata}/{CALL['recording_id']}").json()["id"] == CALL["recording_id"]
    assert http.get(ONE, params={"formatId": "NONE"}).json()["mediaUris"] == {}


@pytest.mark.parametrize("state", ["ARCHIVED", "DELETED", "UPLOADING", "RESTORING", "ERROR"])
def test_what_cannot_be_played_has_no_addresses(opened: Callable[..., Any], state: str) -> None:
    """Only available and restored recordings have media; the archive's stub has no session."""
    _, http = opened(call_entry(1, file_state=state))
    shown = http.get(ONE).json()
    assert (shown["fileState"], shown["mediaUris"]) == (state, {})
    assert ("sessionId" in shown) == (state != "ARCHIVED")
    assert shown["deleteDate"]


def test_unknown_recordings_are_not_found(opened: Callable[..., Any]) -> None:
    """Unknown conversations and recordings answer 404 with the documented codes."""
    _, http = opened(CALL)
    assert http.get("/api/v2/conversations/x/recordings").json()["code"] == "conversation.not.found"
    assert http.get(f"{LIST}/x").json()["code"] == "not.found"
    assert http.get(ONE, params={"formatId": "AVI"}).status_code == 400


def test_just_after_a_call_anything_may_be_missing(opened: Callable[..., Any]) -> None:
    """404 and an empty list happen on demand."""
    _, http = opened(CALL, faults=Faults(not_there_yet=1, empty_lists=1))
    assert http.get(LIST).status_code == 404
    assert http.get(LIST).json() == []


def test_recordings_need_their_permission(opened: Callable[..., Any]) -> None:
    """Without it the answer is the documented 403."""
    _, http = opened(CALL, permissions=ALL_PERMISSIONS - {"recording:recording:view"})
    assert http.get(LIST).json()["code"] == "recording.recording.view.permission.check.failed"


def test_media_live_on_another_host_and_expire(
    plain: httpx.Client, opened: Callable[..., Any], clock: SteppedClock
) -> None:
    """Addresses lead to another port, and after their time answer 403 with XML."""
    sandbox, http = opened(CALL, url_lifetime_s=120)
    url = address(http)
    assert httpx.URL(url).port != httpx.URL(sandbox.api_url).port
    assert plain.get(url).status_code == 200
    clock.advance(120)
    late = plain.get(url)
    assert (late.status_code, b"AccessDenied" in late.content) == (403, True)


@pytest.mark.parametrize("changed", ["Expires=9999999999", "Signature=0", "Key-Pair-Id=", "Expires=x"])
def test_a_changed_address_is_denied(plain: httpx.Client, opened: Callable[..., Any], changed: str) -> None:
    """A signature is for one address and one time."""
    _, http = opened(CALL)
    name, value = changed.split("=")
    assert plain.get(httpx.URL(address(http)).copy_set_param(name, value)).status_code == 403


def test_a_token_sent_to_the_media_host_is_noticed(plain: httpx.Client, opened: Callable[..., Any]) -> None:
    """A client that leaks its token is refused."""
    _, http = opened(CALL)
    assert plain.get(address(http), headers={"Authorization": "Bearer x"}).status_code == 400


@pytest.mark.parametrize(
    ("wanted", "status", "size"),
    [("bytes=0-9", 206, 10), ("bytes=10-", 206, None), ("bytes=9-1", 200, None), ("x", 200, None)],
)
def test_ranges_are_served(
    plain: httpx.Client, opened: Callable[..., Any], wanted: str, status: int, size: int | None
) -> None:
    """One range of bytes is served as 206; anything else as the whole."""
    _, http = opened(CALL)
    whole = plain.get(address(http, formatId="WAV"))
    part = plain.get(address(http, formatId="WAV"), headers={"Range": wanted})
    assert part.status_code == status
    assert len(part.content) == (size or len(whole.content) - (10 if status == 206 else 0))


def test_media_can_be_short_broken_or_refused(plain: httpx.Client, opened: Callable[..., Any]) -> None:
    """Truncated media end early, corrupt ones are of the right length, errors are 503."""
    sandbox, http = opened(CALL)
    url = address(http, formatId="WAV")
    good = plain.get(url).content
    sandbox.faults.set({"truncated": 1, "corrupt": 1, "media_errors": 1})
    assert plain.get(url).status_code == 503
    with pytest.raises(httpx.RemoteProtocolError):
        plain.get(url)
    sandbox.faults.set({"corrupt": 1})
    broken = plain.get(url).content
    assert len(broken) == len(good)
    assert broken != good


def test_a_batch_gives_the_original_codec(plain: httpx.Client, opened: Callable[..., Any]) -> None:
    """Up to 100 recordings a batch, in Opus; partial at first; what has no media says so."""
    _, http = opened(CALL, call_entry(2, file_state="ARCHIVED"))
    items = [
        {"conversationId": CALL["id"]},
        {"conversationId": call_entry(2)["id"], "recordingId": call_entry(2)["recording_id"]},
        {"conversationId": "other"},
    ]
    job = http.post(BATCHES, json={"batchDownloadRequestList": items}).json()["selfUri"]
    first, second = http.get(job).json(), http.get(job).json()
    assert (first["status"], first["resultCount"]) == ("InProgress", 1)
    assert (second["status"], second["resultCount"], second["errorCount"]) == ("Completed", 3, 2)
    sound = plain.get(second["results"][0]["resultUrl"]).content
    assert soundfile.info(io.BytesIO(sound)).subtype == "OPUS"


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([{"conversationId": "x"}] * 101, "batch.download.too.many.items"),
        ([], "batch.download.bad.request"),
        (["x"], "batch.download.bad.request"),
        (None, "batch.download.bad.request"),
    ],
)
def test_a_bad_batch_is_refused(opened: Callable[..., Any], items: Any, code: str) -> None:
    """More than 100 items, none or nonsense are refused with the documented codes."""
    _, http = opened(CALL)
    assert http.post(BATCHES, json={"batchDownloadRequestList": items}).json()["code"] == code
    assert http.get(f"{BATCHES}/other").json()["code"] == "batch.download.job.not.found"


def test_damaged_samples_name_the_place(tmp_path: Path) -> None:
    """A folder without calls or with a damaged entry is refused, saying where."""
    with pytest.raises(SourceError, match="no sample calls"):
        Catalog(folder=tmp_path)
    write_calls(tmp_path, [call_entry(1)])
    (tmp_path / "calls.json").write_text((tmp_path / "calls.json").read_text().replace('"queue":', '"cue":'))
    with pytest.raises(SourceError) as refused:
        Catalog(folder=tmp_path)
    assert "calls.0.queue" in refused.value.hint


def test_samples_lie_in_their_folder(tmp_path: Path) -> None:
    """A sample's file is a plain name."""
    catalog = Catalog(folder=write_calls(tmp_path, [CALL]))
    (call,) = catalog.calls.values()
    with pytest.raises(SourceError):
        catalog.audio(call.model_copy(update={"file": "../x.wav"}))


def test_a_taken_port_is_said(opened: Callable[..., Any], tmp_path: Path) -> None:
    """A port that is taken is a clear error, and nothing is left running."""
    sandbox, _ = opened(CALL)
    port = httpx.URL(sandbox.api_url).port
    second = Sandbox(write_calls(tmp_path / "second", [CALL]), port=port or 0)
    with pytest.raises(SourceUnavailable, match="taken"):
        second.__enter__()


def test_the_packaged_calls_are_whole() -> None:
    """Every packaged call has its audio, its queue and its agent."""
    catalog = Catalog()
    assert len(catalog.calls) >= 14
    for call in catalog.calls.values():
        assert catalog.audio(call).is_file()
        assert call.queue in catalog.queues
        assert call.agent in catalog.agents


def test_serving_for_ever_ends_when_told(plain: httpx.Client, tmp_path: Path) -> None:
    """It tells where it is, serves until it is told to stop, and stops."""
    stop, seen = threading.Event(), []

    def ready(sandbox: Sandbox) -> None:
        seen.append(plain.get(sandbox.api_url + "/sandbox/faults").status_code)
        stop.set()

    serve_forever(Sandbox(write_calls(tmp_path, [CALL])), on_ready=ready, stop=stop)
    assert seen == [200]
