"""The demo's compliance line: one event of a guilty call, through the intake, to a verdict and what followed."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from sottovoce.cli.compliance import drive
from sottovoce.compliance.docket import VerdictRow
from sottovoce.compliance.verdict import Found
from sottovoce.errors import ComplianceError
from sottovoce.intake.clerk import Clerk
from sottovoce.service.intake import EVENTS, IntakeApp
from sottovoce.wiring.house import House

if TYPE_CHECKING:
    from sottovoce.sandbox.catalog import Call
    from sottovoce.sandbox.serve import Sandbox

SECRET_FILE: Final = "intake-secret"  # noqa: S105 - the name of a file
QUEUE: Final = "compliance-review"
SECTIONS: Final = f"""
# Events about recordings, signed as Standard Webhooks; and what follows from a violation.
intake:
  source: sandbox
  senders: [{{name: sandbox, scheme: standard, secrets: ["file:{SECRET_FILE}"]}}]

compliance:
  work_item_type: review
  work_item_queue: {QUEUE}
"""
"""Appended to the demo's policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """One call that was flagged, and what the sandbox holds of it since."""

    conversation: str
    types: tuple[str, ...]
    seconds: float
    """From the media being there to the verdict."""
    bookmarks: tuple[str, ...]
    label: str
    work_items: tuple[str, ...]

    def facts(self) -> Mapping[str, str]:
        return {
            "conversation": self.conversation,
            "violations": ", ".join(self.types),
            "judged within": f"{self.seconds:.1f} s",
            "bookmark on its recording": ", ".join(self.bookmarks),
            "label on its conversation": self.label,
            f"work item in queue {QUEUE}": ", ".join(self.work_items),
        }


def new_secret(into: Path) -> None:
    """What the sandbox signs its events with, where the demo's policy looks for it."""
    value = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")
    (into / SECRET_FILE).write_text(value, encoding="utf-8")


def flag_one(house: House, sandbox: Sandbox, *, file: str) -> Flagged:
    """Takes in the event of one sample call, judges it, acts on it. Raises ComplianceError where nothing is found."""
    call = next(call for call in sandbox.catalog.calls.values() if call.file == file)
    _take_in(house, sandbox, call)
    found = [row for row in _judged(house) if row.found is Found.VIOLATION]
    if not found:
        raise ComplianceError("the demo's guilty call was not flagged", hint="see the verdicts in its workspace")
    return _flagged(sandbox, call, found)


def _judged(house: House) -> Sequence[VerdictRow]:
    """Judges and acts, in a worker of its own as `compliance run` does, until nothing is due."""
    drive(house, workers=1, once=True, stop=threading.Event())
    return house.compliance.docket.verdicts()


def _take_in(house: House, sandbox: Sandbox, call: Call) -> None:
    """The sandbox posts the event, signed; the intake answers once it is durable."""
    from sottovoce.sandbox.events import Feed, send_all
    from sottovoce.sandbox.serve import Served

    app = IntakeApp(door=house.door, clerk=Clerk(desk=house.desk), ready=house.desk.counts)
    served = Served(app)
    try:
        secret = (house.workspace.root / SECRET_FILE).read_text(encoding="utf-8")
        order = Feed(
            url=f"http://{served.authority}{EVENTS}",
            kind="recordingAvailable",
            secret=SecretStr(secret),
            conversations=(call.id,),
        )
        answers = send_all(sandbox.store, order)
    finally:
        served.stop()
    if answers != {"202": 1}:
        raise ComplianceError("the demo's intake took no event", hint=f"it answered {', '.join(answers)}")


def _flagged(sandbox: Sandbox, call: Call, found: Sequence[VerdictRow]) -> Flagged:
    memory = sandbox.store.memory
    notes: Sequence[Mapping[str, Any]] = list(memory.annotations.get(call.recording_id, {}).values())
    marks = {note.get("description") for note in notes}
    return Flagged(
        conversation=call.id,
        types=tuple(sorted({row.type for row in found})),
        seconds=max(row.seconds_to_verdict for row in found),
        bookmarks=tuple(f"{note['name']} at {note['location'] / 1000:.1f} s" for note in notes),
        label=memory.tags.get(call.id, ""),
        work_items=tuple(item["name"] for item in memory.workitems.values() if item.get("externalTag") in marks),
    )
