"""Proofs of possession (RFC 9449)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from sottovoce.access.possession import Proofs, digest, prove
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import GrantInvalid

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN = Confidential("grant")
ASKED = {"method": "POST", "url": "https://broker.example/v1/reads", "token": TOKEN}
KEY = OKPKey.generate_key("Ed25519")


def made(**changed) -> str:
    return prove(KEY, **{**ASKED, "at": NOW, **changed})


def checked(proof: str, proofs: Proofs | None = None, **changed) -> str:
    return (proofs or Proofs()).thumbprint(proof, **{**ASKED, "at": NOW, **changed})


def test_a_proof_says_which_key_signed() -> None:
    """By its RFC 7638 thumbprint."""
    assert checked(made()) == KEY.thumbprint()


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "GET"},
        {"url": "https://broker.example/v1/sound"},
        {"token": Confidential("another")},
        {"at": NOW + timedelta(seconds=61)},
        {"at": NOW - timedelta(seconds=61)},
    ],
    ids=str,
)
def test_a_proof_is_for_one_request_now(changed) -> None:
    """Another method, address, grant or minute is refused."""
    with pytest.raises(GrantInvalid):
        checked(made(), **changed)


@pytest.mark.parametrize("seconds", [-60, 0, 60])
def test_clocks_may_differ_by_a_minute(seconds: int) -> None:
    """And no more."""
    assert checked(made(), at=NOW + timedelta(seconds=seconds))


def test_a_proof_is_taken_once() -> None:
    """Also while it is still fresh; ids are forgotten when they no longer could be."""
    proofs, proof = Proofs(), made()
    checked(proof, proofs)
    with pytest.raises(GrantInvalid):
        checked(proof, proofs)
    checked(made(at=NOW + timedelta(seconds=200)), proofs, at=NOW + timedelta(seconds=200))
    assert len(proofs._taken) == 1


def signed(header: dict, claims: object, key=KEY, algorithm: str = "Ed25519") -> str:
    said = {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.as_dict(private=False), **header}
    return jws.serialize_compact(said, json.dumps(claims).encode(), key, algorithms=[algorithm])


CLAIMS = {"htm": "POST", "htu": ASKED["url"], "iat": int(NOW.timestamp()), "jti": "x" * 16, "ath": digest(TOKEN)}


def test_what_is_no_proof_is_refused() -> None:
    """Other types, algorithms, keys with their private half, claims that are missing or of another kind."""
    ec = ECKey.generate_key("P-256")
    wrong = [
        "",
        "x",
        "a.b.c",
        "é",
        made() + "x" * 3000,
        signed({"typ": "JWT"}, CLAIMS),
        signed({"jwk": KEY.as_dict(private=True)}, CLAIMS),
        signed({}, CLAIMS, ec, "ES256"),
        signed({}, [1]),
        *(signed({}, {**CLAIMS, name: None}) for name in CLAIMS),
        signed({}, {**CLAIMS, "jti": "short"}),
        signed({}, {**CLAIMS, "iat": str(CLAIMS["iat"])}),
        signed({"jwk": OKPKey.generate_key("Ed25519").as_dict(private=False)}, CLAIMS),
        signed({"jwk": OKPKey.generate_key("X25519").as_dict(private=False)}, CLAIMS),
    ]
    checked(signed({}, CLAIMS))
    for proof in wrong:
        with pytest.raises(GrantInvalid):
            checked(proof)


def test_no_signature_is_no_proof() -> None:
    """`none` is not an algorithm."""
    head = {"typ": "dpop+jwt", "alg": "none", "jwk": KEY.as_dict(private=False)}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in (head, CLAIMS)]
    with pytest.raises(GrantInvalid):
        checked(".".join([*parts, ""]))
