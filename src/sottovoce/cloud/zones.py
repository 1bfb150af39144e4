"""Residency zones as sets of AWS regions: a zone is a body of law, and not a continent.

After AWS's list of Regions ("AWS Regions", Global Infrastructure). London and Zurich are in Europe and not in the
European Union; data may lawfully go there under adequacy decisions, and goes only where somebody says so
(`--region-allowed`).
"""

from __future__ import annotations

import re
from typing import Final

from sottovoce.errors import PolicyError

ZONES: Final[dict[str, tuple[str, ...]]] = {
    "eu": ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"),
    "uk": ("eu-west-2",),
    "ch": ("eu-central-2",),
    "us": ("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
    "us-gov": ("us-gov-east-1", "us-gov-west-1"),
    "ca": ("ca-central-1", "ca-west-1"),
    "au": ("ap-southeast-2", "ap-southeast-4"),
    "jp": ("ap-northeast-1", "ap-northeast-3"),
    "in": ("ap-south-1", "ap-south-2"),
    "sg": ("ap-southeast-1",),
    "br": ("sa-east-1",),
}

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[1-9]")


def zone_of(region: str) -> str:
    """The zone a region lies in. PolicyError for a region of none."""
    for zone, regions in ZONES.items():
        if region in regions:
            return zone
    raise PolicyError(
        "no residency zone is known for this region", hint=f"give --zone, one of {', '.join(ZONES)}, or another region"
    )


def regions_of(zone: str, *, home: str, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The zone's regions, and those that somebody allowed. PolicyError when home is not among them."""
    if zone not in ZONES:
        raise PolicyError("this residency zone is not known", hint=f"one of {', '.join(ZONES)}")
    unknown = [region for region in allowed if not _REGION.fullmatch(region)]
    regions = tuple(sorted({*ZONES[zone], *allowed}))
    if unknown or home not in regions:
        raise PolicyError("the region lies outside its residency zone", hint=f"{zone} is {', '.join(ZONES[zone])}")
    return regions


def partition_of(region: str) -> str:
    """Which AWS an ARN of this region belongs to."""
    return "aws-us-gov" if region.startswith("us-gov-") else "aws-cn" if region.startswith("cn-") else "aws"
