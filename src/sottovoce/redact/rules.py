"""What a policy says about one recording: which entities go from which channel, and how (SPEC 6.6, 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sottovoce.domain.entities import BUNDLES, FULL_NUMBERS, Entity
from sottovoce.domain.finding import Fill
from sottovoce.domain.sound import Role
from sottovoce.policy.model import Redaction

_ALWAYS = frozenset({Entity.UNHEARD_SPEECH})
"""Speech that no words account for may be anything, so no list of entities leaves it in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRules:
    """`entities` has every role; `margin_ms` is kept on each side of a finding, never less."""

    entities: Mapping[Role, frozenset[Entity]]
    fill: Fill
    margin_ms: int
    merge_ms: int
    crosstalk: bool

    def wants(self, entity: Entity, role: Role) -> bool:
        return entity in self.entities[role]


def rules_for(redaction: Redaction, *, queue: str | None = None, category: str | None = None) -> RedactionRules:
    """The rules for a recording of a queue: the queue's own entry, else its category's, else the default.

    A mono channel, where both speak, is searched for the customer's list, which is the full one.
    """
    lists = {name.casefold(): wanted for name, wanted in redaction.queues.items()}
    named = [lists[n.casefold()] for n in (queue, category) if n is not None and n.casefold() in lists]
    full = _entities(named[0] if named else redaction.default)
    return RedactionRules(
        entities={Role.CUSTOMER: full, Role.BOTH: full, Role.AGENT: _agents(redaction, full)},
        fill=redaction.fill,
        margin_ms=redaction.margin_ms,
        merge_ms=redaction.merge_ms,
        crosstalk=redaction.crosstalk,
    )


def _agents(redaction: Redaction, full: frozenset[Entity]) -> frozenset[Entity]:
    if redaction.agent == "same" or (redaction.agent == "full_numbers" and not redaction.keep_last_four):
        return full
    if redaction.agent == "full_numbers":
        return FULL_NUMBERS | _ALWAYS
    return _entities(redaction.agent)


def _entities(names: Iterable[str | Entity]) -> frozenset[Entity]:
    chosen = _ALWAYS
    for name in names:
        chosen |= BUNDLES[name] if name in BUNDLES else frozenset({Entity(name)})
    return chosen
