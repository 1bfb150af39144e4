"""Every language the finder knows, by its ISO 639-1 code; each is loaded when a call is first heard in it."""

from __future__ import annotations

from functools import cache
from typing import Final

from sottovoce.detect.languages.language import Language, english
from sottovoce.errors import DetectionError

ENGLISH: Final = english()
LANGUAGES: Final = frozenset({"en", "es", "fr", "de"})


def language_of(tag: str) -> Language:
    """The language of a BCP 47 tag. Raises DetectionError for one whose numbers nobody here can read."""
    return _loaded(tag.replace("_", "-").split("-")[0].lower())


@cache
def _loaded(code: str) -> Language:
    match code:
        case "en":
            return ENGLISH
        case "es":
            from sottovoce.detect.languages.spanish import SPANISH

            return SPANISH
        case "fr":
            from sottovoce.detect.languages.french import FRENCH

            return FRENCH
        case "de":
            from sottovoce.detect.languages.german import GERMAN

            return GERMAN
        case _:
            raise DetectionError(
                "the finder does not know the transcript's language", hint=f"it knows {', '.join(sorted(LANGUAGES))}"
            )
