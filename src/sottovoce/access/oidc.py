"""Sign-in by OpenID Connect: authorization code with PKCE, or a device code; for the command line and the console.

OpenID Connect Core 1.0, Discovery 1.0; RFC 7636 (S256 only), RFC 8252 (loopback redirect), RFC 8628 (device), RFC
9207 (issuer in the answer). What comes back is believed only where signature, issuer, audience, times, nonce and
authorized party are right. Refuses every algorithm but RS256, ES256 and EdDSA, so neither `none` nor a public key
used as an HMAC secret; issuers over plain http beyond loopback; redirects by the provider.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet

from sottovoce.access.alerts import over_tls
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, NotSignedIn, PolicyError

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA", "Ed25519")
SKEW_S: Final = 60
TIMEOUT_S: Final = 10.0
MAX_BYTES: Final = 1 << 20
KEYS_KEPT_S: Final = 3600
KEYS_AGAIN_S: Final = 60
"""An unknown key id asks for the keys again, but no more often than this."""

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What discovery says of an issuer."""

    issuer: str
    authorization: str
    token: str
    keys: str
    device: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """This program, as the provider knows it."""

    id: str
    secret: Confidential[str] | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A sign-in that waits for its answer. Keep it where it began: who has it can finish it."""

    address: str
    """Where the person is sent."""
    redirect: str
    state: Confidential[str] = field(repr=False)
    nonce: Confidential[str] = field(repr=False)
    verifier: Confidential[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """A code to type on another device."""

    user_code: str
    address: str
    interval_s: int
    expires_in_s: int
    code: Confidential[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signed in: the provider's own, unchanging name for them, and its claims."""

    issuer: str
    subject: Confidential[str] = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)

    def values(self, claim: str) -> frozenset[str]:
        """A claim as a set of texts, whether it is one or many."""
        found = self.claims.get(claim, ())
        many = [found] if isinstance(found, str) else found if isinstance(found, list) else []
        return frozenset(each for each in many if isinstance(each, str))


class OidcSignIn:
    """Signs people in with one provider. Nothing is fetched before it is needed."""

    def __init__(
        self,
        *,
        issuer: str,
        client: Client,
        clock: Callable[[], datetime],
        http: httpx.Client | None = None,
    ) -> None:
        self._issuer = over_tls(issuer)
        self._client = client
        self._clock = clock
        self._http = http or httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._provider: Provider | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0

    def close(self) -> None:
        """Lets go of the connection."""
        self._http.close()

    def begin(self, redirect: str) -> Pending:
        """A new sign-in: send the person to its address. AccessError when the provider is away."""
        provider = self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": redirect,
            "scope": " ".join(self._client.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return Pending(
            address=f"{provider.authorization}?{urlencode(asked)}",
            redirect=redirect,
            state=Confidential(state),
            nonce=Confidential(nonce),
            verifier=Confidential(verifier),
        )

    def finish(self, pending: Pending, answer: Mapping[str, str]) -> Identity:
        """Who it was, from the query of the redirect. NotSignedIn unless everything in it is right."""
        if not hmac.compare_digest(answer.get("state", ""), pending.state.reveal()):
            raise _not("the answer is not to this sign-in")
        if answer.get("iss", self._issuer) != self._issuer:
            raise _not("the answer is from another provider")
        if "code" not in answer:
            raise _not("the provider did not sign you in")
        got = self._ask_token(
            {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": pending.redirect,
                "code_verifier": pending.verifier.reveal(),
            }
        )
        return self._identity(got, nonce=pending.nonce)

    def begin_device(self) -> DeviceCode:
        """A code to type elsewhere. AccessError when the provider has no such flow."""
        provider = self._discovered()
        if provider.device is None:
            raise AccessError("the provider has no device flow", hint="sign in without --device")
        got = self._post(provider.device, {"client_id": self._client.id, "scope": " ".join(self._client.scopes)})
        try:
            return DeviceCode(
                user_code=str(got["user_code"]),
                address=str(got.get("verification_uri_complete") or got["verification_uri"]),
                interval_s=max(1, int(got.get("interval", 5))),
                expires_in_s=int(got["expires_in"]),
                code=Confidential(str(got["device_code"])),
            )
        except (KeyError, ValueError, TypeError):
            raise _not("the provider's answer is not as documented") from None

    def finish_device(self, device: DeviceCode, *, sleep: Callable[[float], None]) -> Identity:
        """Waits until the code was typed. NotSignedIn when it was refused or is over."""
        waited, interval = 0, device.interval_s
        while waited < device.expires_in_s:
            sleep(interval)
            waited += interval
            asked = {"grant_type": DEVICE_GRANT, "device_code": device.code.reveal()}
            got = self._ask_token(asked, pending=True)
            if got.get("error") == "slow_down":
                interval += 5
            elif got.get("error") != "authorization_pending":
                return self._identity(got, nonce=None)
        raise _not("the code was not typed in time")

    def verified(self, id_token: str, *, nonce: Confidential[str] | None) -> Identity:
        """The claims of an identity token, if it is this provider's, for this client, now, and for this sign-in."""
        claims = self._signed(id_token)
        self._require_claims(claims, nonce)
        return Identity(issuer=self._issuer, subject=Confidential(str(claims["sub"])), claims=claims)

    def _identity(self, got: Mapping[str, Any], *, nonce: Confidential[str] | None) -> Identity:
        token = got.get("id_token")
        if not isinstance(token, str):
            raise _not("the provider gave no identity token")
        return self.verified(token, nonce=nonce)

    def _signed(self, id_token: str) -> dict[str, Any]:
        """The claims, if one of the provider's keys signed them; its keys are asked again for one that is new."""
        for again in (False, True):
            keys = self._key_set(again=again)
            if keys is None:
                break
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", SecurityWarning)  # EdDSA by its older name
                    return dict(jwt.decode(id_token, keys, algorithms=list(ALGORITHMS)).claims)
            except (JoseError, ValueError, TypeError, KeyError):
                continue
        raise _not("the identity token's signature does not hold")

    def _require_claims(self, claims: Mapping[str, Any], nonce: Confidential[str] | None) -> None:
        """OpenID Connect Core 1.0, 3.1.3.7."""
        now = self._clock().timestamp()
        audience = claims.get("aud")
        audiences = [audience] if isinstance(audience, str) else audience if isinstance(audience, list) else []
        party = claims.get("azp")
        said = claims.get("nonce")
        wrong = {
            "another issuer's": claims.get("iss") != self._issuer,
            "for another client": self._client.id not in audiences,
            "for another party": (len(audiences) > 1 and party is None) or party not in {None, self._client.id},
            "over": not _number(claims.get("exp")) or now >= claims["exp"] + SKEW_S,
            "from the future": not _number(claims.get("iat"))
            or claims["iat"] > now + SKEW_S
            or (claims.get("nbf") is not None and not (_number(claims["nbf"]) and claims["nbf"] <= now + SKEW_S)),
            "of nobody": not isinstance(claims.get("sub"), str) or not 0 < len(claims["sub"]) <= 255,
            "of another sign-in": nonce is not None
            and not (isinstance(said, str) and hmac.compare_digest(said, nonce.reveal())),
        }
        for what, found in wrong.items():
            if found:
                raise _not(f"the identity token is {what}")

    def _discovered(self) -> Provider:
        if self._provider is None:
            found = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self._issuer:
                raise _not("the provider calls itself by another name")
            try:
                device = found.get("device_authorization_endpoint")
                self._provider = Provider(
                    issuer=self._issuer,
                    authorization=over_tls(found["authorization_endpoint"]),
                    token=over_tls(found["token_endpoint"]),
                    keys=over_tls(found["jwks_uri"]),
                    device=over_tls(device) if device else None,
                )
            except (KeyError, TypeError, PolicyError):
                raise _not("the provider's addresses are not as documented") from None
        return self._provider

    def _key_set(self, *, again: bool) -> KeySet | None:
        """The provider's keys, kept for an hour; None when they were asked for just now and it is asked again."""
        age = self._clock().timestamp() - self._keys_at
        if again and self._keys is not None and 0 <= age < KEYS_AGAIN_S:
            return None
        if self._keys is None or again or not 0 <= age < KEYS_KEPT_S:
            found = self._get(self._discovered().keys)
            try:
                usable = [key for key in found["keys"] if key.get("use", "sig") == "sig" and key.get("kty") != "oct"]
                self._keys = KeySet.import_key_set({"keys": usable})
            except (JoseError, ValueError, KeyError, TypeError, AttributeError):
                raise _not("the provider's keys are not as documented") from None
            self._keys_at = self._clock().timestamp()
        return self._keys

    def _ask_token(self, asked: dict[str, str], *, pending: bool = False) -> Mapping[str, Any]:
        form = {**asked, "client_id": self._client.id}
        if self._client.secret is not None:
            form["client_secret"] = self._client.secret.reveal()
        return self._post(self._discovered().token, form, pending=pending)

    def _get(self, url: str) -> Mapping[str, Any]:
        return self._answered(lambda: self._http.get(url))

    def _post(self, url: str, form: Mapping[str, str], *, pending: bool = False) -> Mapping[str, Any]:
        return self._answered(lambda: self._http.post(url, data=form), pending=pending)

    def _answered(self, ask: Callable[[], httpx.Response], *, pending: bool = False) -> Mapping[str, Any]:
        """JSON, small, from the address that was asked. Neither addresses nor answers are repeated in errors."""
        try:
            answer = ask()
            got = answer.json() if len(answer.content) <= MAX_BYTES else None
        except httpx.HTTPError as failure:
            raise AccessError(f"the identity provider does not answer ({type(failure).__name__})") from None
        except ValueError:
            got = None
        if not isinstance(got, dict):
            raise _not("the provider's answer is not as documented")
        waiting = pending and got.get("error") in {"authorization_pending", "slow_down"}
        if not answer.is_success and not waiting:
            raise _not("the provider refused")
        return got


def challenge(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _not(why: str) -> NotSignedIn:
    return NotSignedIn(why, hint="begin again with `sottovoce login`")
