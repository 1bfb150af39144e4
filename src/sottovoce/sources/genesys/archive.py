"""Bringing a recording back from the platform's archive, for as long as it takes to fetch it (GENESYS.md 5c).

Moving the archive date ahead restores it, within hours, and it goes back by itself. The delete date is written back
as it was: left out, the recording would be kept for ever. An organisation has so many restorations and no more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sottovoce.errors import MediaGone
from sottovoce.sources.genesys.client import GenesysClient, expect_ok
from sottovoce.sources.genesys.exchange import Send
from sottovoce.sources.genesys.parse import number, objects, text
from sottovoce.sources.genesys.paths import RECORDING, RECORDING_METADATA, fill
from sottovoce.sources.genesys.query import stamp

STAYS: Final = timedelta(days=7)
PERMISSION: Final = "recording:recording:restore"


def restore(client: GenesysClient, conversation_id: str, recording_id: str) -> None:
    """Asks for it; it comes later. Raises MediaGone, SourceRefused, SourceError."""
    listed = client.get(fill(RECORDING_METADATA, conversationId=conversation_id))
    legs = objects(expect_ok(listed, permission="recording:recording:view"))
    found = next((leg for leg in legs if text(leg, "id") == recording_id), None)
    if found is None:
        raise MediaGone("a recording is not there", hint="it was deleted, or never kept")
    if number(found, "remainingRestorationsAllowedForOrg") == 0:
        raise MediaGone("a recording is in the archive", hint="the organisation has no restorations left")
    dates = {"archiveDate": stamp(client.timing.now() + STAYS)}
    deleted = text(found, "deleteDate")
    body = dates | ({"deleteDate": deleted} if deleted else {})
    path = fill(RECORDING, conversationId=conversation_id, recordingId=recording_id)
    expect_ok(client.call(Send(method="PUT", path=path, json=body)), permission=PERMISSION)
