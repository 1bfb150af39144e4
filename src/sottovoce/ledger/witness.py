"""A witness of logs (c2sp.org/tlog-witness): it cosigns a checkpoint that grew out of the last one it saw.

For each log it remembers one checkpoint. Looking that up, and putting the next in its place, is one step of its
memory, which is on disk before anyone hears of the cosignature; so of two histories it can have cosigned only one.

It refuses, with the status the specification gives: what is malformed (400), an unknown log (404), a missing or wrong
signature (403), another old size than it remembers (409, with that size), and what does not prove growth (422).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sottovoce.errors import LedgerTampered
from sottovoce.ledger.checkpoint import Checkpoint
from sottovoce.ledger.cosignature import Cosigner, signature_line
from sottovoce.ledger.merkle import EMPTY_ROOT, HASH_SIZE, verify_consistency
from sottovoce.ledger.note import VerifierKey, note_text, open_note, signature_lines
from sottovoce.ledger.proof import GrowthProof

TEXT = "text/plain; charset=utf-8"
SIZE = "text/x.tlog.size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The last checkpoint cosigned of a log; `time` is when, in seconds since 1970."""

    size: int
    root: bytes
    note: str
    time: int


class WitnessMemory(Protocol):
    """What a witness saw of each log."""

    def last(self, origin: str) -> Seen | None:
        """The last checkpoint cosigned, or None."""
        ...

    def replace(self, origin: str, before: Seen | None, now: Seen) -> bool:
        """Puts `now` where `before` still is, in one step, and on disk; False when something else is there by then."""
        ...

    def origins(self) -> tuple[str, ...]:
        """The logs of which anything was cosigned."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: str = ""
    content_type: str = TEXT


class Witness:
    """Cosigns for the logs it was told to, each by the keys it is trusted under."""

    def __init__(
        self,
        *,
        cosigners: Sequence[Cosigner],
        logs: Mapping[str, Sequence[VerifierKey]],
        memory: WitnessMemory,
        clock: Callable[[], datetime],
    ) -> None:
        self.cosigners = tuple(cosigners)
        self.logs = dict(logs)
        self._memory = memory
        self._clock = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answers `POST /add-checkpoint`."""
        try:
            asked = GrowthProof.parse(body.decode())
            now = Checkpoint.parse(note_text(asked.checkpoint))
        except (LedgerTampered, UnicodeDecodeError):
            return Answer(status=400, body="malformed request\n")
        if len(now.root) != HASH_SIZE:
            return Answer(status=400, body="malformed request\n")
        keys = self.logs.get(now.origin)
        if keys is None:
            return Answer(status=404, body="unknown log\n")
        try:
            open_note(asked.checkpoint, keys)
        except LedgerTampered:
            return Answer(status=403, body="no valid signature of a trusted key\n")
        if asked.old > now.size:
            return Answer(status=400, body="the old size is greater than the checkpoint's\n")
        return self._consider(asked, now, keys)

    def checkpoint(self, origin_hash: str) -> Answer:
        """Answers `GET /<SHA-256 of the origin>/checkpoint`: the last one cosigned of that log."""
        for origin in self._memory.origins():
            seen = self._memory.last(origin)
            if seen is not None and hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                return Answer(status=200, body=seen.note)
        return Answer(status=404, body="nothing cosigned of that log\n")

    def _consider(self, asked: GrowthProof, now: Checkpoint, keys: Sequence[VerifierKey]) -> Answer:
        before = self._memory.last(now.origin)
        if asked.old != (before.size if before else 0):
            return _conflict(before)
        if not _grew(before, asked, now):
            return Answer(status=422, body="the proof does not show that the log grew\n")
        # Never before the last one: the clock may have been set back.
        time = max(int(self._clock().timestamp()), before.time if before else 1)
        lines = "".join(signature_line(each.key, each.cosign(now.text, time)) for each in self.cosigners)
        note = f"{now.text}\n{signature_lines(asked.checkpoint, keys)}{lines}"
        if not self._memory.replace(now.origin, before, Seen(size=now.size, root=now.root, note=note, time=time)):
            return _conflict(self._memory.last(now.origin))
        return Answer(status=200, body=lines)


def _grew(before: Seen | None, asked: GrowthProof, now: Checkpoint) -> bool:
    if now.size == 0 and now.root != EMPTY_ROOT:
        return False
    if asked.old == 0:
        return not asked.hashes
    return before is not None and verify_consistency(before.size, now.size, asked.hashes, before.root, now.root)


def _conflict(seen: Seen | None) -> Answer:
    return Answer(status=409, body=f"{seen.size if seen else 0}\n", content_type=SIZE)
