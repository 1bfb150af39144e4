"""What follows an erasure, as people and programs read it: notices and rows of the list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sottovoce.cli.output import answer, say, table
from sottovoce.custody.certified import CertifiedErasure
from sottovoce.custody.notices import Notice


def as_facts(row: CertifiedErasure) -> dict[str, object]:
    """One erasure of the list."""
    return {
        "id": row.id,
        "at": row.at.date().isoformat(),
        "why": row.why,
        "recordings": row.recordings,
        "refused": row.refused,
        "to_tell": row.to_tell,
        "to_decide": row.to_decide,
    }


def told(notices: Sequence[Notice], now: datetime, *, as_json: bool) -> None:
    """Notices with their state; `overdue` where somebody should have been told already."""
    rows = [
        {
            "destination": each.destination,
            "deliveries": each.deliveries,
            "state": "overdue" if each.overdue(now) else each.state.value,
            "due": each.due.date().isoformat(),
            "failure": each.failure or "",
            "reference": each.reference or "",
            "notice": each.id,
            "erasure": each.erasure,
        }
        for each in notices
    ]
    if as_json:
        answer(rows)
        return
    if not rows:
        say("Nobody was given anything that was erased.")
    columns = ("destination", "deliveries", "state", "due", "failure", "reference", "notice", "erasure")
    table("Recipients", columns, [tuple(row.values()) for row in rows])
