"""The registry: which recordings are known, what was decided, and the one outcome each ended with.

An outcome, its objects, its lineage and its ledger entries commit in one transaction (ARCHITECTURE.md,
lock 3); a second outcome for the same (line, recording) writes nothing at all. Conversation ids,
customer tokens and locators are kept here and nowhere else.

It refuses a recording that was erased or is being erased (RecordingErased), whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, and_, delete, select

from sottovoce.custody import versions
from sottovoce.custody.blanking import blank_objects
from sottovoce.custody.heartbeats import Heartbeats
from sottovoce.custody.metadata import to_details, to_metadata
from sottovoce.custody.protections import protected_by_us
from sottovoce.custody.records import (
    AT_SOURCE,
    decision_of,
    decisions_about,
    find_recording,
    hold_recording,
    keep_commitments,
    known_recording,
    objects_of,
    outcome_of,
    release_recording,
    store_sealed,
)
from sottovoce.custody.rows import (
    CorpusIdentity,
    CorpusSample,
    CorpusVersion,
    Decision,
    Outcome,
    ReleasedSample,
    StoredObject,
)
from sottovoce.database.engine import reading, writing
from sottovoce.database.tables import decisions, outcomes, recordings
from sottovoce.database.upsert import insert_new, insert_or_update
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Evidence, OutcomeStatus, Reason
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, Sealed
from sottovoce.ledger.commitment import Commitment
from sottovoce.ledger.entry import Action, Entry, check_facts
from sottovoce.ledger.ledger import Ledger

NOTHING: Mapping[str, Any] = {}


class Registry(Heartbeats):
    """Remembers recordings and concludes them. Every method is one transaction."""

    def __init__(self, *, engine: Engine, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        super().__init__(engine=engine, clock=clock)
        self._ledger = ledger

    @property
    def engine(self) -> Engine:
        """The database, for those who read beside the registry (lineage, erasure)."""
        return self._engine

    def remember(self, ref: RecordingRef, metadata: RecordingMetadata) -> bool:
        """Keeps or renews what is known of a recording, minimised; True when it was not known before.

        A legal hold the source states is kept even if it no longer states it; one that we placed there is ours
        already. Raises RecordingErased.
        """
        row = {
            "key": ref.key,
            "source": ref.source,
            "locator": ref.locator.reveal(),
            "conversation_id": metadata.conversation_id,
            "recording_id": metadata.recording_id,
            "customer_token": metadata.customer_token,
            "details": to_details(metadata),
            "first_seen_ms": self._now(),
            "legal_hold": False,
        }
        with writing(self._engine) as connection:
            known = find_recording(connection, ref.key)
            insert_or_update(connection, recordings, row, keep=("first_seen_ms", "legal_hold"))
            if metadata.legal_hold and not protected_by_us(connection, ref.source, metadata.conversation_id):
                hold_recording(connection, ref.key, self._now(), matter=AT_SOURCE, why="STATED", by=ref.source)
        return known is None

    def recall(self, key: str) -> tuple[RecordingRef, RecordingMetadata]:
        """What was remembered. Raises UnknownRecording or RecordingErased."""
        with reading(self._engine) as connection:
            row = known_recording(connection, key)
        ref = RecordingRef(source=row["source"], key=key, locator=Confidential(row["locator"]))
        return ref, to_metadata(ref, dict(row))

    def by_conversation(self, conversation_id: str) -> tuple[str, ...]:
        """Keys of the recordings of a conversation."""
        return self._keys(recordings.c.conversation_id == conversation_id)

    def by_customer(self, token: str) -> tuple[str, ...]:
        """Keys of the recordings of a customer, by the token that stands for them."""
        return self._keys(recordings.c.customer_token == token)

    def hold(self, key: str, entries: Sequence[Entry] = ()) -> None:
        """Places a legal hold: the recording may be processed, and not erased."""
        with writing(self._engine) as connection:
            known_recording(connection, key)
            hold_recording(connection, key, self._now())
            self._ledger.append(connection, entries)

    def release_hold(self, key: str, entries: Sequence[Entry] = ()) -> None:
        """Lifts a legal hold."""
        with writing(self._engine) as connection:
            known_recording(connection, key)
            release_recording(connection, key, self._now())
            self._ledger.append(connection, entries)

    def decide(
        self,
        line: str,
        key: str,
        *,
        admitted: bool,
        policy_digest: str,
        reason: Reason | None = None,
        rules: Sequence[str] = (),
        stratum: Mapping[str, str] = NOTHING,
        evidence: Evidence = NOTHING,
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Keeps what admission said under this policy, with its ledger entries; False when it said so before.

        Raises UnknownRecording, RecordingErased, EntryRefused for evidence that is no ledger-safe fact.
        """
        check_facts(evidence)
        row = {
            "line": line,
            "recording": key,
            "policy_digest": policy_digest,
            "admitted": admitted,
            "reason": reason.value if reason else None,
            "rules": list(rules),
            "stratum": dict(stratum),
            "evidence": dict(evidence),
        }
        with writing(self._engine) as connection:
            known_recording(connection, key)
            same = decisions_about(key, line=line).where(decisions.c.policy_digest == policy_digest)
            before = connection.execute(same).mappings().first()
            if before is not None and {name: before[name] for name in row} == row:
                return False
            insert_or_update(connection, decisions, {**row, "decided_ms": self._now()})
            self._ledger.append(connection, entries)
        return True

    def decision(self, line: str, key: str) -> Decision | None:
        """The latest decision, whatever the policy."""
        with reading(self._engine) as connection:
            row = connection.execute(decisions_about(key, line=line)).mappings().first()
        return decision_of(row) if row else None

    def pending(self, line: str) -> tuple[str, ...]:
        """Keys of the recordings last decided to be admitted that have no outcome yet, oldest decision first."""
        ended = and_(outcomes.c.line == decisions.c.line, outcomes.c.recording == decisions.c.recording)
        joined = decisions.join(recordings).outerjoin(outcomes, ended)
        waiting = (decisions.c.line == line, outcomes.c.line.is_(None), recordings.c.erasing_ms.is_(None))
        wanted = select(decisions.c.recording, decisions.c.admitted).select_from(joined).where(*waiting)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(decisions.c.decided_ms, decisions.c.recording))
            latest = {row.recording: row.admitted for row in rows}
        return tuple(key for key, admitted in latest.items() if admitted)

    def waiting(self, line: str, source: str, *, limit: int) -> tuple[Confidential[str], ...]:
        """Locators of a source's recordings that were admitted and have no outcome yet, oldest decision first."""
        ended = and_(outcomes.c.line == decisions.c.line, outcomes.c.recording == decisions.c.recording)
        joined = decisions.join(recordings).outerjoin(outcomes, ended)
        open_ = (decisions.c.line == line, decisions.c.admitted.is_(True), outcomes.c.line.is_(None))
        mine = (recordings.c.source == source, recordings.c.locator.is_not(None), recordings.c.erasing_ms.is_(None))
        wanted = select(recordings.c.locator).select_from(joined).where(*open_, *mine)
        with reading(self._engine) as connection:
            found = connection.execute(wanted.order_by(decisions.c.decided_ms, decisions.c.recording).limit(limit))
            return tuple(Confidential(locator) for locator in dict.fromkeys(found.scalars()))

    def conclude(
        self,
        line: str,
        key: str,
        status: OutcomeStatus,
        reason: Reason | None = None,
        sealed: Sealed | None = None,
        facts: Evidence = NOTHING,
        entries: Sequence[Entry] = (),
        *,
        commitments: Sequence[Commitment] = (),
    ) -> bool:
        """Ends a (line, recording): outcome, objects, lineage and ledger entries, together or not at all.

        False, with nothing written, when it had ended before. Raises UnknownRecording, RecordingErased
        (then whatever was sealed must be destroyed by the caller), LedgerUnavailable, EntryRefused.
        """
        check_facts(facts)
        row = {
            "line": line,
            "recording": key,
            "status": status.value,
            "reason": reason.value if reason else None,
            "predecessor": sealed.predecessor if sealed else None,
            "key_id": sealed.key_id if sealed else None,
            "media": facts.get("media"),
            "facts": dict(facts),
            "at_ms": self._now(),
        }
        with writing(self._engine) as connection:
            known_recording(connection, key)
            if not insert_new(connection, outcomes, row):
                return False
            if sealed is not None:
                store_sealed(connection, line, key, sealed)
            keep_commitments(connection, key, commitments)
            self._ledger.append(connection, entries)
        return True

    def outcome(self, line: str, key: str) -> Outcome | None:
        """How a (line, recording) ended, if it has."""
        with reading(self._engine) as connection:
            found = select(outcomes).where(outcomes.c.line == line, outcomes.c.recording == key)
            row = connection.execute(found).mappings().first()
        return outcome_of(row) if row else None

    def outcomes(self, line: str) -> tuple[Outcome, ...]:
        """Every outcome of a line, oldest first."""
        with reading(self._engine) as connection:
            found = select(outcomes).where(outcomes.c.line == line)
            rows = connection.execute(found.order_by(outcomes.c.at_ms, outcomes.c.recording)).mappings().all()
        return tuple(map(outcome_of, rows))

    def key_of_sound(self, line: str, digest: str) -> str | None:
        """The recording a line has sealed whose media had this SHA-256."""
        same = (outcomes.c.line == line, outcomes.c.status == OutcomeStatus.SEALED.value)
        found = select(outcomes.c.recording).where(*same, outcomes.c.media == digest)
        with reading(self._engine) as connection:
            return connection.execute(found.limit(1)).scalar()

    def forget_objects(self, ids: Sequence[str], entries: Sequence[Entry]) -> int:
        """Objects that are gone from the store, with what the ledger says of them; how many were there."""
        with writing(self._engine) as connection:
            gone = blank_objects(connection, ids)
            self._ledger.append(connection, entries)
        return gone.objects

    def note(self, key: str, entries: Sequence[Entry]) -> None:
        """Entries about a recording whose outcome stays; RECORDING_REOPENED raises its generation."""
        with writing(self._engine) as connection:
            known_recording(connection, key)
            self._ledger.append(connection, entries)

    def reopen(self, line: str, key: str, entries: Sequence[Entry]) -> bool:
        """Lets a recording that was withheld be tried again; a sealed one is left alone, answering False.

        The withheld outcome goes, and the entries say that it was there.
        """
        with writing(self._engine) as connection:
            known_recording(connection, key)
            withheld = (outcomes.c.line == line, outcomes.c.recording == key)
            gone = connection.execute(
                delete(outcomes).where(*withheld, outcomes.c.status != OutcomeStatus.SEALED.value)
            )
            if not gone.rowcount:
                return False
            self._ledger.append(connection, entries)
        return True

    def generation(self, line: str, key: str) -> int:
        """1, and one more for each time the recording was reopened."""
        entries = (entry for _, entry in self._ledger.entries_about(key))
        return 1 + sum(e.action is Action.RECORDING_REOPENED and e.line == line for e in entries)

    def objects(self, key: str) -> tuple[StoredObject, ...]:
        """Every object ever sealed for a recording, deleted ones too."""
        with reading(self._engine) as connection:
            return objects_of(connection, key)

    def record_version(
        self, version: CorpusVersion, samples: Sequence[CorpusSample], entries: Sequence[Entry] = ()
    ) -> bool:
        """Keeps a corpus version with its samples, lineage and ledger entries; False when it was kept before.

        Raises RecordingErased when a sample's recording was erased meanwhile, and ReleaseRefused for
        released facts beyond those of SPEC 11.1.
        """
        with writing(self._engine) as connection:
            for key in sorted({sample.recording for sample in samples}):
                known_recording(connection, key)
            if not versions.store_version(connection, version, samples):
                return False
            self._ledger.append(connection, entries)
        return True

    def versions(self) -> tuple[CorpusVersion, ...]:
        """Every corpus version, oldest first."""
        with reading(self._engine) as connection:
            return versions.load_versions(connection)

    def samples(self, version: str) -> tuple[ReleasedSample, ...]:
        """The samples of a version, by corpus id, without a way back to recordings."""
        with reading(self._engine) as connection:
            return versions.load_samples(connection, version)

    def identities(self, version: str) -> tuple[CorpusIdentity, ...]:
        """What the corpus ids of a version stand for; erased ones are gone. For the role that may know."""
        with reading(self._engine) as connection:
            return versions.load_identities(connection, version)

    def _keys(self, where: Any) -> tuple[str, ...]:
        with reading(self._engine) as connection:
            found = select(recordings.c.key).where(where).order_by(recordings.c.first_seen_ms, recordings.c.key)
            return tuple(connection.execute(found).scalars())
