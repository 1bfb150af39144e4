"""Retention as the platform has it: dates on a recording, protection, and what is kept too long (GENESYS.md 5c).

Nothing deletes a recording at once: a date is set, and from then on it reads DELETED. Protection of its
conversation overrides the date. An archived recording is restored by moving its archive date ahead, which
takes hours in the real one and a setting's seconds here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import bad_request, json_object, not_found, whole
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.permissions import require, require_recordings
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import recording

EDIT = "recording:recording:editRetention"
RESTORE = "recording:recording:restore"
_VIEW = "recording:recording:view"
_QUERY = "/api/v2/recordings/retention/query"


async def put_recording(request: Request) -> Response:
    """Sets or removes the archive and delete dates; everything else of the body is ignored."""
    store = Store.of(request)
    require_recordings(request)
    call = named_call(store, request)
    body = await json_object(request)
    dates = store.dates_of(call)
    archive_at, delete_at = _moment(body, "archiveDate"), _moment(body, "deleteDate")
    restoring = store.file_state(call) == "ARCHIVED" and (archive_at is None or archive_at > store.now())
    require(request, RESTORE if restoring else EDIT)
    with store.lock:
        dates.archive_at, dates.delete_at = archive_at, delete_at
        dates.edited = True
        if restoring:
            dates.restored_at = store.now() + timedelta(seconds=store.settings.restore_s)
    return JSONResponse(recording(store, call))


async def kept_too_long(request: Request) -> Response:
    """Recordings older than the threshold that are still there, page by page."""
    store = Store.of(request)
    require(request, _VIEW)
    days = whole(request, "retentionThresholdDays", 0, most=36_500)
    size = whole(request, "pageSize", 25, most=500)
    start = int(request.query_params.get("cursor") or 0)
    before = store.now() - timedelta(days=days)
    old = [call for call in store.catalog.calls.values() if call.ended < before and store.file_state(call) != "DELETED"]
    entities = [_retention(store, call) for call in old[start : start + size]]
    shown: dict[str, Any] = {"entities": entities, "pageSize": size}
    if start + size < len(old):
        shown |= {"cursor": str(start + size), "nextUri": f"{_QUERY}?cursor={start + size}"}
    return JSONResponse(shown)


def named_call(store: Store, request: Request) -> Call:
    """The call whose recording the path names. Raises ApiError 404."""
    call = store.call(request)
    if not call.recorded or request.path_params["recordingId"] != call.recording_id:
        raise not_found()
    return call


def _retention(store: Store, call: Call) -> dict[str, Any]:
    """RecordingRetention: ids, when it was made, and the dates it has."""
    shown = recording(store, call, with_annotations=False)
    names = {"archiveDate", "deleteDate", "creationTime"}
    dates = {name: value for name, value in shown.items() if name in names}
    return {"conversationId": call.id, "recordingId": call.recording_id, **dates}


def delete_now(store: Store, call: Call) -> bool:
    """Deleted from this moment on; False where it is protected, and then nothing changes."""
    if call.id in store.memory.protected:
        return False
    dates = store.dates_of(call)
    dates.delete_at, dates.edited = store.now(), True
    return True


def archive_now(store: Store, call: Call) -> None:
    dates = store.dates_of(call)
    dates.archive_at, dates.edited = store.now(), True


def _moment(body: dict[str, Any], name: str) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise bad_request(
            "Dates must be specified as ISO-8601 strings. For example: yyyy-MM-ddTHH:mm:ss.SSSZ", code="invalid.date"
        )
    return moment
