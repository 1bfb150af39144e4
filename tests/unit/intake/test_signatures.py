"""Who sent a message: every scheme accepts what it should, and refuses everything else in the same words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SignatureRefused, SourceUnavailable
from sottovoce.intake.bearer import BearerToken
from sottovoce.intake.message_signatures import AudioHookSigned
from sottovoce.intake.protocol import Message
from sottovoce.intake.signatures import BodySigned, StandardWebhooks, standard_secret

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECRET = b"k" * 32
STANDARD = StandardWebhooks(sender="tenant", secrets=[Confidential(SECRET)])


def altered(message: Message, **headers: str | None) -> Message:
    kept = {**message.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Message(headers={name: value for name, value in kept.items() if value is not None}, body=message.body)


def test_the_reference_values_are_accepted(shared: Path) -> None:
    """Standard Webhooks' and GitHub's own examples verify."""
    told = json.loads((shared / "vectors/standardwebhooks/spec-examples.json").read_text())
    at = datetime.fromtimestamp(told["timestamp"], tz=UTC)
    headers = {
        "webhook-id": told["msg_id"],
        "webhook-timestamp": str(told["timestamp"]),
        "webhook-signature": told["expected_signature"],
    }
    verifier = StandardWebhooks(sender="x", secrets=[standard_secret(Confidential("whsec_" + told["secret"]))])
    message = Message(headers=headers, body=told["payload"].encode())
    assert verifier.verify(message, now=at).id == told["msg_id"]
    github = told["github_docs"]
    hub = BodySigned(sender="gh", secrets=[Confidential(github["secret"].encode())], base64_marks=False)
    message = Message(headers={"x-hub-signature-256": github["x_hub_signature_256"]}, body=github["payload"].encode())
    assert hub.verify(message, now=NOW).id == hashlib.sha256(message.body).hexdigest()


def test_a_good_message_is_known_by_its_id(signed: Callable[..., Message]) -> None:
    """The delivery carries the sender, the id and when it was sent."""
    found = STANDARD.verify(signed({"id": "evt-1"}), now=NOW)
    assert (found.sender, found.id, found.sent_at) == ("tenant", "evt-1", NOW)


def test_an_old_secret_still_opens_while_rotating(signed: Callable[..., Message]) -> None:
    """Two secrets at once, and two signatures in a header, let a sender rotate without a gap."""
    both = StandardWebhooks(sender="t", secrets=[Confidential(b"n" * 32), Confidential(SECRET)])
    message = signed({"id": "evt-1"})
    assert both.verify(message, now=NOW).id == "evt-1"
    two = altered(message, webhook_signature="v1,AAAA " + message.headers["webhook-signature"])
    assert both.verify(two, now=NOW).id == "evt-1"


@pytest.mark.parametrize("seconds", [-301, 301, 10**7])
def test_old_and_early_messages_are_refused(signed: Callable[..., Message], seconds: int) -> None:
    """The timestamp is within five minutes, to the second."""
    message = signed({"id": "evt-1"}, at=NOW + timedelta(seconds=seconds))
    with pytest.raises(SignatureRefused):
        STANDARD.verify(message, now=NOW)
    edge = signed({"id": "evt-1"}, at=NOW + timedelta(seconds=300 if seconds > 0 else -300))
    assert STANDARD.verify(edge, now=NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook_signature": None},
        {"webhook_signature": "v1"},
        {"webhook_signature": "v1,"},
        {"webhook_signature": "v1,!!!"},
        {"webhook_signature": "v9,AAAA"},
        {"webhook_signature": " ".join(["v1,AAAA"] * 9)},
        {"webhook_signature": "v1," + "A" * 5000},
        {"webhook_signature": "v1,\u00e9"},
        {"webhook_timestamp": None},
        {"webhook_timestamp": "1674087231.9"},
        {"webhook_timestamp": "1_674087231"},
        {"webhook_timestamp": "1674087231e0"},
        {"webhook_timestamp": "٣"},
        {"webhook_timestamp": "9" * 13},
        {"webhook_id": None},
        {"webhook_id": "a b"},
        {"webhook_id": "x" * 129},
        {"webhook_id": "../x"},
    ],
)
def test_what_is_not_exactly_right_is_refused(signed: Callable[..., Message], headers: dict[str, str | None]) -> None:
    """Every malformed header is the same refusal, and never another exception."""
    with pytest.raises(SignatureRefused):
        STANDARD.verify(altered(signed({"id": "evt-1"}), **headers), now=NOW)


def test_another_body_key_or_id_is_refused(signed: Callable[..., Message]) -> None:
    """The signature holds body, id and secret together."""
    message = signed({"id": "evt-1"})
    with pytest.raises(SignatureRefused):
        STANDARD.verify(Message(headers=message.headers, body=message.body + b" "), now=NOW)
    with pytest.raises(SignatureRefused):
        STANDARD.verify(altered(message, webhook_id="evt-2"), now=NOW)
    with pytest.raises(SignatureRefused):
        STANDARD.verify(signed({"id": "evt-1"}, secret=b"x" * 32), now=NOW)


def test_ed25519_signatures_are_accepted(signed: Callable[..., Message]) -> None:
    """`v1a` is verified with the sender's public key."""
    key = Ed25519PrivateKey.generate()
    verifier = StandardWebhooks(sender="t", public_keys=[key.public_key().public_bytes_raw()])
    message = signed({"id": "evt-1"})
    stamp = message.headers["webhook-timestamp"]
    mark = base64.b64encode(key.sign(f"evt-1.{stamp}.".encode() + message.body)).decode()
    good = altered(message, webhook_signature=f"v1a,{mark}")
    assert verifier.verify(good, now=NOW).id == "evt-1"
    with pytest.raises(SignatureRefused):
        verifier.verify(Message(headers=good.headers, body=b"{}"), now=NOW)
    with pytest.raises(SignatureRefused):
        verifier.verify(message, now=NOW)


def test_weak_secrets_are_not_taken() -> None:
    """A secret that could be guessed is a mistake in the policy."""
    with pytest.raises(ValueError, match="24 to 64"):
        StandardWebhooks(sender="t", secrets=[Confidential(b"short")])
    with pytest.raises(ValueError, match="16 bytes"):
        BodySigned(sender="t", secrets=[Confidential(b"short")], base64_marks=True)
    with pytest.raises(ValueError, match="16 bytes"):
        BodySigned(sender="t", secrets=[], base64_marks=True)


def hub(body: bytes, *, base64_marks: bool, **headers: str) -> Message:
    mark = hmac.new(SECRET, body, hashlib.sha256)
    shown = base64.b64encode(mark.digest()).decode() if base64_marks else mark.hexdigest()
    return Message(headers={"x-hub-signature-256": f"sha256={shown}", **headers}, body=body)


@pytest.mark.parametrize("base64_marks", [False, True])
def test_body_signatures_claim_their_own_form(*, base64_marks: bool) -> None:
    """Hex is GitHub's, base64 Open Messaging's; neither takes the other's, and a changed body is refused."""
    verifier = BodySigned(sender="t", secrets=[Confidential(SECRET)], base64_marks=base64_marks)
    message = hub(b'{"a":1}', base64_marks=base64_marks, **{"x-github-delivery": "d-1"})
    assert verifier.claims(message)
    assert not verifier.claims(hub(b"{}", base64_marks=not base64_marks))
    found = verifier.verify(message, now=NOW)
    assert (found.id == "d-1") != base64_marks
    with pytest.raises(SignatureRefused):
        verifier.verify(Message(headers=message.headers, body=b"{}"), now=NOW)


@pytest.mark.parametrize("mark", ["sha1=00", "sha256=", "sha256=zz", "00", "sha256=" + "A" * 64])
def test_a_wrong_body_signature_is_refused(mark: str) -> None:
    """Another algorithm, no signature, half a signature."""
    for base64_marks in (False, True):
        verifier = BodySigned(sender="t", secrets=[Confidential(SECRET)], base64_marks=base64_marks)
        with pytest.raises(SignatureRefused):
            verifier.verify(Message(headers={"x-hub-signature-256": mark}, body=b"{}"), now=NOW)


def test_a_strange_delivery_id_is_refused() -> None:
    """Ids are plain: they become keys."""
    verifier = BodySigned(sender="t", secrets=[Confidential(SECRET)], base64_marks=False)
    with pytest.raises(SignatureRefused):
        verifier.verify(hub(b"{}", base64_marks=False, **{"x-github-delivery": "a b"}), now=NOW)


NAMES = (
    "@request-target",
    "audiohook-session-id",
    "audiohook-organization-id",
    "audiohook-correlation-id",
    "x-api-key",
    "@authority",
)


def audiohook(
    *, names: tuple[str, ...] = NAMES, body: bytes = b"", created: int | None = None, **changes: str
) -> Message:
    """Signed as Genesys Cloud signs its AudioHook requests."""
    headers = {
        "host": "Hooks.Example.com",
        "audiohook-session-id": "s-1",
        "audiohook-organization-id": "o-1",
        "audiohook-correlation-id": "c-1",
        "x-api-key": "api-key",
        "content-digest": f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:",
    }
    at = int(NOW.timestamp()) if created is None else created
    listed = " ".join(f'"{name}"' for name in names)
    told = {"keyid": '"api-key"', "nonce": '"' + "n" * 22 + '"', "alg": '"hmac-sha256"', "created": str(at), **changes}
    params = f"({listed})" + "".join(f";{name}={value}" for name, value in told.items() if value)
    target = "/v1/events/recordings?x=1"
    values = {**headers, "@request-target": target, "@authority": "hooks.example.com"}
    lines = [f'"{name}": {values[name]}' for name in names] + [f'"@signature-params": {params}']
    mark = base64.b64encode(hmac.digest(SECRET, "\n".join(lines).encode(), "sha256")).decode()
    headers |= {"signature-input": f"sig1={params}", "signature": f"sig1=:{mark}:"}
    return Message(headers=headers, body=body, target=target)


AUDIOHOOK = AudioHookSigned(sender="genesys", keys={"api-key": Confidential(SECRET)})


def test_a_signed_audiohook_request_is_accepted_once_by_its_nonce() -> None:
    """The draft's form with @request-target verifies; the nonce names the delivery."""
    first, again = (AUDIOHOOK.verify(audiohook(), now=NOW) for _ in range(2))
    assert (first.id, first.sent_at) == (again.id, NOW)
    other = AUDIOHOOK.verify(audiohook(nonce='"' + "m" * 30 + '"'), now=NOW)
    assert other.id != first.id


def test_a_body_must_be_fixed_by_what_is_signed() -> None:
    """A request with a body is accepted only when its digest is signed and right."""
    with pytest.raises(SignatureRefused):
        AUDIOHOOK.verify(audiohook(body=b"{}"), now=NOW)
    message = audiohook(names=(*NAMES, "content-digest"), body=b"{}")
    assert AUDIOHOOK.verify(message, now=NOW)
    with pytest.raises(SignatureRefused):
        AUDIOHOOK.verify(Message(headers=message.headers, body=b"[]", target=message.target), now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"keyid": '"other"'},
        {"keyid": ""},
        {"nonce": '"short"'},
        {"nonce": ""},
        {"alg": '"rsa-v1_5-sha256"'},
        {"created": "x"},
        {"created": ""},
        {"expires": "1"},
        {"tag": '"a"b"'},
    ],
)
def test_wrong_parameters_are_refused(changes: dict[str, str]) -> None:
    """Unknown keys, short nonces, other algorithms, no time, expired."""
    with pytest.raises(SignatureRefused):
        AUDIOHOOK.verify(audiohook(**changes), now=NOW)


@pytest.mark.parametrize("seconds", [-11, 4])
def test_an_old_or_early_audiohook_request_is_refused(seconds: int) -> None:
    """At most ten seconds old, three ahead."""
    with pytest.raises(SignatureRefused):
        AUDIOHOOK.verify(audiohook(created=int(NOW.timestamp()) + seconds), now=NOW)


def test_everything_genesys_signs_must_be_signed() -> None:
    """Leaving out a component, naming one twice or one unknown is refused; so is another target."""
    for names in (NAMES[1:], (*NAMES, NAMES[0])):
        with pytest.raises(SignatureRefused):
            AUDIOHOOK.verify(audiohook(names=names), now=NOW)
    message = audiohook()
    with pytest.raises(SignatureRefused):
        AUDIOHOOK.verify(Message(headers=message.headers, body=b"", target="/other"), now=NOW)
    for headers in ({"signature": "sig2=:AAAA:"}, {"signature": ""}, {"signature-input": "sig1=()"}):
        with pytest.raises(SignatureRefused):
            AUDIOHOOK.verify(Message(headers={**message.headers, **headers}, body=b"", target=message.target), now=NOW)
    unknown = message.headers["signature-input"].replace('"@authority"', '"@method"')
    with pytest.raises(SignatureRefused):
        AUDIOHOOK.verify(
            Message(headers={**message.headers, "signature-input": unknown}, body=b"", target=message.target), now=NOW
        )


def test_a_bearer_token_is_judged_by_its_checker() -> None:
    """A good token's delivery is named by the sender's own id, or by the body."""

    def check(token: Confidential[str]) -> str | None:
        if token.reveal() == "broken":
            raise SourceUnavailable("the issuer does not answer")
        return "svc" if token.reveal() == "good" else None

    verifier = BearerToken(sender="flow", check=check)
    message = Message(headers={"authorization": "Bearer good"}, body=b"{}")
    assert verifier.claims(message)
    assert verifier.verify(message, now=NOW).id == hashlib.sha256(b"{}").hexdigest()
    named = Message(headers={"authorization": "Bearer good", "idempotency-key": '"k-1"'}, body=b"{}")
    assert verifier.verify(named, now=NOW).id == "k-1"
    bad: list[dict[str, Any]] = [
        {"authorization": "Bearer bad"},
        {"authorization": "Bearer broken"},
        {"authorization": "Bearer " + "x" * 5000},
        {"authorization": "Bearer good", "webhook-id": "a b"},
    ]
    for headers in bad:
        with pytest.raises(SignatureRefused):
            verifier.verify(Message(headers=headers, body=b"{}"), now=NOW)
