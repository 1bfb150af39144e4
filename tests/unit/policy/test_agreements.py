"""What a policy says of destinations, classes and zones, and the contradictions it is refused for."""

from __future__ import annotations

from datetime import date

import pytest

from sottovoce.domain.agreement import AgreementKind, DataClass
from sottovoce.domain.zone import Zone
from sottovoce.errors import PolicyError
from sottovoce.policy.load import parse_policy

BASE = """\
sources: {calls: {kind: folder, path: calls}}
lawful_basis: {basis: consent}
consent: {wordings: [{version: w1, effective: 2025-01-01}]}
"""

WAIVER = "{kind: BAA, who: a, why: b, until: 2026-01-01}"
NOBODYS = WAIVER.replace("who: a", "who: ''")


def test_destinations_classes_and_zones_are_read() -> None:
    """A destination states its zones, what it may be given, and what it must have beyond the law."""
    policy = parse_policy(f"""{BASE}
agreements:
  destinations:
    verint:
      zones: [us]
      classes: [HIPAA]
      requires: [SUBPROCESSOR_LIST]
      waivers: [{{kind: PCI_AOC, who: officer-1, why: nothing is paid by telephone, until: 2026-12-31}}]
  classes: {{Health Line: [HIPAA]}}
residency: {{sources: {{calls: uk}}, regions: {{dc-leeds: uk}}, confined: [in]}}
""").policy
    terms = policy.agreements.destinations["verint"]
    assert (terms.zones, terms.classes) == ((Zone.US,), (DataClass.HIPAA,))
    assert (terms.waivers[0].kind, terms.waivers[0].until) == (AgreementKind.PCI_AOC, date(2026, 12, 31))
    assert policy.agreements.warn_days == 30
    assert policy.residency.sources == {"calls": Zone.UK}


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("agreements: {destinations: {verint: {requires: [BAA]}}}", "states where it keeps"),
        (
            f"agreements: {{destinations: {{verint: {{zones: [us], requires: [BAA], waivers: [{WAIVER}]}}}}}}",
            "required and waived",
        ),
        ("agreements: {classes: {trading: [FINANCIAL]}}", "how long they are kept"),
        ("residency: {sources: {elsewhere: eu}}", "no source of this name"),
        ("residency: {regions: {eu_west_2: eu}}", "stands in another zone"),
        ("agreements: {destinations: {verint: {zones: [moon]}}}", "line 4"),
        ("agreements: {destinations: {verint: {zones: [us], exempt: [BAA]}}}", "exempt"),
        ("agreements: {destinations: {verint: {zones: [us], waivers: [{kind: BAA}]}}}", "who"),
        (
            f"agreements: {{destinations: {{verint: {{zones: [us], waivers: [{NOBODYS}]}}}}}}",
            "line 4",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(section: str, said: str) -> None:
    """Nothing is left out without a name, a reason and an end; nothing is claimed that cannot be."""
    with pytest.raises(PolicyError, match=said) as refused:
        parse_policy(f"{BASE}{section}\n")
    assert refused.value.hint


def test_a_financial_class_with_its_duty_is_fine() -> None:
    """The duty says for how many years."""
    duty = "retention: {duties: [{name: FINRA, queue_categories: [trading]}]}"
    assert parse_policy(f"{BASE}agreements: {{classes: {{trading: [FINANCIAL]}}}}\n{duty}\n").policy
