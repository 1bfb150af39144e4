"""A conversation with its participants' attributes, and the queues there are."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import whole
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import conversation


async def single(request: Request) -> Response:
    store = Store.of(request)
    store.require("conversation:communication:view")
    return JSONResponse(conversation(store, store.call(request)))


async def queues(request: Request) -> Response:
    """A paged listing."""
    store = Store.of(request)
    store.require("routing:queue:view")
    size, number = whole(request, "pageSize", 25, most=500), whole(request, "pageNumber", 1, most=10_000)
    every = [{"id": queue.id, "name": queue.name} for queue in store.catalog.queues.values()]
    return JSONResponse(
        {
            "entities": every[(number - 1) * size : number * size],
            "pageSize": size,
            "pageNumber": number,
            "total": len(every),
            "pageCount": -(-len(every) // size),
        }
    )


async def subject_me(request: Request) -> Response:
    """What the token may do, as one grant."""
    store = Store.of(request)
    codes = [code.split(":") for code in sorted(store.settings.permissions)]
    policies = [{"domain": domain, "entityName": entity, "actions": [action]} for domain, entity, action in codes]
    grant = {"subjectId": store.settings.client_id, "role": {"name": "sandbox", "policies": policies}}
    return JSONResponse({"id": store.settings.client_id, "name": "sandbox", "grants": [grant]})
