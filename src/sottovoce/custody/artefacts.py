"""What the registry knows to be kept, as the retention solver takes it; and a policy's rules for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, RowMapping, select

from sottovoce.custody.duties import LEAST_YEARS, Duty
from sottovoce.custody.kinds import ArtefactKind, artefact_kind
from sottovoce.custody.records import PRESENT
from sottovoce.custody.retention import Artefact, Rules
from sottovoce.custody.rows import moment
from sottovoce.database.engine import reading
from sottovoce.database.tables import objects, outcomes, recordings
from sottovoce.policy.model import Retention

_AUTHENTICATION: Final = ("ms_credit_debit_cvv", "ms_pin", "ms_dtmf_digits")
"""Facts of a sealed recording that say sensitive authentication data was heard in it (PCI DSS 3.3.1.1 to 3.3.1.3).

Keyed digits may be a PIN or a verification code, and are taken at their worst."""


def rules_of(retention: Retention) -> Rules:
    """The policy's section, as the solver takes it."""
    return Rules(
        days={
            ArtefactKind.ORIGINAL: retention.raw_days,
            ArtefactKind.REDACTED: retention.redacted_days,
            ArtefactKind.CORPUS: retention.corpus_days,
            ArtefactKind.AUGMENTED: retention.corpus_days,
            ArtefactKind.FEATURES: retention.features_days,
            ArtefactKind.TRANSCRIPT: retention.transcript_days,
            ArtefactKind.MAP: retention.map_days,
            ArtefactKind.QUARANTINE: retention.quarantine_days,
        },
        duties=tuple(
            Duty(
                name=duty.name,
                years=duty.years if duty.years is not None else LEAST_YEARS[duty.name],
                queue_categories=duty.queue_categories,
            )
            for duty in retention.duties
        ),
        archive_days=retention.archive_days,
    )


def artefacts_of(engine: Engine) -> tuple[Artefact, ...]:
    """Every object that is present, and every withheld recording that is still remembered."""
    with reading(engine) as connection:
        return (*_objects(connection), *_withheld(connection))


def _objects(connection: Connection) -> Iterator[Artefact]:
    ended = (outcomes.c.recording == objects.c.recording) & (outcomes.c.line == objects.c.line)
    joined = objects.join(recordings).outerjoin(outcomes, ended)
    wanted = select(objects, recordings, outcomes.c.at_ms).select_from(joined)
    told = _told(connection)
    there = (objects.c.state == PRESENT, recordings.c.erasing_ms.is_(None))
    for row in connection.execute(wanted.where(*there)).mappings():
        kind = artefact_kind(row["kind"], row["line"])
        made_ms = row["at_ms"] if row["at_ms"] is not None else row["first_seen_ms"]
        heard = kind is ArtefactKind.ORIGINAL and row["key"] in told
        yield _artefact(row, row["id"], kind, made_ms, heard=heard)


def _told(connection: Connection) -> frozenset[str]:
    """Recordings in which authentication data was heard, whichever line heard it."""
    rows = connection.execute(select(outcomes.c.recording, outcomes.c.facts))
    return frozenset(row.recording for row in rows if any(row.facts.get(name) for name in _AUTHENTICATION))


def _withheld(connection: Connection) -> Iterator[Artefact]:
    """Recordings of which nothing was sealed; their latest outcome counts."""
    last: dict[str, int] = {}
    kept = set(connection.execute(select(objects.c.recording).distinct()).scalars())
    for row in connection.execute(select(outcomes.c.recording, outcomes.c.at_ms)):
        last[row.recording] = max(last.get(row.recording, 0), row.at_ms)
    wanted = select(recordings).where(recordings.c.erasing_ms.is_(None))
    for found in connection.execute(wanted).mappings():
        if found["key"] in last and found["key"] not in kept:
            yield _artefact(found, found["key"], ArtefactKind.QUARANTINE, last[found["key"]], heard=False)


def _artefact(row: RowMapping, name: str, kind: ArtefactKind, made_ms: int, *, heard: bool) -> Artefact:
    details = row["details"] or {}
    made_at = moment(made_ms)
    started = details.get("started_at")
    return Artefact(
        id=name,
        kind=kind,
        recording=row["key"],
        made_at=made_at,
        recorded_at=datetime.fromisoformat(started) if started else made_at,
        queue_category=details.get("queue_category"),
        authentication_data=heard,
        held_since=moment(row["held_since_ms"]) if row["legal_hold"] else None,
    )
