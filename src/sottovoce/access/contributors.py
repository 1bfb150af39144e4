"""Contributors' credentials: an hour at most, one's own prefix of the inbox, and nothing but putting (SPEC 3.1).

Where the inbox is an S3 bucket they are STS credentials; where it is a folder, a grant for `inbox.put` that the
inbox checks with `permitted`. A contributor can neither read nor list, not even what it sent itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sottovoce.access.catalog import Target
from sottovoce.access.gate import Asked, Gate
from sottovoce.access.grant_book import GrantBook, Wish
from sottovoce.access.grants import as_folder
from sottovoce.access.principals import Principals
from sottovoce.access.roles import Operation
from sottovoce.access.sts import Reach, SessionCredentials, StsBroker
from sottovoce.domain.confidential import Confidential
from sottovoce.ledger.entry import Action, Entry
from sottovoce.ledger.ledger import Ledger

PURPOSE: Final = "contribution"
INBOX: Final = "inbox"
MAX_OBJECTS: Final = 10_000
MAX_BYTES: Final = 64 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributorCredential:
    """What a contributor uploads with until `expires`: `token` for a folder, `session` for a bucket."""

    contributor: str
    prefix: str
    expires: datetime
    token: Confidential[str] | None = field(default=None, repr=False)
    session: SessionCredentials | None = None


class ContributorDesk:
    """Hands out credentials to contributors, and checks those of the folder."""

    def __init__(
        self,
        *,
        principals: Principals,
        grants: GrantBook,
        gate: Gate,
        ledger: Ledger,
        clock: Callable[[], datetime],
        sts: StsBroker | None = None,
        lifetime: timedelta = timedelta(hours=1),
    ) -> None:
        self._principals = principals
        self._grants = grants
        self._gate = gate
        self._ledger = ledger
        self._clock = clock
        self._sts = sts
        self._lifetime = lifetime

    def credential(self, contributor: str, *, by: str | None = None) -> ContributorCredential:
        """A fresh credential for a contributor (id or label). AccessRefused, AccessSuspended, AccessError."""
        who = self._principals.named(contributor)
        prefix = contributor_prefix(who.id)
        wish = Wish(
            holder=who.id,
            operations=frozenset({Operation.INBOX_PUT}),
            prefix=prefix,
            purpose=PURPOSE,
            recordings=MAX_OBJECTS,
            bytes=MAX_BYTES,
            lifetime=self._lifetime,
        )
        issued = self._grants.issue(wish, by=by or who.id)
        if self._sts is None:
            return ContributorCredential(
                contributor=who.id, prefix=prefix, expires=issued.grant.expires, token=issued.token
            )
        session = self._sts.mint(actor=who.id, purpose=PURPOSE, prefix=prefix, reach=Reach.PUT)
        entry = Entry(at=self._clock(), actor=by or who.id, action=Action.CREDENTIAL_ISSUED, object=who.id)
        self._ledger.record([entry])
        return ContributorCredential(contributor=who.id, prefix=prefix, expires=session.expires, session=session)

    def permitted(self, token: Confidential[str], name: str, size: int) -> str:
        """Whose upload this is, if the token permits to put an object of that name and size.

        Raises GrantInvalid, AccessRefused, AccessSuspended; the refusal is in the ledger.
        """
        presented = self._gate.present(token)
        asked = Asked(principal=presented.row.holder, operation=Operation.INBOX_PUT, purpose=PURPOSE, grant=presented)
        self._gate.count(asked, upload(name, size))
        return presented.row.holder


def contributor_prefix(contributor: str) -> str:
    """Where a contributor's uploads lie: `inbox/<its id>/`."""
    return as_folder(f"{INBOX}/{contributor}")


def upload(name: str, size: int) -> Target:
    """An object that is to be put, as the gate judges it."""
    return Target(
        resource=name,
        object=name.rpartition("/")[2],
        recording="",
        kind=INBOX,
        channel=None,
        rev=0,
        location=name,
        digest="",
        size=size,
    )
