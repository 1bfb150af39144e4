"""One recording from admission to seal: every door noted, every doubt an outcome, nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sottovoce.anonymize.disguise import Undisguised
from sottovoce.custody.subject import ByConversation
from sottovoce.domain.outcome import OutcomeStatus, Reason, Waiver
from sottovoce.errors import (
    AnonymizationError,
    DetectionError,
    KeyUnavailable,
    LanguageUnsupported,
    SourceUnavailable,
    StorageError,
)
from sottovoce.ledger.entry import Action
from sottovoce.redact.redactor import Redactor
from sottovoce.testing.house import Deaf, OneWord, carry_all, exchange, settle_all
from sottovoce.testing.redaction import ScriptedEar, ScriptedFinder, ScriptedTranscriber
from sottovoce.wiring.rooms import noise_source

PLANTED = "zanzibar marmalade"


class Failing:
    """Raises from whatever it is asked, until it is mended."""

    def __init__(self, inner: object, name: str, error: Exception) -> None:
        self._inner, self._name, self.error = inner, name, error
        self.asked = 0

    def __getattr__(self, name: str) -> object:
        return self._raise if name == self._name and self.error else getattr(self._inner, name)

    def _raise(self, *_: object, **__: object) -> object:
        self.asked += 1
        raise self.error


def first(house):
    return settle_all(house)[0]


def actions(house, key):
    return [entry.action for _, entry in house.ledger.entries_about(key)]


def test_every_door_is_in_the_ledger_once(house):
    """From decision to seal each door leaves one entry, and the seal's facts say what was removed."""
    key = first(house)
    assert house.carrier().carry("corpus", key) == "sealed"
    assert actions(house, key) == [
        Action.RECORDING_DECIDED,
        Action.RECORDING_FETCHED,
        Action.RECORDING_HEARD,
        Action.RECORDING_REDACTED,
        Action.RECORDING_VERIFIED,
        Action.RECORDING_ANONYMIZED,
        Action.RECORDING_SEALED,
    ]
    outcome = house.registry.outcome("corpus", key)
    assert outcome.status is OutcomeStatus.SEALED
    assert outcome.facts["ms_credit_debit_number"] >= 1000
    assert outcome.facts["method"] == "inverted-1"


def test_carrying_again_changes_nothing(house):
    """A recording that has its outcome is not fetched again; the answer is what it was."""
    key = first(house)
    carrier = house.carrier()
    carrier.carry("corpus", key)
    before = actions(house, key)
    source = Failing(house.sources["calls"], "fetch", AssertionError("fetched again"))
    exchange(house, sources={"calls": source})
    assert house.carrier().carry("corpus", key) == "sealed"
    assert carrier.close("corpus", key, "E_GAVE_UP") == "sealed"
    assert actions(house, key) == before
    assert source.asked == 0


def test_admission_is_asked_again(house):
    """What changed since the plan counts: consent taken back while it waited excludes, and nothing is fetched."""
    key = first(house)
    ref, metadata = house.registry.recall(key)
    taken_back = replace(metadata.participants[0], attributes={"aiTrainingOptOut": "true"})
    house.registry.remember(ref, replace(metadata, participants=(taken_back,)))
    exchange(house, sources={"calls": Failing(house.sources["calls"], "fetch", AssertionError())})
    assert house.carrier().carry("corpus", key) == "excluded"
    assert house.registry.outcome("corpus", key).reason is Reason.CONSENT_REFUSED
    assert actions(house, key) == [Action.RECORDING_EXCLUDED]


def test_the_same_sound_under_another_id_is_excluded(house):
    """A second recording of the same bytes is known by its digest once it was fetched."""
    calls = house.workspace.root / "calls"
    (calls / "call-0001.wav").write_bytes((calls / "call-0000.wav").read_bytes())
    assert sorted(carry_all(house, settle_all(house)).values()) == ["excluded", "sealed"]
    assert {o.reason for o in house.registry.outcomes("corpus")} == {None, Reason.DUPLICATE_SOUND}


@pytest.mark.parametrize(
    ("room", "call", "error", "reason"),
    [
        ("sources", "fetch", SourceUnavailable("away"), Reason.SOURCE_FAILED),
        ("disguiser", "disguise", AnonymizationError("not exact"), Reason.ANONYMIZATION_FAILED),
        ("vault", "seal_recording", StorageError("full"), Reason.SEALING_FAILED),
        ("vault", "seal_recording", KeyUnavailable("away"), Reason.SEALING_FAILED),
        ("redactor", "redact", RuntimeError(PLANTED), Reason.GAVE_UP),
        ("packer", "pack", MemoryError(PLANTED), Reason.GAVE_UP),
    ],
)
def test_what_a_room_raises_withholds(house, room, call, error, reason):
    """Errors end as their reason, surprises as given up with their type; retryable ones are tried again first."""
    key = first(house)
    inner = house.sources["calls"] if room == "sources" else getattr(house, room)
    failing = Failing(inner, call, error)
    exchange(house, **{room: {"calls": failing} if room == "sources" else failing})
    assert carry_all(house, [key]) == {key: "quarantined"}
    outcome = house.registry.outcome("corpus", key)
    assert outcome.reason is reason
    (_, entry) = house.ledger.entries_about(key)[-1]
    assert entry.facts["code"] == getattr(error, "code", type(error).__name__)
    assert PLANTED not in repr(entry)
    assert failing.asked == (3 if getattr(error, "retryable", False) else 1)
    failing.error = None
    house.reopen_quarantined()
    assert carry_all(house, [key]) == {key: "sealed"}


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"transcriber": ScriptedTranscriber(LanguageUnsupported("no"))}, Reason.LANGUAGE_UNSUPPORTED),
        ({"finder": ScriptedFinder(DetectionError("no"))}, Reason.DETECTOR_FAILED),
        ({"ears": (ScriptedEar(RuntimeError(PLANTED)),)}, Reason.DETECTOR_FAILED),
    ],
)
def test_doubt_in_redaction_withholds(house, parts, reason):
    """A detector or transcriber that fails means that nothing is sealed."""
    rooms = {"transcriber": OneWord(), "finder": ScriptedFinder(), "ears": (Deaf(),), "noise_source": noise_source}
    exchange(house, redactor=Redactor(**(rooms | parts)))
    key = first(house)
    assert house.carrier().carry("corpus", key) == "quarantined"
    assert house.registry.outcome("corpus", key).reason is reason
    assert actions(house, key)[-1] is Action.RECORDING_QUARANTINED


def test_a_waived_disguise_is_noted_as_a_waiver(house):
    """A step that policy leaves out is in the ledger as waived, never absent."""
    exchange(house, disguiser=Undisguised(waiver=Waiver(step="anonymize", who="dpo", why="test")))
    key = first(house)
    house.carrier().carry("corpus", key)
    assert Action.STEP_WAIVED in actions(house, key)
    assert Action.RECORDING_ANONYMIZED not in actions(house, key)


def test_a_recording_erased_while_it_is_carried_leaves_nothing(house):
    """Erasure in the middle ends the journey as erased, and what was sealed of it goes."""
    key = first(house)
    _, metadata = house.registry.recall(key)

    class Erasing(OneWord):
        def transcribe(self, sound, *, language):
            house.eraser.erase(
                ByConversation(conversation_id=metadata.conversation_id), requested_by="test", why="TEST"
            )
            return super().transcribe(sound, language=language)

    exchange(
        house,
        redactor=Redactor(transcriber=Erasing(), finder=ScriptedFinder(), ears=(Deaf(),), noise_source=noise_source),
    )
    assert carry_all(house, [key]) == {key: "erased"}
    assert house.registry.outcome("corpus", key) is None
    assert house.registry.objects(key) == ()
    left = [p for p in (house.workspace.root / "objects").rglob("*") if p.is_file()]
    assert {p.parent.parent.name for p in left} == {"custody"}
