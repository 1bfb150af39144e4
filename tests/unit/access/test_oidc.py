"""Sign-in against a real provider on loopback, and against one that lies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from joserfc.jwk import RSAKey

from sottovoce.access.loopback import LoopbackRedirect
from sottovoce.access.oidc import KEYS_AGAIN_S, Client, OidcSignIn, Pending, challenge
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, NotSignedIn, PolicyError
from sottovoce.testing.oidc import OidcProvider

NONCE = Confidential("n-0S6_WzA2Mj")


class Later:
    """The system's clock, moved on."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.fixture(scope="module")
def keys() -> list[RSAKey]:
    """RSA keys are slow to draw."""
    return [RSAKey.generate_key(2048, {"kid": f"k{n}", "use": "sig"}) for n in range(2)]


@pytest.fixture
def provider(keys: list[RSAKey]) -> Iterator[OidcProvider]:
    with OidcProvider(_keys=[keys[0]]) as provider:
        yield provider


@pytest.fixture
def clock() -> Later:
    return Later()


@pytest.fixture
def sign_in(provider: OidcProvider, clock: Later) -> Iterator[OidcSignIn]:
    made = OidcSignIn(issuer=provider.issuer, client=Client(id="sottovoce"), clock=clock)
    yield made
    made.close()


def walked(sign_in: OidcSignIn, provider: OidcProvider):
    """The whole way, with a browser."""
    with LoopbackRedirect() as back:
        pending = sign_in.begin(back.url)
        provider.browse(pending.address)
        return sign_in.finish(pending, back.answer(timeout_s=5))


def test_a_person_signs_in(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """Code, PKCE, loopback redirect: who it was, and what they belong to."""
    identity = walked(sign_in, provider)
    assert identity.issuer == provider.issuer
    assert identity.subject.reveal() == "user-1"
    assert identity.values("groups") == {"speech-team"}
    assert identity.values("sub") == {"user-1"} and identity.values("exp") == identity.values("none") == frozenset()
    assert "user-1" not in repr(identity)


def test_a_device_signs_in(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """The code is typed elsewhere; until then it waits as it was told to."""
    provider.typed = False
    code = sign_in.begin_device()
    slept: list[float] = []
    identity = sign_in.finish_device(code, sleep=slept.append)
    assert identity.subject.reveal() == "user-1"
    assert slept == [1, 1] and code.user_code == "WDJB-MJHT"


def test_a_code_that_is_never_typed_is_over(sign_in: OidcSignIn, provider: OidcProvider, monkeypatch) -> None:
    """After as long as the provider said."""
    code = sign_in.begin_device()
    monkeypatch.setattr(OidcProvider, "_token", lambda *_: (400, {"error": "slow_down"}))
    with pytest.raises(NotSignedIn):
        sign_in.finish_device(code, sleep=lambda _: None)


def encoded(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def none(provider: OidcProvider) -> str:
    body = provider.id_token(NONCE.reveal()).split(".")[1]
    return f"{encoded({'alg': 'none'})}.{body}."


def none_with_signature(provider: OidcProvider) -> str:
    _, body, signature = provider.id_token(NONCE.reveal()).split(".")
    return f"{encoded({'alg': 'None', 'kid': provider.key.kid})}.{body}.{signature}"


def public_key_as_secret(provider: OidcProvider) -> str:
    """CVE-2015-9235: the public key, which everybody has, as an HMAC secret."""
    body = provider.id_token(NONCE.reveal()).split(".")[1]
    signed = f"{encoded({'alg': 'HS256', 'kid': provider.key.kid})}.{body}"
    mac = hmac.new(provider.key.as_pem(private=False), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def own_key(provider: OidcProvider) -> str:
    """Signed by an attacker who calls its key by the provider's name."""
    stranger = OidcProvider(_keys=[RSAKey.generate_key(2048, {"kid": provider.key.kid})])
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "sub": "x",
        "aud": "sottovoce",
        "iat": now,
        "exp": now + 60,
        "nonce": NONCE.reveal(),
    }
    return stranger.signed(claims)


def key_in_header(provider: OidcProvider) -> str:
    """CVE-2018-0114: a token that brings its own key."""
    stranger = RSAKey.generate_key(2048, {"kid": "mine"})
    token = OidcProvider(_keys=[stranger])
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "sub": "x",
        "aud": "sottovoce",
        "iat": now,
        "exp": now + 60,
        "nonce": NONCE.reveal(),
    }
    from joserfc import jwt

    header = {"alg": "RS256", "kid": "mine", "jwk": stranger.as_dict(private=False)}
    return jwt.encode(header, claims, token.key, algorithms=["RS256"])


def tampered(provider: OidcProvider) -> str:
    head, _, signature = provider.id_token(NONCE.reveal()).split(".")
    return f"{head}.{provider.id_token(NONCE.reveal(), sub='admin').split('.')[1]}.{signature}"


ATTACKS = [none, none_with_signature, public_key_as_secret, own_key, key_in_header, tampered]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_forged_signature_is_refused(sign_in: OidcSignIn, provider: OidcProvider, attack) -> None:
    """Each of the ways tokens have been forged before."""
    sign_in.verified(provider.id_token(NONCE.reveal()), nonce=NONCE)
    with pytest.raises(NotSignedIn):
        sign_in.verified(attack(provider), nonce=NONCE)


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "x" * 5000, "é.é.é", "eyJhbGciOiJSUzI1NiJ9.e30."])
def test_what_is_no_token_is_refused(sign_in: OidcSignIn, text: str) -> None:
    """Without a word of it."""
    with pytest.raises(NotSignedIn) as error:
        sign_in.verified(text, nonce=None)
    assert not text or text not in str(error.value)


def told(claims: dict[str, object]) -> dict[str, object]:
    """Times are told as seconds from now."""
    times = {"exp", "iat", "nbf"}
    return {k: int(time.time()) + v if k in times and type(v) is int else v for k, v in claims.items()}


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["sottovoce", "another"]},
        {"aud": ["sottovoce", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": -3600},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": None},
        {"iat": 3600},
        {"nbf": 3600},
        {"nbf": "never"},
        {"nonce": "another"},
        {"nonce": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
    ],
    ids=",".join,
)
def test_a_claim_that_is_wrong_is_refused(sign_in: OidcSignIn, provider: OidcProvider, claims) -> None:
    """Issuer, audience, authorized party, times, nonce, subject (OpenID Connect Core 3.1.3.7)."""
    with pytest.raises(NotSignedIn):
        sign_in.verified(provider.id_token(**{"nonce": NONCE.reveal(), **told(claims)}), nonce=NONCE)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["sottovoce"]},
        {"aud": ["sottovoce", "b"], "azp": "sottovoce"},
        {"exp": -30},
        {"iat": 30},
        {"nbf": 30},
    ],
    ids=",".join,
)
def test_what_is_right_within_a_minute_is_taken(sign_in: OidcSignIn, provider: OidcProvider, claims) -> None:
    """Clocks differ by 60 seconds at most."""
    sign_in.verified(provider.id_token(**{"nonce": NONCE.reveal(), **told(claims)}), nonce=NONCE)


def test_keys_that_rotate_are_followed(sign_in: OidcSignIn, provider: OidcProvider, clock: Later, keys) -> None:
    """An unknown key asks again, once a minute at most; one that was taken away is believed no longer."""
    old = provider.id_token(NONCE.reveal())
    sign_in.verified(old, nonce=NONCE)
    provider._keys = [keys[1]]
    new = provider.id_token(NONCE.reveal())
    for _ in range(3):
        with pytest.raises(NotSignedIn):
            sign_in.verified(new, nonce=NONCE)
    assert provider.keys_asked == 1
    clock.by = timedelta(seconds=KEYS_AGAIN_S)
    sign_in.verified(new, nonce=NONCE)
    assert provider.keys_asked == 2
    with pytest.raises(NotSignedIn):
        sign_in.verified(old, nonce=NONCE)


def test_keys_are_kept(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """A hundred tokens are one question."""
    for _ in range(100):
        sign_in.verified(provider.id_token(NONCE.reveal()), nonce=NONCE)
    assert provider.keys_asked == 1


def test_elliptic_keys_are_as_good(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """ES256 beside RS256."""
    provider.rotate(elliptic=True)
    sign_in.verified(provider.id_token(NONCE.reveal()), nonce=NONCE)


def test_an_answer_belongs_to_its_question(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """Another state, another issuer, no code, a code of another redirect or verifier: nobody is signed in."""
    pending = sign_in.begin("http://127.0.0.1:1/signed-in")
    state, code = pending.state.reveal(), "c"
    for answer in (
        {"code": code},
        {"code": code, "state": "x"},
        {"state": state, "error": "access_denied"},
        {"code": code, "state": state, "iss": "https://evil.example"},
        {"code": code, "state": state},
    ):
        with pytest.raises(NotSignedIn):
            sign_in.finish(pending, answer)


@pytest.mark.parametrize("changed", [{"redirect": "http://127.0.0.1:2/other"}, {"verifier": Confidential("x" * 43)}])
def test_a_stolen_code_is_worth_nothing(sign_in: OidcSignIn, provider: OidcProvider, changed) -> None:
    """Without the verifier, or for another redirect, the provider gives nothing for it."""
    with LoopbackRedirect() as back:
        pending = sign_in.begin(back.url)
        provider.browse(pending.address)
        answer = back.answer(timeout_s=5)
    said = {name: getattr(pending, name) for name in ("address", "redirect", "state", "nonce", "verifier")}
    with pytest.raises(NotSignedIn):
        sign_in.finish(Pending(**{**said, **changed}), answer)


def test_a_code_is_used_once(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """Played again it is refused."""
    with LoopbackRedirect() as back:
        pending = sign_in.begin(back.url)
        provider.browse(pending.address)
        answer = back.answer(timeout_s=5)
    sign_in.finish(pending, answer)
    with pytest.raises(NotSignedIn):
        sign_in.finish(pending, answer)


def test_a_provider_that_calls_itself_otherwise_is_refused(sign_in: OidcSignIn, provider: OidcProvider) -> None:
    """Discovery names the issuer it was asked of (mix-up)."""
    provider.issuer_said = "https://evil.example"
    with pytest.raises(NotSignedIn):
        sign_in.begin("http://127.0.0.1:1/signed-in")


def test_a_provider_that_is_away_is_said(provider: OidcProvider, clock: Later) -> None:
    """Nobody is signed in on a guess; plain http beyond loopback is refused before anything is sent."""
    away = OidcSignIn(issuer="http://127.0.0.1:9", client=Client(id="x"), clock=clock)
    with pytest.raises(AccessError):
        away.begin("http://127.0.0.1:1/")
    away.close()
    with pytest.raises(PolicyError):
        OidcSignIn(issuer="http://idp.example", client=Client(id="x"), clock=clock)


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b'{"issuer": 1}', b"{" + b" " * (2 << 20)])
def test_an_answer_that_is_not_as_documented(body: bytes, clock: Later) -> None:
    """Is refused, however large."""
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with pytest.raises(NotSignedIn):
        OidcSignIn(issuer="https://idp.example", client=Client(id="x"), clock=clock, http=http).begin(
            "http://127.0.0.1/"
        )
    http.close()


def test_the_loopback_takes_one_answer(provider: OidcProvider) -> None:
    """On its path, once; every other request is 404, and nobody waits for ever."""
    with LoopbackRedirect() as back, httpx.Client(trust_env=False) as browser:
        assert browser.get(back.url.replace("/signed-in", "/favicon.ico")).status_code == 404
        with pytest.raises(NotSignedIn):
            back.answer(timeout_s=0.01)
        assert browser.get(f"{back.url}?code=a&state=b").status_code == 200
        assert browser.get(f"{back.url}?code=c").status_code == 404
        assert back.answer(timeout_s=1) == {"code": "a", "state": "b"}


def test_the_challenge_is_the_standards() -> None:
    """RFC 7636, appendix B."""
    assert challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
