"""Reading participant attributes, where a careless comparison would let someone in (SPEC 4.2).

Sources deliver attributes as strings, in whatever case and spacing a call flow's author chose, and now
and then as null or a JSON boolean (GENESYS.md section 3). One spelling of yes is believed; what counts
as an explicit no is listed here and nowhere else; anything between the two is doubt, and each caller
says which way doubt falls.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from sottovoce.domain.recording import Participant

YES = "true"
NO = frozenset({"false", "no", "0", "n", "f", "off"})


class Said(StrEnum):
    """What one attribute value amounts to."""

    YES = "yes"
    NO = "no"
    BLANK = "blank"
    """Null, or nothing but spaces."""
    UNCLEAR = "unclear"


def said(value: object) -> Said:
    """`true` after trimming and case folding is a yes; "yes", "1" and "TRUE!" are not."""
    if value is None:
        return Said.BLANK
    text = str(value).strip().casefold()
    if text == YES:
        return Said.YES
    if text in NO:
        return Said.NO
    return Said.UNCLEAR if text else Said.BLANK


def values_of(participants: Iterable[Participant], attribute: str) -> tuple[Said, ...]:
    """What every participant's attribute of that name says, the name compared without regard to case."""
    wanted = attribute.strip().casefold()
    return tuple(
        said(value)
        for participant in participants
        for name, value in participant.attributes.items()
        if name.strip().casefold() == wanted
    )


def raised(values: Iterable[Said]) -> int:
    """How many of a warning flag's values stand: every one that is not an explicit no."""
    return sum(value is not Said.NO for value in values)
