"""Spoken English numbers: tokens to pieces of digits.

    number  = repeat digits | tens [digit] | teen | digits | scaled
    repeat  = "double" | "triple" | …
    scaled  = (digit | teen | tens [digit]) "hundred"|"thousand" ["and"] [number]

A piece is the smallest thing said in one go (`forty-seven` → 47, `double oh` → 00, `4716` → 4716). What
each piece was said with is kept: digits read out one by one mean something else than `four hundred`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sottovoce.detect.lexicon import (
    DIGITS,
    FAINT_DIGITS,
    ORDINALS,
    REPEATS,
    SCALES,
    SOFT_DIGITS,
    TEENS,
    TENS,
    UNITS,
)
from sottovoce.detect.tokens import Token

MAX_NUMERAL = 40
"""Longer numerals are a transcriber's stutter; their first digits stand for them."""


class Said(StrEnum):
    """How a piece was said."""

    DIGIT = "digit"
    """Read out: `four`, `4716`, `double four`."""
    PAIR = "pair"
    """`forty-seven`, `sixteen`."""
    SCALED = "scaled"
    """`four hundred`, `two thousand`."""
    SOFT = "soft"
    """A word that sounds like a digit."""
    FAINT = "faint"
    """The same, so common otherwise that only digits on both sides make it one."""
    AMOUNT = "amount"
    """Written as money, percent or a time, or followed by a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Digits said by tokens `first <= i < last`."""

    first: int
    last: int
    digits: str = field(repr=False)
    said: Said


def pieces_of(tokens: tuple[Token, ...]) -> tuple[Piece, ...]:
    """Every number-like piece, in order; quantities are marked, not dropped."""
    return tuple(_pieces(tokens))


def _pieces(tokens: tuple[Token, ...]) -> Iterator[Piece]:
    i = 0
    while i < len(tokens):
        piece = _piece_at(tokens, i)
        if piece is None:
            i += 1
            continue
        yield _measured(piece, tokens)
        i = piece.last


def _piece_at(tokens: tuple[Token, ...], i: int) -> Piece | None:
    text = tokens[i].text
    if text in REPEATS:
        return _repeated(tokens, i)
    read = _two_or_less(tokens, i)
    if read is None:
        return _soft(tokens, i)
    last, digits, said = read
    while last < len(tokens) and tokens[last].text in SCALES:
        digits, said = digits + "0" * SCALES[tokens[last].text], Said.SCALED
        last += 1
    if said is Said.SCALED:
        last, digits = _remainder(tokens, last, digits)
    return Piece(first=i, last=last, digits=digits, said=said)


def _repeated(tokens: tuple[Token, ...], i: int) -> Piece | None:
    if i + 1 >= len(tokens):
        return None
    times, text = REPEATS[tokens[i].text], tokens[i + 1].text
    digit = DIGITS.get(text) or SOFT_DIGITS.get(text) or (text[0] if tokens[i + 1].is_numeral else None)
    if digit is None or (text in FAINT_DIGITS and text not in {"to", "for"}):
        return None
    rest = text[1:MAX_NUMERAL] if tokens[i + 1].is_numeral else ""
    return Piece(first=i, last=i + 2, digits=digit * times + rest, said=Said.DIGIT)


def _two_or_less(tokens: tuple[Token, ...], i: int) -> tuple[int, str, Said] | None:
    token = tokens[i]
    if token.is_numeral:
        return i + 1, token.text[:MAX_NUMERAL], Said.DIGIT
    if token.text in DIGITS:
        return i + 1, DIGITS[token.text], Said.DIGIT
    if token.text in TEENS:
        return i + 1, TEENS[token.text], Said.PAIR
    if token.text in TENS:
        return _tens(tokens, i)
    return None


def _tens(tokens: tuple[Token, ...], i: int) -> tuple[int, str, Said]:
    ten = TENS[tokens[i].text]
    follower = tokens[i + 1].text if i + 1 < len(tokens) else ""
    unit = DIGITS.get(follower, follower)
    if len(unit) == 1 and unit.isdecimal() and unit != "0":
        return i + 2, ten + unit, Said.PAIR
    return i + 1, ten + "0", Said.PAIR


def _soft(tokens: tuple[Token, ...], i: int) -> Piece | None:
    digit = SOFT_DIGITS.get(tokens[i].text)
    if digit is None:
        return None
    said = Said.FAINT if tokens[i].text in FAINT_DIGITS else Said.SOFT
    return Piece(first=i, last=i + 1, digits=digit, said=said)


def _remainder(tokens: tuple[Token, ...], last: int, digits: str) -> tuple[int, str]:
    """`four hundred [and] twelve`: what follows a scale fills its zeros."""
    at = last + 1 if last < len(tokens) and tokens[last].text == "and" else last
    read = _two_or_less(tokens, at) if at < len(tokens) else None
    if read is None or (tokens[at].is_numeral and len(tokens[at].text) > 3):
        return last, digits
    zeros = len(digits) - len(digits.rstrip("0"))
    if len(read[1]) > zeros:
        return last, digits
    return read[0], digits[: len(digits) - len(read[1])] + read[1]


def _measured(piece: Piece, tokens: tuple[Token, ...]) -> Piece:
    follower = tokens[piece.last].text if piece.last < len(tokens) else ""
    is_amount = any(t.is_amount for t in tokens[piece.first : piece.last]) or follower in UNITS
    is_ordinal = follower in {"st", "nd", "rd", "th"}
    if (is_amount or is_ordinal) and len(piece.digits) < 7:
        return Piece(first=piece.first, last=piece.last, digits=piece.digits, said=Said.AMOUNT)
    return piece


def ordinal(token: Token) -> int | None:
    """1 for `first`, and so on to 31."""
    return ORDINALS.get(token.text)
