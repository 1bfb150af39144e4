"""One conversation as far as we may know it: who took part, in which queue, with which attributes.

Attributes are set on any participant, so all of them are read. Numbers, contacts and users are held
as Confidential here and leave as tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Participant
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.parse import Json, field, moment, number, objects, strings, text, words
from sottovoce.sources.genesys.paths import CONVERSATION, QUEUES, fill

PERMISSION = "conversation:communication:view"
LONGEST = timedelta(days=2)
"""No call lasts longer; one whose end is missing after it would otherwise never be read."""
_CUSTOMERS = frozenset({"customer", "external"})
_AGENTS = frozenset({"agent", "user"})
_THEIRS = {"inbound": "ani", "outbound": "dnis"}
"""Where the customer's number stands, by direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    id: str
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Read from the query's summary and from the conversation itself."""

    id: str
    started_at: datetime | None
    ended_at: datetime | None
    """None while the call goes on."""
    direction: str | None
    customer: Confidential[str | None]
    agent: Confidential[str | None]
    dnis: str | None
    queues: tuple[Queue, ...]
    """Every queue the call went through, in order: a transfer into a crisis line counts."""
    skills: tuple[str, ...]
    language: str | None
    mos: float | None
    participants: tuple[Participant, ...]

    def goes_on(self, now: datetime) -> bool:
        """Not ended, as far as anybody says; one that began days ago has ended, whoever forgot to say so."""
        return self.ended_at is None and self.started_at is not None and now - self.started_at < LONGEST


def told_in_bulk(summary: Json, *, attributes: frozenset[str]) -> Conversation | None:
    """One conversation as a job told it; None for one that the query listed: that never gives attributes."""
    conversation_id, seen = text(summary, "conversationId"), objects(field(summary, "participants"))
    if conversation_id is None or not any(isinstance(field(p, "attributes"), dict) for p in seen):
        return None
    return combine(conversation_id, summary, {"participants": list(seen)}, attributes=attributes)


def read_conversation(client: GenesysClient, summary: Json, *, attributes: frozenset[str]) -> Conversation | None:
    """The whole of one conversation. None where the summary has no id. Raises SourceError."""
    conversation_id = text(summary, "conversationId")
    if conversation_id is None:
        return None
    answer = client.get(fill(CONVERSATION, conversationId=conversation_id))
    detail = {} if answer.status == 404 else expect_ok(answer, permission=PERMISSION)
    return combine(conversation_id, summary, detail, attributes=attributes)


def combine(conversation_id: str, summary: Json, detail: object, *, attributes: frozenset[str]) -> Conversation:
    """Both views of a conversation as one value; pure."""
    parties = objects(field(detail, "participants"))
    seen = objects(field(summary, "participants"))
    sessions = [(p, s) for p in seen for s in objects(field(p, "sessions"))]
    segments = [g for _, s in sessions for g in objects(field(s, "segments"))]
    direction = text(summary, "originatingDirection") or _first(text(s, "direction") for _, s in sessions)
    dialled = _dialled(sessions, parties)
    return Conversation(
        id=conversation_id,
        started_at=moment(summary, "conversationStart") or moment(detail, "startTime"),
        ended_at=moment(summary, "conversationEnd") or moment(detail, "endTime"),
        direction=direction,
        customer=Confidential(_customer(seen, parties, dialled if direction == "outbound" else None)),
        agent=Confidential(_first(text(p, "userId") for p in (*seen, *parties) if text(p, "purpose") in _AGENTS)),
        dnis=None if direction == "outbound" else dialled,
        queues=_queues(segments, parties),
        skills=tuple(dict.fromkeys(s for g in segments for s in words(field(g, "requestedRoutingSkillIds")))),
        language=_first(text(p, "locale") for p in parties),
        mos=number(summary, "mediaStatsMinConversationMos"),
        participants=tuple(_participant(p, attributes) for p in parties),
    )


def contact_of(detail: object) -> tuple[str | None, str | None]:
    """The customer of a conversation as the platform names them: an external contact, and a number without scheme.

    On a call we made, `ani` is ours and `dnis` theirs; where nobody says who called, there is no number.
    """
    ours = [p for p in objects(field(detail, "participants")) if text(p, "purpose") in _CUSTOMERS]
    number = _first(text(p, _THEIRS.get(_direction(p), "")) for p in ours)
    return _first(text(p, "externalContactId") for p in ours), number.removeprefix("tel:") if number else None


def _direction(party: Json) -> str:
    return _first(text(call, "direction") for call in objects(field(party, "calls"))) or ""


def queue_names(client: GenesysClient) -> dict[str, str]:
    """Queue names by id, as far as the client may see them (`routing:queue:view`)."""
    names: dict[str, str] = {}
    page, pages = 1, 1.0
    while page <= pages and (answer := client.get(QUEUES, pageSize=100, pageNumber=page)).status == 200:
        entities = objects(field(answer.body, "entities"))
        new = {i: n for e in entities if (i := text(e, "id")) and (n := text(e, "name"))}
        if not new.keys() - names.keys():
            break
        names.update(new)
        page, pages = page + 1, number(answer.body, "pageCount") or 1
    return names


def _customer(seen: tuple[Json, ...], parties: tuple[Json, ...], dialled: str | None) -> str | None:
    """The caller's number; on a call we made, the number dialled; else the external contact."""
    if dialled:
        return dialled
    ours = [p for p in (*seen, *parties) if text(p, "purpose") in _CUSTOMERS]
    sessions = [s for p in ours for s in objects(field(p, "sessions"))]
    return (
        _first(text(s, "ani") for s in sessions)
        or _first(text(p, "ani") for p in ours)
        or _first(text(p, "externalContactId") for p in ours)
    )


def _dialled(sessions: list[tuple[Json, Json]], parties: tuple[Json, ...]) -> str | None:
    """The number dialled: the customer's leg says it best; inner legs carry addresses of machines."""
    legs = [(text(p, "purpose"), text(s, "dnis")) for p, s in sessions]
    legs += [(text(p, "purpose"), text(p, "dnis")) for p in parties]
    numbers = [(purpose, dnis) for purpose, dnis in legs if dnis and dnis.startswith(("tel:", "+"))]
    theirs = [leg for leg in numbers if leg[0] in _CUSTOMERS]
    return _first(dnis for _, dnis in (*theirs, *numbers, *legs))


def _queues(segments: list[Json], parties: tuple[Json, ...]) -> tuple[Queue, ...]:
    names = {i: n for p in parties if (i := text(p, "queueId")) and (n := text(p, "queueName"))}
    ids = [i for item in (*segments, *parties) if (i := text(item, "queueId"))]
    return tuple(Queue(id=i, name=names.get(i)) for i in dict.fromkeys(ids))


def _participant(party: Json, attributes: frozenset[str]) -> Participant:
    kept = {k: v for k, v in strings(field(party, "attributes")).items() if k in attributes}
    return Participant(purpose=text(party, "purpose") or "unknown", attributes=kept)


def _first(values: Iterable[str | None]) -> str | None:
    return next((v for v in values if v), None)
