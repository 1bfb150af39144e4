"""Blanking what was destroyed, recording by recording, with the ledger entry and the lineage of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete

from sottovoce.custody.blanking import Blanked, blank_objects, blank_recordings
from sottovoce.custody.erasure_report import Unreached
from sottovoce.custody.impact import runs_and_models
from sottovoce.custody.lineage import descendants_of_all
from sottovoce.custody.nodes import named
from sottovoce.custody.records import Location
from sottovoce.custody.rows import milliseconds
from sottovoce.custody.subject import Subject
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import deferred_erasures
from sottovoce.domain.outcome import Evidence
from sottovoce.ledger.entry import Action, Entry

OUTSIDE: Final = "OUTSIDE"
"""Made from the recording, and out of this registry's reach: a delivery, an export, a training run, a model."""

CORPUS_COPY: Final = "CORPUS_COPY"
"""The scope of an erasure that a hold left the original of."""

_REACHED: Final = ("object:", "sample:", "version:", "shard:")
"""Nodes that go with the recording's key: members of a shard are sealed one by one."""

_NOTHING: Final[Evidence] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to erase. `requested_by` is a pseudonymous id, `why` a code."""

    id: str
    at: datetime
    subject: Subject
    requested_by: str
    why: str

    def entry(self, action: Action, key: str, outcome: str = "ok", facts: Evidence = _NOTHING) -> Entry:
        said = {"erasure": self.id, "why": self.why, **facts}
        return Entry(at=self.at, actor=self.requested_by, action=action, object=key, outcome=outcome, facts=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """A recording that went, or its corpus copy; what is outside, and who saw it."""

    key: str
    blanked: Blanked
    versions: tuple[str, ...]
    outside: tuple[Unreached, ...]
    seen_by: tuple[str, ...]
    entry: Entry


def blank_whole(connection: Connection, keys: Sequence[str], request: Request) -> list[Erased]:
    """Blanks recordings of which nothing is left, batch by batch."""
    return [each for some in batches(keys) for each in _blank_batch(connection, some, request)]


def blank_copies(connection: Connection, copies: Sequence[Location], request: Request) -> list[Erased]:
    """Blanks the corpus copies of recordings that stay."""
    by_key: dict[str, list[str]] = {}
    for each in copies:
        by_key.setdefault(each.recording, []).append(each.id)
    nodes = _nodes(connection, list(by_key))
    made = {key: blank_objects(connection, ids) for key, ids in by_key.items()}
    return [_erased(key, nodes[key], made[key], request, {"scope": CORPUS_COPY}) for key in by_key]


def _nodes(connection: Connection, keys: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    return {key: found for some in batches(keys) for key, found in descendants_of_all(connection, some).items()}


def _blank_batch(connection: Connection, keys: Sequence[str], request: Request) -> list[Erased]:
    nodes = descendants_of_all(connection, keys)
    corpus_ids = {key: named("sample", found) for key, found in nodes.items()}
    blanked = blank_recordings(connection, corpus_ids, milliseconds(request.at))
    connection.execute(delete(deferred_erasures).where(deferred_erasures.c.recording.in_(keys)))
    return [_erased(key, nodes[key], blanked[key], request) for key in keys]


def _erased(key: str, nodes: Sequence[str], blanked: Blanked, request: Request, scope: Evidence = _NOTHING) -> Erased:
    facts = {"objects": blanked.objects, "samples": blanked.samples, **scope}
    outside = [node for node in nodes if not node.startswith(_REACHED)]
    return Erased(
        key=key,
        blanked=blanked,
        versions=named("version", nodes),
        outside=tuple(Unreached(recording=key, node=node, code=OUTSIDE) for node in outside),
        seen_by=tuple(runs_and_models(nodes)),
        entry=request.entry(Action.ERASURE_DONE, key, facts=facts),
    )
