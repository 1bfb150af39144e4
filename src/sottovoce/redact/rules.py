"""What a policy says about one recording: which entities go from which channel, and how (SPEC 6.6, 7.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sottovoce.domain.entities import BUNDLES, FULL_NUMBERS, Entity
from sottovoce.domain.finding import OF_THE_CALL, Fill, Finding
from sottovoce.domain.sound import Role
from sottovoce.policy.model import Redaction

_ALWAYS = frozenset({Entity.UNHEARD_SPEECH})
"""Speech that no words account for may be anything, so no list of entities leaves it in."""


_EVERYBODYS = frozenset({Entity.NAME, Entity.ADDRESS})
"""Said of the call's people, and in every story: the whole class goes only where a queue asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRules:
    """`entities` has every role; `margin_ms` is kept on each side of a finding, never less.

    `least` is the score an entity's finding needs to count; none where it has no entry.
    """

    entities: Mapping[Role, frozenset[Entity]]
    fill: Fill
    margin_ms: int
    merge_ms: int
    crosstalk: bool
    least: Mapping[Entity, float] = field(default_factory=dict)

    def wants(self, entity: Entity, role: Role, *, score: float = 1.0) -> bool:
        return entity in self.entities[role] and score >= self.least.get(entity, 0.0)

    def wants_on(self, finding: Finding, roles: tuple[Role, ...]) -> bool:
        """Whether a finding goes from its channel; one on no channel is wanted, so that the plan refuses it."""
        known = 0 <= finding.channel < len(roles)
        return not known or self.wants(finding.entity, roles[finding.channel], score=finding.score)


def rules_for(redaction: Redaction, *, queue: str | None = None, category: str | None = None) -> RedactionRules:
    """The rules for a recording of a queue: the queue's own entry, else its category's, else the default.

    A mono channel, where both speak, is searched for the customer's list, which is the full one. Names and places
    that nothing ties to the call stay, except where the list says `phi` or names them: 45 CFR 164.514(b)(2)(i)(A)
    and (B) know no harmless ones, and no channel on which they may stay. For the same reason the agent's channel then
    loses the full list too: whoever reads an identifier out, it is one, and so is a part of it.
    """
    lists = {name.casefold(): wanted for name, wanted in redaction.queues.items()}
    named = [lists[n.casefold()] for n in (queue, category) if n is not None and n.casefold() in lists]
    chosen = named[0] if named else redaction.default
    full = _entities(chosen)
    return RedactionRules(
        entities={Role.CUSTOMER: full, Role.BOTH: full, Role.AGENT: _agents(redaction, full, chosen)},
        fill=redaction.fill,
        margin_ms=redaction.margin_ms,
        merge_ms=redaction.merge_ms,
        crosstalk=redaction.crosstalk,
        least={e: OF_THE_CALL for e in _EVERYBODYS if e not in chosen and "phi" not in chosen},
    )


def _agents(redaction: Redaction, full: frozenset[Entity], chosen: Iterable[str | Entity]) -> frozenset[Entity]:
    if redaction.agent == "same" or (redaction.agent == "full_numbers" and not redaction.keep_last_four):
        return full
    if redaction.agent == "full_numbers":
        return full if "phi" in chosen else FULL_NUMBERS | _ALWAYS
    return _entities(redaction.agent)


def _entities(names: Iterable[str | Entity]) -> frozenset[Entity]:
    chosen = _ALWAYS
    for name in names:
        chosen |= BUNDLES[name] if name in BUNDLES else frozenset({Entity(name)})
    return chosen
