"""Genesys Cloud as a source of recordings: what is there, and the sound of one of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, Role
from sottovoce.errors import MediaArchived, MediaGone, MediaNotReady, SourceError, SourceUnavailable
from sottovoce.sources.genesys.archive import restore
from sottovoce.sources.genesys.batch import BatchDownloads, Pair, Upcoming
from sottovoce.sources.genesys.bulk import DetailsJobs
from sottovoce.sources.genesys.client import GenesysClient
from sottovoce.sources.genesys.conversations import (
    Conversation,
    Queue,
    queue_names,
    read_conversation,
    told_in_bulk,
)
from sottovoce.sources.genesys.holds import with_holds
from sottovoce.sources.genesys.media import EXPIRED, MAX_BYTES, MediaFetcher
from sottovoce.sources.genesys.parse import Json
from sottovoce.sources.genesys.permissions import token_permissions
from sottovoce.sources.genesys.query import voice_conversations
from sottovoce.sources.genesys.recordings import Recording, await_media, is_settled, list_recordings
from sottovoce.sources.genesys.writeback import GenesysWriter
from sottovoce.sources.growing import Growing
from sottovoce.sources.header import channels_of, roles_for
from sottovoce.sources.protocol import LiveMedia, Tokenizer, agent_token, customer_token, recording_key

ATTRIBUTES_LIVE = timedelta(days=60)
"""Participant attributes, and with them consent, can be read this long (GENESYS.md 3)."""
ON_THE_WAY = frozenset({"UPLOADING", "RESTORING"})
FORMAT = "WAV"
HEAD_BYTES = 4096
"""Enough of a file to count its channels."""

_log = logging.getLogger(__name__)


class GenesysSource:
    """The voice recordings of one organisation.

    `customer_channel` is which of "0" and "1" is the customer's; `attributes` names the participant
    attributes that are kept; `since` and `until` bound the start of the conversations. A call that went
    through several queues is described by the first whose category is `sensitive`, else by its first.

    Weeks of `bulk_from` conversations and more are told by a job; those are not asked again, unless their
    language is not known and `language_matters` for what their participants said. With `upcoming`, which names
    what will be fetched next, sound comes by batch download. What is archived is asked back if it `restores`.
    """

    def __init__(
        self,
        *,
        name: str,
        client: GenesysClient,
        tokenizer: Tokenizer,
        customer_channel: str = "1",
        attributes: frozenset[str] = frozenset(),
        queue_categories: Mapping[str, str] | None = None,
        sensitive: frozenset[str] = frozenset({"crisis", "health"}),
        since: datetime | None = None,
        until: datetime | None = None,
        accent_attribute: str = "accentRegion",
        max_bytes: int = MAX_BYTES,
        bulk_from: int | None = None,
        upcoming: Upcoming | None = None,
        language_matters: Callable[[Sequence[Participant]], bool] = lambda _participants: True,
        restores: bool = False,
    ) -> None:
        self.name = name
        self._client = client
        self._tokenizer = tokenizer
        self._customer_channel = customer_channel
        self._attributes = attributes
        self._categories = dict(queue_categories or {})
        self._sensitive = sensitive
        self._since = since
        self._until = until
        self._accent = accent_attribute
        self._media = MediaFetcher(http=client.media, hosts=client.hosts, timing=client.timing, max_bytes=max_bytes)
        self._bulk_from = bulk_from
        self._restores = restores
        self._batches = None if upcoming is None else BatchDownloads(client=client, upcoming=upcoming)
        self._language_matters = language_matters
        self._permissions: tuple[str, ...] | None = None

    def close(self) -> None:
        self._client.close()

    @property
    def client(self) -> GenesysClient:
        """For those who ask the same organisation for something else, within the same budget."""
        return self._client

    def writer(self) -> GenesysWriter:
        """Writes back over the same client, and so within the same budget."""
        return GenesysWriter(client=self._client)

    def discover(self) -> Iterator[RecordingMetadata]:
        """Every leg of every ended voice conversation of the period. Raises SourceError.

        Legs on their way into the platform or out of its archive are left for the next time, and counted in the log:
        what is decided of a recording is not to hang on the minute in which it was looked at.
        """
        now = self._client.timing.now()
        since, until = self._since or now - ATTRIBUTES_LIVE, self._until or now
        self._permissions = token_permissions(self._client)
        names, on_the_way = queue_names(self._client), 0
        bulk = None if self._bulk_from is None else DetailsJobs(client=self._client, worth=self._bulk_from)
        listed = voice_conversations(self._client, since, until, bulk=bulk)
        for summary, held in with_holds(self._client, listed):
            conversation = self._conversation(summary, names)
            if conversation is None or conversation.goes_on(now):
                continue
            settled = is_settled(conversation.ended_at, now)
            for leg in list_recordings(self._client, conversation.id, settled=settled):
                if leg.file_state in ON_THE_WAY:
                    on_the_way += 1
                    continue
                yield self._metadata(conversation, leg, names, held=held)
        if on_the_way:
            _log.warning("%d recordings are on their way: the next discovery finds them", on_the_way)

    def _conversation(self, summary: Json, names: Mapping[str, str]) -> Conversation | None:
        """As a job told it, if that is all we need to know; else as the conversation itself says."""
        told = told_in_bulk(summary, attributes=self._attributes)
        if told is None or any(queue.id not in names for queue in told.queues):
            return read_conversation(self._client, summary, attributes=self._attributes)
        if told.language is None and self._language_matters(told.participants):
            return read_conversation(self._client, summary, attributes=self._attributes)
        return told

    def fetch(self, ref: RecordingRef, metadata: RecordingMetadata) -> Media:
        """The sound, one mono file a channel or one file. Raises SourceError or MediaError."""
        conversation_id, recording_id = located(ref.locator)
        batched = self._batched((conversation_id, recording_id))
        if batched is not None:
            return batched
        ended_at = _end(metadata)
        uris = self._addresses(conversation_id, recording_id, ended_at)
        parts, renewed = {}, False
        for key in sorted(uris):
            data = self._media.fetch(uris[key])
            if data == EXPIRED and not renewed:
                uris, renewed = self._addresses(conversation_id, recording_id, ended_at), True
                data = self._media.fetch(_address(uris, key))
            if isinstance(data, str):
                raise SourceUnavailable("media addresses expire before they can be used", hint="check the clock")
            parts[key] = data
        return Media(parts={key: Confidential(data) for key, data in parts.items()}, roles=self._roles(parts))

    def _batched(self, pair: Pair) -> Media | None:
        """One file in its own codec. Nobody says whose its channels are: they count as both voices."""
        address = self._batches.address(pair) if self._batches is not None else None
        data = EXPIRED if address is None else self._media.fetch(address)
        if isinstance(data, str):
            return None
        return Media(parts={"S": Confidential(data)}, roles={"S": (Role.BOTH,) * (channels_of(data) or 1)})

    def recordings_of(self, conversation_id: str) -> tuple[str, ...]:
        """The ids of a conversation's legs with sound. Raises MediaNotReady while there are none just after it."""
        now = self._client.timing.now()
        call = read_conversation(self._client, {"conversationId": conversation_id}, attributes=self._attributes)
        ended_at = None if call is None else call.ended_at
        settled = is_settled(ended_at, now)
        legs = list_recordings(self._client, conversation_id, settled=settled)
        if not legs and not settled:
            raise MediaNotReady("a conversation has no recording yet", hint="it is tried again later")
        return tuple(leg.id for leg in legs)

    def live(self, conversation_id: str, recording_id: str) -> LiveMedia:
        """One recording described, and its sound while it still comes. Raises SourceError or MediaError."""
        metadata = self._described(conversation_id, recording_id)
        uris = self._addresses(conversation_id, recording_id, _end(metadata))
        parts = {key: self._media.grow(uri) for key, uri in sorted(uris.items())}
        if EXPIRED in parts.values():
            uris = self._addresses(conversation_id, recording_id, _end(metadata))
            parts = {key: self._media.grow(uri) for key, uri in sorted(uris.items())}
        grown = {key: part for key, part in parts.items() if isinstance(part, Growing)}
        if len(grown) != len(parts):
            raise SourceUnavailable("media addresses expire before they can be used", hint="check the clock")
        heads = {key: part.read(0, HEAD_BYTES) for key, part in grown.items()}
        return LiveMedia(metadata=metadata, parts=grown, roles=self._roles(heads))

    def _described(self, conversation_id: str, recording_id: str) -> RecordingMetadata:
        now = self._client.timing.now()
        call = read_conversation(self._client, {"conversationId": conversation_id}, attributes=self._attributes)
        if call is None or call.goes_on(now):
            raise MediaNotReady("a conversation still goes on", hint="it is tried again later")
        legs = list_recordings(self._client, conversation_id, settled=is_settled(call.ended_at, now))
        leg = next((leg for leg in legs if leg.id == recording_id), None)
        if leg is None:
            raise MediaNotReady("a recording is not listed yet", hint="it is tried again later")
        return self._metadata(call, leg, {}, held=False)

    def _addresses(
        self, conversation_id: str, recording_id: str, ended_at: datetime | None
    ) -> dict[str, Confidential[str]]:
        """Fresh signed addresses by channel key, held to the three shapes the platform uses."""
        steps = await_media(conversation_id, recording_id, ended_at=ended_at, form=FORMAT, now=self._client.timing.now)
        try:
            uris = self._client.drive(steps).media_uris
        except MediaArchived:
            if not self._restores:
                raise
            restore(self._client, conversation_id, recording_id)
            raise MediaNotReady("a recording is being restored from the archive", hint="this takes hours") from None
        if set(uris) not in ({"S"}, {"0"}, {"0", "1"}):
            raise SourceError("a recording has channels that are not known", hint="known are 0, 1 and S")
        return uris

    def _roles(self, parts: Mapping[str, bytes]) -> dict[str, tuple[Role, ...]]:
        counts = {key: channels_of(data) for key, data in parts.items()}
        if set(parts) != {"0", "1"}:
            return {k: roles_for(count, customer_channel=self._customer_channel) for k, count in counts.items()}
        return {
            key: (Role.CUSTOMER if key == self._customer_channel else Role.AGENT,) * (count or 1)
            for key, count in counts.items()
        }

    def _metadata(
        self, call: Conversation, leg: Recording, names: Mapping[str, str], *, held: bool
    ) -> RecordingMetadata:
        queue, category = self._queue(call.queues, names)
        ref = RecordingRef(
            source=self.name,
            key=recording_key(self._tokenizer, self.name, call.id, leg.id),
            locator=Confidential(json.dumps([call.id, leg.id])),
        )
        return RecordingMetadata(
            ref=ref,
            conversation_id=call.id,
            recording_id=leg.id,
            started_at=leg.started_at or call.started_at,
            duration_s=_duration(leg.started_at, leg.ended_at) or _duration(call.started_at, call.ended_at),
            queue=queue,
            queue_category=category,
            skills=call.skills,
            language=call.language,
            direction=call.direction,
            dnis=call.dnis,
            customer_token=customer_token(self._tokenizer, call.customer.reveal()),
            agent_token=agent_token(self._tokenizer, call.agent.reveal()),
            participants=call.participants,
            file_state=leg.file_state,
            region=leg.region,
            legal_hold=held,
            accent_region=self._accent_of(call),
            audio_quality=quality_of(call.mos),
            permissions=self._permissions or (),
        )

    def _queue(self, queues: tuple[Queue, ...], names: Mapping[str, str]) -> tuple[str | None, str | None]:
        """The name and category of the call's queue: a sensitive one on its way, else the first."""
        found: list[tuple[str | None, str | None]] = []
        for queue in queues:
            name = queue.name or names.get(queue.id) or queue.id
            found.append((name, self._categories.get(queue.id) or self._categories.get(name)))
        sensitive = [pair for pair in found if pair[1] in self._sensitive]
        return next(iter(sensitive or found), (None, None))

    def _accent_of(self, call: Conversation) -> str | None:
        return next((v for p in call.participants if (v := p.attributes.get(self._accent))), None)


def located(locator: Confidential[str]) -> Pair:
    """The conversation and the recording that a locator of ours names."""
    conversation_id, recording_id = json.loads(locator.reveal())
    return conversation_id, recording_id


def quality_of(mos: float | None) -> str | None:
    """Listening quality by mean opinion score: 4.0 and 3.6 bound ITU-T G.109's high and medium."""
    if mos is None:
        return None
    return "good" if mos >= 4.0 else "fair" if mos >= 3.6 else "poor"


def _duration(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start is not None and end is not None and end > start else None


def _end(metadata: RecordingMetadata) -> datetime | None:
    if metadata.started_at is None:
        return None
    return metadata.started_at + timedelta(seconds=metadata.duration_s or 0.0)


def _address(uris: Mapping[str, Confidential[str]], key: str) -> Confidential[str]:
    if key not in uris:
        raise MediaGone("a channel of a recording is no longer there")
    return uris[key]
