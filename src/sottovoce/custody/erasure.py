"""Erasure (SPEC 12.4): every descendant of a subject's recordings found, and destroyed.

It goes in moves, so that it can be interrupted anywhere and asked for again. First the recordings are marked,
and from then on refused everywhere; a signed note outside the database says which (`erasure_list`), so that a
restored backup does not bring them back; then keys and ciphertext are destroyed; only when all of that is done
are the rows blanked by which the subject could be found, together with ledger entries (none is ever edited),
the notices owed, the decisions awaited and a signed certificate. What could not be reached stays marked, and is
said. Ciphertext under a store's own lock is said too, and holds up nothing: its key is gone.

It refuses a recording under legal hold, with the date of the hold: its key is frozen, and only its corpus copy
goes. The rest goes when the hold is lifted. The others are erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, insert, select, update

from sottovoce.custody.at_source import SourceErasures
from sottovoce.custody.certificate import certificate_content, certificate_digest, sign_certificate
from sottovoce.custody.deliveries import Recipient, owe_notices, recall
from sottovoce.custody.destruction import Ciphertext, Destroyer, Shredder
from sottovoce.custody.erased import Erased, Request, blank_copies, blank_whole
from sottovoce.custody.erasure_list import ErasureList, Listed
from sottovoce.custody.erasure_report import ErasureReport, Refusal, Unreached
from sottovoce.custody.impact import Impact, await_decisions
from sottovoce.custody.kinds import is_corpus_copy
from sottovoce.custody.nodes import recording_node
from sottovoce.custody.records import Location, locations_of
from sottovoce.custody.registry import Registry
from sottovoce.custody.rows import milliseconds, moment
from sottovoce.custody.subject import ByKeys, Subject, detail_of, rows_of
from sottovoce.database.batches import batches
from sottovoce.database.custody_tables import deferred_erasures
from sottovoce.database.engine import forget_deleted, reading, writing
from sottovoce.database.tables import erasures, recordings
from sottovoce.database.upsert import insert_or_update
from sottovoce.domain.outcome import Fact
from sottovoce.errors import ObjectLocked, StorageError, VaultError
from sottovoce.ledger.commitment import Commitment, commit_to
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.note import Signer

LEGAL_HOLD = "LEGAL_HOLD"

BACKUPS = "BACKUPS_UNTIL_EPOCH_ROLL"
"""Old copies of the key store open old copies of the ciphertext until the epoch has rolled (SECURITY.md 1.5)."""

ARCHIVES = "DATABASE_ARCHIVES"
"""A server's write-ahead log and archives hold the blanked rows until they age out."""

FROZEN_KEY = "KEY_UNDER_LEGAL_HOLD"
"""A held recording's key lives: backups of the deleted corpus copy open until the hold is lifted."""


class Freezer(Protocol):
    """Keeps a recording's key from being destroyed."""

    def freeze(self, rid: str) -> None:
        """Idempotent. Raises VaultError, KeyRefused where there is no key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Within which time recipients are told, and models decided upon."""

    notify: timedelta = timedelta(days=7)
    decide: timedelta = timedelta(days=92)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marked:
    """What is to go whole, what is refused, and the corpus copies of the latter."""

    whole: tuple[str, ...]
    refused: tuple[Refusal, ...]
    copies: tuple[Location, ...]

    @property
    def copied(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.recording for each in self.copies))


class Eraser:
    """Erases subjects. `ids` draws ids of erasures and notices, `random` the opening of a commitment."""

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
        freezer: Freezer | None = None,
        notes: ErasureList | None = None,
        deadlines: Deadlines | None = None,
        sources: SourceErasures | None = None,
    ) -> None:
        self._engine = registry.engine
        self._ledger = ledger
        self._destroyer = Destroyer(engine=registry.engine, shredder=shredder, ciphertext=ciphertext)
        self._signer = signer
        self._clock = clock
        self._ids = ids
        self._random = random
        self._freezer = freezer
        self._notes = notes
        self._deadlines = deadlines or Deadlines()
        self._sources = sources

    def erase(self, subject: Subject, *, requested_by: str, why: str, at_source: bool = False) -> ErasureReport:
        """Erases all that was recorded of the subject, or says what it could not. Asking again goes on from there.

        `requested_by` is a pseudonymous id and `why` a code; with `at_source`, sources are asked too, where policy
        wants it. Raises LedgerUnavailable when the ledger cannot be written: then nothing was blanked.
        """
        request = Request(id=self._ids(), at=self._clock(), subject=subject, requested_by=requested_by, why=why)
        marked = self._mark(request, at_source=at_source)
        if not marked.whole and not marked.refused:
            return ErasureReport(id=request.id, at=request.at)
        failed = self._destroy(request, marked)
        if self._sources is not None:
            self._sources.pursue(by=requested_by, keys=marked.whole)
        report = self._blank(request, marked, failed)
        return replace(report, remains=report.remains + self._copy(report), traces_gone=forget_deleted(self._engine))

    def unfinished(self) -> tuple[str, ...]:
        """Recordings that were marked and are not blanked yet: an erasure was interrupted, or could not reach them."""
        wanted = select(recordings.c.key).where(recordings.c.erasing_ms.is_not(None), recordings.c.erased_ms.is_(None))
        with reading(self._engine) as connection:
            return tuple(connection.execute(wanted.order_by(recordings.c.key)).scalars())

    def resume(self, *, requested_by: str) -> ErasureReport:
        """Goes on with every erasure that is not finished."""
        keys = self.unfinished()
        return self.erase(ByKeys(keys=keys, label="resumed"), requested_by=requested_by, why="RESUMED")

    def certificates(self) -> tuple[str, ...]:
        """Every certificate ever signed, oldest first."""
        with reading(self._engine) as connection:
            wanted = select(erasures.c.certificate).order_by(erasures.c.at_ms, erasures.c.id)
            return tuple(connection.execute(wanted).scalars())

    def _mark(self, request: Request, *, at_source: bool) -> _Marked:
        """From here on the recordings are refused everywhere; held ones are kept, and that is ledgered."""
        with writing(self._engine) as connection:
            rows = rows_of(connection, request.subject)
            held = [row for row in rows if row.legal_hold]
            fresh = [row.key for row in rows if not row.legal_hold and row.erasing_ms is None]
            for some in batches(fresh):
                mark = update(recordings).where(recordings.c.key.in_(some))
                connection.execute(mark.values(erasing_ms=milliseconds(request.at)))
            refused = tuple(
                Refusal(recording=row.key, reason=LEGAL_HOLD, since=moment(row.held_since_ms)) for row in held
            )
            for each in refused:
                _defer(connection, request, each.recording)
            if at_source and self._sources is not None:
                self._sources.owe(connection, request.id, request.subject, rows)
            entries = [request.entry(Action.ERASURE_REQUESTED, key) for key in fresh]
            self._ledger.append(connection, entries + [_refused(request, each) for each in refused])
            return _Marked(
                whole=tuple(row.key for row in rows if not row.legal_hold),
                refused=refused,
                copies=_copies(connection, [row.key for row in held]),
            )

    def _destroy(self, request: Request, marked: _Marked) -> tuple[Unreached, ...]:
        """The note outside first; then keys, ciphertext, and the corpus copies of what is held."""
        return (
            *self._list(request, marked),
            *self._destroyer.destroy(marked.whole),
            *self._freeze([each.recording for each in marked.refused]),
            *self._destroyer.delete(marked.copies),
        )

    def _list(self, request: Request, marked: _Marked) -> Iterator[Unreached]:
        """Without its note an erasure would not survive a restore: then nothing is blanked, and a retry completes."""
        if self._notes is None:
            return
        listed = Listed(
            id=request.id,
            at=request.at,
            requested_by=request.requested_by,
            why=request.why,
            whole=marked.whole,
            copies=tuple(each.recording for each in marked.refused),
        )
        try:
            self._notes.keep(listed)
        except StorageError as failure:
            for key in (*marked.whole, *marked.copied):
                yield Unreached(recording=key, node=recording_node(key), code=failure.code)

    def _freeze(self, keys: Sequence[str]) -> Iterator[Unreached]:
        for key in keys if self._freezer is not None else ():
            try:
                assert self._freezer is not None  # noqa: S101 - the loop is empty otherwise
                self._freezer.freeze(key)
            except VaultError as failure:
                if failure.retryable:
                    yield Unreached(recording=key, node=recording_node(key), code=failure.code)

    def _blank(self, request: Request, marked: _Marked, failed: tuple[Unreached, ...]) -> ErasureReport:
        """Rows, ledger entries, notices, decisions and certificate in one transaction."""
        stuck = {failure.recording for failure in failed if failure.code != ObjectLocked.code}
        commitment = commit_to(detail_of(request.subject), random=self._random)
        with writing(self._engine) as connection:
            whole = blank_whole(connection, [key for key in marked.whole if key not in stuck], request)
            copies = blank_copies(connection, [c for c in marked.copies if c.recording not in stuck], request)
            gone = [*whole, *copies]
            seqs = self._ledger.append(connection, [each.entry for each in gone])
            recalled = recall(connection, request.id, [*(e.key for e in whole), *(r.recording for r in marked.refused)])
            report = ErasureReport(
                id=request.id,
                at=request.at,
                recordings=tuple(each.key for each in whole),
                refused=marked.refused,
                copies=tuple(each.key for each in copies),
                unreached=failed + tuple(outside for each in gone for outside in each.outside),
                remains=self._remains(marked),
                objects_deleted=sum(each.blanked.objects for each in gone),
                samples_erased=sum(each.blanked.samples for each in gone),
                versions=tuple(sorted({version for each in gone for version in each.versions})),
                recipients=tuple(
                    Recipient(destination=name, deliveries=n, notice=self._ids()) for name, n in recalled.items()
                ),
                impacts=self._impacts(request, gone),
                at_source=self._sources.states(connection, marked.whole) if self._sources is not None else {},
                ledger=seqs,
                opening=commitment.opening,
            )
            return self._certify(connection, request, report, commitment)

    def _impacts(self, request: Request, gone: Sequence[Erased]) -> tuple[Impact, ...]:
        seen: dict[str, int] = {}
        for node in (node for each in gone for node in each.seen_by):
            seen[node] = seen.get(node, 0) + 1
        due = request.at + self._deadlines.decide
        return tuple(Impact(erasure=request.id, node=node, recordings=seen[node], due=due) for node in sorted(seen))

    def _remains(self, marked: _Marked) -> tuple[str, ...]:
        remains = (BACKUPS,) if self._engine.dialect.name == "sqlite" else (BACKUPS, ARCHIVES)
        return (*remains, FROZEN_KEY) if marked.copies else remains

    def _certify(
        self, connection: Connection, request: Request, report: ErasureReport, commitment: Commitment
    ) -> ErasureReport:
        content = certificate_content(
            report, request.subject, why=request.why, commitment=commitment.value, origin=self._ledger.origin
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
        owe_notices(connection, request.id, report.recipients, at=request.at, due=request.at + self._deadlines.notify)
        await_decisions(connection, report.impacts)
        (certified,) = self._ledger.append(connection, [_certified(request, report, note)])
        return replace(report, certificate=note, certified=certified)

    def _copy(self, report: ErasureReport) -> tuple[str, ...]:
        """The certificate beside its note, so that a restored registry finds it again; said when it cannot be kept."""
        if self._notes is None or report.certificate is None:
            return ()
        try:
            self._notes.keep_certificate(report.id, report.certificate)
        except StorageError:
            return ("CERTIFICATE_NOT_COPIED",)
        return ()


def _copies(connection: Connection, keys: Sequence[str]) -> tuple[Location, ...]:
    found = locations_of(connection, keys, present=True)
    return tuple(each for each in found if is_corpus_copy(each.kind, each.line))


def _defer(connection: Connection, request: Request, key: str) -> None:
    row = {
        "recording": key,
        "erasure": request.id,
        "requested_by": request.requested_by,
        "why": request.why,
        "asked_ms": milliseconds(request.at),
    }
    insert_or_update(connection, deferred_erasures, row, keep=("asked_ms", "erasure"))


def _refused(request: Request, each: Refusal) -> Entry:
    facts = {"since": each.since.isoformat(), "scope": "ORIGINAL"}
    return request.entry(Action.ERASURE_REFUSED, each.recording, each.reason, facts)


def _certified(request: Request, report: ErasureReport, note: str) -> Entry:
    facts: dict[str, Fact] = {
        "certificate": certificate_digest(note),
        "recordings": len(report.recordings),
        "refused": len(report.refused),
        "unreached": len(report.unreached),
    }
    return Entry(
        at=request.at, actor=request.requested_by, action=Action.ERASURE_CERTIFIED, object=request.id, facts=facts
    )
