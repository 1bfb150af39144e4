"""Numbers as people say them, and the marks that say which words are sensitive.

A marked stretch reads `[[ENTITY|words]]` inside a turn; `keyed` marks digits that are dialled, not said.
"""

from __future__ import annotations

import re

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
TIMES = {2: "double", 3: "triple"}


def marked(entity: str, words: str) -> str:
    return f"[[{entity}|{words}]]"


def keyed(digits: str) -> str:
    """Digits entered on the keypad: heard as tones."""
    return marked("DTMF_DIGITS", f"dtmf:{digits}")


def card(words: str, *, digits: str) -> str:
    """A card number as said. The digits must be a documented test number: its check digit fits."""
    if not fits_luhn(digits):
        raise ValueError("not a test card number")
    return marked("CREDIT_DEBIT_NUMBER", words)


def fits_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    doubled = [int(d) * (2 if i % 2 else 1) for i, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def singles(digits: str, *, group: int = 4, zero: str = "zero") -> str:
    """Digit by digit, with a breath after each group."""
    words = [zero if d == "0" else DIGITS[int(d)] for d in digits]
    return ", ".join(" ".join(words[i : i + group]) for i in range(0, len(words), group))


def pairs(digits: str) -> str:
    """Two digits at a time: 51 05 10 00 is `fifty one, oh five, ten, double zero`."""
    return ", ".join(_pair(digits[i : i + 2]) for i in range(0, len(digits), 2))


def _pair(two: str) -> str:
    tens, ones = int(two[0]), int(two[1])
    if two == "00":
        return "double zero"
    if tens == 0:
        return f"oh {DIGITS[ones]}"
    if tens == 1:
        return TEENS[ones]
    return TENS[tens] if ones == 0 else f"{TENS[tens]} {DIGITS[ones]}"


def repeats(digits: str, *, group: int = 4) -> str:
    """Runs as `double` and `triple`, within groups."""
    groups = (digits[i : i + group] for i in range(0, len(digits), group))
    return ", ".join(" ".join(_run(m.group(0)) for m in re.finditer(r"(.)\1{0,2}", g)) for g in groups)


def _run(same: str) -> str:
    word = DIGITS[int(same[0])]
    return word if len(same) == 1 else f"{TIMES[len(same)]} {word}"
