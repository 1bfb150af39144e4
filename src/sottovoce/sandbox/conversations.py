"""A conversation with its participants' attributes, whole and as its calls alone."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sottovoce.sandbox.permissions import require
from sottovoce.sandbox.store import Store
from sottovoce.sandbox.views import call_conversation, conversation


async def single(request: Request) -> Response:
    store = Store.of(request)
    require(request, "conversation:communication:view")
    return JSONResponse(conversation(store, store.call(request)))


async def as_call(request: Request) -> Response:
    """CallConversation; the platform asks for no permission here."""
    store = Store.of(request)
    return JSONResponse(call_conversation(store, store.call(request)))
