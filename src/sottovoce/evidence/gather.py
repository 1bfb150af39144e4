"""Gathers an evidence pack's facts from a workspace. It reads everything and changes nothing.

The ledger is verified entry by entry, certificates by their signature, the key of every recording by asking the
key store, and a drawn sample of stored objects by fetching them.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, select

from sottovoce.custody.artefacts import artefacts_of
from sottovoce.custody.kinds import CORPUS_LINE
from sottovoce.custody.records import DELETED, PRESENT
from sottovoce.custody.retention import Conflict, Plan, Step
from sottovoce.custody.rows import moment
from sottovoce.custody.versions import RELEASED
from sottovoce.database.access_tables import principals
from sottovoce.database.custody_tables import models, training_runs
from sottovoce.database.engine import reading
from sottovoce.database.tables import (
    corpus_samples,
    corpus_versions,
    decisions,
    erasures,
    objects,
    outcomes,
    recordings,
)
from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import EntryRefused, LedgerTampered, ObjectMissing
from sottovoce.evidence.facts import (
    AccessFacts,
    ConformanceFacts,
    CorpusFacts,
    ErasureFacts,
    Facts,
    KeyFacts,
    LedgerFacts,
    RecordingFacts,
    RetentionFacts,
    StoreFacts,
)
from sottovoce.evidence.protocol import Keeping, Keys, Objects, Papers
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import VerifierKey, open_note
from sottovoce.policy.model import Policy

LOOKED_AT: Final = 64
"""Objects fetched: with 1 in 20 bad, 96 in 100 packs see one."""

SKEW: Final = timedelta(minutes=1)

_SOUND: Final = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\x1aE\xdf\xa3")
"""How sound files begin; a sealed object begins with 24 random bytes (Cobblestone-256)."""

_TEXT: Final = 24
"""So many printable bytes in a row are no chance: transcripts and maps are JSON."""

_READS: Final = (Action.CORPUS_READ, Action.OBJECT_READ)


class Gatherer:
    """Reads one workspace. `pick` draws which objects are fetched: it takes names and how many, and answers names."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        policy: Policy,
        policy_digest: str,
        keys: Keys,
        store: Objects,
        keeping: Keeping,
        papers: Papers,
        reports: Path,
        anchored: bool,
        clock: Callable[[], datetime],
        pick: Callable[[Sequence[str], int], Sequence[str]],
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._policy = policy
        self._policy_digest = policy_digest
        self._keys = keys
        self._store = store
        self._keeping = keeping
        self._papers = papers
        self._reports = reports
        self._anchored = anchored
        self._clock = clock
        self._pick = pick

    def gather(self) -> Facts:
        """Raises StorageError and KeyUnavailable when store or key store do not answer at all."""
        now = self._clock()
        ledger, last_review = self._ledger_facts()
        agreements = self._papers.facts()
        with reading(self._engine) as connection:
            return Facts(
                at=now,
                tenant=self._policy.tenant,
                policy=self._policy,
                policy_digest=self._policy_digest,
                ledger=ledger,
                keys=self._key_facts(connection, now),
                store=self._store_facts(connection),
                retention=self._retention_facts(now),
                erasure=self._erasure_facts(connection, now),
                recordings=self._recording_facts(connection),
                corpus=_corpus_facts(connection),
                access=_access_facts(connection, ledger, last_review, now),
                agreements=agreements,
                conformance=_conformance(self._reports),
            )

    def _ledger_facts(self) -> tuple[LedgerFacts, datetime | None]:
        verdict = self._ledger.verify()
        actions: Counter[str] = Counter()
        latest: dict[str, int] = {}
        first = last = reviewed = None
        backwards = 0
        with suppress(EntryRefused):
            for seq, entry in self._ledger.entries():
                actions[entry.action.value] += 1
                latest[entry.action.value] = seq
                first = first or entry.at
                backwards += last is not None and entry.at < last - SKEW
                last = max(last, entry.at) if last is not None else entry.at
                reviewed = entry.at if entry.action is Action.ACCESS_REVIEWED else reviewed
        return (
            LedgerFacts(
                verdict=verdict.found.value,
                size=verdict.size,
                signed=verdict.signed,
                first_at=first,
                last_at=last,
                actions=dict(actions),
                latest=latest,
                backwards=backwards,
                anchored=self._anchored,
                vkey=self._ledger.vkey,
            ),
            reviewed,
        )

    def _key_facts(self, connection: Connection, now: datetime) -> KeyFacts:
        epochs = self._keys.epochs()
        ages = [(now - moment(each.created_ms)).days for each in epochs]
        carrying = [age for age, each in zip(ages, epochs, strict=True) if each.recordings]
        erased = _keys_where(connection, recordings.c.erased_ms.is_not(None))
        held = _keys_where(connection, recordings.c.legal_hold.is_(True) & recordings.c.erasing_ms.is_(None))
        present = select(objects.c.recording).where(objects.c.state == PRESENT).distinct()
        return KeyFacts(
            provider=self._keys.provider,
            epochs=len(epochs),
            current_epoch_days=min(ages, default=None),
            oldest_carrying_days=max(carrying, default=None),
            erased=len(erased),
            revived=sum(map(self._keys.opens, erased)),
            unkeyed=sum(not self._keys.opens(key) for key in connection.execute(present).scalars().all()),
            held=len(held),
            held_unfrozen=sum(not self._keys.frozen(key) for key in held),
        )

    def _store_facts(self, connection: Connection) -> StoreFacts:
        wanted = select(objects.c.location, objects.c.digest).where(objects.c.state == PRESENT)
        digests = {row.location: row.digest for row in connection.execute(wanted)}
        chosen = self._pick(sorted(digests), LOOKED_AT)
        states = Counter(self._look(name, digests[name]) for name in chosen)
        return StoreFacts(
            scheme=self._store.scheme,
            present=len(digests),
            looked_at=len(chosen),
            missing=states["missing"],
            changed=states["changed"],
            in_the_clear=states["clear"],
        )

    def _look(self, name: str, digest: str) -> str:
        try:
            data = self._store.get(name)
        except ObjectMissing:
            return "missing"
        if data.startswith(_SOUND) or _is_text(data[:_TEXT]):
            return "clear"
        return "sound" if hashlib.sha256(data).hexdigest() == digest else "changed"

    def _retention_facts(self, now: datetime) -> RetentionFacts:
        resolved, sweeps = self._keeping.plan(), self._keeping.sweeps()
        steps = Counter(each.step for each in resolved if isinstance(each, Plan))
        return RetentionFacts(
            kept=len(resolved),
            overdue=steps[Step.DELETE],
            conflicts=sum(isinstance(each, Conflict) for each in resolved),
            frozen=steps[Step.FREEZE],
            sweeps=len(sweeps),
            last_sweep_days=(now - sweeps[-1].started_at).days if sweeps else None,
        )

    def _erasure_facts(self, connection: Connection, now: datetime) -> ErasureFacts:
        rows = connection.execute(select(erasures)).mappings().all()
        notices, impacts = self._keeping.notices(), self._keeping.impacts()
        waiting = select(func.min(recordings.c.erasing_ms)).where(
            recordings.c.erasing_ms.is_not(None), recordings.c.erased_ms.is_(None)
        )
        days = [(now - moment(since)).days for since in connection.execute(waiting).scalars() if since is not None]
        took = select(recordings.c.erasing_ms, recordings.c.erased_ms).where(recordings.c.erased_ms.is_not(None))
        days += [(moment(row.erased_ms) - moment(row.erasing_ms)).days for row in connection.execute(took)]
        return ErasureFacts(
            erasures=len(rows),
            recordings=sum(row["report"].get("recordings", 0) for row in rows),
            refused=sum(len(row["report"].get("refused", ())) for row in rows),
            unfinished=len(self._keeping.unfinished()),
            slowest_days=max(days, default=None),
            bad_certificates=sum(not self._signed(row["certificate"]) for row in rows),
            notices=len(notices),
            notices_overdue=sum(each.overdue(now) for each in notices),
            decisions=len(impacts),
            decisions_open=sum(each.decision is None for each in impacts),
            decisions_overdue=sum(each.overdue(now) for each in impacts),
            restored=self._keeping.restored(),
        )

    def _signed(self, certificate: str) -> bool:
        try:
            open_note(certificate, [VerifierKey.parse(self._ledger.vkey)])
        except LedgerTampered:
            return False
        return True

    def _recording_facts(self, connection: Connection) -> RecordingFacts:
        rows = connection.execute(select(outcomes).join(recordings).where(recordings.c.erasing_ms.is_(None)))
        ended = rows.mappings().all()
        sealed = [row for row in ended if row["status"] == OutcomeStatus.SEALED.value]
        withheld = [row for row in ended if row["status"] != OutcomeStatus.SEALED.value]
        admitted = select(decisions.c.recording).where(decisions.c.admitted.is_(True))
        known = set(connection.execute(admitted).scalars())
        corpus = [row for row in sealed if row["line"] == CORPUS_LINE and _holds_samples(connection, row["recording"])]
        held = sum(each.authentication_data for each in artefacts_of(self._engine))
        return RecordingFacts(
            known=connection.execute(select(func.count()).select_from(recordings)).scalar_one(),
            sealed=len(sealed),
            withheld=len(withheld),
            unexplained=sum(row["reason"] is None for row in withheld),
            unadmitted=sum(row["recording"] not in known for row in sealed),
            unverified=sum(row["facts"].get("verified") is not True for row in corpus),
            undisguised=sum(row["facts"].get("method", "none") == "none" for row in corpus),
            removed_ms=_removed(sealed),
            originals_with_authentication_data=held,
        )


def _is_text(start: bytes) -> bool:
    return start.isascii() and start.decode("ascii").isprintable()


def _holds_samples(connection: Connection, key: str) -> bool:
    """False once its corpus copy was erased, and the facts with it."""
    there = select(objects.c.id).where(objects.c.recording == key, objects.c.state == PRESENT)
    return connection.execute(there.limit(1)).first() is not None


def _keys_where(connection: Connection, where: Any) -> list[str]:
    return list(connection.execute(select(recordings.c.key).where(where).order_by(recordings.c.key)).scalars())


def _removed(rows: Iterable[Any]) -> dict[str, int]:
    removed: Counter[str] = Counter()
    for row in rows:
        for name, value in row["facts"].items():
            if name.startswith("ms_") and isinstance(value, int):
                removed[name.removeprefix("ms_")] += value
    return dict(removed)


def _corpus_facts(connection: Connection) -> CorpusFacts:
    versions = connection.execute(select(corpus_versions)).mappings().all()
    samples = connection.execute(select(corpus_samples.c.state, corpus_samples.c.released)).all()
    runs = connection.execute(select(training_runs.c.reads)).scalars().all()
    return CorpusFacts(
        versions=len(versions),
        samples=sum(row.state == PRESENT for row in samples),
        erased_samples=sum(row.state == DELETED for row in samples),
        labels=Counter(str(row["facts"].get("label", "unlabelled")) for row in versions),
        attacked=sum("attack" in row["facts"] for row in versions),
        runs=len(runs),
        runs_presumed=sum(each == "presumed" for each in runs),
        models=connection.execute(select(func.count()).select_from(models)).scalar_one(),
        forbidden_metadata=sum(not set(row.released) <= RELEASED for row in samples),
    )


def _access_facts(connection: Connection, ledger: LedgerFacts, reviewed: datetime | None, now: datetime) -> AccessFacts:
    return AccessFacts(
        principals=connection.execute(select(func.count()).select_from(principals)).scalar_one(),
        reads=sum(ledger.actions.get(action.value, 0) for action in _READS),
        refusals=ledger.actions.get(Action.ACCESS_REFUSED.value, 0),
        alarms=ledger.actions.get(Action.BULK_ACCESS_FOUND.value, 0),
        last_review_days=(now - reviewed).days if reviewed is not None else None,
    )


def _conformance(reports: Path) -> ConformanceFacts | None:
    """The newest file whose name begins with `conformance`; one that cannot be read counts as none."""
    found = sorted(reports.glob("conformance*.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(found):
        with suppress(OSError, ValueError, KeyError, TypeError):
            said = json.loads(path.read_text(encoding="utf-8"))
            return ConformanceFacts(
                calls=int(said["calls"]),
                conforms=bool(said["conforms"]),
                unit_leak_rate=said.get("unit_leak_rate"),
                over_redaction=said.get("over_redaction"),
            )
    return None
