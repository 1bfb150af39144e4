"""The sandbox's own page: what it serves, what was written to it, and what goes wrong, for all calls or for one.

Plain HTML from the same server, without script or anything from elsewhere: each form posts to `page_forms` and leads
back. `/sandbox` is about everything, `/sandbox?call=ID` about one call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.control import FILE_STATES, known_call
from sottovoce.sandbox.events import Kind, Scheme
from sottovoce.sandbox.faults import Faults
from sottovoce.sandbox.page_style import STYLE
from sottovoce.sandbox.store import Store

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
}
_LATEST = 25
_OF_NO_CALL = frozenset({"forgotten_tokens"})
_TITLES = {"retry_after_s": "retry after (s)", "slow_ms": "slow (ms)", "trickle_bytes_s": "trickle (bytes/s)"}


async def page(request: Request) -> Response:
    """Everything at a glance, or one call."""
    store, wanted = Store.of(request), request.query_params.get("call")
    if wanted is None:
        title, parts = "Genesys Cloud sandbox", (_faults(store, None), _events(store, None), _calls(store))
    else:
        call = known_call(store, wanted)
        title, parts = f"Call {call.file}", (_call(store, call), _faults(store, call), _events(store, call))
    written = _written(store, wanted)
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f"<header><h1>{escape(title)}</h1>{_summary(store)}</header>"
        f"{_told(request)}<main>{''.join(parts)}{written}</main></html>",
        headers=HEADERS,
    )


def _summary(store: Store) -> str:
    counts = {
        "calls": len(store.catalog.calls),
        "events sent": len(store.memory.delivered),
        "media sent": len(store.memory.downloads),
        "annotations": sum(map(len, store.memory.annotations.values())),
        "tags": len(store.memory.tags),
        "work items": len(store.memory.workitems),
    }
    shown = "".join(f"<div><dt>{name}<dd>{count}</div>" for name, count in counts.items())
    return f"<dl>{shown}</dl>"


def _told(request: Request) -> str:
    """What the last form came to; the statuses of events come back in the address."""
    sent = request.query_params.get("sent", "")
    return f"<p role=status>The receiver answered {escape(sent)}.</p>" if sent else ""


def _faults(store: Store, call: Call | None) -> str:
    left: Mapping[str, int] = store.faults.left() if call is None else store.faults.of(call.id)
    names = [name for name in Faults.model_fields if call is None or name not in _OF_NO_CALL]
    cards = "".join(_fault(name, left.get(name), call) for name in names)
    scope = "every call" if call is None else "this call alone; what is set here goes before what is set for all"
    return (
        f"<section><h2>Faults</h2><p>For {scope}. A count is used up one by one.</p>"
        f"<div class=cards>{cards}</div>"
        f"<form method=post action=/sandbox><button name=clear value=1>Clear all faults, everywhere</button></form>"
        "</section>"
    )


def _fault(name: str, left: int | None, call: Call | None) -> str:
    field = Faults.model_fields[name]
    value = field.default if left is None else left
    return (
        f"<form method=post action=/sandbox class='card{' on' if value != field.default else ''}'>{_hidden(call)}"
        f"<label for={name}>{_titled(name)}</label><p>{_plain(field.description or '')}</p><div class=row>"
        f"<input id={name} type=number min=0 required name={name} value={value}><button>Set</button></div></form>"
    )


def _events(store: Store, call: Call | None) -> str:
    last: dict[str, Any] = store.memory.receiver
    title = "Send an event of every call" if call is None else "Send an event of this call"
    url = escape(str(last.get("url", "http://127.0.0.1:8780/v1/events/recordings")), quote=True)
    kept = " placeholder='the last one is kept'" if last.get("secret") else ""
    return (
        f"<section><h2>Events</h2><form method=post action=/sandbox class=fields>{_hidden(call)}"
        f"<label>Receiver on loopback<input name=url type=url required value='{url}'></label>"
        f"<label>Kind{_select('kind', get_args(Kind), last.get('kind', 'recordingAvailable'))}</label>"
        f"<label>Signature{_select('scheme', get_args(Scheme), last.get('scheme', 'standard'))}</label>"
        f"<label>Secret<input name=secret type=password autocomplete=off{kept}></label>"
        f"<label>Copies<input name=copies type=number min=1 max=1000 value={int(last.get('copies', 1))}></label>"
        "<label class=check><input name=shuffle type=checkbox value=true> in another order</label>"
        f"<button name=send value=1>{title}</button></form></section>"
    )


def _call(store: Store, call: Call) -> str:
    facts = {
        "Conversation": call.id,
        "Recording": call.recording_id,
        "Began": f"{call.began:%Y-%m-%d %H:%M:%S} UTC",
        "Lasts": f"{call.duration_s:.1f} s",
        "Queue": _queue(store, call),
        "Protected": "yes" if call.id in store.memory.protected else "no",
        "Tag": store.memory.tags.get(call.id, "none"),
    }
    rows = "".join(f"<tr><th scope=row>{name}<td>{escape(value)}" for name, value in facts.items())
    state = _select("file_state", FILE_STATES, store.file_state(call))
    return (
        f"<section><p><a href=/sandbox>All calls</a></p><div class=wide><table>{rows}</table></div>"
        f"<form method=post action=/sandbox class=fields>{_hidden(call)}<label>State of the recording{state}</label>"
        "<button>Set the state</button></form></section>"
    )


def _calls(store: Store) -> str:
    rows = "".join(
        f"<tr><td><a href='/sandbox?call={escape(call.id)}'>{escape(call.file)}</a><td><code>{escape(call.id)}</code>"
        f"<td>{call.began:%Y-%m-%d %H:%M}<td class=number>{call.duration_s:.0f} s<td>{escape(_queue(store, call))}"
        f"<td>{escape(store.file_state(call))}<td>{_badges(store, call)}"
        for call in store.catalog.calls.values()
    )
    names = ("Call", "Conversation", "Began", "Lasts", "Queue", "State", "Faults")
    head = "".join(f"<th scope=col>{name}" for name in names)
    return (
        "<section><h2>Calls</h2><p>Open a call to set its faults, its state, or to send its event.</p>"
        f"<div class=wide><table><thead><tr>{head}</thead><tbody>{rows}</tbody></table></div></section>"
    )


def _written(store: Store, call: str | None) -> str:
    told = [entry for entry in store.memory.written if call in (None, entry["conversation"])]
    rows = "".join(
        f"<tr><td>{escape(entry['at'][11:19])}<td>{escape(entry['kind'])}<td>{escape(entry['what'])}"
        f"<td><code>{escape(entry['conversation'])}</code>"
        for entry in told[: -_LATEST - 1 : -1]
    )
    head = "".join(f"<th scope=col>{name}" for name in ("At", "Kind", "What", "Conversation"))
    body = f"<div class=wide><table><thead><tr>{head}</thead><tbody>{rows}</tbody></table></div>"
    count = f"{len(told)} in all, the latest {min(len(told), _LATEST)} here."
    return f"<section><h2>Written back</h2>{f'<p>{count}</p>{body}' if told else '<p>Nothing yet.</p>'}</section>"


def _badges(store: Store, call: Call) -> str:
    on = {name: count for name, count in store.faults.of(call.id).items() if count}
    return " ".join(f"<span class=badge>{_titled(name)} {count}</span>" for name, count in on.items())


def _queue(store: Store, call: Call) -> str:
    return store.catalog.queues[call.queue].name if call.queue in store.catalog.queues else ""


def _select(name: str, choices: Iterable[str], chosen: str) -> str:
    options = "".join(f"<option{' selected' if choice == chosen else ''}>{escape(choice)}" for choice in choices)
    return f"<select name={name}>{options}</select>"


def _hidden(call: Call | None) -> str:
    return "" if call is None else f"<input type=hidden name=call value='{escape(call.id, quote=True)}'>"


def _titled(fault: str) -> str:
    return escape(_TITLES.get(fault, fault.replace("_", " ")))


def _plain(text: str) -> str:
    """A docstring as a sentence of the page."""
    return escape(text.replace("`", ""))
