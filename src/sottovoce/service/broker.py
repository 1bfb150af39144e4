"""The broker over HTTP: grants in, an object's key and a link of a minute out (SPEC 13.2, 13.3).

    GET  /v1/samples?prefix=corpus/v1     names under a prefix
    POST /v1/reads                        the object's key, and where its ciphertext is
    GET  /v1/ciphertext/{ticket}          the ciphertext, once, where the store hands out no links
    POST /v1/sound                        the sample itself, decrypted here

Every request carries its grant as a bearer token; one that names a key also carries a DPoP proof. Loopback unless
there is a certificate: keys go over TLS or stay on the machine. Addresses forwarded by proxies are not believed.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sottovoce.access.broker import LINK_SECONDS, Broker, Handed, Question
from sottovoce.access.possession import Proofs
from sottovoce.access.protocol import Ciphertext
from sottovoce.access.roles import Operation
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import (
    AccessError,
    AccessRefused,
    GrantInvalid,
    KeyShredded,
    KeyUnavailable,
    LedgerUnavailable,
    NotSignedIn,
    SottovoceError,
    StorageError,
)

MAX_BODY: Final = 16_384
MAX_TICKETS: Final = 10_000
_MAX_LIST: Final = 100_000


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wanted(Strict):
    """What is to be read."""

    resource: Annotated[str, Field(min_length=3, max_length=256, pattern=r"^[A-Za-z0-9_./-]+$")]
    operation: Operation = Operation.CORPUS_DECRYPT
    justification: Annotated[str, Field(max_length=2000)] | None = None
    wrap_to: Annotated[str, Field(max_length=64)] | None = None
    """The reader's X25519 public key in base64."""


class Answer(Strict):
    """The key opens this object and nothing else; `wrapped_key` is it sealed to the reader's own (HPKE)."""

    object: str
    size: int
    sha256: str
    suite: str = "cobblestone-256"
    url: str
    expires_in: int = LINK_SECONDS
    key: str | None = None
    wrapped_key: str | None = None


class Names(Strict):
    names: list[str]


@dataclass(slots=True)
class Tickets:
    """Links of our own, for stores that have none: each for one object, once, for a minute."""

    clock: Callable[[], datetime]
    _open: dict[str, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, location: str) -> str:
        now = self.clock().timestamp()
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._open) >= MAX_TICKETS:
                self._open = {name: kept for name, kept in self._open.items() if kept[0] > now}
            self._open[ticket] = (now + LINK_SECONDS, location)
        return ticket

    def redeem(self, ticket: str) -> str | None:
        with self._lock:
            until, location = self._open.pop(ticket, (0.0, ""))
        return location if until > self.clock().timestamp() else None


def broker_app(*, broker: Broker, store: Ciphertext, clock: Callable[[], datetime], origin: str) -> FastAPI:
    """The service. `origin` is the address readers sign in their proofs, such as https://broker.example."""
    app = FastAPI(title="sottovoce broker", docs_url=None, redoc_url=None)
    proofs, tickets, proving = Proofs(), Tickets(clock), threading.Lock()

    def question(wanted: Wanted, request: Request) -> Question:
        token, proof, thumbprint = _bearer(request), request.headers.get("dpop"), None
        if proof is not None:
            with proving:
                url = f"{origin}{request.url.path}"
                thumbprint = proofs.thumbprint(proof, method=request.method, url=url, token=token, at=clock())
        return Question(
            token=token,
            operation=wanted.operation,
            resource=wanted.resource,
            thumbprint=thumbprint,
            source=_address(request),
            justification=Confidential(wanted.justification) if wanted.justification else None,
            wrap_to=_key(wanted.wrap_to) if wanted.wrap_to else None,
        )

    @app.get("/v1/samples")
    def samples(prefix: str, request: Request) -> Names:
        """Names under a prefix the grant may list."""
        try:
            wanted = Wanted(resource=prefix, operation=Operation.CORPUS_LIST)
        except ValidationError:
            raise AccessRefused("a prefix is such as corpus/v1/train") from None
        return Names(names=broker.names(question(wanted, request))[:_MAX_LIST])

    @app.post("/v1/reads")
    def reads(wanted: Wanted, request: Request) -> Answer:
        """The key of one object; the read is in the ledger before this answers."""
        handed = broker.key_for(question(wanted, request))
        link = handed.link or f"{origin}/v1/ciphertext/{tickets.draw(handed.location)}"
        return _answer(handed, link)

    @app.get("/v1/ciphertext/{ticket}")
    def ciphertext(ticket: str) -> Response:
        """What a read's link leads to; without the key it says nothing."""
        location = tickets.redeem(ticket)
        if location is None:
            return _error(404, "E_LINK_OVER")
        return Response(store.get(location), media_type="application/octet-stream", headers=_CLOSED)

    @app.post("/v1/sound")
    def sound(wanted: Wanted, request: Request) -> Response:
        """The sample, decrypted in the broker's memory."""
        opened = broker.open(question(wanted, request))
        return Response(opened.reveal(), media_type="application/octet-stream", headers=_CLOSED)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        """Up."""
        return {"status": "ok"}

    _guard(app)
    return app


_CLOSED: Final = {"Cache-Control": "no-store"}


def _guard(app: FastAPI) -> None:
    """Errors by their codes; what was asked is repeated nowhere, bodies are small, nothing is cached."""

    @app.exception_handler(SottovoceError)
    def refused(_: Request, error: SottovoceError) -> Response:
        return _error(_status(error), error.code)

    @app.exception_handler(RequestValidationError)
    def wrong(_: Request, __: RequestValidationError) -> Response:
        return _error(422, "E_REQUEST")

    @app.middleware("http")
    async def small(request: Request, call_next: Any) -> Response:
        length = request.headers.get("content-length", "0")
        if request.method == "POST" and (not length.isdigit() or int(length) > MAX_BODY or length == "0"):
            return _error(413, "E_REQUEST")
        answer: Response = await call_next(request)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _status(error: SottovoceError) -> int:
    match error:
        case GrantInvalid() | NotSignedIn():
            return 401
        case AccessError():
            return 403
        case KeyShredded():
            return 410
        case LedgerUnavailable() | KeyUnavailable() | StorageError():
            return 503
        case _:
            return 500


def _error(status: int, code: str) -> JSONResponse:
    headers = {**_CLOSED, "WWW-Authenticate": "Bearer"} if status == 401 else _CLOSED
    return JSONResponse({"error": code}, status_code=status, headers=headers)


def _bearer(request: Request) -> Confidential[str]:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() not in {"bearer", "dpop"} or not token:
        raise NotSignedIn("a grant is needed")
    return Confidential(token.strip())


def _address(request: Request) -> Confidential[str] | None:
    """Where the connection itself comes from; None where that is no address of a network."""
    try:
        return Confidential(str(ipaddress.ip_address(request.client.host if request.client else "")))
    except ValueError:
        return None


def _key(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise GrantInvalid("the key to wrap to is not base64") from None


def _answer(handed: Handed, link: str) -> Answer:
    return Answer(
        object=handed.object,
        size=handed.size,
        sha256=handed.digest,
        url=link,
        key=base64.b64encode(handed.key.reveal()).decode() if handed.key else None,
        wrapped_key=base64.b64encode(handed.wrapped).decode() if handed.wrapped else None,
    )
