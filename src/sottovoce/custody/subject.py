"""Who or what is to be forgotten: a conversation, a customer, a contributor, or recordings by their opaque keys.

None of them is ever printed. The last is for retention, for erasures that a hold put off, and for a privacy
officer who has a key from the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Row, select

from sottovoce.database.batches import batches
from sottovoce.database.tables import recordings
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ByConversation:
    """Everything recorded of one conversation."""

    kind: ClassVar[str] = "conversation"
    conversation_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCustomer:
    """Everything recorded of one customer, by the token that stands for them."""

    kind: ClassVar[str] = "customer"
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByContributor:
    """Everything one contributor sent, by their opaque id."""

    kind: ClassVar[str] = "contributor"
    contributor: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByKeys:
    """These recordings; `label` is what a commitment is made to, such as the sweep's id."""

    kind: ClassVar[str] = "recordings"
    keys: tuple[str, ...] = field(repr=False)
    label: str


Subject = ByConversation | ByCustomer | ByContributor | ByKeys


def rows_of(connection: Connection, subject: Subject) -> Sequence[Row[Any]]:
    """What can still be found of the subject, locked until the transaction ends: rows that are not blanked yet."""
    wanted = select(recordings).order_by(recordings.c.key).with_for_update()
    return [row for part in _where(subject) for row in connection.execute(wanted.where(part)).all()]


def detail_of(subject: Subject) -> Confidential[Mapping[str, Fact]]:
    """What a commitment to the subject is made to."""
    return Confidential({subject.kind: _name(subject)})


def _where(subject: Subject) -> list[ColumnElement[bool]]:
    match subject:
        case ByConversation():
            return [recordings.c.conversation_id == subject.conversation_id]
        case ByCustomer():
            return [recordings.c.customer_token == subject.token]
        case ByContributor():
            return [recordings.c.details["contributor"].as_string() == subject.contributor]
        case ByKeys():
            alive = recordings.c.erased_ms.is_(None)
            return [recordings.c.key.in_(some) & alive for some in batches(sorted(set(subject.keys)))]


def _name(subject: Subject) -> str:
    match subject:
        case ByConversation():
            return subject.conversation_id
        case ByCustomer():
            return subject.token
        case ByContributor():
            return subject.contributor
        case ByKeys():
            return subject.label
