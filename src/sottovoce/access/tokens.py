"""Access tokens: 256 random bits, printed once, kept as a hash, and over after a while (PCI DSS 8.3, 8.6).

`svt_` + id + `_` + secret. A fast hash is enough where 256 random bits are guessed at; Argon2 is for what people
choose, and nobody chooses one of these. Whatever is wrong with a token is one error that does not say which.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine, insert, select, update

from sottovoce.access.principals import Principal, State, required, suspended
from sottovoce.database.access_tables import access_tokens as table
from sottovoce.database.engine import reading, writing
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import AccessError, AccessRefused, GrantInvalid
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

MAX_LIFETIME: Final = timedelta(days=365)
_TOKEN: Final = re.compile(r"svt_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_USED_AGAIN_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A token, this once."""

    id: str
    principal: str
    expires: datetime
    value: Confidential[str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """What is kept of a token, for lists and reviews."""

    id: str
    principal: str
    created_ms: int
    expires_ms: int
    revoked_ms: int | None
    used_ms: int | None

    def alive(self, now_ms: int) -> bool:
        return self.revoked_ms is None and now_ms < self.expires_ms


class AccessTokens:
    """Makes, checks and revokes tokens."""

    def __init__(
        self,
        *,
        engine: Engine,
        ledger: Ledger,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._engine = engine
        self._ledger = ledger
        self._clock = clock
        self._random = random

    def create(self, principal: str, *, by: str, lifetime: timedelta) -> IssuedToken:
        """A token of an active principal. AccessRefused for more than a year, or for nothing."""
        if not timedelta(0) < lifetime <= MAX_LIFETIME:
            raise AccessRefused("a token lasts for a year at most")
        name, secret = self._random(16).hex(), secrets_text(self._random(32))
        now = self._clock()
        row = {
            "id": name,
            "principal": principal,
            "hash": _hash(secret),
            "created_by": by,
            "created_ms": _ms(now),
            "expires_ms": _ms(now + lifetime),
        }
        entry = Entry(at=now, actor=by, action=Action.TOKEN_CREATED, object=principal, facts={"token": name})
        with writing(self._engine) as connection:
            if required(connection, principal).state is State.SUSPENDED:
                raise suspended()
            connection.execute(insert(table).values(**row))
            self._ledger.append(connection, [entry])
        value = Confidential(f"svt_{name}_{secret}")
        return IssuedToken(id=name, principal=principal, expires=now + lifetime, value=value)

    def authenticate(self, token: Confidential[str]) -> Principal:
        """Whose token this is. GrantInvalid for any that is not good, AccessSuspended for a suspended principal's."""
        found = _TOKEN.fullmatch(token.reveal().strip())
        name, secret = (found[1], found[2]) if found else ("", "")
        now = _ms(self._clock())
        with reading(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == name)).first()
            stored = bytes(row.hash) if row is not None else bytes(32)
            same = hmac.compare_digest(stored, _hash(secret))
            if row is None or not same or row.revoked_ms is not None or now >= row.expires_ms:
                raise GrantInvalid("this token is not good", hint="ask for a new one, or sign in again")
            principal = required(connection, row.principal)
        if principal.state is State.SUSPENDED:
            raise suspended()
        if row.used_ms is None or now - row.used_ms >= _USED_AGAIN_MS:
            with writing(self._engine) as connection:
                connection.execute(update(table).where(table.c.id == name).values(used_ms=now))
        return principal

    def end(self, token: Confidential[str]) -> None:
        """Its holder gives it back; nothing for one that is no good any more."""
        found = _TOKEN.fullmatch(token.reveal().strip())
        try:
            principal = self.authenticate(token)
        except AccessError:
            return
        if found:
            self.revoke(found[1], by=principal.id)

    def revoke(self, token: str, *, by: str) -> None:
        """By its id, at once; nothing when it was revoked before. AccessError where there is none."""
        now = self._clock()
        with writing(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == token)).first()
            if row is None:
                raise AccessError("there is no such token", hint="`sottovoce access list` names them")
            if row.revoked_ms is not None:
                return
            connection.execute(update(table).where(table.c.id == token).values(revoked_ms=_ms(now)))
            facts = {"token": token}
            entry = Entry(at=now, actor=by, action=Action.TOKEN_REVOKED, object=row.principal, facts=facts)
            self._ledger.append(connection, [entry])

    def all(self) -> tuple[TokenRow, ...]:
        """Every token that is not over, oldest first."""
        wanted = select(table).where(table.c.expires_ms > _ms(self._clock())).order_by(table.c.created_ms)
        with reading(self._engine) as connection:
            return tuple(
                TokenRow(
                    id=row.id,
                    principal=row.principal,
                    created_ms=row.created_ms,
                    expires_ms=row.expires_ms,
                    revoked_ms=row.revoked_ms,
                    used_ms=row.used_ms,
                )
                for row in connection.execute(wanted)
            )


def secrets_text(raw: bytes) -> str:
    """Random bytes as URL-safe text without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
