"""Canary recordings: sealed decoys that no plan reads, so that whoever reads one is reading what it should not.

A canary is noise under a key of its own, as long as a real sample and labelled like one. It is listed beside the
samples by the broker and lies beside them in the store, but it is in no signed manifest, which is where training
jobs take names from. Touching one suspends at once.
"""

from __future__ import annotations

import json
import random as chance
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Engine, insert, select

from sottovoce.database.access_tables import canaries as table
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import objects
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import SealedObject
from sottovoce.errors import AccessRefused
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.storage.protocol import ObjectLabels
from sottovoce.vault.labels import labels_for
from sottovoce.vault.seal import plain_size

SAMPLE: Final = "sample"
MAX_AT_ONCE: Final = 1000
_DEFAULT_BYTES: Final = 400_000
_SIZES_LOOKED_AT: Final = 500


class Sealer(Protocol):
    """The vault, as far as decoys are sealed."""

    def seal_object(
        self,
        rid: str,
        kind: str,
        plaintext: Confidential[bytes],
        rev: int = 1,
        channel: int | None = None,
        *,
        labels: ObjectLabels = ...,
    ) -> SealedObject: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One decoy, by the name a reader would use."""

    id: str
    resource: str
    planted_ms: int
    touched_ms: int | None
    touched_by: str | None


class Canaries:
    """Plants decoys and says which were touched."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        vault: Sealer,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        kms: str,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._vault = vault
        self._clock = clock
        self._random = random
        self._kms = kms

    def plant(self, count: int, *, place: str, by: str) -> tuple[Canary, ...]:
        """So many decoys in a place such as `corpus/v1/train`. AccessRefused for none or too many."""
        if not 0 < count <= MAX_AT_ONCE or place.strip("/").count("/") != 2:
            raise AccessRefused("plant 1 to 1,000 decoys in a place such as corpus/v1/train")
        sizes = self._sizes()
        return tuple(self._plant(place.strip("/"), chance.SystemRandom().choice(sizes), by) for _ in range(count))

    def all(self) -> tuple[Canary, ...]:
        """Every decoy, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(table).order_by(table.c.planted_ms)).all()
        return tuple(
            Canary(
                id=row.id,
                resource=_said(row.object)["resource"],
                planted_ms=row.planted_ms,
                touched_ms=row.touched_ms,
                touched_by=row.touched_by,
            )
            for row in rows
        )

    def _plant(self, place: str, size: int, by: str) -> Canary:
        name, recording, now = self._random(16).hex(), self._random(16).hex(), self._clock()
        labels = labels_for(SAMPLE, disguised=True, kms=self._kms)
        noise = Confidential(self._random(size))
        sealed = self._vault.seal_object(recording, SAMPLE, noise, channel=0, labels=labels)
        said = {
            "resource": f"{place}/{name}",
            "recording": recording,
            "kind": SAMPLE,
            "channel": 0,
            "rev": sealed.rev,
            "location": sealed.location,
            "digest": sealed.digest,
            "size": sealed.size,
        }
        at_ms = int(now.timestamp() * 1000)
        row = {"id": name, "object": said, "planted_by": by, "planted_ms": at_ms}
        entry = Entry(at=now, actor=by, action=Action.CANARY_PLANTED, object=name, facts={"place": place})
        with writing(self._engine) as connection:
            connection.execute(insert(table).values(**row))
            self._ledger.append(connection, [entry])
        return Canary(id=name, resource=f"{place}/{name}", planted_ms=at_ms, touched_ms=None, touched_by=None)

    def _sizes(self) -> list[int]:
        """How long real samples are."""
        with reading(self._engine) as connection:
            wanted = select(objects.c.size).where(objects.c.kind == SAMPLE).limit(_SIZES_LOOKED_AT)
            return [plain_size(size) for size in connection.execute(wanted).scalars()] or [_DEFAULT_BYTES]


def _said(kept: object) -> dict[str, str]:
    found: dict[str, str] = json.loads(kept) if isinstance(kept, str) else kept  # type: ignore[assignment]
    return found
