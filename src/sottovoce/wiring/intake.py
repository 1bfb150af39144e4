"""The intake composed from the policy: its senders, the pseudonyms it writes, its desk and its clerk."""

from __future__ import annotations

import base64
import hmac
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.intake.bearer import BearerToken
from sottovoce.intake.desk import Desk
from sottovoce.intake.door import Door
from sottovoce.intake.message_signatures import AudioHookSigned
from sottovoce.intake.outbox import Outbox
from sottovoce.intake.protocol import Verifier
from sottovoce.intake.signatures import BodySigned, StandardWebhooks, standard_secret
from sottovoce.policy.model import Policy, Sender
from sottovoce.settings import resolve_secret
from sottovoce.sources.protocol import Tokenizer, customer_token, recording_key

LEAST_TOKEN = 32
"""Characters of a bearer token: fewer could be guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePseudonyms:
    """The same tokens and keys that the source itself gives to what it finds."""

    tokenizer: Tokenizer
    source: str

    def person(self, kind: str, value: str) -> str | None:
        if kind == "customer":
            return customer_token(self.tokenizer, value)
        return self.tokenizer.token(kind, value.strip().lower())

    def recording(self, conversation_id: str, recording_id: str) -> str:
        return recording_key(self.tokenizer, self.source, conversation_id, recording_id)

    def conversation(self, conversation_id: str) -> str:
        return self.tokenizer.token("conversation", f"{self.source}/{conversation_id}")


def compose_desk(engine: Engine, *, clock: Callable[[], datetime]) -> Desk:
    return Desk(engine=engine, clock=clock, ids=lambda: str(uuid.uuid4()))


def compose_outbox(engine: Engine, *, clock: Callable[[], datetime]) -> Outbox:
    return Outbox(engine=engine, clock=clock, ids=lambda: str(uuid.uuid4()))


def compose_door(policy: Policy, *, root: Path, tokenizer: Tokenizer, clock: Callable[[], datetime]) -> Door:
    """Raises PolicyError where the intake has no sender or names no source, WorkspaceError without its secrets."""
    intake, source = policy.intake, source_of(policy)
    if not intake.senders:
        raise PolicyError("intake.senders is empty", hint="name who may send events, and how they sign")
    tolerance = timedelta(seconds=intake.tolerance_seconds)
    return Door(
        verifiers=[compose_verifier(sender, root=root, tolerance=tolerance) for sender in intake.senders],
        pseudonyms=SourcePseudonyms(tokenizer=tokenizer, source=source),
        source=source,
        clock=clock,
    )


def source_of(policy: Policy) -> str:
    """The source that events are about. Raises PolicyError."""
    source = policy.intake.source
    if source is None or source not in policy.sources:
        raise PolicyError("intake.source names no source", hint="one of: " + ", ".join(policy.sources))
    return source


def compose_verifier(sender: Sender, *, root: Path, tolerance: timedelta) -> Verifier:
    """What holds a sender to its scheme. Raises PolicyError where its secrets do not fit, WorkspaceError without."""
    secrets = [resolve_secret(reference, base=root) for reference in sender.secrets]
    try:
        return _of_scheme(sender, secrets, tolerance)
    except ValueError:
        hint = "a whsec_ secret has 24 to 64 bytes in base64, a bearer token 32 characters, others 16 bytes"
        raise PolicyError(f"the secrets of the sender {sender.name} do not fit its scheme", hint=hint) from None


def _holder(token: Confidential[str], known: list[Confidential[str]], name: str) -> str | None:
    """The sender whose token it is; every comparison takes the same time."""
    given = token.reveal().encode()
    return name if sum(hmac.compare_digest(given, secret.reveal().encode()) for secret in known) else None


def _of_scheme(sender: Sender, secrets: list[Confidential[str]], tolerance: timedelta) -> Verifier:
    raw = [Confidential(secret.reveal().encode()) for secret in secrets]
    match sender.scheme:
        case "standard":
            if not secrets and not sender.public_keys:
                raise ValueError
            keys = [base64.b64decode(key, validate=True) for key in sender.public_keys]
            shared = [standard_secret(secret) for secret in secrets]
            return StandardWebhooks(sender=sender.name, secrets=shared, public_keys=keys, tolerance=tolerance)
        case "audiohook":
            if sender.api_key is None or len(secrets) != 1:
                raise ValueError
            return AudioHookSigned(sender=sender.name, keys={sender.api_key: standard_secret(secrets[0])})
        case "bearer":
            if not secrets or any(len(secret.reveal()) < LEAST_TOKEN for secret in secrets):
                raise ValueError
            return BearerToken(sender=sender.name, check=lambda token: _holder(token, secrets, sender.name))
        case scheme:
            return BodySigned(sender=sender.name, secrets=raw, base64_marks=scheme == "open-messaging")
