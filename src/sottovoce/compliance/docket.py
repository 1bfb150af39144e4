"""Where verdicts are kept: each with its ledger entry and what follows from it, in one transaction (SPEC 14.5).

One verdict for each recording, rule and type, however often a call is judged, and by whom: the first conclusion
stands. A call that could not be judged is a verdict too, and a person is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, func, insert, select

from sottovoce.compliance.steps import READY, Step
from sottovoce.compliance.verdict import Found, Judged
from sottovoce.custody.nodes import object_id, object_node, recording_node
from sottovoce.custody.records import PRESENT, add_edge
from sottovoce.database.compliance_tables import remediations, verdicts
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import objects
from sottovoce.database.upsert import insert_new
from sottovoce.domain.outcome import Fact
from sottovoce.domain.recording import SealedObject
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

LINE: Final = "compliance"
NOTHING_FOUND: Final = "-"
_LOCK: Final = int.from_bytes(b"svvd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recording that was judged. `conversation_id` and `recording_id` are for the steps that follow, until done."""

    subject: str
    conversation_id: str = field(repr=False)
    recording_id: str = field(repr=False)
    rate: int
    judged: Sequence[Judged]
    clips: Mapping[tuple[str, str], SealedObject] = field(default_factory=dict)
    """By rule and type."""
    correlation: str
    rules_digest: str
    engine: str = "sottovoce"
    available_at: datetime
    """When its media could first be read."""
    doubt: str | None = None
    """The code of what kept it from being judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """A verdict as it is kept."""

    id: str
    subject: str
    found: Found
    rule: str
    type: str
    confidence: float
    offset_ms: int | None
    count: int
    action: str
    evidence: str | None
    seconds_to_verdict: float


class Docket:
    """Concludes cases and answers for them. Every method is one transaction."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        steps: Sequence[Step],
        actor: str = "compliance",
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._ids = ids
        self._steps = tuple(steps)
        self._actor = actor

    def conclude(self, case: Case) -> int:
        """Writes what is new of the case; how many verdicts that were. Raises LedgerUnavailable: then nothing was."""
        with writing(self._engine) as connection:
            return self.conclude_in(connection, case)

    def conclude_in(self, connection: Connection, case: Case) -> int:
        """The same as the last step of the caller's writing transaction."""
        if _stands(connection, case.subject):
            return 0
        rows = [row for row in self._rows(case) if insert_new(connection, verdicts, row)]
        for row in rows:
            clip = case.clips.get((str(row["rule"]), str(row["type"])))
            if clip is not None:
                keep_object(connection, case.subject, clip)
        if rows:
            self._ledger.append(connection, [self._entry(case, row) for row in rows])
            self._follow(connection, case, rows)
        return len(rows)

    def is_judged(self, subject: str) -> bool:
        with reading(self._engine) as connection:
            found = connection.execute(select(verdicts.c.id).where(verdicts.c.subject == subject).limit(1))
            return found.first() is not None

    def verdicts(self, subject: str | None = None) -> tuple[VerdictRow, ...]:
        """All of them, or those on one recording, oldest first."""
        wanted = select(verdicts).order_by(verdicts.c.at_ms, verdicts.c.rule)
        if subject is not None:
            wanted = wanted.where(verdicts.c.subject == subject)
        with reading(self._engine) as connection:
            return tuple(
                VerdictRow(
                    id=row["id"],
                    subject=row["subject"],
                    found=Found(row["found"]),
                    rule=row["rule"],
                    type=row["type"],
                    confidence=row["confidence"] / 1000,
                    offset_ms=row["offset_ms"],
                    count=row["count"],
                    action=row["action"],
                    evidence=row["evidence"],
                    seconds_to_verdict=(row["at_ms"] - row["available_ms"]) / 1000,
                )
                for row in connection.execute(wanted).mappings()
            )

    def _rows(self, case: Case) -> list[dict[str, object]]:
        if case.doubt is not None:
            return [self._row(case, found=Found.DOUBT, rule="judgement", type=case.doubt, action="REVIEW_BY_PERSON")]
        if not case.judged:
            return [self._row(case, found=Found.NONE, rule=NOTHING_FOUND, type=NOTHING_FOUND, action="NONE")]
        return [
            self._row(
                case,
                found=Found.VIOLATION,
                rule=judged.first.rule,
                type=judged.first.type,
                action=judged.first.action,
                confidence=round(judged.first.confidence * 1000),
                offset_ms=judged.first.span.start * 1000 // case.rate,
                count=judged.count,
                evidence=_clip_id(case, judged),
            )
            for judged in case.judged
        ]

    def _row(self, case: Case, *, found: Found, **said: object) -> dict[str, object]:
        return {
            "id": self._ids(),
            "subject": case.subject,
            "found": found.value,
            "confidence": 0,
            "offset_ms": None,
            "count": 0,
            "evidence": None,
            **said,
            "correlation": case.correlation,
            "engine": case.engine,
            "rules_digest": case.rules_digest,
            "available_ms": milliseconds(case.available_at),
            "at_ms": milliseconds(self._clock()),
        }

    def _entry(self, case: Case, row: Mapping[str, object]) -> Entry:
        facts: dict[str, Fact] = {
            "found": str(row["found"]),
            "rule": str(row["rule"]) if row["rule"] != NOTHING_FOUND else "none",
            "type": str(row["type"]) if row["type"] != NOTHING_FOUND else "none",
            "count": int(str(row["count"])),
            "rules": case.rules_digest,
            "engine": case.engine,
        }
        return Entry(
            at=self._clock(),
            actor=self._actor,
            action=Action.VERDICT_REACHED,
            object=case.subject,
            line=LINE,
            purpose="compliance",
            outcome=str(row["found"]),
            facts=facts,
        )

    def _follow(self, connection: Connection, case: Case, rows: Sequence[Mapping[str, object]]) -> None:
        """One of each step for the recording, for its first violation; a person's task alone where there is doubt."""
        broken = [row for row in rows if row["found"] != Found.NONE.value]
        if not broken:
            return
        first = broken[0]
        steps = self._steps if case.doubt is None else [step for step in self._steps if step is Step.WORK_ITEM]
        now = milliseconds(self._clock())
        for step in steps:
            row = {
                "subject": case.subject,
                "step": step.value,
                "mark": f"sottovoce-{case.subject}"[:64],
                "code": first["type"],
                "offset_ms": first["offset_ms"] or 0,
                "locator": json.dumps([case.conversation_id, case.recording_id]),
                "state": READY,
                "attempts": 0,
                "changed_ms": now,
                "error": None,
            }
            insert_new(connection, remediations, row)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _clip_id(case: Case, judged: Judged) -> str | None:
    clip = case.clips.get((judged.first.rule, judged.first.type))
    return None if clip is None else object_id(clip.location)


def _stands(connection: Connection, subject: str) -> bool:
    """Whether the recording is concluded; until the transaction ends nobody else concludes it."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK, func.hashtext(subject))))
    return connection.execute(select(verdicts.c.id).where(verdicts.c.subject == subject).limit(1)).first() is not None


def keep_object(connection: Connection, subject: str, sealed: SealedObject) -> str:
    """Its id. An object like any other: erasing the recording erases it."""
    found = object_id(sealed.location)
    row = {
        "id": found,
        "line": LINE,
        "recording": subject,
        "kind": sealed.kind,
        "channel": sealed.channel,
        "location": sealed.location,
        "digest": sealed.digest,
        "size": sealed.size,
        "rev": sealed.rev,
        "state": PRESENT,
    }
    connection.execute(insert(objects).values(**row))
    add_edge(connection, recording_node(subject), object_node(found), sealed.kind)
    return found
