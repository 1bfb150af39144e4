"""The media host: signed addresses that expire, on another port than the API (GENESYS.md 4c).

As CloudFront does, it knows nothing of tokens: a request that carries one is refused, so that a client
that leaks its token is noticed. What an expired address answers is not documented; this is CloudFront's
own 403 with XML.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from sottovoce.sandbox.catalog import Call
from sottovoce.sandbox.sound import CONTENT_TYPES, EXTENSIONS, channels_in, encoded
from sottovoce.sandbox.store import Store

KEY_PAIR = "SANDBOX"
_DENIED = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'


def media_uris(store: Store, call: Call, *, form: str, combined: bool) -> dict[str, dict[str, object]]:
    """ "0" and "1" for two channels, "S" for one file: MP3, downloads and single-channel calls."""
    dual = channels_in(store.catalog.audio(call)) == 2 and form != "MP3" and not combined
    return {key: {"mediaUri": signed(store, call, form=form, key=key)} for key in (("0", "1") if dual else ("S",))}


def signed(store: Store, call: Call, *, form: str, key: str) -> str:
    """An address that works until it expires, or one that has expired when that fault is due."""
    path = f"/MediaCache/{call.id}/{call.recording_id}/isDownloading:false_format:{form}/AUDIO_{key}.{EXTENSIONS[form]}"
    lifetime = -1 if store.faults.take("expired_urls") else store.settings.url_lifetime_s
    expires = int(store.now().timestamp()) + lifetime
    disposition = quote(f"attachment;filename=AUDIO_{key}.{EXTENSIONS[form]}")
    return (
        f"{store.media_url}{path}?response-content-disposition={disposition}"
        f"&Expires={expires}&Signature={_signature(store, path, str(expires))}&Key-Pair-Id={KEY_PAIR}"
    )


def media_app(store: Store) -> Starlette:
    """ASGI for the media port."""
    route = "/MediaCache/{conversationId}/{recordingId}/isDownloading:false_format:{form}/{name}"
    app = Starlette(routes=[Route(route, serve, methods=["GET"])])
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
    if store.faults.take("media_errors"):
        return _denied(503, "SlowDown", "Please reduce your request rate.")
    key, _, extension = request.path_params["name"].removeprefix("AUDIO_").partition(".")
    channel = int(key) if key in ("0", "1") else None
    data = await run_in_threadpool(encoded, store.catalog.audio(call), request.path_params["form"], channel)
    return _body(store, request, data, CONTENT_TYPES[extension])


def _body(store: Store, request: Request, data: bytes, kind: str) -> Response:
    if store.faults.take("corrupt"):
        data = bytes(len(data))
    if store.faults.take("truncated"):
        headers = {"Content-Length": str(len(data)), "Content-Type": kind}
        return StreamingResponse(_once(data[: len(data) // 2]), headers=headers)
    wanted = _range(request.headers.get("Range", ""), len(data))
    if wanted is None:
        return Response(data, media_type=kind, headers={"Accept-Ranges": "bytes"})
    start, end = wanted
    headers = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}", "Accept-Ranges": "bytes"}
    return Response(data[start:end], status_code=206, media_type=kind, headers=headers)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


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
