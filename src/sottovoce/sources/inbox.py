"""An inbox as a source: what contributors sent in and the inbox accepted, as recordings (SPEC 3.1).

Looking takes in what is new, so that `plan` and `run` see it. All of an upload's channels are its contributor's: the
whole list of what must not be heard is looked for on each. A contributor is a pseudonymous id, and one speaker.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Protocol

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, MediaFormat, Role
from sottovoce.errors import (
    MediaGone,
    MediaReplaced,
    ObjectChanged,
    ObjectMissing,
    SourceUnavailable,
    StorageError,
    UnreadableMedia,
    UploadRefused,
)
from sottovoce.sources.header import read_header
from sottovoce.sources.protocol import CUSTOMER, Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An upload that was accepted now. `recording` is its opaque key, `stamp` the mark of its content."""

    recording: str
    contributor: str
    upload: str
    location: str = field(repr=False)
    stamp: str
    agreed_on: date
    language: str | None
    device: str | None = field(repr=False)
    duration_s: float
    format: MediaFormat


class Inbox(Protocol):
    """What takes uploads in."""

    def receive(self) -> Iterator[Arrival]:
        """What is accepted now; everything else that is new is quarantined. Raises StorageError."""
        ...

    def standing(self) -> Iterator[str]:
        """Keys of the recordings that were accepted, now or before, and not erased."""
        ...

    def again(self, recording: str) -> Arrival:
        """An upload that was accepted before, opened again. UploadRefused, StorageError."""
        ...

    def media(self, location: str, stamp: str) -> Confidential[bytes]:
        """The sound of an accepted upload. UploadRefused, StorageError."""
        ...


class InboxSource:
    """The uploads of one inbox. `recall` answers what the registry remembers of a recording, None for a new one.

    `consent_attribute` is the participant attribute that policy reads consent from.
    """

    def __init__(
        self,
        *,
        name: str,
        inbox: Inbox,
        tokenizer: Tokenizer,
        consent_attribute: str,
        recall: Callable[[str], RecordingMetadata | None],
    ) -> None:
        self.name = name
        self._inbox = inbox
        self._tokenizer = tokenizer
        self._consent_attribute = consent_attribute
        self._recall = recall

    def discover(self) -> Iterator[RecordingMetadata]:
        """Takes in what is new, then every recording that stands, in the order in which they came."""
        with _as_source():
            arrived = {arrival.recording: arrival for arrival in self._inbox.receive()}
            for recording in self._inbox.standing():
                fresh = arrived.get(recording)
                known = None if fresh else self._recall(recording)
                if known is None:
                    try:
                        known = self._metadata(fresh or self._inbox.again(recording))
                    except (UploadRefused, ObjectChanged, ObjectMissing):
                        continue
                yield known

    def fetch(self, ref: RecordingRef, metadata: RecordingMetadata) -> Media:  # noqa: ARG002 - its place is in the reference
        """The sound, decrypted in memory. MediaGone, MediaReplaced, UnreadableMedia, SourceUnavailable."""
        location, stamp = _located(ref.locator)
        with _as_source():
            sound = self._inbox.media(location, stamp)
        header = read_header(io.BytesIO(sound.reveal()))
        channels = header.format.channels if header else 1
        return Media(parts={"S": sound}, roles={"S": (Role.BOTH,) * channels})

    def _metadata(self, arrival: Arrival) -> RecordingMetadata:
        consent = Participant(purpose=CUSTOMER, attributes={self._consent_attribute: "true"})
        return RecordingMetadata(
            ref=RecordingRef(
                source=self.name,
                key=arrival.recording,
                locator=Confidential(json.dumps({"S": {"location": arrival.location, "stamp": arrival.stamp}})),
            ),
            conversation_id=arrival.upload,
            recording_id=arrival.upload,
            started_at=datetime.combine(arrival.agreed_on, time.min, UTC),
            duration_s=arrival.duration_s,
            language=arrival.language,
            device=arrival.device,
            customer_token=self._tokenizer.token(CUSTOMER, f"contributor:{arrival.contributor}"),
            participants=(consent,),
            file_state="AVAILABLE",
            format=arrival.format,
            codec=arrival.format.codec,
            contributor=arrival.contributor,
        )


def _located(locator: Confidential[str]) -> tuple[str, str]:
    try:
        where = json.loads(locator.reveal())["S"]
        return str(where["location"]), str(where["stamp"])
    except (ValueError, KeyError, TypeError):
        raise MediaGone("a reference names no upload that was ever accepted") from None


@contextmanager
def _as_source() -> Iterator[None]:
    """What an inbox says, in a source's words."""
    try:
        yield
    except ObjectMissing:
        raise MediaGone("an upload is no longer there", hint="it was destroyed or withdrawn") from None
    except ObjectChanged:
        raise MediaReplaced(
            "an upload was replaced after it was admitted", hint="`sottovoce run --retry` decides on the new one"
        ) from None
    except UploadRefused as refusal:
        raise UnreadableMedia(f"an upload does not open any more ({refusal.reason})") from None
    except StorageError as failure:
        raise SourceUnavailable("the inbox's store failed", hint=failure.hint) from None
