"""An OpenID Connect provider on loopback with real signatures, as strict as one should be, and able to lie on demand.

It checks PKCE, the redirect, the client and that a code is used once; signs RS256 or ES256; rotates keys. `forge`
makes the identity tokens an attacker would.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

Answer = tuple[int, dict[str, Any]]
Forge = Callable[[dict[str, Any], "OidcProvider"], str]


@dataclass(slots=True)
class OidcProvider:
    """Serves from `with` to its end. `groups` is what everybody who signs in belongs to."""

    client_id: str = "sottovoce"
    redirects: tuple[str, ...] = ()
    """Those that are allowed beside any port of 127.0.0.1; empty allows loopback only."""
    groups: tuple[str, ...] = ("speech-team",)
    subject: str = "user-1"
    forge: Forge | None = None
    typed: bool = True
    """Whether the device's code was typed."""
    issuer_said: str | None = None
    keys_asked: int = 0
    _keys: list[RSAKey | ECKey] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None

    @property
    def issuer(self) -> str:
        if self._server is None:
            raise RuntimeError("the provider is not serving")
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def key(self) -> RSAKey | ECKey:
        """The key that signs now."""
        return self._keys[-1]

    def rotate(self, *, elliptic: bool = False, forget: bool = True) -> None:
        """Signs with another key from now on; the old one is published no more, unless it is kept."""
        parameters: Any = {"kid": secrets.token_hex(4), "use": "sig"}
        made = ECKey.generate_key("P-256", parameters) if elliptic else RSAKey.generate_key(2048, parameters)
        self._keys = [made] if forget else [*self._keys, made]

    def browse(self, address: str) -> str:
        """What a browser does with the address of a sign-in: the person agrees, and is sent back. Answers where to."""
        with httpx.Client(trust_env=False) as browser:
            answer = browser.get(address)
            where = answer.headers["location"]
            browser.get(where)
        return str(where)

    def id_token(self, nonce: str | None, **changed: Any) -> str:
        """A token as it should be, but for what is changed; None leaves a claim out."""
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "groups": list(self.groups),
            **({"nonce": nonce} if nonce else {}),
        }
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        return self.signed(claims)

    def signed(self, claims: Mapping[str, Any]) -> str:
        """Any claims, signed with the key of now."""
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        header = {"alg": algorithm, "kid": self.key.kid}
        return jwt.encode(header, dict(claims), self.key, algorithms=[algorithm])

    def answer(self, method: str, path: str, form: Mapping[str, str]) -> Answer | str:
        """One request; a text is where to redirect to."""
        match method, path:
            case "GET", "/.well-known/openid-configuration":
                return 200, self._discovery()
            case "GET", "/keys":
                self.keys_asked += 1
                return 200, {"keys": [key.as_dict(private=False) for key in self._keys]}
            case "GET", "/authorize":
                return self._authorize(form)
            case "POST", "/token":
                return self._token(form)
            case "POST", "/device":
                return 200, self._device()
            case _:
                return 404, {"error": "not_found"}

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer_said or self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "device_authorization_endpoint": f"{self.issuer}/device",
        }

    def _authorize(self, asked: Mapping[str, str]) -> Answer | str:
        redirect = asked.get("redirect_uri", "")
        loopback = urlsplit(redirect).hostname == "127.0.0.1"
        right = asked.get("client_id") == self.client_id and asked.get("code_challenge_method") == "S256"
        if not right or not (loopback or redirect in self.redirects):
            return 400, {"error": "invalid_request"}
        code = secrets.token_urlsafe(16)
        self._codes[code] = dict(asked)
        return f"{redirect}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.issuer})}"

    def _device(self) -> dict[str, Any]:
        code = secrets.token_urlsafe(16)
        self._codes[code] = {"device": "yes"}
        return {
            "device_code": code,
            "user_code": "WDJB-MJHT",
            "verification_uri": f"{self.issuer}/activate",
            "expires_in": 60,
            "interval": 1,
        }

    def _token(self, form: Mapping[str, str]) -> Answer:
        if form.get("grant_type", "").endswith("device_code"):
            if not self.typed:
                self.typed = True
                return 400, {"error": "authorization_pending"}
            known = self._codes.pop(form.get("device_code", ""), None)
        else:
            known = self._codes.pop(form.get("code", ""), None)
            if known is not None and not self._matches(known, form):
                known = None
        if known is None or form.get("client_id") != self.client_id:
            return 400, {"error": "invalid_grant"}
        nonce = known.get("nonce")
        token = self.forge({"nonce": nonce}, self) if self.forge else self.id_token(nonce)
        return 200, {"id_token": token, "access_token": secrets.token_urlsafe(16), "token_type": "Bearer"}

    @staticmethod
    def _matches(known: Mapping[str, str], form: Mapping[str, str]) -> bool:
        """PKCE, and the very redirect the code was asked for."""
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == known["code_challenge"]
        return proved and form.get("redirect_uri") == known["redirect_uri"]

    def __enter__(self) -> Self:
        if not self._keys:
            self.rotate()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(timeout=5)


def _handler(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._say(provider.answer("GET", parts.path, dict(parse_qsl(parts.query))))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode()
            self._say(provider.answer("POST", urlsplit(self.path).path, dict(parse_qsl(body))))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

        def _say(self, answer: Answer | str) -> None:
            if isinstance(answer, str):
                self.send_response(302)
                self.send_header("Location", answer)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, content = answer
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
