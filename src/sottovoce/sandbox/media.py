"""The media host: signed addresses that expire, on another port than the API (GENESYS.md 4c).

As CloudFront does, it knows nothing of tokens: a request that carries one is refused, so that a client
that leaks its token is noticed. What an expired address answers is not documented; this is CloudFront's
own 403 with XML.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.damage import FOLLOWED, content, delivery, followed
from sottovoce.sandbox.sound import CONTENT_TYPES, EXTENSIONS, Spans, channels_in, encoded
from sottovoce.sandbox.store import Store

KEY_PAIR = "SANDBOX"
_REDACTED = "_redacted"
_DENIED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'


def media_uris(store: Store, call: Call, *, form: str, combined: bool, redacted: bool) -> dict[str, dict[str, object]]:
    """ "0" and "1" for two channels, "S" for one file: MP3, downloads and single-channel calls."""
    dual = channels_in(store.catalog.audio(call)) == 2 and form != "MP3" and not combined
    how = f"{form}{_REDACTED if redacted else ''}"
    return {key: {"mediaUri": signed(store, call, how=how, key=key)} for key in (("0", "1") if dual else ("S",))}


def signed(store: Store, call: Call, *, how: str, key: str) -> str:
    """An address that works until it expires, or one that has expired when that fault is due."""
    form = how.removesuffix(_REDACTED)
    path = f"/MediaCache/{call.id}/{call.recording_id}/isDownloading:false_format:{how}/AUDIO_{key}.{EXTENSIONS[form]}"
    lifetime = -1 if store.faults.take("expired_urls", call=call.id) else store.settings.url_lifetime_s
    expires = int(store.now().timestamp()) + lifetime
    disposition = quote(f"attachment;filename=AUDIO_{key}.{EXTENSIONS[form]}")
    return (
        f"{store.media_url}{path}?response-content-disposition={disposition}"
        f"&Expires={expires}&Signature={_signature(store, path, str(expires))}&Key-Pair-Id={KEY_PAIR}"
    )


def media_app(store: Store) -> Starlette:
    """ASGI for the media port."""
    route = "/MediaCache/{conversationId}/{recordingId}/isDownloading:false_format:{how}/{name}"
    app = Starlette(routes=[Route(route, serve, methods=["GET"]), Route(FOLLOWED, followed, methods=["GET"])])
    app.state.store = store
    return app


async def serve(request: Request) -> Response:
    """The audio, or what CloudFront says to a bad address."""
    store = Store.of(request)
    if "Authorization" in request.headers:
        return _denied(400, "InvalidArgument", "Only one auth mechanism allowed")
    refused = _check(store, request)
    if refused is not None:
        return refused
    call = store.catalog.calls.get(request.path_params["conversationId"])
    if call is None:
        return _denied(404, "NoSuchKey", "The specified key does not exist.")
    if store.faults.take("media_errors", call=call.id):
        return _denied(503, "SlowDown", "Please reduce your request rate.")
    key, _, extension = request.path_params["name"].removeprefix("AUDIO_").partition(".")
    make = partial(_encoded, store, how=request.path_params["how"], key=key)
    data = await run_in_threadpool(content, store, call, make)
    return _body(request, call, data, CONTENT_TYPES[extension])


def _encoded(store: Store, call: Call, *, how: str, key: str) -> bytes:
    path = store.catalog.audio(call)
    channel = int(key) if key in ("0", "1") and channels_in(path) == 2 else None
    silenced: Spans = tuple((said.channel, said.start_s, said.end_s) for said in call.truth)
    return encoded(
        path, how.removesuffix(_REDACTED), channel, silenced if how.endswith(_REDACTED) else (), call.copy_number
    )


def _body(request: Request, call: Call, data: bytes, kind: str) -> Response:
    headers = {"Content-Type": kind, "Accept-Ranges": "bytes"}
    wanted = _range(request.headers.get("Range", ""), len(data))
    if wanted is None:
        return delivery(request, call, data, status=200, headers=headers)
    start, end = wanted
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return delivery(request, call, data[start:end], status=206, headers=headers)


def _check(store: Store, request: Request) -> Response | None:
    given = request.query_params
    expires, signature = given.get("Expires", ""), given.get("Signature", "")
    if given.get("Key-Pair-Id") != KEY_PAIR or not expires or not signature:
        return _denied(403, "MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    expected = _signature(store, request.url.path, expires)
    late = not expires.isdigit() or store.now().timestamp() >= int(expires)
    if late or not hmac.compare_digest(signature.encode(), expected.encode()):
        return _denied(403, "AccessDenied", "Access denied")
    return None


def _signature(store: Store, path: str, expires: str) -> str:
    return hmac.new(store.signing_key, f"{path}?{expires}".encode(), hashlib.sha256).hexdigest()


def _denied(status: int, code: str, message: str) -> Response:
    return Response(_DENIED.format(code=code, message=message), status_code=status, media_type="text/xml")


def _range(header: str, size: int) -> tuple[int, int] | None:
    """One `bytes=a-b` range, clipped; None for anything else, which is then served whole."""
    first, dash, last = header.removeprefix("bytes=").partition("-")
    if not header.startswith("bytes=") or not dash or not first.isdigit() or not (last.isdigit() or not last):
        return None
    end = min(size, int(last) + 1) if last else size
    return (int(first), end) if int(first) < end else None
