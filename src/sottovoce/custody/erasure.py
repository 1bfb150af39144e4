"""Erasure (SPEC 12.4): every descendant of a subject's recordings found, and destroyed.

It goes in three moves, so that it can be interrupted anywhere and asked for again. First the recordings are
marked, and from then on refused everywhere; then keys and ciphertext are destroyed; only when both are
gone are the rows blanked by which the subject could be found, together with ledger entries (none is ever
edited) and a signed certificate. What could not be reached stays marked, and is said. Ciphertext under a
store's own lock is said too, and holds up nothing: its key is gone, and the lock will not open sooner.

It refuses a recording under legal hold, with the date of the hold, and erases the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from sottovoce.custody.blanking import Blanked, blank_recordings
from sottovoce.custody.certificate import certificate_content, sign_certificate
from sottovoce.custody.destruction import Ciphertext, Destroyer, Shredder
from sottovoce.custody.erasure_report import ErasureReport, Refusal, Unreached
from sottovoce.custody.lineage import descendants_of_all
from sottovoce.custody.registry import NOTHING, Registry
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.custody.subject import Subject, detail_of, rows_of
from sottovoce.database.batches import batches
from sottovoce.database.engine import forget_deleted, reading, writing
from sottovoce.database.tables import erasures, recordings
from sottovoce.domain.outcome import Evidence
from sottovoce.errors import ObjectLocked
from sottovoce.ledger.commitment import commit_to
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer

LEGAL_HOLD = "LEGAL_HOLD"

OUTSIDE = "OUTSIDE"
"""Made from the recording, and out of this registry's reach: a delivery, a training run, a model."""

BACKUPS = "BACKUPS_UNTIL_EPOCH_ROLL"
"""Old copies of the key store open old copies of the ciphertext until the epoch has rolled (SECURITY.md 1.5)."""

ARCHIVES = "DATABASE_ARCHIVES"
"""A server's write-ahead log and archives hold the blanked rows until they age out."""


class Eraser:
    """Erases subjects. `ids` draws the erasure's own id, `random` the opening of its commitment."""

    def __init__(
        self,
        *,
        registry: Registry,
        ledger: Ledger,
        shredder: Shredder,
        ciphertext: Ciphertext,
        signer: Signer,
        clock: Callable[[], datetime],
        ids: Callable[[], str],
        random: Callable[[int], bytes],
    ) -> None:
        self._registry = registry
        self._engine = registry.engine
        self._ledger = ledger
        self._destroyer = Destroyer(engine=registry.engine, shredder=shredder, ciphertext=ciphertext)
        self._signer = signer
        self._clock = clock
        self._ids = ids
        self._random = random

    def erase(self, subject: Subject, *, requested_by: str, why: str) -> ErasureReport:
        """Erases all that was recorded of the subject, or says what it could not. Asking again goes on from there.

        `requested_by` is a pseudonymous id and `why` a code. Raises LedgerUnavailable when the ledger cannot
        be written: then nothing was blanked.
        """
        request = _Request(id=self._ids(), at=self._clock(), subject=subject, requested_by=requested_by, why=why)
        marked, refused = self._mark(request)
        if not marked and not refused:
            return ErasureReport(id=request.id, at=request.at)
        report = self._blank(request, marked, refused, self._destroyer.destroy(marked))
        return replace(report, traces_gone=forget_deleted(self._engine))

    def certificates(self) -> tuple[str, ...]:
        """Every certificate ever signed, oldest first."""
        with reading(self._engine) as connection:
            wanted = select(erasures.c.certificate).order_by(erasures.c.at_ms, erasures.c.id)
            return tuple(connection.execute(wanted).scalars())

    def _mark(self, request: _Request) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
        """From here on the recordings are refused everywhere; held ones are kept, and that is ledgered."""
        with writing(self._engine) as connection:
            rows = connection.execute(rows_of(request.subject).with_for_update()).all()
            refused = tuple(
                Refusal(recording=row.key, reason=LEGAL_HOLD, since=moment(row.held_since_ms))
                for row in rows
                if row.legal_hold
            )
            marked = tuple(row.key for row in rows if not row.legal_hold)
            fresh = [row.key for row in rows if not row.legal_hold and row.erasing_ms is None]
            for some in batches(fresh):
                mark = update(recordings).where(recordings.c.key.in_(some))
                connection.execute(mark.values(erasing_ms=milliseconds(request.at)))
            entries = [request.entry(Action.ERASURE_REQUESTED, key) for key in fresh]
            entries += [request.entry(Action.ERASURE_REFUSED, each.recording, LEGAL_HOLD) for each in refused]
            self._ledger.append(connection, entries)
        return marked, refused

    def _blank(
        self, request: _Request, marked: Sequence[str], refused: tuple[Refusal, ...], failed: tuple[Unreached, ...]
    ) -> ErasureReport:
        """Rows, ledger entries and certificate in one transaction."""
        stuck = {failure.recording for failure in failed if failure.code != ObjectLocked.code}
        gone = [key for key in marked if key not in stuck]
        commitment = commit_to(detail_of(request.subject), random=self._random)
        with writing(self._engine) as connection:
            erased = [each for some in batches(gone) for each in self._blank_some(connection, some, request)]
            seqs = self._ledger.append(connection, [each.entry for each in erased])
            report = ErasureReport(
                id=request.id,
                at=request.at,
                recordings=tuple(each.key for each in erased),
                refused=refused,
                unreached=failed + tuple(outside for each in erased for outside in each.outside),
                remains=(BACKUPS,) if self._engine.dialect.name == "sqlite" else (BACKUPS, ARCHIVES),
                objects_deleted=sum(each.blanked.objects for each in erased),
                samples_erased=sum(each.blanked.samples for each in erased),
                versions=tuple(sorted({version for each in erased for version in each.versions})),
                ledger=seqs,
                opening=commitment.opening,
            )
            return self._certify(connection, request, report, commitment.value)

    def _blank_some(self, connection: Connection, keys: Sequence[str], request: _Request) -> list[_Erased]:
        nodes = descendants_of_all(connection, keys)
        corpus_ids = {key: _named("sample:", found) for key, found in nodes.items()}
        blanked = blank_recordings(connection, corpus_ids, milliseconds(request.at))
        return [_erased(key, nodes[key], blanked[key], request) for key in keys]

    def _certify(
        self, connection: Connection, request: _Request, report: ErasureReport, commitment: str
    ) -> ErasureReport:
        content = certificate_content(
            report, request.subject, why=request.why, commitment=commitment, origin=self._ledger.origin
        )
        note = sign_certificate(content, self._signer)
        row = {
            "id": request.id,
            "subject_kind": request.subject.kind,
            "requested_by": request.requested_by,
            "why": request.why,
            "report": content,
            "certificate": note,
            "at_ms": milliseconds(request.at),
        }
        connection.execute(insert(erasures).values(**row))
        return replace(report, certificate=note)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    id: str
    at: datetime
    subject: Subject
    requested_by: str
    why: str

    def entry(self, action: Action, key: str, outcome: str = "ok", facts: Evidence = NOTHING) -> Entry:
        said = {"erasure": self.id, "why": self.why, **facts}
        return Entry(at=self.at, actor=self.requested_by, action=action, object=key, outcome=outcome, facts=said)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Erased:
    key: str
    blanked: Blanked
    versions: tuple[str, ...]
    outside: tuple[Unreached, ...]
    entry: Entry


def _erased(key: str, nodes: Sequence[str], blanked: Blanked, request: _Request) -> _Erased:
    facts = {"objects": blanked.objects, "samples": blanked.samples}
    outside = [node for node in nodes if not node.startswith(("object:", "sample:", "version:"))]
    return _Erased(
        key=key,
        blanked=blanked,
        versions=_named("version:", nodes),
        outside=tuple(Unreached(recording=key, node=node, code=OUTSIDE) for node in outside),
        entry=request.entry(Action.ERASURE_DONE, key, facts=facts),
    )


def _named(kind: str, nodes: Sequence[str]) -> tuple[str, ...]:
    return tuple(node.removeprefix(kind) for node in nodes if node.startswith(kind))
