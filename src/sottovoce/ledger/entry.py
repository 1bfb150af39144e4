"""One ledger entry: a closed schema in canonical JSON (RFC 8785), without personal data (SPEC 12.1).

For what an entry may hold (ASCII codes without anything to escape, integers within 2**53, claims) the sorted,
compact form of the standard library is RFC 8785 byte for byte, and seven times as fast; a property test holds that.

Values are codes, counts, digests, dates and opaque ids. It refuses free text (anything with a space or
out of the pattern), e-mail addresses, runs of digits that could be a telephone or card number,
fractions, integers beyond 2**53 - 1, nested values, and entries over 64 KiB (tlog-tiles counts in 16 bits).

An identifier that must be provable later goes in as a salted commitment (`commitment.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sottovoce.domain.outcome import Evidence, Fact
from sottovoce.errors import EntryRefused

VERSION = 1
MAX_BYTES = 65_535
MAX_FACTS = 64
MAX_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 8785, appendix D)."""

MAX_DIGIT_RUN = 6
"""Seven digits are a telephone number somewhere."""


class Action(StrEnum):
    """What was done. Written to ledgers for ever; append only."""

    LEDGER_CREATED = "ledger.created"
    POLICY_LOADED = "policy.loaded"
    RUN_STARTED = "run.started"
    RUN_ENDED = "run.ended"
    RECORDING_SEEN = "recording.seen"
    RECORDING_DECIDED = "recording.decided"
    RECORDING_FETCHED = "recording.fetched"
    RECORDING_HEARD = "recording.heard"
    RECORDING_SEARCHED = "recording.searched"
    RECORDING_REDACTED = "recording.redacted"
    RECORDING_VERIFIED = "recording.verified"
    RECORDING_ANONYMIZED = "recording.anonymized"
    RECORDING_SEALED = "recording.sealed"
    RECORDING_EXCLUDED = "recording.excluded"
    RECORDING_QUARANTINED = "recording.quarantined"
    RECORDING_REOPENED = "recording.reopened"
    RECORDING_DELIVERED = "recording.delivered"
    RECORDING_HELD = "recording.held"
    RECORDING_HOLD_RELEASED = "recording.hold_released"
    STEP_WAIVED = "step.waived"
    CORPUS_BUILT = "corpus.built"
    CORPUS_RELEASED = "corpus.released"
    CORPUS_READ = "corpus.read"
    CORPUS_EXPORTED = "corpus.exported"
    OBJECT_READ = "object.read"
    OBJECT_DELETED = "object.deleted"
    ERASURE_REQUESTED = "erasure.requested"
    ERASURE_REFUSED = "erasure.refused"
    ERASURE_DONE = "erasure.done"
    KEY_CREATED = "key.created"
    KEY_ROLLED = "key.rolled"
    KEY_ROTATED = "key.rotated"
    KEY_MIGRATED = "key.migrated"
    KEY_SHREDDED = "key.shredded"
    KEY_DESTROYED = "key.destroyed"
    GRANT_ISSUED = "grant.issued"
    GRANT_REVOKED = "grant.revoked"
    ACCESS_REFUSED = "access.refused"
    BULK_ACCESS_FOUND = "access.bulk_found"
    CANARY_PLANTED = "access.canary_planted"
    CANARY_TOUCHED = "access.canary_touched"
    ACCESS_REVIEWED = "access.reviewed"
    PRINCIPAL_CREATED = "principal.created"
    PRINCIPAL_SUSPENDED = "principal.suspended"
    PRINCIPAL_RESUMED = "principal.resumed"
    ROLE_GIVEN = "role.given"
    ROLE_TAKEN = "role.taken"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an action
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an action
    SIGNED_IN = "session.signed_in"
    CREDENTIAL_ISSUED = "credential.issued"
    GRANT_KEY_ROTATED = "grant.key_rotated"
    EVENT_RECEIVED = "event.received"
    VERDICT_REACHED = "verdict.reached"
    REMEDIATION_DONE = "remediation.done"
    LEDGER_EXPORTED = "ledger.exported"
    LEDGER_KEY_ROTATED = "ledger.key_rotated"
    TRAINING_STARTED = "training.started"
    TRAINING_ENDED = "training.ended"
    MODEL_MADE = "model.made"
    MODEL_DECIDED = "model.decided"
    RETENTION_SWEPT = "retention.swept"
    ERASURE_CERTIFIED = "erasure.certified"
    ERASURE_REPLAYED = "erasure.replayed"
    NOTICE_SENT = "notice.sent"
    NOTICE_ACKNOWLEDGED = "notice.acknowledged"
    EVIDENCE_MADE = "evidence.made"
    INBOX_PUBLISHED = "inbox.published"
    INBOX_KEY_ENDED = "inbox.key_ended"
    UPLOAD_RECEIVED = "upload.received"
    UPLOAD_REFUSED = "upload.refused"
    UPLOAD_DISPOSED = "upload.disposed"
    CONTRIBUTOR_WITHDRAWN = "contributor.withdrawn"
    AGREEMENT_ADDED = "agreement.added"
    AGREEMENT_RENEWED = "agreement.renewed"
    AGREEMENT_WITHDRAWN = "agreement.withdrawn"
    ERASURE_AT_SOURCE = "erasure.at_source"
    RETENTION_AT_SOURCE = "retention.at_source"
    RECORDING_PROTECTED = "recording.protected"
    RECORDING_UNPROTECTED = "recording.unprotected"
    DELIVERY_WITHHELD = "delivery.withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened: when, by whom, to what, for what purpose, and how it ended.

    `actor` is a pseudonymous id, `object` an opaque one, `policy` the policy's digest, `commit` a
    salted commitment in hex. The ledger adds the entry's number. Raises EntryRefused when made wrong.
    """

    at: datetime
    actor: str
    action: Action
    object: str | None = None
    line: str | None = None
    purpose: str | None = None
    outcome: str | None = None
    policy: str | None = None
    facts: Evidence = field(default_factory=dict)
    commit: str | None = None

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise EntryRefused("an entry's time states its zone")
        for name in ("actor", *_OPTIONAL):
            value = getattr(self, name)
            if not is_code(value) and (value is not None or name == "actor"):
                raise EntryRefused(f"the entry's {name} is not a code or an opaque id")
        check_facts(self.facts)

    def encode(self, seq: int) -> bytes:
        """The leaf's bytes, with the entry's number in the ledger: RFC 8785, at most 64 KiB."""
        members = {key: value for key, value in self._members(seq).items() if value is not None}
        data = _CANONICAL.encode(members).encode("ascii")
        if len(data) > MAX_BYTES:
            raise EntryRefused("the entry is larger than 64 KiB")
        return data

    @classmethod
    def decode(cls, data: bytes) -> Entry:
        """The entry of a leaf; raises EntryRefused unless the leaf is exactly what we would have written."""
        try:
            members: dict[str, Any] = json.loads(data)
            at = datetime.fromtimestamp(members["ts"] / 1000, tz=UTC)
            rest = {key: members.get(key) for key in _OPTIONAL}
            action, actor, facts = Action(members["action"]), members["actor"], members.get("facts", {})
            entry = cls(at=at, actor=actor, action=action, facts=facts, **rest)
            same = entry.encode(members["seq"]) == data
        except (ValueError, KeyError, TypeError, AttributeError):
            same = False
        if not same:
            raise EntryRefused("the leaf does not hold an entry of this schema")
        return entry

    def _members(self, seq: int) -> dict[str, Any]:
        return {
            "v": VERSION,
            "seq": seq,
            "ts": int(self.at.timestamp() * 1000),
            "actor": self.actor,
            "action": self.action.value,
            "facts": dict(self.facts) or None,
            **{name: getattr(self, name) for name in _OPTIONAL},
        }


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_OPTIONAL = ("object", "line", "purpose", "outcome", "policy", "commit")
_NAME = re.compile(r"[a-z][a-zA-Z0-9_]{0,47}")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/+-]{0,255}(@v?[0-9][0-9.]{0,11})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?")
_OPAQUE = re.compile(r"(?=.*[a-f])[0-9a-f]{16,128}|[0-9a-f]{32,128}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGITS = re.compile(rf"(?:\d[.+-]?){{{MAX_DIGIT_RUN + 1},}}")


def is_code(value: object) -> bool:
    """True for codes, digests, opaque ids and dates; false for whatever could be said of a person."""
    if not isinstance(value, str):
        return False
    try:
        _checked(value)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _checked(value: str) -> None:
    """Raises ValueError unless the value is a code: only what is answered is remembered, never a refused value."""
    if _OPAQUE.fullmatch(value):
        return
    if not _CODE.fullmatch(value):
        raise ValueError
    if not _DIGITS.search(value) or _DATE.fullmatch(value):
        return
    if not all(_OPAQUE.fullmatch(part) or not _DIGITS.search(part) for part in re.split(r"[:/_@]", value)):
        raise ValueError


def check_facts(facts: Mapping[str, Fact]) -> None:
    """Raises EntryRefused, naming the fact and never its value, unless every fact is ledger-safe."""
    if len(facts) > MAX_FACTS:
        raise EntryRefused("the entry has too many facts")
    for name, value in facts.items():
        if not _NAME.fullmatch(name):
            raise EntryRefused("the name of a fact is not a code")
        if not _is_fact(value):
            raise EntryRefused(f"the fact {name} is not a code, a count or a claim")


def _is_fact(value: object) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return abs(value) <= MAX_INTEGER
    return is_code(value)
