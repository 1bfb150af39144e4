"""The question as it goes over the wire: small, signed, and the same bytes whenever it is sent again (SPEC 14.5).

It names a recording by its opaque key and says how long it is, who speaks on which channel, in which language: no
conversation, no person, no number. Signed as Standard Webhooks 1.0.0 has it, once with each of our secrets, so that
one can be rotated. `Idempotency-Key` changes only with the link inside, because the same key promises the same body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sottovoce.compliance.engine_questions import Question
from sottovoce.compliance.verdict import SCHEMA_VERSION
from sottovoce.custody.notifiers import signed_headers
from sottovoce.domain.confidential import Confidential

TYPE: Final = "recording.judge"
CONTENT_TYPE: Final = "application/json"
SOUND_TYPE: Final = "audio/flac"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is posted. Neither is printed: the body may hold a link."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Letterhead:
    """Writes and signs. `link` makes the address of a question's sound, None where the engine gets none."""

    def __init__(
        self,
        *,
        secrets: Sequence[Confidential[bytes]],
        answer_within_s: int,
        link: Callable[[str, datetime], Confidential[str]] | None,
        clock: Callable[[], datetime],
    ) -> None:
        if not secrets:
            raise ValueError("a question that nobody signed proves nothing")
        self._secrets = tuple(secrets)
        self._answer_within_s = answer_within_s
        self._link = link
        self._clock = clock

    def write(self, question: Question) -> Request:
        """The request that asks it, with its link as far as it has one."""
        body = json.dumps(self._document(question), separators=(",", ":"), sort_keys=True).encode()
        name = _name(question)
        return Request(headers={**self._signed(name, body), "idempotency-key": f'"{name}"'}, body=body)

    def _document(self, question: Question) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "schemaVersion": SCHEMA_VERSION,
            "type": TYPE,
            "correlationId": question.correlation,
            "recordingId": question.subject,
            "answerWithinSeconds": self._answer_within_s,
            "recording": question.facts["recording"],
        }
        if "removed" in question.facts:
            asked["removed"] = question.facts["removed"]
        if self._link is not None and question.link_until is not None:
            asked["media"] = {
                "url": self._link(question.correlation, question.link_until).reveal(),
                "expiresAt": question.link_until.isoformat(),
                "contentType": SOUND_TYPE,
                **question.facts["media"],
            }
        return asked

    def _signed(self, name: str, body: bytes) -> dict[str, str]:
        stamp = int(self._clock().timestamp())
        each = [signed_headers(secret, name, stamp, body) for secret in self._secrets]
        together = " ".join(headers["webhook-signature"] for headers in each)
        return {**each[0], "webhook-signature": together, "content-type": CONTENT_TYPE}


def _name(question: Question) -> str:
    """The same for the same body."""
    if question.link_until is None:
        return question.correlation
    return f"{question.correlation}-{int(question.link_until.timestamp())}"
