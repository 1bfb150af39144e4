"""What there is, what is taken of it, and what must go, before any audio is fetched."""

from __future__ import annotations

import json

import pytest

from sottovoce.custody.subject import ByConversation
from sottovoce.domain.outcome import OutcomeStatus, Reason
from sottovoce.errors import SourceError
from sottovoce.ledger.entry import Action
from sottovoce.testing.house import carry_all, exchange, settle_all


def change(house, number, **facts):
    path = house.workspace.root / "calls" / f"call-{number:04d}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def attributes(**named):
    return {"participants": [{"purpose": "customer", "attributes": named}]}


def test_a_look_writes_no_decision(house):
    """Looking remembers recordings and decides nothing; each is counted as it is seen."""
    seen = []
    survey = house.surveyor().look(seen=seen.append)
    assert (survey.seen, survey.new, survey.erased, survey.withdrawn, seen) == (2, 2, 0, (), [1, 2])
    assert len(survey.report.taken) == 2
    assert house.registry.pending("corpus") == ()
    assert house.registry.outcomes("corpus") == ()
    assert house.surveyor().look().new == 0


def test_what_is_refused_ends_at_once_and_is_never_fetched(house):
    """A refusal is an outcome with its rule in the ledger; what is taken waits with its decision."""
    change(house, 0, **attributes(aiTrainingOptOut="true"))
    (key,) = settle_all(house)
    (outcome,) = house.registry.outcomes("corpus")
    assert (outcome.status, outcome.reason) == (OutcomeStatus.EXCLUDED, Reason.CONSENT_REFUSED)
    (_, entry), *_ = house.ledger.entries_about(outcome.recording)
    assert (entry.action, entry.outcome) == (Action.RECORDING_EXCLUDED, "CONSENT_REFUSED")
    assert house.registry.decision("corpus", outcome.recording).admitted is False
    assert house.registry.decision("corpus", key).admitted is True
    assert house.registry.pending("corpus") == (key,)


def test_what_was_not_selected_stays_free(house):
    """A recording beyond the target is decided about and may be taken by the next run."""
    policy = house.workspace.policy
    policy.write_text(policy.read_text().replace("target_hours: 100.0", "target_hours: 0.0001"))
    chosen = settle_all(house)
    assert len(chosen) == 1
    assert house.registry.outcomes("corpus") == ()
    policy.write_text(policy.read_text().replace("target_hours: 0.0001", "target_hours: 100.0"))
    del house.__dict__["loaded"]
    assert len(settle_all(house)) == 2


def test_consent_taken_back_after_the_seal_is_found_and_erases(house):
    """What was kept and may no longer be is named by the next look, and erased with its descendants."""
    carry_all(house, settle_all(house))
    change(house, 1, **attributes(aiTrainingConsent="true", aiTrainingConsentWithdrawn="true"))
    survey = house.surveyor().look()
    assert len(survey.withdrawn) == 1
    assert house.erase_withdrawn(survey.withdrawn) == 1
    again = house.surveyor().look()
    assert (again.seen, again.erased, again.withdrawn) == (1, 1, ())
    assert settle_all(house) == ()


def test_erased_recordings_are_not_looked_at(house):
    """A recording that was erased is counted and nothing more, although its source still has it."""
    house.surveyor().look()
    house.eraser.erase(ByConversation(conversation_id="conversation-0000"), requested_by="test", why="TEST")
    survey = house.surveyor().look()
    assert (survey.seen, survey.erased) == (1, 1)


def test_what_was_kept_counts_toward_the_target(house):
    """Sealed recordings are not offered again and their hours are."""
    carry_all(house, settle_all(house)[:1])
    survey = house.surveyor().look()
    assert len(survey.report.taken) == 1
    assert survey.report.kept_h == pytest.approx(3.0 / 3600)


def test_a_source_that_breaks_off_is_an_error(house):
    """Half a list is no list: nothing is decided."""

    class Breaking:
        name = "calls"

        def discover(self):
            yield from list(inner.discover())[:1]
            raise SourceError("it broke off")

    inner = house.sources["calls"]
    exchange(house, sources={"calls": Breaking()})
    with pytest.raises(SourceError):
        settle_all(house)
    assert house.registry.pending("corpus") == ()
