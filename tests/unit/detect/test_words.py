"""Dates, spelled-out words, e-mail addresses and streets."""

from __future__ import annotations

import pytest

from sottovoce.detect.dates import Dates
from sottovoce.detect.places import Streets, is_wide
from sottovoce.detect.protocol import Detector, HeardCall
from sottovoce.detect.spelling import Spelling
from sottovoce.detect.unheard import GuessedSpeech
from sottovoce.domain.entities import Entity
from sottovoce.testing.spoken import call_of


def entities(detector: Detector, said: str, probability: float = 0.9) -> set[Entity]:
    sound, transcript = call_of((1, said), probability=probability)
    return {f.entity for f in detector.find(HeardCall(sound=sound, transcript=transcript))}


@pytest.mark.parametrize(
    "said",
    [
        "June 5th, 1962",
        "the fifth of June nineteen sixty two",
        "June fifth sixty two",
        "it's October 31 1988",
        "twelfth of March 1959",
        "January 12 62",
    ],
)
def test_a_date_with_a_past_year_is_a_birth_date(said: str) -> None:
    """Months with a day and a year long past are found without a prompt."""
    assert entities(Dates(), said) == {Entity.DATE_OF_BIRTH}


@pytest.mark.parametrize(
    "said",
    [
        "see you on March third",
        "May I have two coffees",
        "it starts June 5 2026 at noon",
        "on the 3rd of May then",
        "we march on",
    ],
)
def test_an_appointment_is_not_a_birth_date(said: str) -> None:
    """A date without a year, or with one to come, stays."""
    assert entities(Dates(), said) == set()


@pytest.mark.parametrize(
    ("said", "is_old"),
    [("she is 93 years old", True), ("aged ninety four", True), ("I am 64 years old", False), ("95 dollars", False)],
)
def test_only_ages_over_89_identify(said: str, is_old: bool) -> None:
    """Ages from 90 on go, younger ones stay."""
    assert (entities(Dates(), said) == {Entity.AGE_OVER_89}) is is_old


@pytest.mark.parametrize(
    "said",
    [
        "S M I T H",
        "S-M-I-T-H.",
        "s m i double t h",
        "it's d as in delta o e",
        "b for bravo r o w n",
        "J-O-N-E-S",
        "em i l l e r",
    ],
)
def test_spelled_words_are_found(said: str) -> None:
    """Letters said one after another go, however they are written."""
    assert entities(Spelling(), said) == {Entity.SPELLED_OUT}


@pytest.mark.parametrize(
    "said", ["I see you are a teacher", "I have a plan", "in the U S A we do", "the A T M ate it", "why are you here"]
)
def test_words_that_sound_like_letters_stay(said: str) -> None:
    """`See`, `you`, `are` among words are words."""
    assert entities(Spelling(), said) == set()


@pytest.mark.parametrize(
    "said",
    [
        "jane dot doe at gmail dot com",
        "it's jane.doe@example.com",
        "jane underscore 42 at example dot co dot uk",
        "j d at yahoo",
    ],
)
def test_addresses_for_mail_are_found(said: str) -> None:
    """E-mail addresses go, said in words or written with signs."""
    assert Entity.EMAIL in entities(Spelling(), said)


def test_places_to_meet_are_no_mail() -> None:
    """`At` alone makes no address."""
    assert entities(Spelling(), "meet me at the shop at noon") == set()


@pytest.mark.parametrize(
    "said", ["42 Maple Street, Springfield", "twelve elm road", "one twenty three north main street"]
)
def test_street_addresses_are_found(said: str) -> None:
    """A house number, a name and a kind of street."""
    assert entities(Streets(), said) == {Entity.ADDRESS}


@pytest.mark.parametrize("said", ["two of the street lamps", "five minutes by the road", "it is a one way street"])
def test_streets_without_numbers_stay(said: str) -> None:
    """Numbers near a street are not yet an address."""
    assert entities(Streets(), said) == set()


def test_states_are_wide() -> None:
    """Safe Harbor lets the state stand."""
    assert is_wide("Texas.")
    assert is_wide("the United States")
    assert not is_wide("Springfield")


def test_guessed_words_count_as_unheard() -> None:
    """A short turn of improbable words is speech that nobody accounted for; a clear one is not."""
    assert entities(GuessedSpeech(), "ape hen oar", 0.1) == {Entity.UNHEARD_SPEECH}
    assert entities(GuessedSpeech(), "okay thanks", 0.1) == set()
    assert entities(GuessedSpeech(), "I want some tea", 0.9) == set()
