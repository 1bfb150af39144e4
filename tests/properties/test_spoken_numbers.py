"""Any way of saying a card number that the grammar knows is found, whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.domain.entities import Entity
from sottovoce.testing.spoken import call_of

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
TIMES = {2: "double", 3: "triple", 4: "quadruple"}
FILLERS = ("um", "uh,", "okay", "and then", "...", "no, sorry,", "")


def one(digit: str, draw: st.DrawFn) -> str:
    choices = [WORDS[int(digit)], digit, digit + ","] + (["oh", "O"] if digit == "0" else [])
    return draw(st.sampled_from(choices))


def pair(digits: str, draw: st.DrawFn) -> str:
    ten, unit = int(digits[0]), int(digits[1])
    if ten == 0:
        return f"oh {WORDS[unit]}"
    if ten == 1:
        return TEENS[unit]
    joint = draw(st.sampled_from(" -"))
    return TENS[ten] + (joint + WORDS[unit] if unit else "")


def chunk(digits: str, draw: st.DrawFn) -> tuple[str, int]:
    """Some of the leading digits in one style, and how many."""
    same = len(digits) - len(digits.lstrip(digits[0]))
    if same >= 2 and draw(st.booleans()):
        n = draw(st.integers(2, min(4, same)))
        return f"{TIMES[n]} {WORDS[int(digits[0])]}", n
    style = draw(st.sampled_from(("digit", "pair", "numeral", "hyphens")))
    if style == "digit" or len(digits) < 2:
        return one(digits[0], draw), 1
    if style == "pair":
        return pair(digits[:2], draw), 2
    n = draw(st.integers(2, min(6, len(digits))))
    return ("-".join(digits[:n]) if style == "hyphens" else digits[:n]), n


@st.composite
def renderings(draw: st.DrawFn) -> str:
    digits = draw(st.text("0123456789", min_size=13, max_size=19))
    said = []
    while digits:
        text, n = chunk(digits, draw)
        digits = digits[n:]
        said.append(text)
        if draw(st.integers(0, 5)) == 0:
            said.append(draw(st.sampled_from(FILLERS)))
    return " ".join(said)


@settings(max_examples=300, deadline=None)
@given(renderings())
def test_every_rendering_of_a_card_number_is_found(said: str) -> None:
    """Thirteen to nineteen digits in any mix of styles, fillers and pauses are one card number, end to end."""
    sound, transcript = call_of((1, f"my card is {said} thank you"))
    findings = SpokenNumbers().find(HeardCall(sound=sound, transcript=transcript))
    assert {f.entity for f in findings} == {Entity.CREDIT_DEBIT_NUMBER}
    words = transcript.channels[1].words[3:-2]
    spoken = [
        w for w in words if w.text.reveal().strip(",").lower() not in {"um", "uh", "okay", "and", "then", "no", "sorry"}
    ]
    assert all(any(f.span.contains(w.span) for f in findings) for w in spoken)
