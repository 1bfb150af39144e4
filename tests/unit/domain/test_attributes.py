"""Attribute values are read strictly (SPEC 4.2)."""

from __future__ import annotations

import pytest

from sottovoce.domain.attributes import Said, raised, said, values_of
from sottovoce.domain.recording import Participant


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ("true", Said.YES),
        ("TRUE", Said.YES),
        ("  True\n", Said.YES),
        (True, Said.YES),
        ("false", Said.NO),
        ("FALSE ", Said.NO),
        (False, Said.NO),
        ("no", Said.NO),
        ("n", Said.NO),
        ("0", Said.NO),
        ("off", Said.NO),
        ("", Said.BLANK),
        ("   ", Said.BLANK),
        (None, Said.BLANK),
        ("yes", Said.UNCLEAR),
        ("1", Said.UNCLEAR),
        (1, Said.UNCLEAR),
        ("null", Said.UNCLEAR),
        ("truе", Said.UNCLEAR),  # a Cyrillic е
        ("true false", Said.UNCLEAR),
    ],
)
def test_one_spelling_of_yes_is_believed(value, meaning):
    """Only `true`, trimmed and case folded, is a yes; noes are listed; the rest is doubt."""
    assert said(value) is meaning


def test_every_participant_is_read_and_names_match_in_any_case():
    """A flag set on the last participant under another case counts like the first."""
    people = (
        Participant(purpose="acd", attributes={}),
        Participant(purpose="customer", attributes={"other": "true", "Flag": "false"}),
        Participant(purpose="agent", attributes={"FLAG ": "true"}),
    )
    assert values_of(people, "flag") == (Said.NO, Said.YES)


def test_a_warning_flag_stands_unless_it_is_an_explicit_no():
    """Blank and unclear warning flags count as raised: doubt withholds."""
    assert raised([Said.NO, Said.NO]) == 0
    assert raised([Said.YES, Said.BLANK, Said.UNCLEAR, Said.NO]) == 3
