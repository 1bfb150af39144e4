"""What was only guessed beside a card number goes with it (SPEC 6.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sottovoce.detect.beside_cards import beside_cards
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.domain.spans import Span
from sottovoce.testing.spoken import RATE, call_of

WORD = 3200


def call(*turns: str, probability: float, role: Role = Role.CUSTOMER) -> HeardCall:
    sound, transcript = call_of(*((0, t) for t in turns), roles=(role,), probability=probability)
    return HeardCall(sound=sound, transcript=transcript)


def card(start: int, end: int) -> Finding:
    return Finding(
        entity=Entity.CREDIT_DEBIT_NUMBER, channel=0, span=Span(start, end), detector="second_ear", score=0.8
    )


SECOND = RATE + 4 * WORD + RATE * 3 // 2
"""Where the second turn begins, after one of four words and the pause."""


@pytest.mark.parametrize(("probability", "found"), [(0.2, True), (0.9, False)])
def test_a_guessed_group_beside_a_card_number_goes(probability, found):
    """The ear heard three groups; of the first the transcriber made improbable words. Probable ones stay."""
    heard = call("for sen one sees", "for for for for", probability=probability)
    beside = beside_cards(heard, [card(SECOND, SECOND + 4 * WORD)])
    numbers = [f.span.start for f in beside if f.entity is Entity.CREDIT_DEBIT_NUMBER]
    assert (numbers == [RATE]) is found


@pytest.mark.parametrize(("role", "found"), [(Role.CUSTOMER, 1), (Role.AGENT, 0)])
def test_guessed_answers_after_a_card_number_go(role, found):
    """A short guessed turn after it is the CVV, unless an agent says it."""
    heard = call("four seven one six", "... fife too ate", probability=0.4, role=role)
    beside = beside_cards(heard, [card(RATE, RATE + 4 * WORD)])
    assert sum(f.entity is Entity.CREDIT_DEBIT_CVV for f in beside) == found


@pytest.mark.parametrize(("noisy", "found"), [(True, 1), (False, 0)])
def test_on_a_noisy_line_more_is_taken_beside_a_card_number(noisy, found):
    """Noise makes fairly probable words of a CVV: they go where the line is noisy, and stay where it is not."""
    heard = call("four seven one six", "... fife too ate", probability=0.7)
    channels = tuple(replace(c, noisy=noisy) for c in heard.transcript.channels)
    heard = HeardCall(sound=heard.sound, transcript=replace(heard.transcript, channels=channels))
    beside = beside_cards(heard, [card(RATE, RATE + 4 * WORD)])
    assert sum(f.entity is Entity.CREDIT_DEBIT_CVV for f in beside) == found


def test_without_a_card_number_nothing_is_beside_it():
    """Guesses elsewhere are judged by others."""
    assert beside_cards(call("for sen one sees", probability=0.1), []) == ()
