"""What we write into Genesys Cloud about a call: an annotation, a label, a work item, a callback (GENESYS.md 8).

Only calls that exist. Every viewer of a recording sees them, so they hold codes and our own marks, never what was
said. None of these calls is idempotent: each looks for our mark before it writes, so that doing it again changes
nothing. A callback leaves nothing to look for, and is therefore never sent twice: see `call_back`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sottovoce.errors import MediaGone, SourceError, SourceRefused
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Answer, Send
from sottovoce.sources.genesys.parse import field, objects, text
from sottovoce.sources.genesys.paths import (
    ANNOTATIONS,
    ATTRIBUTES,
    CALLBACKS,
    CONVERSATION,
    TAGS,
    WORK_ITEM_QUERY,
    WORK_ITEMS,
    fill,
)

OURS: Final = "SV-"
"""Labels that begin so are ours to replace; a customer's own is never overwritten."""
ATTRIBUTE: Final = "sottovoceVerdict"
LONGEST_NAME: Final = 256

PERMISSIONS: Final = {
    "annotate": ("recording:annotation:view", "recording:annotation:add", "recording:recording:view"),
    "label": ("conversation:communication:view", "conversation:externalTag:edit"),
    "work_item": ("workitems:workitem:add", "workitems:workitem:view"),
    "call_back": (),
}
"""What each of them needs, for `doctor`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesysWriter:
    """Writes back over one client. Raises SourceUnavailable (try again), SourceRefused, MediaGone, SourceError."""

    client: GenesysClient

    def annotate(self, conversation_id: str, recording_id: str, *, mark: str, name: str, at_ms: int) -> bool:
        """A bookmark on the recording at `at_ms`; False when it was there."""
        path = fill(ANNOTATIONS, conversationId=conversation_id, recordingId=recording_id)
        listed = _ok(self.client.get(path), "annotate")
        if any(text(note, "description") == mark for note in objects(listed)):
            return False
        note = {"type": "bookmark", "name": name[:LONGEST_NAME], "location": at_ms, "description": mark}
        _ok(self.client.call(Send(method="POST", path=path, json=note)), "annotate")
        return True

    def label(self, conversation_id: str, *, code: str) -> bool:
        """The conversation's one external tag, or an attribute of its customer where the tag is somebody else's."""
        conversation = _ok(self.client.get(fill(CONVERSATION, conversationId=conversation_id)), "label")
        wanted, there = f"{OURS}{code}", text(conversation, "externalTag")
        if there == wanted:
            return False
        if there is None or there.startswith(OURS):
            path = fill(TAGS, conversationId=conversation_id)
            _ok(self.client.call(Send(method="PUT", path=path, json={"externalTag": wanted})), "label")
            return True
        return self._attribute(conversation_id, conversation, code)

    def work_item(
        self, *, mark: str, name: str, type_id: str, queue_id: str | None, priority: int, description: str
    ) -> bool:
        """A task for a person, in a queue where one is named; False when it was there."""
        wanted = {"name": "externalTag", "type": "String", "operator": "EQ", "values": [mark]}
        query = Send(method="POST", path=WORK_ITEM_QUERY, json={"filters": [wanted], "pageSize": 25})
        if objects(field(_ok(self.client.call(query), "work_item"), "entities")):
            return False
        item: dict[str, Any] = {
            "name": name[:LONGEST_NAME],
            "typeId": type_id,
            "priority": priority,
            "description": description,
            "externalTag": mark,
        }
        item |= {"queueId": queue_id} if queue_id else {}
        _ok(self.client.call(Send(method="POST", path=WORK_ITEMS, json=item)), "work_item")
        return True

    def call_back(self, *, mark: str, queue_id: str, number: str, data: Mapping[str, str]) -> None:
        """A callback to a supervisor's number. One request and no second try: the caller must not repeat it.

        Raises SourceUnavailable where nobody knows whether it was made.
        """
        order = {"queueId": queue_id, "callbackNumbers": [number], "data": {**data, "mark": mark}}
        _ok(self.client.once(Send(method="POST", path=CALLBACKS, json=order)), "call_back")

    def _attribute(self, conversation_id: str, conversation: object, code: str) -> bool:
        parties = objects(field(conversation, "participants"))
        customers = [p for p in parties if text(p, "purpose") in ("customer", "external")] or list(parties)
        if not customers or (participant := text(customers[0], "id")) is None:
            raise SourceError("a conversation has nobody to write an attribute to")
        if field(field(customers[0], "attributes"), ATTRIBUTE) == code:
            return False
        path = fill(ATTRIBUTES, conversationId=conversation_id, participantId=participant)
        _ok(self.client.call(Send(method="PATCH", path=path, json={"attributes": {ATTRIBUTE: code}})), "label")
        return True


def _ok(answer: Answer, action: str) -> Any:
    """The body of a 2xx."""
    if answer.status in (200, 201, 202, 204):
        return answer.body
    if answer.status == 404:
        raise MediaGone("what was to be written to is not there", hint="it was deleted meanwhile")
    if answer.status in (401, 403):
        needed = " and ".join(PERMISSIONS[action]) or "more rights"
        raise SourceRefused("Genesys Cloud refuses the write", hint=f"the client's role needs {needed}")
    return expect_ok(answer, permission="")
