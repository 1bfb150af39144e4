"""The grammar's own generator: any way in which speakers of a language may say digits, drawn at random."""

from __future__ import annotations

from random import Random

from sottovoce.detect.languages.language import Language

ONE_IN = 6
"""How often something without meaning is said between two pieces."""


def rendered(digits: str, language: Language, random: Random, *, pauses: bool = True) -> str:
    """The digits one by one, in pairs, doubled, as numerals or with hyphens, in any mix, with fillers between."""
    said = []
    while digits:
        text, n = _piece(digits, language, random)
        digits = digits[n:]
        said.append(text)
        if pauses and digits and random.randrange(ONE_IN) == 0:
            said.append(random.choice((*language.pauses, "...")))
    return " ".join(said)


def _piece(digits: str, language: Language, random: Random) -> tuple[str, int]:
    style = random.choice(("word", "word", "pair", "double", "numeral", "hyphens"))
    if style == "double" and digits[:1] * 2 == digits[:2]:
        return f"{language.double} {language.numbers[int(digits[0])]}", 2
    if style == "pair" and len(digits) > 1 and digits[0] != "0":
        return _cased(language.numbers[int(digits[:2])], random), 2
    if style in {"numeral", "hyphens"}:
        n = random.randint(1, min(6, len(digits)))
        return ("-" if style == "hyphens" else "").join(digits[:n]), n
    return _cased(language.numbers[int(digits[0])], random), 1


def _cased(phrase: str, random: Random) -> str:
    """As a transcriber may write it: with hyphens, a capital, or a comma after it."""
    phrase = phrase.replace(" ", "-") if random.randrange(3) == 0 else phrase
    phrase = phrase.capitalize() if random.randrange(5) == 0 else phrase
    return phrase + ("," if random.randrange(5) == 0 else "")
