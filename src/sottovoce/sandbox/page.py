"""The sandbox's own page: what it serves, what was written to it, and faults to trigger from a browser.

Plain HTML from the same server, without script or anything from elsewhere; the form posts faults and leads back.
"""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sottovoce.sandbox.answers import bad_request
from sottovoce.sandbox.store import Store

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }
fieldset { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)) }
fieldset { gap: .6rem; border: 1px solid #8884 }
label { display: flex; justify-content: space-between; gap: .6rem }
input { width: 6rem }
code { font-size: .9em; word-break: break-all }
"""


async def page(request: Request) -> Response:
    """Everything at a glance."""
    store = Store.of(request)
    body = "\n".join((_faults(store), _written(store), _calls(store)))
    return HTMLResponse(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>Sandbox</title><style>{_STYLE}</style><h1>Genesys Cloud sandbox</h1>"
        "<p>Only endpoints that Genesys Cloud has answer here; everything else is 404, as there.</p>" + body + "</html>"
    )


async def changed(request: Request) -> Response:
    """Sets the faults of the form, and shows the page again."""
    form = dict(parse_qsl((await request.body()).decode("ascii", "replace"), keep_blank_values=True))
    if not all(value.isascii() and value.isdigit() for value in form.values()):
        raise bad_request("Faults are whole numbers.")
    try:
        Store.of(request).faults.set({name: int(value) for name, value in form.items()})
    except ValueError as error:
        raise bad_request(str(error)) from None
    return RedirectResponse("/sandbox", status_code=303)


def _faults(store: Store) -> str:
    fields = "".join(
        f"<label>{escape(name.replace('_', ' '))}<input type=number min=0 name={escape(name)} value={value}></label>"
        for name, value in store.faults.left().items()
    )
    return (
        f"<h2>Faults</h2><form method=post action=/sandbox><fieldset>{fields}</fieldset>"
        "<p><button>Set</button> Each count is used up one by one.</p></form>"
    )


def _written(store: Store) -> str:
    memory = store.memory
    counts = {
        "annotations": sum(map(len, memory.annotations.values())),
        "conversation tags": len(memory.tags),
        "attributes written": len(memory.attributes),
        "work items": len(memory.workitems),
        "callbacks": len(memory.callbacks),
        "flagged participants": len(memory.flagged),
        "protected conversations": len(memory.protected),
        "analytics jobs": len(memory.jobs),
        "batch requests": len(memory.batches),
        "recording jobs": len(memory.recording_jobs),
        "GDPR requests": len(memory.gdpr),
        "events sent": len(memory.delivered),
    }
    rows = "".join(f"<tr><th scope=row>{escape(name)}<td>{count}" for name, count in counts.items())
    return f"<h2>Written since the start</h2><table>{rows}</table>"


def _calls(store: Store) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(call.id)}</code><td>{call.began:%Y-%m-%d %H:%M}<td>{call.duration_s:.0f} s"
        f"<td>{escape(store.catalog.queues[call.queue].name if call.queue in store.catalog.queues else '')}"
        f"<td>{escape(store.file_state(call))}"
        for call in store.catalog.calls.values()
    )
    head = "<tr><th>Conversation<th>Began<th>Lasts<th>Queue<th>State"
    return f"<h2>Calls</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>"
