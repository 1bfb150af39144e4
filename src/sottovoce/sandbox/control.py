"""What is ours beside the API: faults, clients with fewer rights, how recordings stand, and what was written.

None of it needs a token, and all of it answers under `/sandbox`.
"""

from __future__ import annotations

import secrets
from typing import Any, Final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import bad_request, json_object
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.faults import CALLS
from sottovoce.sandbox.store import ALL_PERMISSIONS, KNOWN_PERMISSIONS, Client, Store

FILE_STATES: Final = ("AVAILABLE", "ARCHIVED", "DELETED", "RESTORED", "RESTORING", "UPLOADING", "ERROR")


async def show_faults(request: Request) -> Response:
    return JSONResponse(Store.of(request).faults.shown())


async def set_faults(request: Request) -> Response:
    """Sets the faults that are named, for everything or for single calls; answers with all that are left."""
    store, body = Store.of(request), await json_object(request)
    try:
        set_known(store, body)
    except ValueError as error:
        raise bad_request(str(error)) from None
    return JSONResponse(store.faults.shown())


def set_known(store: Store, changes: dict[str, Any]) -> None:
    """Sets faults for calls that exist. Raises ValueError."""
    of = changes.get(CALLS, {})
    if isinstance(of, dict) and not of.keys() <= store.catalog.calls.keys():
        raise ValueError("calls names a conversation that is not there")
    store.faults.set(changes)


async def make_client(request: Request) -> Response:
    """A client with exactly these `permissions`, or with all but those `without`; answers with its secret."""
    body = await json_object(request)
    granted = _codes(body, "permissions") if "permissions" in body else ALL_PERMISSIONS
    client = Client(
        id=f"client-{uuid4()}", secret=secrets.token_urlsafe(24), permissions=granted - _codes(body, "without")
    )
    Store.of(request).memory.clients[client.id] = client
    return JSONResponse(
        {"client_id": client.id, "client_secret": client.secret, "permissions": sorted(client.permissions)}
    )


async def set_state(request: Request) -> Response:
    """How a conversation's recording stands from now on; `null` leaves it to its dates again."""
    store, body = Store.of(request), await json_object(request)
    call = known_call(store, body.get("conversation"))
    state_of(store, call, body.get("file_state"))
    return JSONResponse({"conversation": call.id, "file_state": store.file_state(call)})


def state_of(store: Store, call: Call, state: object) -> None:
    """Raises ApiError 400 for a state there is not."""
    if state is None:
        store.memory.states.pop(call.id, None)
        return
    if state not in FILE_STATES:
        raise bad_request(f"file_state is one of {', '.join(FILE_STATES)}, or null.")
    store.memory.states[call.id] = str(state)


def known_call(store: Store, conversation: object) -> Call:
    """Raises ApiError 400."""
    call = store.catalog.calls.get(str(conversation))
    if call is None:
        raise bad_request("conversation is not one of the sandbox's.")
    return call


async def calls(request: Request) -> Response:
    """What there is to be asked for."""
    store = Store.of(request)
    shown = [
        {
            "conversation": call.id,
            "recording": call.recording_id,
            "file": call.file,
            "duration_s": call.duration_s,
            "file_state": store.file_state(call),
        }
        for call in store.catalog.calls.values()
    ]
    return JSONResponse({"calls": shown})


async def written(request: Request) -> Response:
    """Every write-back in its order, the events that were sent, and the media that were fetched."""
    memory = Store.of(request).memory
    return JSONResponse(
        {
            "written": memory.written,
            "annotations": {key: list(notes.values()) for key, notes in memory.annotations.items()},
            "tags": memory.tags,
            "workitems": list(memory.workitems.values()),
            "events": memory.delivered,
            "downloads": memory.downloads,
            "followed": memory.followed,
        }
    )


def _codes(body: dict[str, Any], name: str) -> frozenset[str]:
    codes = body.get(name, [])
    if not isinstance(codes, list) or not set(map(str, codes)) <= KNOWN_PERMISSIONS:
        raise bad_request(f"{name} is a list of permissions that the sandbox knows.")
    return frozenset(codes)
