"""What wiring tells a Genesys source about the policy."""

from __future__ import annotations

import pytest

from sottovoce.domain.recording import Participant
from sottovoce.policy.model import Policy
from sottovoce.wiring.sources import language_matters

SAID = (Participant(purpose="customer", attributes={"aiTrainingConsent": "true"}),)
SILENT = (Participant(purpose="customer", attributes={}),)


def policy(**changes: object) -> Policy:
    source = {"kind": "genesys", "region": "eu_west_1", "client_id": "env:A", "client_secret": "env:B"}
    basis = {"basis": "consent"}
    return Policy.model_validate({"sources": {"cloud": source}, "lawful_basis": basis, **changes})


def test_a_call_without_a_word_of_consent_is_out_whatever_it_speaks() -> None:
    """Its language decides nothing; that of a call that may be taken does."""
    assert not language_matters(policy(), SILENT)
    assert language_matters(policy(), SAID)


def test_where_consent_is_not_the_ground_every_language_matters() -> None:
    """Under legitimate interest silence keeps nobody out."""
    assert language_matters(policy(lawful_basis={"basis": "legitimate_interest"}), SILENT)


@pytest.mark.parametrize(("weighed", "matters"), [(("queue_category",), False), (("language",), True)])
def test_a_policy_that_takes_every_language_need_not_know_it(weighed: tuple[str, ...], matters: bool) -> None:
    """Unless the corpus is to be balanced by it."""
    any_language = policy(exclusions={"languages_allowed": ["*"]}, selection={"stratify_by": list(weighed)})
    assert language_matters(any_language, SAID) is matters
