"""Places: those too wide to point at a person, and street addresses as they are said.

HIPAA's Safe Harbor lets the state stand and takes everything below it (45 CFR 164.514(b)(2)(i)(B)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sottovoce.detect.grammar import Piece, Said, pieces_of
from sottovoce.detect.lexicon import listed
from sottovoce.detect.lines import Line
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding

_WIDE = frozenset(
    " ".join(name.split())
    for name in (  # noqa: SIM905 - names with blanks read best in lines
        "alabama, alaska, arizona, arkansas, california, colorado, connecticut, delaware, florida, georgia, hawaii,"
        "idaho, illinois, indiana, iowa, kansas, kentucky, louisiana, maine, maryland, massachusetts, michigan,"
        "minnesota, mississippi, missouri, montana, nebraska, nevada, new hampshire, new jersey, new mexico,"
        "north carolina, north dakota, ohio, oklahoma, oregon, pennsylvania, rhode island, south carolina,"
        "south dakota, tennessee, texas, utah, vermont, virginia, west virginia, wisconsin, wyoming, england, scotland,"
        "wales, northern ireland, ireland, britain, great britain, united kingdom, uk, u.k., united states, america,"
        "usa, us, u.s., canada, mexico, france, germany, spain, italy, portugal, poland, netherlands, belgium,"
        "switzerland, austria, sweden, norway, denmark, finland, greece, turkey, russia, ukraine, china, japan, india,"
        "pakistan, bangladesh, australia, new zealand, south africa, nigeria, kenya, egypt, israel, brazil, argentina,"
        "chile, philippines, vietnam, thailand, europe, asia, africa"
    ).split(",")
)

STREETS = listed(
    """
    street st road rd avenue ave lane ln drive dr boulevard blvd court ct place close crescent way terrace square
    highway hwy parkway circle gardens grove mews row
    """
)
MOST_NAME_TOKENS = 3
MOST_TAIL_TOKENS = 6
_NOT_STREET = listed("the a an of to in on at by way is was and or for from this that your my our all any no each")


def is_wide(place: str) -> bool:
    """Whether a place is a state, a country or larger."""
    return place.strip(" .,?!").lower().removeprefix("the ") in _WIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Streets:
    """Finds ADDRESS: a house number, a name of one to three words, and a kind of street."""

    name: str = "streets"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(
            Finding(
                entity=Entity.ADDRESS,
                channel=line.channel,
                span=line.voiced(first, last, reach_s=0.3),
                detector=self.name,
                score=0.7,
            )
            for line in call.lines
            for first, last in streets_in(line)
        )


def streets_in(line: Line) -> Iterator[tuple[int, int]]:
    """Token ranges of street addresses, with the town that follows in the same sentence."""
    for piece in pieces_of(line.tokens):
        if piece.said in {Said.FAINT, Said.AMOUNT, Said.SOFT} or len(piece.digits) > 5:
            continue
        last = _street_end(line, piece)
        if last is not None:
            yield piece.first, _tail_end(line, last)


def _street_end(line: Line, piece: Piece) -> int | None:
    for i in range(piece.last, min(len(line.tokens), piece.last + MOST_NAME_TOKENS + 1)):
        text = line.tokens[i].text
        if text in STREETS and i > piece.last:
            return i + 1
        if text in _NOT_STREET or line.tokens[i].ends_sentence:
            return None
    return None


def _tail_end(line: Line, last: int) -> int:
    """The town after it: capitalised words and numbers up to the sentence's end."""
    for i in range(last, min(len(line.tokens), last + MOST_TAIL_TOKENS)):
        token = line.tokens[i]
        if not (token.raw[:1].isupper() or token.is_numeral):
            break
        last = i + 1
        if token.ends_sentence:
            break
    return last
