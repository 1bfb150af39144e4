"""From what a reader names to the sealed object behind it: samples by corpus id, maps by object id, canaries by both.

    corpus/v1/train/<corpus id>      a sample, as one version released it
    maps/<object id>                 what was redacted of a recording

Readers never name a recording, and are never told of one. Erased and unknown look the same from outside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Row, select

from sottovoce.custody.records import PRESENT
from sottovoce.database.access_tables import canaries
from sottovoce.database.engine import reading
from sottovoce.database.tables import corpus_identities, corpus_samples, corpus_versions, objects
from sottovoce.errors import AccessRefused, CustodyError, KeyShredded

MAPS: Final = "maps"
_MAP_KINDS: Final = ("map", "map-analytics")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One sealed object that may be read. `object` is what ledgers call it; the rest stays inside."""

    resource: str
    object: str
    recording: str
    kind: str
    channel: int | None
    rev: int
    location: str
    digest: str
    size: int
    canary: bool = False


class Catalog:
    """Finds what lies behind a name."""

    def __init__(self, *, engine: Engine) -> None:
        self._engine = engine

    def find(self, resource: str) -> Target:
        """Raises KeyShredded for an erased sample, AccessRefused for a name of nothing."""
        place, _, name = resource.strip("/").rpartition("/")
        with reading(self._engine) as connection:
            found = _canary(connection, name, place) or (
                _map(connection, name) if place == MAPS else _sample(connection, name, place)
            )
        if found is None:
            raise nothing()
        return found

    def sample(self, corpus_id: str) -> Target:
        """A sample by its id alone, in the latest version that has it. KeyShredded, CustodyError for no sample."""
        with reading(self._engine) as connection:
            found = _canary(connection, corpus_id, None) or _latest(connection, corpus_id)
        if found is None:
            raise CustodyError("no version has a sample of this name", hint="`sottovoce corpus show` lists them")
        return found

    def names(self, prefix: str) -> Iterator[str]:
        """What lies under a prefix `corpus/v1` or `corpus/v1/train`, canaries among it, by name.

        Plans of training jobs come from the signed manifest, in which there is no canary.
        """
        version, split = _version_and_split(prefix.strip("/"))
        there = corpus_samples.c.version == version, corpus_samples.c.state == PRESENT
        wanted = select(corpus_samples.c.split, corpus_samples.c.corpus_id).where(*there)
        with reading(self._engine) as connection:
            found = [f"{version}/{row.split}/{row.corpus_id}" for row in connection.execute(wanted)]
            found += [row.object["resource"] for row in connection.execute(select(canaries.c.object))]
        under = f"{version}/{split}/" if split else f"{version}/"
        return iter(sorted(name for name in found if name.startswith(under)))


def nothing() -> AccessRefused:
    return AccessRefused("there is nothing of this name to read", hint="names come from the version's manifest")


def _version_and_split(prefix: str) -> tuple[str, str]:
    parts = prefix.split("/")
    return "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""


def _canary(connection: Connection, name: str, place: str | None) -> Target | None:
    row = connection.execute(select(canaries.c.object).where(canaries.c.id == name)).first()
    if row is None:
        return None
    said = json.loads(row.object) if isinstance(row.object, str) else row.object
    found = Target(**said, object=name, canary=True)
    return found if place is None or found.resource.rpartition("/")[0] == place else None


_SAMPLE: Final = (
    select(corpus_samples.c.version, corpus_samples.c.split, corpus_samples.c.state.label("released"), objects)
    .select_from(corpus_samples)
    .outerjoin(corpus_identities, corpus_identities.c.corpus_id == corpus_samples.c.corpus_id)
    .outerjoin(objects, objects.c.id == corpus_identities.c.object_id)
)


def _sample(connection: Connection, corpus_id: str, place: str) -> Target | None:
    version, _, split = place.rpartition("/")
    there = (corpus_samples.c.version == version, corpus_samples.c.split == split)
    row = connection.execute(_SAMPLE.where(*there, corpus_samples.c.corpus_id == corpus_id)).first()
    return None if row is None else _released(row, corpus_id)


def _latest(connection: Connection, corpus_id: str) -> Target | None:
    wanted = _SAMPLE.join(corpus_versions, corpus_versions.c.version == corpus_samples.c.version)
    latest = wanted.where(corpus_samples.c.corpus_id == corpus_id).order_by(corpus_versions.c.created_ms.desc())
    row = connection.execute(latest.limit(1)).first()
    return None if row is None else _released(row, corpus_id)


def _map(connection: Connection, name: str) -> Target | None:
    row = connection.execute(select(objects).where(objects.c.id == name, objects.c.kind.in_(_MAP_KINDS))).first()
    if row is None:
        return None
    if row.state != PRESENT:
        raise erased()
    return _target(row, resource=f"{MAPS}/{name}", name=name)


def _released(row: Row[tuple[object, ...]], corpus_id: str) -> Target:
    if row.released != PRESENT or row.id is None or row.state != PRESENT:
        raise erased()
    return _target(row, resource=f"{row.version}/{row.split}/{corpus_id}", name=corpus_id)


def _target(row: Row[tuple[object, ...]], *, resource: str, name: str) -> Target:
    return Target(
        resource=resource,
        object=name,
        recording=row.recording,
        kind=row.kind,
        channel=row.channel,
        rev=row.rev,
        location=row.location,
        digest=row.digest,
        size=row.size,
    )


def erased() -> KeyShredded:
    return KeyShredded("the sample was erased", hint="it is gone for good, from every version")
