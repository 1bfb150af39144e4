"""Proof of possession: a stolen grant is not enough (RFC 9449, DPoP).

The holder signs method, address, time, a fresh id and the grant's own digest with the Ed25519 key whose thumbprint
(RFC 7638) the grant names. A proof is good for a minute, once, for this request and this grant. Refuses every other
algorithm, keys that come with a private half, and proofs without any of these.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import warnings
from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import OKPKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import GrantInvalid

TOLERANCE_S: Final = 60
MAX_CHARACTERS: Final = 2048
ALGORITHMS: Final = ("Ed25519", "EdDSA")
"""The same by its name of RFC 9864 and by its older one."""

_REMEMBERED: Final = 100_000
_ID: Final = 16


class Proofs:
    """Checks proofs, and takes each once. For one process: behind a balancer, keep a holder on one broker."""

    def __init__(self) -> None:
        self._taken: OrderedDict[str, float] = OrderedDict()

    def thumbprint(self, proof: str, *, method: str, url: str, token: Confidential[str], at: datetime) -> str:
        """The thumbprint of the key that signed. GrantInvalid unless everything in the proof is right."""
        key, claims = _opened(proof)
        now = at.timestamp()
        expected = {"htm": method, "htu": url, "ath": digest(token)}
        issued, name = claims.get("iat"), claims.get("jti")
        right = all(_same(claims.get(claim), value) for claim, value in expected.items())
        fresh = isinstance(issued, int) and abs(now - issued) <= TOLERANCE_S
        if not (right and fresh and isinstance(name, str) and 8 <= len(name) <= 128) or not self._first(name, now):
            raise _bad()
        return str(key.thumbprint())

    def _first(self, name: str, now: float) -> bool:
        """Whether this id is new; ids are kept for twice the tolerance."""
        while self._taken and next(iter(self._taken.values())) < now - 2 * TOLERANCE_S:
            self._taken.popitem(last=False)
        if name in self._taken or len(self._taken) >= _REMEMBERED:
            return False
        self._taken[name] = now
        return True


def prove(key: OKPKey, *, method: str, url: str, token: Confidential[str], at: datetime) -> str:
    """The holder's side: a proof for one request."""
    header = {"typ": "dpop+jwt", "alg": "Ed25519", "jwk": key.as_dict(private=False)}
    claims = {
        "htm": method,
        "htu": url,
        "iat": int(at.timestamp()),
        "jti": secrets.token_urlsafe(_ID),
        "ath": digest(token),
    }
    return jws.serialize_compact(header, json.dumps(claims).encode(), key, algorithms=["Ed25519"])


def digest(token: Confidential[str]) -> str:
    """`ath`: SHA-256 of the grant in base64url (RFC 9449, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.reveal().encode()).digest()).rstrip(b"=").decode()


def _opened(proof: str) -> tuple[OKPKey, dict[str, Any]]:
    try:
        header = json.loads(_decoded(proof.partition(".")[0]))
        if len(proof) > MAX_CHARACTERS or header.get("typ") != "dpop+jwt" or "d" in header["jwk"]:
            raise _bad()
        key = OKPKey.import_key(header["jwk"])
        if key.as_dict(private=False).get("crv") != "Ed25519":
            raise _bad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # EdDSA by its older name is as good
            payload = jws.deserialize_compact(proof, key, algorithms=list(ALGORITHMS)).payload
        claims = json.loads(payload)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError):
        raise _bad() from None
    if not isinstance(claims, dict):
        raise _bad()
    return key, claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _same(said: object, value: str) -> bool:
    return isinstance(said, str) and hmac.compare_digest(said.encode(), value.encode())


def _bad() -> GrantInvalid:
    return GrantInvalid("the request is not signed by the grant's holder", hint="sign each request anew")
