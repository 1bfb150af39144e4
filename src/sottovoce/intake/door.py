"""From a raw message to an arrival: signed, small, valid, minimized; or refused, in that order (SPEC 14.1, 14.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from sottovoce.errors import EventRefused, SignatureRefused
from sottovoce.intake.batch import Arrival
from sottovoce.intake.event import read_event
from sottovoce.intake.protocol import Message, Pseudonyms, Verifier
from sottovoce.intake.strict_json import MAX_BYTES, parse_object


class Door:
    """Who may come in, and what is left of what they say. `source` is the source events are about."""

    def __init__(
        self, *, verifiers: Sequence[Verifier], pseudonyms: Pseudonyms, source: str, clock: Callable[[], datetime]
    ) -> None:
        if not verifiers:
            raise ValueError("an intake without a way to know its senders lets anybody in")
        self._verifiers = tuple(verifiers)
        self._pseudonyms = pseudonyms
        self._source = source
        self._clock = clock

    def admit(self, message: Message) -> Arrival:
        """Raises SignatureRefused, EventRefused. Nothing of a body is parsed before its sender is known."""
        if len(message.body) > MAX_BYTES:
            raise EventRefused("the body is larger than 1 MiB", hint="send ids, not media")
        claimed = [verifier for verifier in self._verifiers if verifier.claims(message)]
        if len(claimed) != 1:
            raise SignatureRefused("the message is not signed in one way that we accept")
        delivery = claimed[0].verify(message, now=self._clock())
        announced = read_event(parse_object(message.body), self._pseudonyms)
        return Arrival(
            delivery=delivery,
            digest=hashlib.sha256(message.body).hexdigest(),
            subject=self._subject(announced.conversation_id, announced.recording_id),
            source=self._source,
            announced=announced,
        )

    def _subject(self, conversation_id: str, recording_id: str | None) -> str:
        if recording_id is None:
            return self._pseudonyms.conversation(conversation_id)
        return self._pseudonyms.recording(conversation_id, recording_id)
