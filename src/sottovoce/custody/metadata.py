"""What the registry keeps of a recording's metadata, and how it comes back (SPEC 3.2, 13.1).

Conversation id, recording id, customer token and locator have columns of their own, which erasure
blanks. The rest is minimised: an attribute value that is not a plain code, a claim or a date is replaced
by a mark, not dropped, so that an opt-out with a remark in it still counts as something said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sottovoce.domain.recording import Participant, RecordingMetadata, RecordingRef
from sottovoce.domain.sound import MediaFormat
from sottovoce.ledger.entry import is_code

WITHHELD = "withheld"
"""Stands for an attribute value that could say something about a person."""

_PLAIN = (
    "duration_s",
    "queue",
    "queue_category",
    "language",
    "direction",
    "dnis",
    "agent_token",
    "contributor",
    "file_state",
    "region",
    "accent_region",
    "codec",
    "device",
    "audio_quality",
    "contributor",
)


def to_details(metadata: RecordingMetadata) -> dict[str, Any]:
    """Everything but what has a column of its own, as JSON keeps it."""
    return {
        **{name: getattr(metadata, name) for name in _PLAIN},
        "started_at": metadata.started_at.isoformat() if metadata.started_at else None,
        "skills": list(metadata.skills),
        "permissions": list(metadata.permissions),
        "format": asdict(metadata.format) if metadata.format else None,
        "participants": [
            {"purpose": party.purpose, "attributes": _minimised(party.attributes)} for party in metadata.participants
        ],
    }


def to_metadata(ref: RecordingRef, row: Mapping[str, Any]) -> RecordingMetadata:
    """The metadata of a row of `recordings`, as it was remembered."""
    kept = row["details"]
    return RecordingMetadata(
        ref=ref,
        conversation_id=row["conversation_id"] or "",
        recording_id=row["recording_id"] or "",
        customer_token=row["customer_token"],
        legal_hold=bool(row["legal_hold"]),
        started_at=datetime.fromisoformat(kept["started_at"]) if kept["started_at"] else None,
        skills=tuple(kept["skills"]),
        permissions=tuple(kept["permissions"]),
        format=MediaFormat(**kept["format"]) if kept["format"] else None,
        participants=tuple(
            Participant(purpose=party["purpose"], attributes=party["attributes"]) for party in kept["participants"]
        ),
        **{name: kept.get(name) for name in _PLAIN},
    )


def _minimised(attributes: Mapping[str, str]) -> dict[str, str]:
    return {name: value if _is_plain(value) else WITHHELD for name, value in attributes.items()}


def _is_plain(value: object) -> bool:
    """Sources deliver null and booleans among the strings (GENESYS.md 3)."""
    return value is None or isinstance(value, bool) or not str(value).strip() or is_code(str(value).strip())
