"""Enforcing retention: what is due is destroyed, and a record of it kept (PCI DSS 3.2.1, HIPAA 164.310(d)(2)(i)).

A recording of which everything is due goes as an erasure does: key shredded, ciphertext deleted, rows blanked,
certified, and on the list that survives a restore. Where only some of it is due, that ciphertext goes and the
key stays for the rest. Interrupted anywhere, the next sweep goes on; with nothing due it changes nothing but its
own record. Keys of held recordings are frozen first. Conflicts are left alone and said.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select

from sottovoce.custody.artefacts import artefacts_of
from sottovoce.custody.blanking import blank_objects
from sottovoce.custody.destruction import Destroyer
from sottovoce.custody.erasure import Eraser
from sottovoce.custody.erasure_report import Unreached
from sottovoce.custody.holds import Holds
from sottovoce.custody.nodes import object_node
from sottovoce.custody.records import Location, locations_of
from sottovoce.custody.retention import Conflict, Plan, Resolution, Rules, Step, solve
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.custody.subject import ByKeys
from sottovoce.database.custody_tables import sweeps
from sottovoce.database.engine import reading, writing
from sottovoce.domain.outcome import Fact
from sottovoce.errors import ObjectLocked
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

WHY = "RETENTION"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep did. `recordings` went whole, `objects` counts what went of others; the rest is by step."""

    id: str
    at: datetime
    recordings: tuple[str, ...]
    objects: int
    kept: int
    frozen: int
    conflicts: tuple[Conflict, ...]
    unreached: tuple[Unreached, ...]
    certificate: str | None

    @property
    def complete(self) -> bool:
        """True when everything due went; conflicts wait for a person."""
        return not self.unreached


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """One sweep as the registry remembers it."""

    id: str
    by: str
    policy_digest: str
    counts: Mapping[str, int]
    started_at: datetime
    ended_at: datetime


class Sweeper:
    """Plans and sweeps under one policy."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        eraser: Eraser,
        destroyer: Destroyer,
        holds: Holds,
        rules: Rules,
        policy_digest: str,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._eraser = eraser
        self._destroyer = destroyer
        self._holds = holds
        self._rules = rules
        self._policy_digest = policy_digest
        self._clock = clock
        self._ids = ids

    def plan(self) -> tuple[Resolution, ...]:
        """What becomes of everything that is kept, as of now; nothing is changed."""
        return solve(artefacts_of(self._engine), self._rules, now=self._clock())

    def sweep(self, *, by: str) -> SweepReport:
        """Destroys what is due. Raises LedgerUnavailable, and then nothing more is destroyed."""
        sweep, at = self._ids(), self._clock()
        unfrozen = self._holds.freeze_held()
        resolved = self.plan()
        whole, some = _due(resolved)
        erased = self._eraser.erase(ByKeys(keys=whole, label=sweep), requested_by=by, why=WHY)
        objects, failed = self._delete(some, sweep, by)
        steps = Counter(each.step for each in resolved if isinstance(each, Plan))
        report = SweepReport(
            id=sweep,
            at=at,
            recordings=erased.recordings,
            objects=erased.objects_deleted + objects,
            kept=steps[Step.KEEP] + steps[Step.ARCHIVE],
            frozen=steps[Step.FREEZE],
            conflicts=tuple(each for each in resolved if isinstance(each, Conflict)),
            unreached=(*(u for u in erased.unreached if u.code.startswith("E_")), *failed, *_unfrozen(unfrozen)),
            certificate=erased.certificate,
        )
        self._record(report, by)
        return report

    def sweeps(self) -> tuple[SweepRow, ...]:
        """Every sweep, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(sweeps).order_by(sweeps.c.started_ms, sweeps.c.id)).mappings().all()
        return tuple(
            SweepRow(
                id=row["id"],
                by=row["swept_by"],
                policy_digest=row["policy_digest"],
                counts=row["counts"],
                started_at=moment(row["started_ms"]),
                ended_at=moment(row["ended_ms"]),
            )
            for row in rows
        )

    def _delete(self, due: Mapping[str, frozenset[str]], sweep: str, by: str) -> tuple[int, tuple[Unreached, ...]]:
        """Some objects of recordings that stay: ciphertext first, then rows and ledger entries together."""
        with reading(self._engine) as connection:
            found = locations_of(connection, sorted(due), present=True)
        going = [each for each in found if each.id in due[each.recording]]
        failed = tuple(self._destroyer.delete(going))
        stuck = {failure.node for failure in failed if failure.code != ObjectLocked.code}
        gone = [each for each in going if object_node(each.id) not in stuck]
        with writing(self._engine) as connection:
            deleted = _blank(connection, gone)
            self._ledger.append(connection, [self._deleted(each, sweep, by) for each in gone])
        return deleted, failed

    def _deleted(self, each: Location, sweep: str, by: str) -> Entry:
        facts: dict[str, Fact] = {"object": each.id, "kind": each.kind, "sweep": sweep}
        return Entry(
            at=self._clock(),
            actor=by,
            action=Action.OBJECT_DELETED,
            object=each.recording,
            line=each.line,
            outcome=WHY,
            policy=self._policy_digest,
            facts=facts,
        )

    def _record(self, report: SweepReport, by: str) -> None:
        counts = {
            "recordings": len(report.recordings),
            "objects": report.objects,
            "kept": report.kept,
            "frozen": report.frozen,
            "conflicts": len(report.conflicts),
            "unreached": len(report.unreached),
        }
        row = {
            "id": report.id,
            "swept_by": by,
            "policy_digest": self._policy_digest,
            "counts": counts,
            "started_ms": milliseconds(report.at),
            "ended_ms": milliseconds(self._clock()),
        }
        entry = Entry(
            at=self._clock(),
            actor=by,
            action=Action.RETENTION_SWEPT,
            object=report.id,
            policy=self._policy_digest,
            facts=counts,
        )
        with writing(self._engine) as connection:
            connection.execute(insert(sweeps).values(**row))
            self._ledger.append(connection, [entry])


def _due(resolved: Sequence[Resolution]) -> tuple[tuple[str, ...], dict[str, frozenset[str]]]:
    """Recordings of which everything is due, and for the others the objects that are."""
    due: dict[str, set[str]] = defaultdict(set)
    stays: set[str] = set()
    for each in resolved:
        key = each.artefact.recording
        if key is None:
            continue
        if isinstance(each, Plan) and each.step is Step.DELETE:
            due[key].add(each.artefact.id)
        else:
            stays.add(key)
    whole = tuple(sorted(due.keys() - stays))
    return whole, {key: frozenset(due[key]) for key in due.keys() & stays}


def _blank(connection: Connection, gone: Sequence[Location]) -> int:
    return blank_objects(connection, [each.id for each in gone]).objects if gone else 0


def _unfrozen(keys: Sequence[str]) -> list[Unreached]:
    return [Unreached(recording=key, node=f"recording:{key}", code="E_KEY_UNAVAILABLE") for key in keys]


def overdue(resolved: Sequence[Resolution]) -> int:
    """How many artefacts should be gone already: what an auditor asks first."""
    return sum(1 for each in resolved if isinstance(each, Plan) and each.step is Step.DELETE)
