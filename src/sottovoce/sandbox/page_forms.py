"""What the buttons of the sandbox's page do: faults, states and events, for every call or for one.

A form of another site is refused: browsers say where a form comes from.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sottovoce.sandbox.answers import ApiError, bad_request
from sottovoce.sandbox.control import known_call, set_known, state_of
from sottovoce.sandbox.events import Feed, is_loopback, send_all
from sottovoce.sandbox.faults import CALLS
from sottovoce.sandbox.store import Store

Form = dict[str, str]

_ORDER = ("url", "kind", "scheme", "copies")


async def changed(request: Request) -> Response:
    """Does what the form says, and leads back to the page it came from. Raises ApiError."""
    _refuse_foreign(request)
    store = Store.of(request)
    form = dict(parse_qsl((await request.body()).decode("ascii", "replace"), keep_blank_values=True))
    about = {"call": form.pop("call")} if "call" in form else {}
    if about:
        known_call(store, about["call"])
    told = await _do(store, form, about.get("call"))
    query = urlencode(about | told)
    return RedirectResponse(f"/sandbox?{query}" if query else "/sandbox", status_code=303)


async def _do(store: Store, form: Form, call: str | None) -> dict[str, str]:
    """What to tell on the page afterwards."""
    if "clear" in form:
        store.faults.clear()
    elif "send" in form:
        return {"sent": await _send(store, form, call)}
    elif "file_state" in form and call is not None:
        state_of(store, known_call(store, call), form["file_state"])
    else:
        _set(store, form, call)
    return {}


def _set(store: Store, form: Form, call: str | None) -> None:
    if not all(value.isascii() and value.isdigit() for value in form.values()):
        raise bad_request("Faults are whole numbers.")
    faults = {name: int(value) for name, value in form.items()}
    try:
        set_known(store, faults if call is None else {CALLS: {call: faults}})
    except ValueError as error:
        raise bad_request(str(error)) from None


async def _send(store: Store, form: Form, call: str | None) -> str:
    """Sends, remembers where to, and says how often each status was answered."""
    secret = form.pop("secret", "") or str(store.memory.receiver.get("secret", ""))
    order: dict[str, Any] = {name: form[name] for name in _ORDER if name in form}
    whom = None if call is None else (call,)
    try:
        wanted = Feed.model_validate({**order, "secret": secret, "shuffle": "shuffle" in form, "conversations": whom})
    except ValidationError as error:
        raise bad_request(str(error.errors(include_input=False)[0]["msg"])) from None
    if not is_loopback(wanted.url):
        raise bad_request("The sandbox sends events to loopback only.")
    store.memory.receiver = {**order, "secret": secret}
    counted = await run_in_threadpool(send_all, store, wanted)
    told = [f"{count} × {status if status != '0' else 'nothing'}" for status, count in counted.items()]
    return ", ".join(told) or "nothing: no event was sent"


def _refuse_foreign(request: Request) -> None:
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("Host"):
        raise ApiError(403, "not.authorized", "The form is another site's.")
