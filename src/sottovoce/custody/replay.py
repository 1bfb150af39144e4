"""Erasing again what a restored backup brought back (SPEC 12.4).

After a restore of the registry, the key store or both, every erasure in the list outside (and in the ledger, and
in a folder of copies) is held against what is there. A recording that came back is marked, destroyed and blanked
anew; one the backup never knew gets a tombstone, so that its source cannot bring it in again. Certificates that
the backup lost come back from beside the list. Doing it twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from sottovoce.custody.destruction import Ciphertext, Destroyer, Shredder
from sottovoce.custody.erased import Erased, Request, blank_copies, blank_whole
from sottovoce.custody.erasure_list import ErasureList, Listed
from sottovoce.custody.erasure_report import Unreached
from sottovoce.custody.kinds import is_corpus_copy
from sottovoce.custody.records import Location, locations_of
from sottovoce.custody.rows import milliseconds
from sottovoce.custody.subject import ByKeys
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import deferred_erasures
from sottovoce.database.engine import forget_deleted, reading, writing
from sottovoce.database.tables import erasures, recordings
from sottovoce.database.upsert import insert_missing, insert_new
from sottovoce.errors import ObjectLocked, StorageError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

ERASED_SOURCE = "erased"
"""Stands where a tombstone's source would: the backup never knew it."""

PROBE = 64
"""How many of the latest erasures' keys are tried at start: a restored key store revives the latest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """What a replay found and did: erasures on the list, recordings and keys that had come back."""

    erasures: int
    listed: int
    revived: tuple[str, ...] = ()
    keys_revived: int = 0
    tombstones: int = 0
    objects_deleted: int = 0
    certificates: int = 0
    unreached: tuple[Unreached, ...] = ()

    @property
    def quiet(self) -> bool:
        """True when nothing had come back."""
        return not (self.revived or self.keys_revived or self.tombstones or self.certificates or self.unreached)


class Replayer:
    """Holds the list of erasures against registry and key store. `alive` says whether a recording's key still opens."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        shredder: Shredder,
        ciphertext: Ciphertext,
        notes: ErasureList,
        alive: Callable[[str], bool],
        clock: Callable[[], datetime],
        actor: str,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._destroyer = Destroyer(engine=engine, shredder=shredder, ciphertext=ciphertext)
        self._notes = notes
        self._alive = alive
        self._clock = clock
        self._actor = actor

    def needed(self) -> bool:
        """A quick look: an erasure on the list that the registry knows nothing of, or a latest one whose key opens.

        One that is only unfinished (marked, not blanked yet) is nothing a backup brought back: `Eraser.resume`.
        """
        unknown = sorted(self._notes.ids() - self._known())
        if any(self._forgotten(each.whole) for each in self._notes.read(unknown)):
            return True
        latest = select(recordings.c.key).where(recordings.c.erased_ms.is_not(None))
        with reading(self._engine) as connection:
            keys = connection.execute(latest.order_by(recordings.c.erased_ms.desc()).limit(PROBE)).scalars().all()
        return any(map(self._alive, keys))

    def replay(self, more: Iterable[Listed] = ()) -> ReplayReport:
        """Erases again. `more` are notes from elsewhere, such as a copy of the list. Raises LedgerTampered."""
        listed = {each.id: each for each in (*more, *self._notes.read(sorted(self._notes.ids())))}
        whole = tuple(sorted({*(k for each in listed.values() for k in each.whole), *self._ledgered()}))
        copies = tuple(sorted({k for each in listed.values() for k in each.copies} - set(whole)))
        keys_revived = sum(map(self._alive, whole))
        revived, tombstones = self._mark(whole)
        left = self._copies(copies)
        failed = (*self._destroyer.destroy(whole), *self._destroyer.delete(left))
        blanked = self._blank(revived, left, failed)
        self._defer(listed.values(), frozenset(whole))
        certificates = self._restore(listed)
        forget_deleted(self._engine)
        return ReplayReport(
            erasures=len(listed),
            listed=len(whole) + len(copies),
            revived=tuple(each.key for each in blanked),
            keys_revived=keys_revived,
            tombstones=tombstones,
            objects_deleted=sum(each.blanked.objects for each in blanked),
            certificates=certificates,
            unreached=failed,
        )

    def _forgotten(self, keys: Sequence[str]) -> bool:
        """True when the registry does not know a key, or does not know it to be erased."""
        marked = select(func.count()).select_from(recordings).where(recordings.c.erasing_ms.is_not(None))
        with reading(self._engine) as connection:
            known = sum(
                connection.execute(marked.where(recordings.c.key.in_(some))).scalar_one() for some in batches(keys)
            )
        return known < len(keys)

    def _known(self) -> frozenset[str]:
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select(erasures.c.id)).scalars())

    def _ledgered(self) -> Iterator[str]:
        """Recordings whose whole erasure the ledger tells of, should the list be lost and the ledger not."""
        for _, entry in self._ledger.entries():
            if entry.action is Action.ERASURE_DONE and entry.object and "scope" not in entry.facts:
                yield entry.object

    def _mark(self, keys: Sequence[str]) -> tuple[list[str], int]:
        """Marks what came back, and puts tombstones for what the backup never knew; ledgered."""
        now = self._clock()
        with writing(self._engine) as connection:
            rows = [row for some in batches(keys) for row in _standing(connection, some)]
            alive = [key for key, erased_ms in rows if erased_ms is None]
            for some in batches(alive):
                mark = update(recordings).where(recordings.c.key.in_(some), recordings.c.erasing_ms.is_(None))
                connection.execute(mark.values(erasing_ms=milliseconds(now), legal_hold=False, held_since_ms=None))
            unknown = sorted(set(keys) - {key for key, _ in rows})
            if unknown:
                connection.execute(insert(recordings), [_tombstone(key, milliseconds(now)) for key in unknown])
        return alive, len(unknown)

    def _copies(self, keys: Sequence[str]) -> tuple[Location, ...]:
        with reading(self._engine) as connection:
            found = locations_of(connection, keys, present=True)
        return tuple(each for each in found if is_corpus_copy(each.kind, each.line))

    def _blank(self, revived: Sequence[str], left: Sequence[Location], failed: Sequence[Unreached]) -> list[Erased]:
        stuck = {failure.recording for failure in failed if failure.code != ObjectLocked.code}
        request = Request(
            id="replay",
            at=self._clock(),
            subject=ByKeys(keys=(), label="replay"),
            requested_by=self._actor,
            why="RESTORED",
        )
        with writing(self._engine) as connection:
            done = blank_whole(connection, [key for key in revived if key not in stuck], request)
            done += blank_copies(connection, [each for each in left if each.recording not in stuck], request)
            entries = [each.entry for each in done]
            if done:
                facts = {"recordings": len(done)}
                entries.append(Entry(at=request.at, actor=self._actor, action=Action.ERASURE_REPLAYED, facts=facts))
            self._ledger.append(connection, entries)
        return done

    def _defer(self, listed: Iterable[Listed], whole: frozenset[str]) -> None:
        """What a hold had put off is due again when the hold is lifted, though the backup never knew."""
        rows: list[dict[str, Any]] = [
            {
                "recording": key,
                "erasure": each.id,
                "requested_by": each.requested_by,
                "why": each.why,
                "asked_ms": milliseconds(each.at),
            }
            for each in listed
            for key in each.copies
            if key not in whole
        ]
        with writing(self._engine) as connection:
            for some in batches(rows):
                there = _standing(connection, [row["recording"] for row in some])
                alive = {key for key, erased_ms in there if erased_ms is None}
                insert_missing(connection, deferred_erasures, [row for row in some if row["recording"] in alive])

    def _restore(self, listed: dict[str, Listed]) -> int:
        """Rows of erasures that the backup had not: with their certificate where it was kept."""
        lost = [listed[each] for each in sorted(listed.keys() - self._known())]
        with writing(self._engine) as connection:
            return sum(insert_new(connection, erasures, self._row(each)) for each in lost)

    def _row(self, each: Listed) -> dict[str, object]:
        try:
            note = self._notes.certificate(each.id)
        except StorageError:
            note = ""
        report = json.loads(note.split("\n")[1]) if note else {}
        return {
            "id": each.id,
            "subject_kind": report.get("subject", {}).get("kind", "recordings"),
            "requested_by": each.requested_by,
            "why": each.why,
            "report": report,
            "certificate": note,
            "at_ms": milliseconds(each.at),
        }


def _standing(connection: Connection, keys: Sequence[str]) -> list[tuple[str, int | None]]:
    wanted = select(recordings.c.key, recordings.c.erased_ms).where(recordings.c.key.in_(keys))
    return [(row.key, row.erased_ms) for row in connection.execute(wanted.with_for_update())]


def _tombstone(key: str, now_ms: int) -> dict[str, object]:
    return {
        "key": key,
        "source": ERASED_SOURCE,
        "first_seen_ms": now_ms,
        "legal_hold": False,
        "erasing_ms": now_ms,
        "erased_ms": now_ms,
    }
