"""What a recording is to the law, and whose law it is under."""

from __future__ import annotations

from typing import Any

import pytest

from sottovoce.agreements.classes import classes_of, foreseen_classes, signs_of, years_to_keep
from sottovoce.agreements.zones import foreseen_origins, origins_of, unplaced_sources
from sottovoce.domain.agreement import DataClass
from sottovoce.domain.recording import Participant
from sottovoce.domain.zone import Zone
from sottovoce.policy.load import parse_policy
from sottovoce.testing.agreements import a_call, a_policy

C = DataClass
GENESYS = """\
sources: {calls: {kind: genesys, region: eu_central_1, client_id: "env:A", client_secret: "env:B"}}
lawful_basis: {basis: consent}
consent: {wordings: [{version: w1, effective: 2025-01-01}]}
"""


def paid(value: str) -> tuple[Participant, ...]:
    return (Participant(purpose="agent", attributes={"paymentCaptured": value}),)


@pytest.mark.parametrize(
    ("call", "sections", "classes"),
    [
        ({}, "", {C.PERSONAL}),
        ({"queue": "Health Line", "region": "us_east_1"}, "", {C.PERSONAL, C.HIPAA}),
        ({"queue": "Health Line", "region": "eu_west_2"}, "", {C.PERSONAL, C.HIPAA, C.SPECIAL_CATEGORY}),
        ({"queue": "Health Line"}, "", {C.PERSONAL, C.HIPAA, C.SPECIAL_CATEGORY}),
        ({"queue_category": "health-insurance", "region": "us"}, "", {C.PERSONAL, C.HIPAA}),
        ({"queue": "Healthy Snacks"}, "", {C.PERSONAL}),
        ({"queue": "Payments"}, "", {C.PERSONAL, C.PCI}),
        ({"participants": paid("true")}, "", {C.PERSONAL, C.PCI}),
        ({"participants": paid("perhaps")}, "", {C.PERSONAL, C.PCI}),
        ({"participants": paid("no")}, "", {C.PERSONAL}),
        ({"queue": "Line 7"}, "agreements: {classes: {line 7: [HIPAA, PCI]}}", {C.PERSONAL, C.HIPAA, C.PCI}),
        ({"queue": "q1"}, "corpus: {queue_categories: {q1: billing}}", {C.PERSONAL, C.PCI}),
        ({"queue": "q1"}, "redaction: {queues: {Q1: [phi]}}", {C.PERSONAL, C.HIPAA}),
        ({"queue": "q1"}, "redaction: {queues: {q1: [gdpr_special]}}", {C.PERSONAL, C.SPECIAL_CATEGORY}),
        ({"queue": "q1"}, "redaction: {default: [phi]}", {C.PERSONAL, C.HIPAA}),
        ({"queue": "q1"}, "redaction: {default: [phi], queues: {q1: [pci]}}", {C.PERSONAL}),
        (
            {"queue_category": "Trading"},
            "retention: {duties: [{name: MIFID_II, queue_categories: [trading]}]}",
            {C.PERSONAL, C.FINANCIAL},
        ),
        ({"queue_category": "retail"}, "retention: {duties: [{name: FINRA, queue_categories: [t]}]}", {C.PERSONAL}),
        ({}, "retention: {duties: [{name: FINRA}]}", {C.PERSONAL, C.FINANCIAL}),
        ({}, "retention: {duties: [{name: HIPAA}]}", {C.PERSONAL, C.HIPAA}),
        ({}, "retention: {duties: [{name: PCI_DSS}]}", {C.PERSONAL}),
        (
            {"queue_category": "orders"},
            "retention: {duties: [{name: PCI_DSS, queue_categories: [orders]}]}",
            {C.PERSONAL, C.PCI},
        ),
    ],
)
def test_any_sign_of_a_class_makes_it_of_that_class(call: dict[str, Any], sections: str, classes: set[C]) -> None:
    """Queue, category, payment flag, redaction bundle and duty each say something; no silence takes it back."""
    assert classes_of(a_call(**call), a_policy(sections)) == classes


def test_the_first_sign_is_told() -> None:
    """What the policy says comes before what the program sees."""
    policy = a_policy("agreements: {classes: {Health Line: [HIPAA]}}")
    assert signs_of(a_call(queue="Health Line", region="us"), policy) == {C.PERSONAL: "always", C.HIPAA: "stated"}


def test_the_longest_duty_that_covers_it_counts() -> None:
    """Years are the duty's own or those chosen; without a duty the most that any asks."""
    two = "[{name: SEC_17A4, queue_categories: [trading]}, {name: FINRA, years: 7, queue_categories: [advice]}]"
    policy = a_policy(f"retention: {{duties: {two}}}")
    years = [years_to_keep(a_call(queue_category=name), policy) for name in ("trading", "advice", "retail")]
    assert years == [3, 7, 7]


@pytest.mark.parametrize(
    ("call", "sections", "zones"),
    [
        ({"region": "eu_central_1"}, "", {Zone.EU}),
        ({"region": "eu-west-2"}, "", {Zone.UK}),
        ({}, "", set()),
        ({"region": "mars-1"}, "", set()),
        ({}, "residency: {sources: {calls: uk}}", {Zone.UK}),
        ({"region": "us-east-1"}, "residency: {sources: {calls: eu}}", {Zone.EU, Zone.US}),
        ({"region": "mars-1"}, "residency: {sources: {calls: uk}}", set()),
        ({"region": "DC_Leeds"}, "residency: {regions: {dc-leeds: uk}}", {Zone.UK}),
    ],
)
def test_zones_travel_with_the_recording(call: dict[str, Any], sections: str, zones: set[Zone]) -> None:
    """Where it is stored and whose it is; one that is not known makes all of it unknown."""
    assert origins_of(a_call(**call), a_policy(sections)) == zones


def test_a_recording_stored_abroad_is_under_both_laws() -> None:
    """A Genesys organisation's region and the recording's own may differ (regional storage)."""
    policy = parse_policy(GENESYS).policy
    assert origins_of(a_call(region="us-east-1"), policy) == {Zone.EU, Zone.US}
    assert origins_of(a_call(), policy) == {Zone.EU}
    assert (foreseen_origins(policy), unplaced_sources(policy)) == ({Zone.EU}, ())


def test_a_source_without_a_zone_is_told_of() -> None:
    """Only recordings that name a region can leave it."""
    assert unplaced_sources(a_policy("")) == ("calls",)
    assert unplaced_sources(a_policy("residency: {sources: {calls: in}}")) == ()


@pytest.mark.parametrize(
    ("sections", "classes"),
    [
        ("residency: {sources: {calls: us}}", {C.PERSONAL}),
        ("residency: {sources: {calls: us}}\nagreements: {classes: {a: [PCI]}}", {C.PERSONAL, C.PCI}),
        ("residency: {sources: {calls: us}}\nredaction: {queues: {clinic: [all]}}", {C.PERSONAL, C.HIPAA}),
        (
            "residency: {sources: {calls: eu}}\nredaction: {queues: {clinic: [all]}}",
            {C.PERSONAL, C.HIPAA, C.SPECIAL_CATEGORY},
        ),
        ("corpus: {queue_categories: {q1: health}}", {C.PERSONAL}),
        ("corpus: {queue_categories: {q1: billing}}", {C.PERSONAL, C.PCI}),
        ("redaction: {default: [phi]}", {C.PERSONAL, C.HIPAA}),
        ("retention: {duties: [{name: FINRA, queue_categories: [x]}]}", {C.PERSONAL, C.FINANCIAL}),
    ],
)
def test_what_a_policy_lets_one_expect(sections: str, classes: set[C]) -> None:
    """Every queue it names and does not keep out, its redaction and its duties."""
    assert foreseen_classes(a_policy(sections)) == classes
