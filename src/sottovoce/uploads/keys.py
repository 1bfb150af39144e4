"""An inbox's keys: X25519, their private halves wrapped by the key service and nowhere in the clear.

One key is in use; those before it are still accepted until their overlap ends, and are destroyed then: the wrapped key
is overwritten, and where the service makes a key for each, so is that. From then on no copy of an upload that was
encrypted to it opens any more, whatever a bucket, its versions or a backup still hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Connection, Engine, insert, select, update

from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.engine import forget_deleted, reading, writing
from sottovoce.database.upload_tables import inbox_keys
from sottovoce.domain.confidential import Confidential
from sottovoce.kms.protocol import KeyProvider, WrappedKey
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.uploads.envelope import fingerprint
from sottovoce.uploads.refusals import Refusal, refused

_ACTIVE, _ENDING, _ENDED = "active", "ending", "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxKey:
    """A key as the workspace knows it; `ends_at` is when it stops being accepted, if it was rotated."""

    fingerprint: str
    public: bytes = field(repr=False)
    state: str
    created_at: datetime
    ends_at: datetime | None

    def accepted(self, now: datetime) -> bool:
        return self.state == _ACTIVE or (self.state == _ENDING and self.ends_at is not None and now < self.ends_at)


class InboxKeys:
    """The keys of all inboxes of a tenant."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        provider: KeyProvider,
        tenant: str,
        clock: Callable[[], datetime],
        actor: str,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._provider = provider
        self._tenant = tenant
        self._clock = clock
        self._actor = actor

    def current(self, inbox: str) -> InboxKey:
        """The one in use; drawn when there is none yet."""
        return next((key for key in self.all(inbox) if key.state == _ACTIVE), None) or self._draw(inbox)

    def all(self, inbox: str) -> tuple[InboxKey, ...]:
        """Every key there ever was, oldest first."""
        wanted = select(inbox_keys).where(inbox_keys.c.inbox == inbox)
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(inbox_keys.c.created_ms, inbox_keys.c.fingerprint))
            return tuple(map(_key, rows))

    def rotate(self, inbox: str, *, overlap: timedelta) -> InboxKey:
        """A new key in use; the one before is accepted for the overlap, so that nobody's upload is lost."""
        ends = milliseconds(self._clock() + overlap)
        standing = (inbox_keys.c.inbox == inbox, inbox_keys.c.state == _ACTIVE)
        with writing(self._engine) as connection:
            connection.execute(update(inbox_keys).where(*standing).values(state=_ENDING, ends_ms=ends))
        return self._draw(inbox)

    def private(self, inbox: str, fingerprint: str) -> Confidential[X25519PrivateKey]:
        """UploadRefused KEY_UNKNOWN or KEY_ENDED; KeyUnavailable when the key service does not answer."""
        wanted = select(inbox_keys).where(inbox_keys.c.inbox == inbox, inbox_keys.c.fingerprint == fingerprint)
        with reading(self._engine) as connection:
            row = connection.execute(wanted).first()
        if row is None:
            raise refused(Refusal.KEY_UNKNOWN, "the upload is encrypted to a key of another inbox")
        if row.wrapped is None or not _key(row).accepted(self._clock()):
            raise refused(Refusal.KEY_ENDED, "the upload is encrypted to a key that has ended")
        wrapped = WrappedKey(kms=row.kms, key_id=row.provider_key, blob=row.wrapped)
        key = self._provider.unwrap(wrapped, self._context(inbox, row.fingerprint))
        return key.map(X25519PrivateKey.from_private_bytes)

    def destroy_ended(self, inbox: str) -> int:
        """Destroys what is past its overlap; how many. Raises KeyUnavailable; then asking again finishes."""
        now = self._clock()
        due = [key for key in self.all(inbox) if key.state == _ENDING and not key.accepted(now)]
        for key in due:
            self._destroy(inbox, key)
        if due:
            forget_deleted(self._engine)
        return len(due)

    def _draw(self, inbox: str) -> InboxKey:
        private = Confidential(X25519PrivateKey.generate())
        public = private.reveal().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        name, now = fingerprint(public), self._clock()
        context = self._context(inbox, name)
        raw = private.map(lambda key: key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
        wrapped = self._provider.wrap(raw, context, key_id=self._provider.create_key(context))
        row = {
            "fingerprint": name,
            "inbox": inbox,
            "public": public,
            "kms": wrapped.kms,
            "provider_key": wrapped.key_id,
            "wrapped": wrapped.blob,
            "state": _ACTIVE,
            "created_ms": milliseconds(now),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(inbox_keys).values(**row))
            self._note(connection, Action.KEY_CREATED, inbox, name)
        return InboxKey(fingerprint=name, public=public, state=_ACTIVE, created_at=now, ends_at=None)

    def _destroy(self, inbox: str, key: InboxKey) -> None:
        this = inbox_keys.c.fingerprint == key.fingerprint
        with reading(self._engine) as connection:
            row = connection.execute(select(inbox_keys).where(this)).one()
        if self._provider.capabilities.key_per_epoch:
            self._provider.schedule_destroy(row.provider_key)
        with writing(self._engine) as connection:
            connection.execute(update(inbox_keys).where(this).values(wrapped=None, state=_ENDED))
            self._note(connection, Action.INBOX_KEY_ENDED, inbox, key.fingerprint)

    def _context(self, inbox: str, name: str) -> Mapping[str, str]:
        return {"app": "sottovoce", "tenant": self._tenant, "use": "inbox", "inbox": inbox, "key": name}

    def _note(self, connection: Connection, action: Action, inbox: str, name: str) -> None:
        facts = {"inbox": inbox, "use": "inbox"}
        entry = Entry(at=self._clock(), actor=self._actor, action=action, object=name, facts=facts)
        self._ledger.append(connection, [entry])


def _key(row: Any) -> InboxKey:
    return InboxKey(
        fingerprint=row.fingerprint,
        public=row.public,
        state=row.state,
        created_at=moment(row.created_ms),
        ends_at=None if row.ends_ms is None else moment(row.ends_ms),
    )
