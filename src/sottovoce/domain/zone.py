"""Zones of residency: within one, data moves without crossing a border that the law sees.

A cloud's region is read by where it stands, not by how it is called: `eu-west-2` is London and `eu-central-2` is
Zurich, and neither is in the European Economic Area. What is not listed is unknown, never guessed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Zone(StrEnum):
    """ISO 3166 codes in lower case; `eu` is the European Economic Area, `uk` the United Kingdom."""

    AE = "ae"
    AU = "au"
    BH = "bh"
    BR = "br"
    CA = "ca"
    CH = "ch"
    CN = "cn"
    EU = "eu"
    HK = "hk"
    ID = "id"
    IL = "il"
    IN = "in"
    JP = "jp"
    KR = "kr"
    MX = "mx"
    MY = "my"
    NZ = "nz"
    SG = "sg"
    TH = "th"
    TW = "tw"
    UK = "uk"
    US = "us"
    ZA = "za"


EUROPE: Final = frozenset({Zone.EU, Zone.UK, Zone.CH})
"""Where the GDPR, the UK GDPR or the Swiss act on data protection (FADP) is the law."""

REGIONS: Final = {
    "af-south-1": Zone.ZA,
    "ap-east-1": Zone.HK,
    "ap-east-2": Zone.TW,
    "ap-northeast-1": Zone.JP,
    "ap-northeast-2": Zone.KR,
    "ap-northeast-3": Zone.JP,
    "ap-south-1": Zone.IN,
    "ap-south-2": Zone.IN,
    "ap-southeast-1": Zone.SG,
    "ap-southeast-2": Zone.AU,
    "ap-southeast-3": Zone.ID,
    "ap-southeast-4": Zone.AU,
    "ap-southeast-5": Zone.MY,
    "ap-southeast-6": Zone.NZ,
    "ap-southeast-7": Zone.TH,
    "ca-central-1": Zone.CA,
    "ca-west-1": Zone.CA,
    "cn-north-1": Zone.CN,
    "cn-northwest-1": Zone.CN,
    "eu-central-1": Zone.EU,
    "eu-central-2": Zone.CH,
    "eu-north-1": Zone.EU,
    "eu-south-1": Zone.EU,
    "eu-south-2": Zone.EU,
    "eu-west-1": Zone.EU,
    "eu-west-2": Zone.UK,
    "eu-west-3": Zone.EU,
    "eusc-de-east-1": Zone.EU,
    "il-central-1": Zone.IL,
    "me-central-1": Zone.AE,
    "me-south-1": Zone.BH,
    "mx-central-1": Zone.MX,
    "sa-east-1": Zone.BR,
    "us-east-1": Zone.US,
    "us-east-2": Zone.US,
    "us-gov-east-1": Zone.US,
    "us-gov-west-1": Zone.US,
    "us-west-1": Zone.US,
    "us-west-2": Zone.US,
}
"""AWS regions, which Genesys Cloud writes with underscores: botocore 1.44.5, endpoints.json, by their descriptions."""


def region_name(region: str) -> str:
    """The spelling regions are compared in: `eu_west_1` is `eu-west-1`."""
    return region.strip().casefold().replace("_", "-")


def zone_of(region: str) -> Zone | None:
    """The zone a region stands in; a zone's own code is that zone. None for what is not known."""
    name = region_name(region)
    return Zone(name) if name in set(Zone) else REGIONS.get(name)
