"""Letting go of a recording in Genesys Cloud (GENESYS.md 5c, 5d): by its delete date, or by a GDPR request.

There is no endpoint that deletes a recording. A `deleteDate` is set, and the platform purges it some time later; what
a date that has passed does is not documented, so the date is a few minutes ahead, and a recording counts as gone only
when the platform shows it so. The archive date is written back as it was: leaving it out would restore the recording.

A protected conversation cannot be deleted, whatever is set: that is looked for first, and said. A GDPR request is
filed about a person the platform itself names beyond doubt: a number that several people share is for a person to
decide. Each call is made once; nobody waits here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sottovoce.domain.at_source import SourceAnswer, SourceState, Way
from sottovoce.errors import SourceRefused, SourceUnavailable
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.conversations import contact_of
from sottovoce.sources.genesys.exchange import Send
from sottovoce.sources.genesys.holds import protected
from sottovoce.sources.genesys.parse import Json, field, moment, objects, text
from sottovoce.sources.genesys.paths import (
    CONVERSATION,
    GDPR_REQUEST,
    GDPR_REQUESTS,
    GDPR_SUBJECTS,
    RECORDING,
    RECORDING_METADATA,
    fill,
)
from sottovoce.sources.genesys.query import stamp

DELAY: Final = timedelta(minutes=5)
PERMISSIONS: Final = {
    Way.RECORDINGS: ("recording:recording:view", "recording:recording:editRetention"),
    Way.GDPR_REQUEST: (
        "conversation:communication:view",
        "gdpr:request:add",
        "gdpr:request:view",
        "gdpr:subject:view",
    ),
}
_OPEN: Final = frozenset({"INITIATED", "SEARCHING", "UPDATING", "DELETING", "FINALIZING"})
_PAGE_SIZE: Final = 100
_PAGES: Final = 20

PROTECTED = SourceAnswer(state=SourceState.REFUSED, code="PROTECTED_AT_SOURCE")
GONE = SourceAnswer(state=SourceState.DONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesysEraser:
    """Asks, and looks how far it is. Raises SourceUnavailable (try again), SourceRefused, SourceError."""

    client: GenesysClient

    def delete_recording(self, conversation_id: str, recording_id: str) -> SourceAnswer:
        """Sets the recording's delete date, unless it is gone, due already, or protected."""
        found = self._recording(conversation_id, recording_id)
        if found is None:
            return GONE
        if conversation_id in protected(self.client.once, [conversation_id]):
            return PROTECTED
        due, now = moment(found, "deleteDate"), self.client.timing.now()
        if due is None or due > now + DELAY:
            self._set_date(conversation_id, recording_id, found)
        return SourceAnswer(state=SourceState.ASKED)

    def request_deletion(self, conversation_id: str) -> SourceAnswer:
        """Files a GDPR_DELETE about the conversation's customer, or finds the one that is open."""
        if conversation_id in protected(self.client.once, [conversation_id]):
            return PROTECTED
        subject = self._subject(conversation_id)
        if isinstance(subject, SourceAnswer):
            return subject
        reference = self._open_request(subject) or self._filed(subject)
        return SourceAnswer(state=SourceState.ASKED, reference=reference)

    def look_at_request(self, reference: str) -> SourceAnswer:
        """How far a request is. One that failed, or that is not known any more, is for a person to look at."""
        answer = self.client.once(Send(method="GET", path=fill(GDPR_REQUEST, requestId=reference)))
        if answer.status == 404:
            return SourceAnswer(state=SourceState.REFUSED, code="GDPR_REQUEST_UNKNOWN", reference=reference)
        status = text(expect_ok(answer, permission="gdpr:request:view"), "status")
        if status == "COMPLETED":
            return SourceAnswer(state=SourceState.DONE, reference=reference)
        if status == "ERROR":
            return SourceAnswer(state=SourceState.REFUSED, code="GDPR_REQUEST_FAILED", reference=reference)
        return SourceAnswer(state=SourceState.ASKED, reference=reference)

    def _recording(self, conversation_id: str, recording_id: str) -> Json | None:
        """As the platform shows it; None when it is gone. A listing that is broken says nothing of what is gone."""
        answer = self.client.once(Send(method="GET", path=fill(RECORDING_METADATA, conversationId=conversation_id)))
        if answer.status == 404:
            return None
        body = expect_ok(answer, permission="recording:recording:view")
        legs = objects(body)
        if not isinstance(body, list) or len(body) != sum(text(leg, "id") is not None for leg in legs):
            raise SourceUnavailable("Genesys Cloud does not list a conversation's recordings")
        here = (leg for leg in legs if text(leg, "id") == recording_id and text(leg, "fileState") != "DELETED")
        return next(here, None)

    def _set_date(self, conversation_id: str, recording_id: str, found: Json) -> None:
        path = fill(RECORDING, conversationId=conversation_id, recordingId=recording_id)
        dates = {"deleteDate": stamp(self.client.timing.now() + DELAY)}
        archived = text(found, "archiveDate")
        body = dates | ({"archiveDate": archived} if archived else {})
        expect_ok(
            self.client.once(Send(method="PUT", path=path, json=body)),
            permission="recording:recording:editRetention",
        )

    def _subject(self, conversation_id: str) -> Json | SourceAnswer:
        """The one person the platform knows behind the call; otherwise why there is none to name."""
        answer = self.client.once(Send(method="GET", path=fill(CONVERSATION, conversationId=conversation_id)))
        if answer.status == 404:
            return SourceAnswer(state=SourceState.REFUSED, code="CONVERSATION_GONE")
        contact, number = contact_of(expect_ok(answer, permission="conversation:communication:view"))
        if contact is not None:
            return {"externalContactId": contact}
        if number is None:
            return SourceAnswer(state=SourceState.REFUSED, code="SUBJECT_UNKNOWN")
        params: dict[str, str | int] = {"searchType": "PHONE", "searchValue": number}
        looked = self.client.once(Send(method="GET", path=GDPR_SUBJECTS, params=params))
        found = objects(field(expect_ok(looked, permission="gdpr:subject:view"), "entities"))
        if len(found) != 1:
            code = "SUBJECT_AMBIGUOUS" if found else "SUBJECT_UNKNOWN"
            return SourceAnswer(state=SourceState.REFUSED, code=code)
        return found[0]

    def _open_request(self, subject: Json) -> str | None:
        """The number of a deletion of the same person that is under way: asking twice files one."""
        for page in range(1, _PAGES + 1):
            send = Send(method="GET", path=GDPR_REQUESTS, params={"pageSize": _PAGE_SIZE, "pageNumber": page})
            answer = self.client.once(send)
            listed = objects(field(expect_ok(answer, permission="gdpr:request:view"), "entities"))
            for one in listed:
                open_ = text(one, "requestType") == "GDPR_DELETE" and text(one, "status") in _OPEN
                if open_ and _same(field(one, "subject"), subject):
                    return text(one, "id")
            if len(listed) < _PAGE_SIZE:
                return None
        return None

    def _filed(self, subject: Json) -> str:
        body: dict[str, Any] = {"requestType": "GDPR_DELETE", "subject": dict(subject)}
        send = Send(method="POST", path=GDPR_REQUESTS, params={"deleteConfirmed": "true"}, json=body)
        reference = text(expect_ok(self.client.once(send), permission="gdpr:request:add"), "id")
        if reference is None:
            raise SourceRefused("a GDPR request was taken without a number", hint="look for it in Genesys Cloud")
        return reference


def _same(one: object, other: Json) -> bool:
    """Of one contact; where there is none, the same in everything."""
    contact = text(other, "externalContactId")
    return text(one, "externalContactId") == contact if contact is not None else one == other
