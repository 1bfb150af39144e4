"""What may be written back: attributes, one tag, protection, annotations, work items (GENESYS.md 8).

Nothing is pretended: what is written is kept while the sandbox runs and read back by the same API.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import accepted, bad_request, json_object, not_found, stamp
from sottovoce.sandbox.permissions import require, require_recordings
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import parties

LONGEST_DESCRIPTION = 500
MAX_PROTECTED = 100


async def patch_attributes(request: Request) -> Response:
    """Merged into what is there; 202 and no body."""
    store = Store.of(request)
    call, participant = store.call(request), _participant(request)
    given = (await json_object(request)).get("attributes") or {}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise bad_request("Attributes are strings.")
    with store.lock:
        store.memory.attributes.setdefault((call.id, participant), {}).update(given)
    store.wrote("attributes", conversation=call.id, what=", ".join(sorted(given)))
    return accepted()


async def put_tag(request: Request) -> Response:
    """One string a conversation: the last one stays."""
    store = Store.of(request)
    require(request, "conversation:externalTag:edit")
    call = store.call(request)
    tag = (await json_object(request)).get("externalTag")
    if not isinstance(tag, str):
        raise bad_request("externalTag is a string.")
    store.memory.tags[call.id] = tag
    store.wrote("tag", conversation=call.id, what=tag)
    return accepted("The tags update request was accepted.")


async def protect(request: Request) -> Response:
    """Applies or lifts the protection of up to 100 conversations; unknown ones come back as failed."""
    store = Store.of(request)
    lifting = request.query_params.get("protect", "true").lower() == "false"
    require(request, f"recording:deletionProtection:{'revoke' if lifting else 'apply'}")
    ids = await _conversation_ids(request)
    known = ids & store.catalog.calls.keys()
    change = store.memory.protected.difference_update if lifting else store.memory.protected.update
    change(known)
    return JSONResponse({"failedUpdates": [{"id": i} for i in sorted(ids - known)]})


async def protected(request: Request) -> Response:
    """Which of the conversations are protected."""
    held = Store.of(request).memory.protected & await _conversation_ids(request)
    return JSONResponse([{"id": i, "selfUri": f"/api/v2/conversations/{i}"} for i in sorted(held)])


async def list_annotations(request: Request) -> Response:
    _may_note(request, "view")
    return JSONResponse(list(_annotations(request).values()))


async def get_annotation(request: Request) -> Response:
    _may_note(request, "view")
    found = _annotations(request).get(request.path_params["annotationId"])
    if found is None:
        raise not_found()
    return JSONResponse(found)


async def post_annotation(request: Request) -> Response:
    _may_note(request, "add")
    body = await json_object(request)
    if len(str(body.get("description") or "")) > LONGEST_DESCRIPTION:
        raise bad_request(f"A description has at most {LONGEST_DESCRIPTION} characters.")
    annotation: dict[str, Any] = {**body, "id": str(uuid4())}
    _annotations(request)[annotation["id"]] = annotation
    Store.of(request).wrote(
        "annotation", conversation=request.path_params["conversationId"], what=str(body.get("name", ""))
    )
    return JSONResponse(annotation)


async def put_annotation(request: Request) -> Response:
    """Replaces an annotation, keeping its id."""
    _may_note(request, "edit")
    notes, wanted = _annotations(request), request.path_params["annotationId"]
    if wanted not in notes:
        raise not_found()
    notes[wanted] = {**(await json_object(request)), "id": wanted}
    return JSONResponse(notes[wanted])


async def delete_annotation(request: Request) -> Response:
    _may_note(request, "delete")
    if _annotations(request).pop(request.path_params["annotationId"], None) is None:
        raise not_found()
    return Response(status_code=204)


async def flag(request: Request) -> Response:
    """PUT flags a participant, DELETE lifts the flag; 202 and no body."""
    store = Store.of(request)
    call, participant = store.call(request), _participant(request)
    change = store.memory.flagged.discard if request.method == "DELETE" else store.memory.flagged.add
    change((call.id, participant))
    store.wrote("flag", conversation=call.id, what=request.method)
    return accepted()


async def post_callback(request: Request) -> Response:
    """A callback in a queue: the conversation that an agent or supervisor will be offered."""
    body = await json_object(request)
    numbers = body.get("callbackNumbers")
    if not body.get("queueId") or not isinstance(numbers, list) or not numbers:
        raise bad_request("A callback has a queueId and callbackNumbers.")
    store, made = Store.of(request), str(uuid4())
    store.memory.callbacks[made] = {key: value for key, value in body.items() if key != "callbackNumbers"}
    store.wrote("callback", conversation="", what=str(body["queueId"]))
    callback = {"type": "ACD", "id": str(uuid4())}
    return JSONResponse({"conversation": {"id": made}, "callbackIdentifiers": [callback]})


async def post_workitem(request: Request) -> Response:
    store = Store.of(request)
    require(request, "workitems:workitem:add")
    body = await json_object(request)
    name = body.get("name")
    if not isinstance(name, str) or not 3 <= len(name) <= 256 or not body.get("typeId"):
        raise bad_request("A work item has a name of 3 to 256 characters and a typeId.")
    kept = {key: value for key, value in body.items() if key in ("name", "description", "priority", "customFields")}
    item = {**kept, "id": str(uuid4()), "dateCreated": stamp(store.now()), "statusCategory": "Open"}
    item |= {"externalTag": body["externalTag"]} if body.get("externalTag") else {}
    item |= {"type": {"id": body["typeId"]}, "queue": {"id": body["queueId"]} if body.get("queueId") else None}
    store.memory.workitems[item["id"]] = item
    store.wrote("work item", conversation=_named_in(store, item), what=name)
    return JSONResponse(item)


async def query_workitems(request: Request) -> Response:
    """Work items whose external tag equals one of the values; other filters are not known here."""
    store = Store.of(request)
    require(request, "workitems:workitem:view")
    wanted: set[str] = set()
    for given in (await json_object(request)).get("filters") or []:
        if not isinstance(given, dict) or (given.get("name"), given.get("operator")) != ("externalTag", "EQ"):
            raise bad_request("Only externalTag EQ is a filter here.")
        wanted |= {value for value in given.get("values") or [] if isinstance(value, str)}
    found = [item for item in store.memory.workitems.values() if item.get("externalTag") in wanted]
    return JSONResponse({"entities": found})


async def get_workitem(request: Request) -> Response:
    store = Store.of(request)
    require(request, "workitems:workitem:view")
    item = store.memory.workitems.get(request.path_params["workitemId"])
    if item is None:
        raise not_found()
    return JSONResponse(item)


def _may_note(request: Request, what: str) -> None:
    """The right to annotations, and to see the recording they are on. Raises ApiError 403."""
    require(request, f"recording:annotation:{what}")
    require_recordings(request)


def _named_in(store: Store, item: dict[str, Any]) -> str:
    """The conversation that a work item's description is about, where it names one."""
    words = str(item.get("description") or "").split()
    return next((word for word in words if word in store.catalog.calls), "")


def _participant(request: Request) -> str:
    """The id in the path, of someone who took part. Raises ApiError 404."""
    call, wanted = Store.of(request).call(request), str(request.path_params["participantId"])
    if wanted not in {call.participant_id(index) for index in range(len(parties(call)))}:
        raise not_found()
    return wanted


async def _conversation_ids(request: Request) -> set[str]:
    ids = (await json_object(request)).get("conversationIds")
    if not isinstance(ids, list) or len(ids) > MAX_PROTECTED or not all(isinstance(i, str) for i in ids):
        raise bad_request(f"conversationIds is a list of at most {MAX_PROTECTED} ids.")
    return set(ids)


def _annotations(request: Request) -> dict[str, dict[str, Any]]:
    store = Store.of(request)
    call = store.call(request)
    if request.path_params["recordingId"] != call.recording_id:
        raise not_found()
    return store.memory.annotations.setdefault(call.recording_id, {})
