"""Who asks to be forgotten: a conversation or a customer, never printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import Select, select

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


Subject = ByConversation | ByCustomer


def rows_of(subject: Subject) -> Select[Any]:
    """What can still be found of the subject: rows that are not blanked yet."""
    wanted = select(recordings).order_by(recordings.c.key)
    if isinstance(subject, ByConversation):
        return wanted.where(recordings.c.conversation_id == subject.conversation_id)
    return wanted.where(recordings.c.customer_token == subject.token)


def detail_of(subject: Subject) -> Confidential[Mapping[str, Fact]]:
    """What a commitment to the subject is made to."""
    name = subject.conversation_id if isinstance(subject, ByConversation) else subject.token
    return Confidential({subject.kind: name})
