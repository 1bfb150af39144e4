"""The end of a journey: one outcome with its entries, and what was sealed in vain goes again."""

from __future__ import annotations

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import OutcomeStatus, Passed, Reason, Withheld
from sottovoce.errors import LedgerUnavailable
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.reasons import BY_CODE, EXCLUDING, reason_for, status_for
from sottovoce.pipeline.refs import StepError
from sottovoce.testing.house import settle_all


@pytest.fixture
def key(house):
    return settle_all(house)[0]


def test_what_was_given_up_is_quarantined_once(house, key):
    """Closing writes one outcome and one entry; closing again, for whatever reason, changes nothing."""
    concluder = house.concluder()
    assert concluder.close("corpus", key, "E_GAVE_UP") == "quarantined"
    assert concluder.close("corpus", key, "E_STORAGE") == "quarantined"
    assert house.registry.outcome("corpus", key).reason is Reason.GAVE_UP
    assert [e.action for _, e in house.ledger.entries_about(key)] == [Action.RECORDING_QUARANTINED]


def test_a_refusal_is_excluded(house, key):
    """A decision against a recording is an exclusion, and its evidence is in the ledger."""
    concluder = house.concluder()
    refusal = Withheld(reason=Reason.TOO_SHORT, evidence={"ms": 10})
    assert concluder.conclude(concluder.journal("corpus", key), refusal) == "excluded"
    (_, entry) = house.ledger.entries_about(key)[-1]
    assert (entry.action, entry.outcome, entry.facts) == (Action.RECORDING_EXCLUDED, "TOO_SHORT", {"ms": 10})


def test_an_earlier_outcome_stays(house, key):
    """What was closed by one process is not sealed by another that was still carrying it."""
    concluder = house.concluder()
    concluder.close("corpus", key, "E_GAVE_UP")
    assert concluder.conclude(concluder.journal("corpus", key), Passed(value=None)) == "quarantined"


def test_what_was_sealed_in_vain_is_discarded(house, key):
    """A recording that does not end as sealed leaves no ciphertext."""
    house.vault.seal_object(key, "sample", Confidential(b"x"))
    objects = house.workspace.root / "objects"
    assert [p for p in objects.rglob("*") if p.is_file()]
    house.concluder().close("corpus", key, "E_GAVE_UP")
    assert not [p for p in objects.rglob("*") if p.is_file()]


def test_another_lines_objects_stay(house, key):
    """What the corpus line withholds may have been sealed for analytics, and evidence of a violation is neither's."""
    house.vault.seal_object(key, "sample", Confidential(b"x"))
    kept = [house.vault.seal_object(key, kind, Confidential(b"x")) for kind in ("redacted", "evidence")]
    house.concluder().close("corpus", key, "E_GAVE_UP")
    assert [house.vault.open_object(key, each).reveal() for each in kept] == [b"x", b"x"]


def test_errors_leave_a_step_as_codes(house, key):
    """A step raises StepError with code and whether to try again, and nothing of the message."""

    def fail(error):
        def work():
            raise error

        with pytest.raises(StepError) as raised:
            house.concluder().stepwise(key, work)
        assert "zanzibar" not in str(raised.value)
        assert raised.value.__suppress_context__
        return raised.value.code, raised.value.retryable

    assert fail(LedgerUnavailable("zanzibar")) == ("E_LEDGER_UNAVAILABLE", True)
    assert fail(ValueError("zanzibar")) == ("ValueError", False)
    assert fail(StepError("E_MEDIA", retryable=True)) == ("E_MEDIA", True)


def test_every_code_has_a_reason_that_doubts(house):
    """Errors are doubts: each code's reason quarantines, and a code nobody foresaw is given up."""
    assert {status_for(reason) for reason in BY_CODE.values()} == {OutcomeStatus.QUARANTINED}
    assert reason_for("E_NEVER_SEEN") is Reason.GAVE_UP
    assert {status_for(reason) for reason in EXCLUDING} == {OutcomeStatus.EXCLUDED}
