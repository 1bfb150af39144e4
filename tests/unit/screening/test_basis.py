"""The lawful basis of a purpose (SPEC 4.1)."""

from __future__ import annotations

from datetime import date

import pytest

from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.screening.basis import BasisStands
from sottovoce.screening.rule import ScreeningContext

SOUND = {
    "basis": "legitimate_interest",
    "assessment": "LIA-7",
    "assessed_on": "2025-05-01",
    "addresses_voice_reidentification": True,
}


def _check(call, policy, lawful):
    rule = BasisStands(today=lambda: date(2026, 1, 1))
    return rule.check(call(), ScreeningContext(policy=policy(lawful_basis=lawful)))


@pytest.mark.parametrize("lawful", [{"basis": "consent"}, {"basis": "contract"}, SOUND])
def test_a_stated_basis_passes_and_is_kept(call, policy, lawful):
    """Consent, contract, and an assessed legitimate interest are bases; which one is evidence."""
    answer = _check(call, policy, lawful)
    assert isinstance(answer, Passed)
    assert answer.evidence["basis"] == lawful["basis"]
    assert answer.evidence["assessment"] == lawful.get("assessment", "unknown").casefold()


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"assessment": None}, "assessment_unnamed"),
        ({"assessment": "  "}, "assessment_unnamed"),
        ({"assessed_on": None}, "assessment_undated"),
        ({"assessed_on": "2026-01-02"}, "assessment_in_future"),
        ({"addresses_voice_reidentification": False}, "voice_reidentification_unaddressed"),
    ],
)
def test_a_flawed_assessment_is_no_basis(call, policy, change, flaw):
    """An assessment must be named, dated, made, and address voice re-identification."""
    answer = _check(call, policy, SOUND | change)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.NO_LAWFUL_BASIS
    assert answer.evidence["flaw"] == flaw
