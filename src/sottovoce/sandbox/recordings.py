"""Recordings of a conversation: 202 while transcoding, media addresses when done (GENESYS.md 4)."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import ApiError, accepted, bad_request, json_object, not_found
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.media import media_uris
from sottovoce.sandbox.permissions import SENSITIVE, client_of, may, require_recordings
from sottovoce.sandbox.sound import FORMATS
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import recording

MAX_BATCH = 100
ESTIMATE_MS = 200
REGION = "eu-west-1"
_PLAYABLE = frozenset({"AVAILABLE", "RESTORED"})


async def listed(request: Request) -> Response:
    """A bare array; an empty 202 while any of it is being transcoded."""
    store, call = _admitted(request)
    if store.faults.take("empty_lists", call=call.id) or not call.recorded:
        return JSONResponse([])
    form = _form(request)
    if not _ready(store, call, form):
        return accepted()
    return JSONResponse([await _with_media(store, call, request, form)])


async def single(request: Request) -> Response:
    """One recording; while it is being transcoded, 202 with an estimate and no addresses."""
    store, call = _admitted(request)
    _named(request, call)
    form = _form(request)
    if not _ready(store, call, form):
        return accepted(recording(store, call, **_seen(request)) | {"estimatedTranscodeTimeMs": ESTIMATE_MS})
    return JSONResponse(await _with_media(store, call, request, form))


async def metadata_listed(request: Request) -> Response:
    store, call = _admitted(request)
    return JSONResponse([_metadata(store, call, request)] if call.recorded else [])


async def metadata_single(request: Request) -> Response:
    store, call = _admitted(request)
    _named(request, call)
    return JSONResponse(_metadata(store, call, request))


async def batch_submitted(request: Request) -> Response:
    """Asks for up to 100 recordings in their own codec."""
    store = Store.of(request)
    require_recordings(request)
    wanted = (await json_object(request)).get("batchDownloadRequestList")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(item, dict) for item in wanted):
        raise bad_request("The batch request is not valid.", code="batch.download.bad.request")
    if len(wanted) > MAX_BATCH:
        raise bad_request(f"Too many items requested, max {MAX_BATCH} allowed", code="batch.download.too.many.items")
    job_id = f"batch-{len(store.memory.batches) + 1}"
    shown = [item for item in wanted if not _is_left_out(store, request, item)]
    store.memory.batches[job_id] = {"wanted": shown, "asked": 0, "by": client_of(request).id}
    return JSONResponse({"id": job_id, "selfUri": f"/api/v2/recording/batchrequests/{job_id}"})


async def batch_status(request: Request) -> Response:
    """Half of the results the first time, all of them from then on: what is expected grows with them."""
    store = Store.of(request)
    job = store.memory.batches.get(request.path_params["jobId"])
    if job is None:
        raise not_found("batch.download.job.not.found", "The batch download job was not found.")
    if job["by"] != client_of(request).id:
        raise ApiError(403, "batch.download.permission.denied", "Only user that initiated the job can request results")
    done = job["asked"] > 0
    job["asked"] += 1
    wanted = job["wanted"] if done else job["wanted"][: len(job["wanted"]) // 2]
    results = [await run_in_threadpool(_batch_result, store, item) for item in wanted]
    return JSONResponse(
        {
            "jobId": request.path_params["jobId"],
            "expectedResultCount": len(job["wanted"]) if done else len(wanted),
            "resultCount": len(results),
            "errorCount": sum("errorMsg" in result for result in results),
            "status": "Completed" if done else "InProgress",
            "results": results,
        }
    )


def _batch_result(store: Store, item: dict[str, Any]) -> dict[str, Any]:
    call = store.catalog.calls.get(str(item.get("conversationId")))
    recording_id = item.get("recordingId")
    if call is None or recording_id not in (None, call.recording_id):
        return {"conversationId": item.get("conversationId"), "recordingId": recording_id, "errorMsg": "not found"}
    result = {"conversationId": call.id, "recordingId": call.recording_id}
    state = store.file_state(call)
    if state not in _PLAYABLE:
        return result | {"errorMsg": f"recording is {state}"}
    uris = media_uris(store, call, form="OGG_OPUS", combined=True, redacted=False)
    return result | {"resultUrl": uris["S"]["mediaUri"], "contentType": "audio/ogg"}


def _admitted(request: Request) -> tuple[Store, Call]:
    store = Store.of(request)
    require_recordings(request)
    call = store.call(request)
    if store.faults.take("not_there_yet", call=call.id):
        raise not_found()
    return store, call


def _named(request: Request, call: Call) -> None:
    if not call.recorded or request.path_params["recordingId"] != call.recording_id:
        raise not_found()


def _form(request: Request) -> str:
    """`mediaFormats` overrides `formatId`; NONE means metadata only."""
    listed = [part for part in request.query_params.get("mediaFormats", "").split(",") if part]
    form = listed[0] if listed else request.query_params.get("formatId", "WEBM")
    if form not in FORMATS | {"NONE"} or (listed and form == "NONE"):
        raise bad_request("The media format is not known.", code="invalid.value")
    return form


def _ready(store: Store, call: Call, form: str) -> bool:
    if form == "NONE" or store.file_state(call) not in _PLAYABLE:
        return True
    with store.lock:
        store.memory.polls[call.recording_id, form] += 1
        return store.memory.polls[call.recording_id, form] > store.faults.level("transcoding_polls", call=call.id)


async def _with_media(store: Store, call: Call, request: Request, form: str) -> dict[str, Any]:
    shown = recording(store, call, **_seen(request))
    if form == "NONE" or store.file_state(call) not in _PLAYABLE:
        return shown | {"mediaUris": {}}
    combined = request.query_params.get("download", "").lower() == "true"
    redacted = _is_redacted(store, request)
    uris = await run_in_threadpool(media_uris, store, call, form=form, combined=combined, redacted=redacted)
    return shown | {"mediaUris": uris, "outputDurationMs": round(call.duration_s * 1000), "actualTranscodeTimeMs": 1}


def _metadata(store: Store, call: Call, request: Request) -> dict[str, Any]:
    return recording(store, call, **_seen(request)) | {"region": REGION}


def _seen(request: Request) -> dict[str, bool]:
    """Without the right to see annotations they are left out, silently."""
    return {"with_annotations": may(request, "recording:annotation:view")}


def _is_redacted(store: Store, request: Request) -> bool:
    """Whether this client gets media in which what is sensitive was silenced; it is not told."""
    return store.settings.redacts_sensitive and not may(request, SENSITIVE)


def _is_left_out(store: Store, request: Request, item: dict[str, Any]) -> bool:
    """A batch excludes recordings with sensitive data for a client that may not see them."""
    call = store.catalog.calls.get(str(item.get("conversationId")))
    return _is_redacted(store, request) and call is not None and bool(call.truth)
