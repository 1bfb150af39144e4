"""Training runs and models that saw erased data, and what was decided about each (GDPR Article 17, EDPB 28/2024).

An erasure cannot reach into a model. So it lists every run and model that read a sample of what went, and
each must be decided upon by a date: trained anew at the next cycle without it, suppressed, or accepted with
the reason why. Nothing is decided by silence: what is past its date is overdue, and evidence says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, insert, select, update

from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.custody_tables import model_decisions, models
from sottovoce.database.engine import reading, writing
from sottovoce.errors import CustodyError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

RUN, MODEL = "run:", "model:"


class ModelDecision(StrEnum):
    """What becomes of a run or model that saw erased data. Written to ledgers; append only."""

    RETRAIN = "retrain"
    """It is trained anew at the next cycle, without what was erased."""
    SUPPRESS = "suppress"
    """It is taken out of use."""
    ACCEPT = "accept"
    """It stays as it is, for the reason given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """A run or model that saw erased data. `recordings` is how many of those erased it had read."""

    erasure: str
    node: str
    recordings: int
    due: datetime
    decision: ModelDecision | None = None
    why: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    def overdue(self, now: datetime) -> bool:
        return self.decision is None and now > self.due


class Impacts:
    """Lists what waits for a decision, and takes decisions."""

    def __init__(self, *, engine: Engine, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock

    def list(self, *, erasure: str | None = None, open_only: bool = False) -> tuple[Impact, ...]:
        """What saw erased data, by due date."""
        wanted = select(model_decisions).order_by(
            model_decisions.c.due_ms, model_decisions.c.erasure, model_decisions.c.node
        )
        if erasure is not None:
            wanted = wanted.where(model_decisions.c.erasure == erasure)
        if open_only:
            wanted = wanted.where(model_decisions.c.decision.is_(None))
        with reading(self._engine) as connection:
            return tuple(map(_impact, connection.execute(wanted).mappings()))

    def decide(self, node: str, decision: ModelDecision, *, why: str, by: str, erasure: str | None = None) -> int:
        """Records a decision for one erasure, or for all that wait; answers for how many. Ledgered.

        To suppress a model also marks it so. `why` and `by` are codes. Raises CustodyError when nothing waits.
        """
        at = self._clock()
        waiting = (model_decisions.c.node == node) & model_decisions.c.decision.is_(None)
        if erasure is not None:
            waiting &= model_decisions.c.erasure == erasure
        with writing(self._engine) as connection:
            found = connection.execute(select(model_decisions.c.erasure).where(waiting)).scalars().all()
            if not found:
                raise CustodyError("no decision is waited for there", hint="`sottovoce erase impact` lists them")
            taken: dict[str, Any] = {
                "decision": decision.value,
                "why": why,
                "decided_by": by,
                "decided_ms": milliseconds(at),
            }
            connection.execute(update(model_decisions).where(waiting).values(**taken))
            if decision is ModelDecision.SUPPRESS and node.startswith(MODEL):
                name = node.removeprefix(MODEL)
                connection.execute(update(models).where(models.c.id == name).values(state="suppressed"))
            entries = [_entry(at, by, node, decision, why, each) for each in sorted(found)]
            self._ledger.append(connection, entries)
        return len(found)


def await_decisions(connection: Connection, impacts: Sequence[Impact]) -> None:
    """One row for each run and model that saw what an erasure took."""
    for each in impacts:
        row = {
            "erasure": each.erasure,
            "node": each.node,
            "recordings": each.recordings,
            "due_ms": milliseconds(each.due),
        }
        connection.execute(insert(model_decisions).values(**row))


def runs_and_models(nodes: Sequence[str]) -> list[str]:
    """Those of the nodes that stand for a run or a model."""
    return [node for node in nodes if node.startswith((RUN, MODEL))]


def _entry(at: datetime, by: str, node: str, decision: ModelDecision, why: str, erasure: str) -> Entry:
    facts = {"decision": decision.value, "why": why, "erasure": erasure}
    return Entry(at=at, actor=by, action=Action.MODEL_DECIDED, object=node, facts=facts)


def _impact(row: RowMapping) -> Impact:
    return Impact(
        erasure=row["erasure"],
        node=row["node"],
        recordings=row["recordings"],
        due=moment(row["due_ms"]),
        decision=ModelDecision(row["decision"]) if row["decision"] else None,
        why=row["why"],
        decided_by=row["decided_by"],
        decided_at=moment(row["decided_ms"]) if row["decided_ms"] is not None else None,
    )
