"""Legal holds (SPEC 12.3): a matter keeps recordings from being destroyed, and their keys with them.

A hold is placed for a matter and lifted with it; a recording is free when no matter holds it any more. It
beats erasure and retention for the original. Erasures that it put off are due when it is lifted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine, select

from sottovoce.custody.protections import Protections
from sottovoce.custody.records import hold_recording, release_recording
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.custody.subject import Subject, rows_of
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import deferred_erasures, holds
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import recordings
from sottovoce.errors import CustodyError, KeyRefused, VaultError
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger


class KeyFreezer(Protocol):
    """The vault, as far as holds go. Both are idempotent and raise VaultError; KeyRefused where there is no key."""

    def freeze(self, rid: str) -> None: ...

    def thaw(self, rid: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One matter's hold on one recording; `released_at` once it was lifted."""

    matter: str
    recording: str
    why: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """What a request to hold came to. `unfrozen` are held recordings whose key could not be frozen: ask again.

    `unprotected` are those that the source was to protect, and did not.
    """

    recordings: tuple[str, ...]
    fresh: tuple[str, ...]
    unfrozen: tuple[str, ...]
    unprotected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """What lifting a matter came to. `deferred` are free recordings whose erasure the hold had put off."""

    recordings: tuple[str, ...]
    free: tuple[str, ...]
    deferred: tuple[str, ...]
    frozen: tuple[str, ...]
    """Free recordings whose key could not be thawed yet: ask again."""
    protected: tuple[str, ...] = ()
    """Free recordings that their source still protects for us; the next sweep asks again."""


class Holds:
    """Places and lifts holds. `matter` and `why` are codes, `by` a pseudonymous id."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Callable[[], datetime],
        freezer: KeyFreezer | None = None,
        protections: Protections | None = None,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._freezer = freezer
        self._protections = protections

    def place(self, subject: Subject, *, matter: str, why: str, by: str) -> Placed:
        """Holds everything there is of the subject; recordings that are being erased are not held any more."""
        at = self._clock()
        with writing(self._engine) as connection:
            keys = [row.key for row in rows_of(connection, subject) if row.erasing_ms is None]
            fresh = [
                key for key in keys if hold_recording(connection, key, milliseconds(at), matter=matter, why=why, by=by)
            ]
            facts = {"matter": matter, "why": why}
            self._ledger.append(connection, [_entry(at, by, Action.RECORDING_HELD, key, facts) for key in fresh])
        return Placed(
            recordings=tuple(keys),
            fresh=tuple(fresh),
            unfrozen=tuple(self._freeze(keys)),
            unprotected=self._protections.apply(keys, by=by) if self._protections else (),
        )

    def lift(self, matter: str, *, by: str) -> Lifted:
        """Ends a matter's holds. Raises CustodyError when the matter holds nothing."""
        at = self._clock()
        active = (holds.c.matter == matter) & holds.c.released_ms.is_(None)
        with writing(self._engine) as connection:
            keys = list(connection.execute(select(holds.c.recording).where(active)).scalars())
            if not keys:
                raise CustodyError("that matter holds nothing", hint="`sottovoce retention holds` lists the matters")
            free = [key for key in keys if release_recording(connection, key, milliseconds(at), matter=matter, by=by)]
            facts = {"matter": matter}
            ended = [_entry(at, by, Action.RECORDING_HOLD_RELEASED, key, facts) for key in keys]
            self._ledger.append(connection, ended)
        return Lifted(
            recordings=tuple(keys),
            free=tuple(free),
            deferred=self.deferred(free),
            frozen=tuple(self._thaw(free)),
            protected=self._protections.settle(by=by) if self._protections else (),
        )

    def list(self, *, all_: bool = False) -> tuple[Hold, ...]:
        """The holds that stand, oldest first; with `all_` those that were lifted too."""
        wanted = select(holds).order_by(holds.c.placed_ms, holds.c.matter, holds.c.recording)
        if not all_:
            wanted = wanted.where(holds.c.released_ms.is_(None))
        with reading(self._engine) as connection:
            return tuple(
                Hold(
                    matter=row["matter"],
                    recording=row["recording"],
                    why=row["why"],
                    placed_by=row["placed_by"],
                    placed_at=moment(row["placed_ms"]),
                    released_by=row["released_by"],
                    released_at=moment(row["released_ms"]) if row["released_ms"] is not None else None,
                )
                for row in connection.execute(wanted).mappings()
            )

    def deferred(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Those of the recordings whose erasure a hold put off."""
        with reading(self._engine) as connection:
            put_off = deferred_erasures.c.recording
            found = (connection.execute(select(put_off).where(put_off.in_(some))).scalars() for some in batches(keys))
            return tuple(sorted(key for some in found for key in some))

    def freeze_held(self) -> tuple[str, ...]:
        """Freezes the key of every held recording, those held at their source too; which could not be frozen."""
        held = select(recordings.c.key).where(recordings.c.legal_hold.is_(True), recordings.c.erasing_ms.is_(None))
        with reading(self._engine) as connection:
            keys = list(connection.execute(held.order_by(recordings.c.key)).scalars())
        return tuple(self._freeze(keys))

    def _freeze(self, keys: Sequence[str]) -> Iterator[str]:
        return self._turn(keys, self._freezer.freeze) if self._freezer else iter(())

    def _thaw(self, keys: Sequence[str]) -> Iterator[str]:
        return self._turn(keys, self._freezer.thaw) if self._freezer else iter(())

    def _turn(self, keys: Sequence[str], turn: Callable[[str], None]) -> Iterator[str]:
        """A recording without a key has none to freeze."""
        for key in keys:
            try:
                with suppress(KeyRefused):
                    turn(key)
            except VaultError:
                yield key


def _entry(at: datetime, by: str, action: Action, key: str, facts: dict[str, str]) -> Entry:
    return Entry(at=at, actor=by, action=action, object=key, facts=facts)
