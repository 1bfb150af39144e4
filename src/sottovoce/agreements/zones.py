"""Whose law a recording is under, and which borders it would cross (GDPR Chapter V; SPEC 10.2)."""

from __future__ import annotations

from sottovoce.agreements.need import Move
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.zone import Zone, region_name, zone_of
from sottovoce.policy.model import Policy
from sottovoce.policy.sources import GenesysSource


def origins_of(metadata: RecordingMetadata, policy: Policy) -> frozenset[Zone]:
    """The zones whose law comes along: where it is stored, and whose its source is. Empty when any is unknown.

    A recording may be stored elsewhere than its organisation is (GENESYS.md 9); then the laws of both are asked.
    """
    regions = _regions(metadata, policy)
    found = [region_zone(region, policy) for region in regions]
    stated = policy.residency.sources.get(metadata.ref.source)
    zones = frozenset(zone for zone in (*found, stated) if zone is not None)
    return frozenset() if None in found else zones


def foreseen_origins(policy: Policy) -> frozenset[Zone]:
    """Every zone that the policy's sources name; recordings may still state regions of their own."""
    regions = (source_region(name, policy) for name in policy.sources)
    zones = (region_zone(region, policy) for region in regions if region is not None)
    return frozenset(zone for zone in (*zones, *policy.residency.sources.values()) if zone is not None)


def unplaced_sources(policy: Policy) -> tuple[str, ...]:
    """Sources that state no zone: only a recording that names its region may leave them."""
    stated = policy.residency.sources
    return tuple(name for name in policy.sources if name not in stated and not _is_placed(name, policy))


def _is_placed(name: str, policy: Policy) -> bool:
    region = source_region(name, policy)
    return region is not None and region_zone(region, policy) is not None


def region_zone(region: str, policy: Policy) -> Zone | None:
    """The zone of a region: one of the policy's own, or a known one."""
    own = {region_name(name): zone for name, zone in policy.residency.regions.items()}
    return own.get(region_name(region)) or zone_of(region)


def source_region(name: str, policy: Policy) -> str | None:
    """The region that a source itself names: a Genesys organisation's."""
    source = policy.sources.get(name)
    return source.region if isinstance(source, GenesysSource) else None


def _regions(metadata: RecordingMetadata, policy: Policy) -> tuple[str, ...]:
    said = (metadata.region, source_region(metadata.ref.source, policy))
    return tuple(region for region in said if region is not None and region.strip())


def moves(origins: frozenset[Zone], targets: frozenset[Zone]) -> tuple[Move, ...]:
    """Every border between them, in order; none within a zone."""
    pairs = ((origin, target) for origin in sorted(origins) for target in sorted(targets) if origin is not target)
    return tuple(Move(origin=origin, target=target) for origin, target in pairs)
