"""Blanks the rows that lead to a person; what stays is the opaque key, so that it is refused for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from sottovoce.custody.records import DELETED, PRESENT
from sottovoce.database.batches import batches
from sottovoce.database.compliance_tables import intake_jobs, remediations, verdicts
from sottovoce.database.question_tables import engine_questions
from sottovoce.database.tables import (
    commitments,
    corpus_identities,
    corpus_samples,
    decisions,
    objects,
    outcomes,
    recordings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blanked:
    """How many rows of each kind were there to blank."""

    objects: int
    samples: int


def blank_recordings(
    connection: Connection, corpus_ids: Mapping[str, Sequence[str]], now_ms: int
) -> Mapping[str, Blanked]:
    """Afterwards no row says whose recordings these were, where they lie, or which samples were made from them.

    `corpus_ids` has the samples of each recording of one batch; so has the answer, with what was blanked.
    """
    keys = list(corpus_ids)
    objects_of = _delete_objects(connection, keys)
    samples_of = _erase_samples(connection, [name for names in corpus_ids.values() for name in names])
    connection.execute(delete(corpus_identities).where(corpus_identities.c.recording.in_(keys)))
    connection.execute(delete(commitments).where(commitments.c.recording.in_(keys)))
    connection.execute(update(decisions).where(decisions.c.recording.in_(keys)).values(stratum={}, evidence={}))
    connection.execute(update(outcomes).where(outcomes.c.recording.in_(keys)).values(facts={}, key_id=None, media=None))
    connection.execute(
        update(recordings)
        .where(recordings.c.key.in_(keys))
        .values(
            locator=None,
            conversation_id=None,
            recording_id=None,
            customer_token=None,
            details=None,
            erased_ms=now_ms,
        )
    )
    _end_judging(connection, keys)
    return {
        key: Blanked(objects=objects_of[key], samples=sum(samples_of[name] for name in names))
        for key, names in corpus_ids.items()
    }


def _end_judging(connection: Connection, keys: Sequence[str]) -> None:
    """Events, verdicts and what was to follow: nothing that leads back to the recording, nothing left to do."""
    done: dict[str, object] = {"locator": None, "tokens": {}, "state": "done"}
    connection.execute(update(intake_jobs).where(intake_jobs.c.subject.in_(keys)).values(**done))
    undone = remediations.c.subject.in_(keys), remediations.c.locator.is_not(None)
    connection.execute(delete(remediations).where(*undone))
    connection.execute(update(verdicts).where(verdicts.c.subject.in_(keys)).values(evidence=None))
    over: dict[str, object] = {"state": "over", "locator": None, "facts": {}, "object": None}
    connection.execute(update(engine_questions).where(engine_questions.c.subject.in_(keys)).values(**over))


def blank_objects(connection: Connection, ids: Sequence[str]) -> Blanked:
    """Afterwards these objects and the samples made of them are gone from every version; the recordings stay."""
    counts = [_blank_some(connection, some) for some in batches(ids)]
    return Blanked(objects=sum(c.objects for c in counts), samples=sum(c.samples for c in counts))


def _blank_some(connection: Connection, ids: Sequence[str]) -> Blanked:
    made = select(corpus_identities.c.corpus_id).where(corpus_identities.c.object_id.in_(ids))
    corpus_ids = list(connection.execute(made).scalars())
    samples = _erase_samples(connection, corpus_ids)
    connection.execute(delete(corpus_identities).where(corpus_identities.c.object_id.in_(ids)))
    there = (objects.c.id.in_(ids), objects.c.state == PRESENT)
    gone = connection.execute(update(objects).where(*there).values(state=DELETED)).rowcount
    return Blanked(objects=gone, samples=samples.total())


def _delete_objects(connection: Connection, keys: Sequence[str]) -> Counter[str]:
    """How many objects of each recording were still there."""
    there = (objects.c.recording.in_(keys), objects.c.state == PRESENT)
    found = Counter(connection.execute(select(objects.c.recording).where(*there)).scalars())
    connection.execute(update(objects).where(*there).values(state=DELETED))
    return found


def _erase_samples(connection: Connection, corpus_ids: Sequence[str]) -> Counter[str]:
    """In how many versions each sample was."""
    found: Counter[str] = Counter()
    for some in batches(corpus_ids):
        members = corpus_samples.c.corpus_id.in_(some)
        found.update(connection.execute(select(corpus_samples.c.corpus_id).where(members)).scalars())
        connection.execute(update(corpus_samples).where(members).values(state=DELETED, released={}))
    return found
