"""The least a Genesys client's role needs for what the policy wants of each source, and what its token lacks of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sottovoce.domain.at_source import Way
from sottovoce.policy.model import GenesysSource as GenesysPolicy
from sottovoce.policy.model import Policy
from sottovoce.sources.genesys import archive, deletion, keeping
from sottovoce.sources.genesys.permissions import OPTIONAL, READING, UNKNOWN, token_permissions
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.protocol import Source
from sottovoce.wiring.compliance import written_back

PROTECTING = ("recording:deletionProtection:apply", "recording:deletionProtection:revoke")


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Of one source. `lacks` is None where the platform does not say what the token may do."""

    source: str
    needs: tuple[str, ...]
    lacks: tuple[str, ...] | None

    @property
    def missing(self) -> tuple[str, ...]:
        """What cannot be done without."""
        return tuple(each for each in self.lacks or () if each not in OPTIONAL)


def needed_of(policy: Policy, name: str) -> tuple[str, ...]:
    """Sorted `domain:entity:action` codes for what the policy uses of this source, and no others."""
    source = policy.sources[name]
    if not isinstance(source, GenesysPolicy):
        return ()
    needs = set(READING)
    if source.restore_archived:
        needs.add(archive.PERMISSION)
    if source.erase_at_source != "none":
        needs |= {*deletion.PERMISSIONS[Way.RECORDINGS], *deletion.PERMISSIONS[Way(source.erase_at_source)]}
    if source.protect_at_source:
        needs.update(PROTECTING)
    if source.source_days is not None:
        needs.update(keeping.PERMISSIONS)
    if policy.intake.source == name:
        needs |= written_back(policy.compliance)
    return tuple(sorted(needs))


def permissions_of(policy: Policy, sources: Mapping[str, Source]) -> tuple[Permissions, ...]:
    """What each Genesys source's client needs and lacks. Raises SourceError."""
    asked = {name: source for name, source in sources.items() if isinstance(source, GenesysSource)}
    return tuple(_held(name, needed_of(policy, name), token_permissions(one.client)) for name, one in asked.items())


def _held(name: str, needs: tuple[str, ...], granted: tuple[str, ...]) -> Permissions:
    lacks = None if granted == UNKNOWN else tuple(each for each in needs if each not in granted)
    return Permissions(source=name, needs=needs, lacks=lacks)
