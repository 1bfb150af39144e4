"""Where regions stand, held to what AWS itself says of them."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from sottovoce.domain.zone import REGIONS, Zone, zone_of
from sottovoce.sources.genesys.hosts import REGIONS as GENESYS

PLACES = {
    "Bahrain": Zone.BH, "Beijing": Zone.CN, "Calgary": Zone.CA, "California": Zone.US, "Canada": Zone.CA,
    "Cape Town": Zone.ZA, "Frankfurt": Zone.EU, "Germany": Zone.EU, "GovCloud": Zone.US, "Hong Kong": Zone.HK,
    "Hyderabad": Zone.IN, "Ireland": Zone.EU, "Jakarta": Zone.ID, "London": Zone.UK, "Malaysia": Zone.MY,
    "Melbourne": Zone.AU, "Mexico": Zone.MX, "Milan": Zone.EU, "Mumbai": Zone.IN, "New Zealand": Zone.NZ,
    "Ningxia": Zone.CN, "Ohio": Zone.US, "Oregon": Zone.US, "Osaka": Zone.JP, "Paris": Zone.EU, "Sao Paulo": Zone.BR,
    "Seoul": Zone.KR, "Singapore": Zone.SG, "Spain": Zone.EU, "Stockholm": Zone.EU, "Sydney": Zone.AU,
    "Taipei": Zone.TW, "Tel Aviv": Zone.IL, "Thailand": Zone.TH, "Tokyo": Zone.JP, "UAE": Zone.AE,
    "Virginia": Zone.US, "Zurich": Zone.CH,
}  # fmt: skip
"""Places that descriptions of regions name."""


def described() -> dict[str, str]:
    partitions = json.loads(files("botocore").joinpath("data/endpoints.json").read_text())["partitions"]
    named = {name: each["description"] for part in partitions for name, each in part["regions"].items()}
    return {name: said for name, said in named.items() if "-iso" not in name}


def test_every_region_stands_where_its_own_cloud_says() -> None:
    """The table against the descriptions that botocore ships; regions of closed partitions stay unknown."""
    told = {name: {zone for place, zone in PLACES.items() if place in said} for name, said in described().items()}
    assert {name: told[name] for name in REGIONS if name in told} == {n: {z} for n, z in REGIONS.items() if n in told}
    assert set(told) <= set(REGIONS)


def test_every_region_of_genesys_cloud_is_known() -> None:
    """Each of the source's regions has a zone, underscores and all."""
    assert [name for name in GENESYS if zone_of(name) is None] == []


@pytest.mark.parametrize(
    ("region", "zone"),
    [
        ("eu_west_2", Zone.UK),
        ("EU-Central-2", Zone.CH),
        ("eu_west_1", Zone.EU),
        ("eu", Zone.EU),
        ("eu-west-9", None),
        ("europe", None),
        ("", None),
    ],
)
def test_a_name_that_says_europe_may_stand_elsewhere(region: str, zone: Zone | None) -> None:
    """London and Zurich are outside the Economic Area; what is not known is not guessed."""
    assert zone_of(region) is zone
