"""Numbers as people say them and as transcribers write them."""

from __future__ import annotations

import time

import pytest

from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding
from sottovoce.domain.sound import Role
from sottovoce.testing.spoken import call_of

CARDS = (
    "4111 1111 1111 1111",
    "4111111111111111",
    "4111-1111-1111-1111.",
    "4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1.",
    "4-1-1-1 1-1-1-1 1-1-1-1 1-1-1-1",
    "four one one one one one one one one one one one one one one one",
    "four triple one quadruple one quadruple one double one double one",
    "forty-one eleven eleven eleven eleven eleven eleven eleven",
    "forty one eleven, eleven eleven um eleven eleven eleven eleven",
    "four five three nine oh one four eight oh oh three four six four six seven",
    "45 39 14 88 03 43 64 67",
    "it's four five three nine ... one four eight eight ... okay oh three four three ... and then six four six seven",
    "4539 one four eight eight 0343 six four six seven",
    "for five three nine won four ate eight zero three for three six for six seven",
    "four five three nine one four no sorry one four eight eight oh three four three six four six seven",
    "fifty-four zero five, twenty-two twenty-two, twenty-two twenty-two, twenty-two eighty",
    "three seven eight two eight two two four six three one oh oh oh five",
    "3782 822463 10005",
    "six seven five nine double six four nine eight two six four three eight four five three",
    "0.4. 4.5. 3.9. 1.4. 8.8. 0.3. 4.3. 6.4. 6.7.",
    "five niner oh one treble two four five six seven eight nine one two three",
    "four thousand five hundred thirty-nine fourteen eighty-eight oh three four three six four six seven",
    "four five three nine one four eight back oh three four three six four six seven",
)

HARMLESS = (
    "I'd like two pizzas and three cokes for five people",
    "give me a 12 ounce mocha with 2 shots",
    "it was $1,250 and then $4,500 after that",
    "the meeting is at 10:30 or 11:45 on the 3rd",
    "we waited for forty five minutes and then twenty more",
    "one pound of lobster meat and one half pint of cream",
    "it costs one hundred and twenty three thousand four hundred dollars",
    "I called you two or three times to ask for a refund",
    "there are twenty four hours in a day and sixty minutes in each",
    "for one thing it is too late to do so",
    "the first and the second of the three",
    "we sold 15,000 units in 2019",
)


def found(*turns: tuple[int, str], roles: tuple[Role, ...] = (Role.AGENT, Role.CUSTOMER)) -> tuple[Finding, ...]:
    sound, transcript = call_of(*turns, roles=roles)
    return SpokenNumbers().find(HeardCall(sound=sound, transcript=transcript))


@pytest.mark.parametrize("said", CARDS)
def test_a_card_number_is_found_however_it_is_said(said: str) -> None:
    """A 13 to 19 digit run is a card number in every style, from its first word to its last."""
    sound, transcript = call_of((1, said))
    findings = SpokenNumbers().find(HeardCall(sound=sound, transcript=transcript))
    assert {f.entity for f in findings} == {Entity.CREDIT_DEBIT_NUMBER}
    words = [w for w in transcript.channels[1].words if any(ch.isdigit() for ch in w.text.reveal())]
    for word in words:
        assert any(f.span.contains(word.span) for f in findings)


@pytest.mark.parametrize("said", HARMLESS)
def test_quantities_stay(said: str) -> None:
    """Prices, times, measures and counts are not findings."""
    assert found((1, said)) == ()


def test_the_check_digit_labels_and_never_gates() -> None:
    """A number that fails Luhn is found all the same, and says so."""
    (good,) = found((1, "4111 1111 1111 1111"))
    (bad,) = found((1, "4111 1111 1111 1112"))
    assert (good.checked, bad.checked) == (True, False)
    assert bad.entity is Entity.CREDIT_DEBIT_NUMBER


def test_a_dropped_digit_does_not_hide_a_card() -> None:
    """Eleven digits that no telephone plan knows are a card number with digits missing."""
    (finding,) = found((1, "four zero zero three one four eight eight zero three four three"))
    assert finding.entity is Entity.CREDIT_DEBIT_NUMBER


def test_a_card_number_goes_on_over_turns() -> None:
    """The listener's "uh huh, go on" does not end a number."""
    findings = found(
        (1, "four five three nine"), (0, "uh huh"), (1, "one four eight eight"), (0, "go on"), (1, "0343 6467")
    )
    assert [f.entity for f in findings] == [Entity.CREDIT_DEBIT_NUMBER] * 3


def test_expiry_and_cvv_are_known_by_following_a_card() -> None:
    """Short answers after a card number are its expiry and its CVV, without a prompt."""
    findings = found(
        (1, "4111 1111 1111 1111"), (0, "lovely weather here"), (1, "0 5 2 9"), (0, "and so on"), (1, "8 3 7")
    )
    assert [f.entity for f in findings] == [
        Entity.CREDIT_DEBIT_NUMBER,
        Entity.CREDIT_DEBIT_EXPIRY,
        Entity.CREDIT_DEBIT_CVV,
    ]


def test_an_agent_reads_back_the_last_four() -> None:
    """A read-back of the last four digits stays; a whole number read back goes."""
    last = found((1, "4111 1111 1111 1234"), (0, "that card ends in one two three four"))
    assert {f.channel for f in last} == {1}
    whole = found((1, "4111 1111 1111 1234"), (0, "so that is 4111 1111 1111 1234"))
    assert {f.channel for f in whole} == {0, 1}


def test_an_agent_repeats_a_cvv() -> None:
    """A code found on one channel is found on the other that says it again."""
    findings = found((1, "4111 1111 1111 1234"), (0, "right"), (1, "8 3 7"), (0, "eight three seven thank you"))
    assert [f.entity for f in findings if f.channel == 0] == [Entity.CREDIT_DEBIT_CVV]


@pytest.mark.parametrize(
    ("said", "entity"),
    [
        ("five five five one two three four", Entity.PHONE),
        ("it's 212 555 2368", Entity.PHONE),
        ("two one two, five five five, two three six eight", Entity.PHONE),
        ("536 22 8726", Entity.SSN),
        ("five three six, double two, eight seven two six", Entity.SSN),
    ],
)
def test_shorter_numbers_are_named_by_their_length(said: str, entity: Entity) -> None:
    """Telephone and social security numbers are found without a prompt."""
    assert {f.entity for f in found((1, said))} == {entity}


def test_a_hostile_transcript_costs_time_in_proportion() -> None:
    """Twice the words take about twice the time."""
    times = []
    for n in (4000, 8000):
        sound, transcript = call_of((1, "four to for double oh a " * (n // 6)))
        call = HeardCall(sound=sound, transcript=transcript)
        begun = time.process_time()
        SpokenNumbers().find(call)
        times.append(time.process_time() - begun)
    assert times[1] < 4 * times[0] + 0.5
