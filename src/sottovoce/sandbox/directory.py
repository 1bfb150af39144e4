"""Names behind ids: queues, users, the token's own subject, and the organisation's recording settings."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.answers import not_found, whole
from sottovoce.sandbox.permissions import client_of, require
from sottovoce.sandbox.store import Store

Json = dict[str, Any]


async def queues(request: Request) -> Response:
    """A paged listing."""
    require(request, "routing:queue:view")
    return _paged(request, [{"id": each.id, "name": each.name} for each in Store.of(request).catalog.queues.values()])


async def queue(request: Request) -> Response:
    require(request, "routing:queue:view")
    return _named(Store.of(request).catalog.queues.get(request.path_params["queueId"]))


async def users(request: Request) -> Response:
    """The agents, as a paged listing; `id` chooses some of them, joined by commas."""
    wanted = [part for part in request.query_params.get("id", "").split(",") if part]
    agents = Store.of(request).catalog.agents.values()
    return _paged(request, [{"id": a.id, "name": a.name} for a in agents if not wanted or a.id in wanted])


async def user(request: Request) -> Response:
    return _named(Store.of(request).catalog.agents.get(request.path_params["userId"]))


async def recording_settings(request: Request) -> Response:
    """RecordingSettings: how long addresses live is what an exporter asks for."""
    minutes = max(1, Store.of(request).settings.url_lifetime_s // 60)
    return JSONResponse(
        {
            "recordingPlaybackUrlTtl": minutes,
            "recordingBatchDownloadUrlTtl": minutes,
            "regionalRecordingStorageEnabled": False,
        }
    )


async def subject_me(request: Request) -> Response:
    """What the token may do, as one grant."""
    client = client_of(request)
    codes = [code.split(":") for code in sorted(client.permissions)]
    policies = [{"domain": domain, "entityName": entity, "actions": [action]} for domain, entity, action in codes]
    grant = {"subjectId": client.id, "role": {"name": "sandbox", "policies": policies}}
    return JSONResponse({"id": client.id, "name": "sandbox", "grants": [grant]})


def _named(found: Any) -> Response:
    if found is None:
        raise not_found()
    return JSONResponse({"id": found.id, "name": found.name})


def _paged(request: Request, every: list[Json]) -> Response:
    size, number = whole(request, "pageSize", 25, most=500), whole(request, "pageNumber", 1, most=10_000)
    return JSONResponse(
        {
            "entities": every[(number - 1) * size : number * size],
            "pageSize": size,
            "pageNumber": number,
            "total": len(every),
            "pageCount": -(-len(every) // size),
        }
    )
