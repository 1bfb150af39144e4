"""Contributors: pseudonymous ids, each with a prefix of its own and credentials of an hour at most.

Who somebody is stands nowhere here. Everything that changes is in the ledger, in the same transaction. Revoking and
withdrawing hold from the moment they are written: every credential ends with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, Engine, insert, select, update

from sottovoce.custody.rows import milliseconds, moment
from sottovoce.database.engine import reading, writing
from sottovoce.database.upload_tables import contributor_credentials, contributors
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Fact
from sottovoce.errors import CredentialInvalid
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger
from sottovoce.uploads.credential import ENDING, MAX_TTL, Credential, Doorkeeper, prefix_of

_LETTERS: Final = "bcdfghjkmnpqrstvwxz"
"""No vowels, so no words; no digits, so no numbers."""
_ID_LETTERS: Final = 12
_SLOT_BYTES: Final = 16


class Standing(StrEnum):
    ACTIVE = "active"
    REVOKED = "revoked"
    """Nothing more is taken from them; what was taken stays."""
    WITHDRAWN = "withdrawn"
    """They took their consent back: all of it is erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    id: str
    inbox: str
    standing: Standing
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCredential:
    """A credential as the inbox knows it: what verifies it, and when it held."""

    id: str
    contributor: str
    form: str
    public: bytes = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Contributors:
    """The contributors of a workspace."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        actor: str,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._random = random
        self._actor = actor

    def add(self, inbox: str) -> Contributor:
        """A new one, active."""
        made = Contributor(id=self._new_id("c"), inbox=inbox, standing=Standing.ACTIVE, created_at=self._clock())
        now = milliseconds(made.created_at)
        row = {"id": made.id, "inbox": inbox, "state": made.standing.value, "created_ms": now, "changed_ms": now}
        with writing(self._engine) as connection:
            connection.execute(insert(contributors).values(**row))
            self._note(connection, Action.PRINCIPAL_CREATED, made.id, {"role": "contributor", "inbox": inbox})
        return made

    def find(self, contributor: str) -> Contributor | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(contributors).where(contributors.c.id == contributor)).first()
        return None if row is None else _contributor(row)

    def all(self, inbox: str | None = None) -> tuple[Contributor, ...]:
        """Oldest first."""
        wanted = select(contributors).order_by(contributors.c.created_ms, contributors.c.id)
        if inbox is not None:
            wanted = wanted.where(contributors.c.inbox == inbox)
        with reading(self._engine) as connection:
            return tuple(map(_contributor, connection.execute(wanted)))

    def issue(
        self, contributor: str, *, inbox_id: str, doorkeeper: Doorkeeper, ttl: timedelta = MAX_TTL, slots: int = 25
    ) -> Credential:
        """A credential that ends within an hour. CredentialInvalid for a contributor who is not active.

        `inbox_id` is the inbox as contributors know it.
        """
        if not timedelta(0) < ttl <= MAX_TTL:
            raise CredentialInvalid("a credential lives for an hour at most", hint="ask for less")
        self._active(contributor)
        names = tuple(f"{prefix_of(contributor)}/{self._random(_SLOT_BYTES).hex()}{ENDING}" for _ in range(slots))
        way = doorkeeper.way(prefix=prefix_of(contributor), ttl=ttl, slots=names)
        seed, now = Confidential(self._random(32)), self._clock().replace(microsecond=0)
        credential = Credential(
            id=self._new_id("k"),
            inbox=inbox_id,
            contributor=contributor,
            seed=seed,
            issued_at=now,
            expires_at=now + ttl,
            way=way,
        )
        self._keep(credential, _public(seed))
        return credential

    def credentials(self, contributor: str) -> tuple[KnownCredential, ...]:
        """Every credential ever issued to one, oldest first."""
        table = contributor_credentials
        wanted = select(table).where(table.c.contributor == contributor).order_by(table.c.issued_ms, table.c.id)
        with reading(self._engine) as connection:
            return tuple(map(_known, connection.execute(wanted)))

    def credential(self, credential: str, *, contributor: str) -> KnownCredential | None:
        """One credential of this contributor's; None for another's."""
        return next((known for known in self.credentials(contributor) if known.id == credential), None)

    def revoke(self, contributor: str) -> None:
        """Nothing more is taken from them, from now on. Idempotent; CredentialInvalid for nobody's id."""
        self._end(contributor, Standing.REVOKED, Action.PRINCIPAL_SUSPENDED)

    def withdraw(self, contributor: str) -> None:
        """The same, because they took their consent back; their recordings are erased by others. Idempotent."""
        self._end(contributor, Standing.WITHDRAWN, Action.CONTRIBUTOR_WITHDRAWN)

    def _end(self, contributor: str, standing: Standing, action: Action) -> None:
        found = self.find(contributor)
        if found is None:
            raise _nobody()
        if found.standing in {standing, Standing.WITHDRAWN}:
            return
        now, table = milliseconds(self._clock()), contributor_credentials
        with writing(self._engine) as connection:
            state = update(contributors).where(contributors.c.id == contributor)
            connection.execute(state.values(state=standing.value, changed_ms=now))
            held = update(table).where(table.c.contributor == contributor, table.c.revoked_ms.is_(None))
            ended = connection.execute(held.values(revoked_ms=now)).rowcount
            self._note(connection, action, contributor, {"credentials": ended})

    def _active(self, contributor: str) -> None:
        found = self.find(contributor)
        if found is None:
            raise _nobody()
        if found.standing is not Standing.ACTIVE:
            raise CredentialInvalid(f"the contributor is {found.standing.value}", hint="add another, if that is meant")

    def _keep(self, credential: Credential, public: bytes) -> None:
        row = {
            "id": credential.id,
            "contributor": credential.contributor,
            "form": credential.way.form.value,
            "public": public,
            "issued_ms": milliseconds(credential.issued_at),
            "expires_ms": milliseconds(credential.expires_at),
        }
        facts: dict[str, Fact] = {
            "credential": credential.id,
            "form": credential.way.form.value,
            "seconds": round((credential.expires_at - credential.issued_at).total_seconds()),
        }
        with writing(self._engine) as connection:
            connection.execute(insert(contributor_credentials).values(**row))
            self._note(connection, Action.CREDENTIAL_ISSUED, credential.contributor, facts)

    def _note(self, connection: Connection, action: Action, contributor: str, facts: dict[str, Fact]) -> None:
        entry = Entry(at=self._clock(), actor=self._actor, action=action, object=contributor, facts=facts)
        self._ledger.append(connection, [entry])

    def _new_id(self, kind: str) -> str:
        drawn = self._random(_ID_LETTERS)
        return f"{kind}-" + "".join(_LETTERS[byte % len(_LETTERS)] for byte in drawn)


def _public(seed: Confidential[bytes]) -> bytes:
    private = Ed25519PrivateKey.from_private_bytes(seed.reveal())
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _nobody() -> CredentialInvalid:
    return CredentialInvalid("there is no such contributor", hint="`sottovoce contributor list` shows who there is")


def _contributor(row: Any) -> Contributor:
    return Contributor(id=row.id, inbox=row.inbox, standing=Standing(row.state), created_at=moment(row.created_ms))


def _known(row: Any) -> KnownCredential:
    return KnownCredential(
        id=row.id,
        contributor=row.contributor,
        form=row.form,
        public=row.public,
        issued_at=moment(row.issued_ms),
        expires_at=moment(row.expires_ms),
        revoked_at=None if row.revoked_ms is None else moment(row.revoked_ms),
    )
