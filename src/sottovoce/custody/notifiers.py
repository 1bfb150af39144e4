"""Two ways of telling a recipient: a signed message (Standard Webhooks 1.0.0), or a letter for somebody to send.

Both say what was erased by the recipient's own receipts, when, and for what reason in a code. Neither names a
person. The message follows no redirect and trusts no body of an answer: 2xx is all that counts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sottovoce.custody.deliveries import Delivery
from sottovoce.custody.notices import Notice
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import NoticeFailed, WorkspaceError

EVENT: Final = "recording.erased"
TIMEOUT_S: Final = 15.0
"""Standard Webhooks: a receiver answers within 15 to 30 seconds."""

_SECRET = "whsec_"  # noqa: S105 - the prefix of every secret
_SECRET_BYTES = range(24, 65)
"""Standard Webhooks 1.0.0, signing secrets."""


class WebhookNotifier:
    """Posts the notice; its id is the message's id, so that a repeated one is known as such."""

    def __init__(self, *, url: str, secret: Confidential[str], clock: Callable[[], datetime]) -> None:
        self._url = url
        self._key = secret.map(_key_of)
        self._clock = clock

    def send(self, notice: Notice, deliveries: Sequence[Delivery]) -> str:
        """Raises NoticeFailed."""
        import httpx

        body = json.dumps(message(notice, deliveries), separators=(",", ":")).encode()
        headers = signed_headers(self._key, notice.id, int(self._clock().timestamp()), body)
        try:
            answer = httpx.post(
                self._url,
                content=body,
                headers={**headers, "content-type": "application/json"},
                timeout=TIMEOUT_S,
                follow_redirects=False,
                trust_env=False,
            )
        except httpx.HTTPError as failure:
            raise NoticeFailed(
                f"the recipient does not answer ({type(failure).__name__})", reason="NO_ANSWER"
            ) from None
        if not answer.is_success:
            raise NoticeFailed(f"the recipient answered {answer.status_code}", reason=f"HTTP_{answer.status_code}")
        return notice.id


class LetterNotifier:
    """Writes a draft that somebody sends; sending it is then acknowledged by hand."""

    def __init__(self, *, folder: Path, contact: str | None = None, sender: str = "") -> None:
        self._folder = folder
        self._contact = contact
        self._sender = sender

    def send(self, notice: Notice, deliveries: Sequence[Delivery]) -> str:
        """Raises NoticeFailed."""
        name = f"{notice.made_at:%Y-%m-%d}-{notice.destination}-{notice.id}.txt"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).write_text(self._letter(notice, deliveries), encoding="utf-8")
        except OSError as failure:
            raise NoticeFailed(f"the letter cannot be written ({failure.strerror})", reason="NOT_WRITTEN") from None
        return name

    def _letter(self, notice: Notice, deliveries: Sequence[Delivery]) -> str:
        lines = [
            f"To: {self._contact or notice.destination}",
            f"Subject: Erasure of recordings delivered to you (notice {notice.id})",
            "",
            f"On {notice.made_at:%d %B %Y} we erased recordings that had been delivered to you. Under Article 19 GDPR,",
            "and under our agreement, please erase every copy you hold of the deliveries below, with what was made",
            "from them, and confirm it quoting the notice's number.",
            "",
            *(f"  {each.delivered_at:%Y-%m-%d}  receipt {each.receipt}" for each in deliveries),
            "",
            f"Please confirm by {notice.due:%d %B %Y}.",
        ]
        return "\n".join([*lines, self._sender, ""])


def message(notice: Notice, deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """The body: a type, a time and data, as Standard Webhooks recommends."""
    return {
        "type": EVENT,
        "timestamp": notice.made_at.isoformat(),
        "data": {
            "notice": notice.id,
            "erasure": notice.erasure,
            "confirmBy": notice.due.isoformat(),
            "receipts": [each.receipt for each in deliveries],
        },
    }


def signed_headers(key: Confidential[bytes], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks 1.0.0, signature v1)."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key.reveal(), content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _key_of(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.strip().removeprefix(_SECRET), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _SECRET_BYTES:
        raise WorkspaceError("a webhook secret is whsec_ and 24 to 64 bytes in base64", hint="ask the recipient for it")
    return key
