"""The words English speakers say numbers and letters with, and those a transcriber writes instead.

Three strengths: a *digit* word means a digit wherever it stands; a *soft* one (`to`, `for`, `oh`) only
among digits; a *filler* neither counts nor ends a run. The soft lists are the homophones that speech
recognisers are known to write for digits and letters.
"""

from __future__ import annotations


def listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


DIGITS: dict[str, str] = {
    "zero": "0", "nought": "0", "naught": "0", "zip": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip

SOFT_DIGITS: dict[str, str] = {
    "oh": "0", "o": "0", "ow": "0", "owe": "0", "aught": "0", "ought": "0", "zeros": "0", "hero": "0", "nil": "0",
    "won": "1", "wan": "1", "wun": "1", "ones": "1",
    "to": "2", "too": "2", "tu": "2", "tew": "2", "do": "2", "twos": "2",
    "tree": "3", "free": "3", "threes": "3", "he": "3", "the": "3",
    "for": "4", "fore": "4", "fours": "4", "fower": "4", "or": "4",
    "fife": "5", "fi": "5", "fives": "5", "fine": "5", "find": "5",
    "sex": "6", "sicks": "6", "sick": "6", "sics": "6", "sixes": "6", "six's": "6",
    "sevens": "7", "sevin": "7", "heaven": "7",
    "ate": "8", "ait": "8", "eights": "8", "hey": "8", "a": "8", "eat": "8",
    "nein": "9", "nines": "9", "mine": "9", "nigh": "9", "night": "9", "line": "9",
}  # fmt: skip

FAINT_DIGITS = frozenset(
    {"the", "he", "a", "or", "do", "hey", "fine", "find", "free", "mine", "night", "line", "to", "for"}
)
"""Soft ones so common otherwise that they need digits on both sides."""

TEENS: dict[str, str] = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip

TENS: dict[str, str] = {
    "twenty": "2", "thirty": "3", "forty": "4", "fourty": "4", "fifty": "5", "sixty": "6", "seventy": "7",
    "eighty": "8", "ninety": "9",
}  # fmt: skip

REPEATS: dict[str, int] = {"double": 2, "dubble": 2, "triple": 3, "treble": 3, "quadruple": 4, "quad": 4}

SCALES: dict[str, int] = {"hundred": 2, "thousand": 3, "million": 6}

FILLERS = listed(
    """
    um umm uh uhm er erm ah eh hm hmm mm mhm mmhmm huh okay ok yeah yes yep yup so then and next well right like
    comma dash hyphen space dot slash stroke point period no sorry wait correction actually again that that's
    is it's it i mean let me see alright now followed by scratch pardon oops
    """
)

BACKCHANNELS = FILLERS | listed(
    """
    go on ahead got sure good great perfect thanks thank you please carry continue hear go-ahead cool lovely
    with mhmm uh-huh aha fine brilliant correct
    """
)
"""What a listener says while the other speaks: not a turn of its own."""

UNITS = listed(
    """
    dollar dollars pound pounds euro euros cent cents pence quid bucks percent % degree degrees ounce ounces oz
    inch inches foot feet mile miles meter meters metre metres mm cm kg kilo kilos gram grams gallon gallons liter
    liters litre litres minute minutes second seconds hour hours day days week weeks month months year years
    o'clock am pm people times items pieces pizza pizzas cups shot shots teaspoon tablespoon nights tickets
    gigabytes gigs megabytes mb gb megabits volts watts
    """
)
"""A number just before one of these is a quantity."""

MONTHS: dict[str, int] = {
    "january": 1, "jan": 1, "february": 2, "feb": 2, "march": 3, "mar": 3, "april": 4, "apr": 4, "may": 5, "june": 6,
    "jun": 6, "july": 7, "jul": 7, "august": 8, "aug": 8, "september": 9, "sept": 9, "sep": 9, "october": 10,
    "oct": 10, "november": 11, "nov": 11, "december": 12, "dec": 12,
}  # fmt: skip

ORDINALS: dict[str, int] = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16,
    "seventeenth": 17, "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30,
}  # fmt: skip

LETTER_NAMES: dict[str, str] = {
    "ay": "a", "bee": "b", "be": "b", "cee": "c", "see": "c", "sea": "c", "dee": "d", "ee": "e",
    "ef": "f", "eff": "f",
    "gee": "g", "aitch": "h", "haitch": "h", "eye": "i", "aye": "i", "jay": "j", "kay": "k", "cay": "k", "el": "l",
    "ell": "l", "em": "m", "en": "n", "oh": "o", "owe": "o", "pee": "p", "pea": "p", "queue": "q", "cue": "q",
    "are": "r", "ar": "r", "ess": "s", "es": "s",
    "tee": "t", "tea": "t", "ti": "t", "you": "u", "vee": "v", "ve": "v", "ex": "x",
    "why": "y", "wye": "y", "zee": "z", "zed": "z", "ze": "z", "hey": "a", "eh": "a", "is": "s", "as": "s", "our": "r",
    "he": "e", "oy": "o", "t's": "t", "s's": "s",
}  # fmt: skip
"""Words that a letter's name is written as; letters only among letters."""

SPELLING_WORDS = listed(
    """
    alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike november oscar papa
    quebec romeo sierra tango uniform victor whiskey whisky xray x-ray yankee zulu adam boy david edward frank george
    henry ida john king lincoln mary nora ocean peter queen robert sam tom union william young zebra apple
    """
)
