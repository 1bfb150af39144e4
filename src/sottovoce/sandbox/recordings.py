"""Recordings of a conversation: 202 while transcoding, media addresses when done (GENESYS.md 4)."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import ApiError, accepted, bad_request, json_object, not_found
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.media import media_uris
from sottovoce.sandbox.sound import FORMATS
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import recording

MAX_BATCH = 100
ESTIMATE_MS = 200
_PLAYABLE = frozenset({"AVAILABLE", "RESTORED"})
_VIEW = "recording:recording:view"


async def listed(request: Request) -> Response:
    """A bare array; an empty 202 while any of it is being transcoded."""
    store, call = _admitted(request)
    if store.faults.take("empty_lists") or not call.recorded:
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
        return accepted(recording(store, call) | {"estimatedTranscodeTimeMs": ESTIMATE_MS})
    return JSONResponse(await _with_media(store, call, request, form))


async def metadata_listed(request: Request) -> Response:
    store, call = _admitted(request)
    return JSONResponse([recording(store, call)] if call.recorded else [])


async def metadata_single(request: Request) -> Response:
    store, call = _admitted(request)
    _named(request, call)
    return JSONResponse(recording(store, call))


async def batch_submitted(request: Request) -> Response:
    """Asks for up to 100 recordings in their own codec."""
    store = Store.of(request)
    store.require(_VIEW)
    wanted = (await json_object(request)).get("batchDownloadRequestList")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(item, dict) for item in wanted):
        raise bad_request("The batch request is not valid.", code="batch.download.bad.request")
    if len(wanted) > MAX_BATCH:
        raise bad_request(f"Too many items requested, max {MAX_BATCH} allowed", code="batch.download.too.many.items")
    job_id = f"batch-{len(store.memory.batches) + 1}"
    store.memory.batches[job_id] = {"wanted": wanted, "asked": 0, "by": request.scope["token"]}
    return JSONResponse({"id": job_id, "selfUri": f"/api/v2/recording/batchrequests/{job_id}"})


async def batch_status(request: Request) -> Response:
    """Half of the results the first time, all of them from then on."""
    store = Store.of(request)
    job = store.memory.batches.get(request.path_params["jobId"])
    if job is None:
        raise not_found("batch.download.job.not.found", "The batch download job was not found.")
    if job["by"] is not request.scope["token"]:
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
    uris = media_uris(store, call, form="OGG_OPUS", combined=True)
    return result | {"resultUrl": uris["S"]["mediaUri"], "contentType": "audio/ogg"}


def _admitted(request: Request) -> tuple[Store, Call]:
    store = Store.of(request)
    if _VIEW not in store.settings.permissions:
        raise ApiError(403, "recording.recording.view.permission.check.failed", f"The {_VIEW} permission is required.")
    call = store.call(request)
    if store.faults.take("not_there_yet"):
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
        return store.memory.polls[call.recording_id, form] > store.faults.level("transcoding_polls")


async def _with_media(store: Store, call: Call, request: Request, form: str) -> dict[str, Any]:
    shown = recording(store, call)
    if form == "NONE" or store.file_state(call) not in _PLAYABLE:
        return shown | {"mediaUris": {}}
    combined = request.query_params.get("download", "").lower() == "true"
    uris = await run_in_threadpool(media_uris, store, call, form=form, combined=combined)
    return shown | {"mediaUris": uris, "outputDurationMs": round(call.duration_s * 1000), "actualTranscodeTimeMs": 1}
