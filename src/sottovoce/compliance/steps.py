"""What follows from a violation, as names: written to databases and ledgers, append only."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """One remediation. Their order is the order they are done in."""

    ANNOTATION = "annotation"
    LABEL = "label"
    WORK_ITEM = "work_item"
    CALLBACK = "callback"


READY, SENT, DONE, DEAD = "ready", "sent", "done", "dead"
