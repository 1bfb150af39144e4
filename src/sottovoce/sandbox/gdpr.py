"""GDPR requests: who is known by a number, and export, update and delete (GENESYS.md 5d).

A request walks INITIATED, SEARCHING, DELETING (or UPDATING), COMPLETED, one state a look; there is no event for
it, as in the real one. A delete takes the recordings of every call of that number, unless they are protected.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import bad_request, json_object, not_found, stamp, whole
from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.permissions import require
from sottovoce.sandbox.retention import delete_now
from sottovoce.sandbox.store import Store

_WALK = {
    "GDPR_EXPORT": ("INITIATED", "SEARCHING", "FINALIZING", "COMPLETED"),
    "GDPR_UPDATE": ("INITIATED", "SEARCHING", "UPDATING", "COMPLETED"),
    "GDPR_DELETE": ("INITIATED", "SEARCHING", "DELETING", "COMPLETED"),
}
_SEARCHES = frozenset(
    {"NAME", "ADDRESS", "PHONE", "EMAIL", "TWITTER", "INSTAGRAM", "FACEBOOK", "APPLE_MESSAGES", "EXTERNAL_ID"}
)
_NAMES = (
    "name",
    "userId",
    "externalContactId",
    "dialerContactId",
    "journeyCustomer",
    "socialHandle",
    "externalId",
    "addresses",
    "phoneNumbers",
    "emailAddresses",
)


async def subjects(request: Request) -> Response:
    """Whom the organisation knows under a value; the sample calls know numbers only."""
    store = Store.of(request)
    require(request, "gdpr:subject:view")
    kind, value = request.query_params.get("searchType"), request.query_params.get("searchValue", "")
    if kind not in _SEARCHES or not value:
        raise bad_request("searchType and searchValue say whom to look for.")
    found = [_subject(number) for number in _numbers(store) if kind == "PHONE" and _digits(number) == _digits(value)]
    return JSONResponse({"entities": found, "pageSize": 25, "pageNumber": 1, "total": len(found), "pageCount": 1})


async def submitted(request: Request) -> Response:
    """A request about one subject. A delete wants `deleteConfirmed=true`."""
    store = Store.of(request)
    require(request, "gdpr:request:add")
    body = await json_object(request)
    kind, subject = body.get("requestType"), body.get("subject")
    if kind not in _WALK or not isinstance(subject, dict) or not any(subject.get(name) for name in _NAMES):
        raise bad_request("A request has a requestType and a subject.")
    if kind == "GDPR_DELETE" and request.query_params.get("deleteConfirmed", "").lower() != "true":
        raise bad_request("A delete request has to be confirmed: deleteConfirmed=true.")
    if kind == "GDPR_UPDATE" and not body.get("replacementTerms"):
        raise bad_request("An update says what to replace.")
    made = {"id": str(uuid4()), "kind": kind, "subject": subject, "asked": 0, "made": store.now()}
    store.memory.gdpr[made["id"]] = made
    return JSONResponse(_shown(made))


async def looked_at(request: Request) -> Response:
    """The request; each look sees it one state further."""
    store = Store.of(request)
    require(request, "gdpr:request:view")
    made = store.memory.gdpr.get(request.path_params["requestId"])
    if made is None:
        raise not_found()
    before = _state(made)
    made["asked"] += 1
    if before == "DELETING":
        for call in _calls_of(store, made["subject"]):
            delete_now(store, call)
    return JSONResponse(_shown(made))


async def listed(request: Request) -> Response:
    store = Store.of(request)
    require(request, "gdpr:request:view")
    size, number = whole(request, "pageSize", 25, most=500), whole(request, "pageNumber", 1, most=10_000)
    every = [_shown(made) for made in store.memory.gdpr.values()]
    page = every[(number - 1) * size : number * size]
    pages = -(-len(every) // size)
    return JSONResponse(
        {"entities": page, "pageSize": size, "pageNumber": number, "total": len(every), "pageCount": pages}
    )


def _shown(made: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": made["id"],
        "requestType": made["kind"],
        "subject": made["subject"],
        "status": _state(made),
        "createdDate": stamp(made["made"]),
        "createdBy": {"id": "sandbox"},
        "resultsUrls": [],
        "selfUri": f"/api/v2/gdpr/requests/{made['id']}",
    }


def _state(made: dict[str, Any]) -> str:
    walk = _WALK[made["kind"]]
    return walk[min(made["asked"], len(walk) - 1)]


def _calls_of(store: Store, subject: dict[str, Any]) -> list[Call]:
    wanted = {_digits(number) for number in subject.get("phoneNumbers") or [] if _digits(number)}
    named = subject.get("externalContactId")
    return [
        call
        for call in store.catalog.calls.values()
        if _digits(call.ani) in wanted or (named and named == _contact(call.ani))
    ]


def _numbers(store: Store) -> list[str]:
    return list(dict.fromkeys(call.ani for call in store.catalog.calls.values()))


def _subject(number: str) -> dict[str, Any]:
    return {"externalContactId": _contact(number), "phoneNumbers": [number.removeprefix("tel:")]}


def _contact(number: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"contact/{_digits(number)}"))


def _digits(number: str) -> str:
    return re.sub(r"\D", "", str(number))
