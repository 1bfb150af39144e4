"""OAuth 2.0 bearer tokens in place of a signature (RFC 6750): for senders that can only do that.

Whoever checks the token is handed in; this names the delivery. The id is the sender's own (`webhook-id` or
`idempotency-key`), or the digest of the body, so that the same body is the same event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import SottovoceError
from sottovoce.intake.protocol import Delivery, Message
from sottovoce.intake.signatures import ID, MAX_HEADER, refused

Check = Callable[[Confidential[str]], str | None]
"""The principal of a good token, or None; may raise SottovoceError, which refuses too."""


class BearerToken:
    """A `Verifier` for requests with `Authorization: Bearer`."""

    def __init__(self, *, sender: str, check: Check) -> None:
        self._sender = sender
        self._check = check

    def claims(self, message: Message) -> bool:
        return message.headers.get("authorization", "").lower().startswith("bearer ")

    def verify(self, message: Message, *, now: datetime) -> Delivery:
        del now  # the token's own times are judged by whoever checks it
        header = message.headers["authorization"]
        if len(header) > MAX_HEADER or not header.isascii():
            raise refused()
        try:
            principal = self._check(Confidential(header[len("bearer ") :].strip()))
        except SottovoceError:
            principal = None
        if principal is None:
            raise refused()
        named = message.headers.get("webhook-id") or message.headers.get("idempotency-key", "").strip('"')
        if named and not ID.fullmatch(named):
            raise refused()
        return Delivery(sender=self._sender, id=named or hashlib.sha256(message.body).hexdigest(), sent_at=None)
