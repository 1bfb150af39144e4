"""Erasures that were certified, and what each of them still waits for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from sottovoce.custody.deliveries import PENDING
from sottovoce.custody.rows import moment
from sottovoce.database.custody_tables import model_decisions, notices
from sottovoce.database.engine import reading
from sottovoce.database.tables import erasures


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedErasure:
    """One erasure: its counts, how many recipients are to be told, and how many runs and models decided upon."""

    id: str
    at: datetime
    why: str
    subject_kind: str
    recordings: int
    refused: int
    unreached: int
    certificate: str
    to_tell: int
    to_decide: int


def certified_erasures(engine: Engine) -> tuple[CertifiedErasure, ...]:
    """Every one, oldest first. One whose certificate a restore lost has none of its counts."""
    waiting = notices.c.state == PENDING
    telling = select(notices.c.erasure, func.count()).where(waiting).group_by(notices.c.erasure)
    open_ones = model_decisions.c.decision.is_(None)
    deciding = select(model_decisions.c.erasure, func.count()).where(open_ones).group_by(model_decisions.c.erasure)
    with reading(engine) as connection:
        to_tell = {row[0]: row[1] for row in connection.execute(telling)}
        to_decide = {row[0]: row[1] for row in connection.execute(deciding)}
        rows = connection.execute(select(erasures).order_by(erasures.c.at_ms, erasures.c.id)).mappings().all()
    return tuple(
        CertifiedErasure(
            id=row["id"],
            at=moment(row["at_ms"]),
            why=row["why"],
            subject_kind=row["subject_kind"],
            recordings=row["report"].get("recordings", 0),
            refused=len(row["report"].get("refused", ())),
            unreached=_total(row["report"].get("unreached", {})),
            certificate=row["certificate"],
            to_tell=to_tell.get(row["id"], 0),
            to_decide=to_decide.get(row["id"], 0),
        )
        for row in rows
    )


def _total(unreached: object) -> int:
    """Counted by code; the first release listed the codes one by one."""
    return sum(unreached.values()) if isinstance(unreached, dict) else len(list(unreached))  # type: ignore[call-overload]
