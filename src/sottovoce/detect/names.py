"""Which names in running speech belong to the people of the call.

A language model calls every capitalised name a person: callers, and the heroes of a story, and shops. By
default a name goes when the words around it say whose it is (an introduction, a greeting, a relative, a
patient), when it is a full name, or when it closes a sentence as an address. Queues under HIPAA take
every name: the rules of redaction hold the two apart by score.
"""

from __future__ import annotations

import re

_TITLE = r"(?:mr|mrs|ms|miss|mister|dr|doctor|sir|madam)\.?"
_INTRODUCED = re.compile(
    r"(?:\b(?:this is|i'm|i am|name is|name's|names are|call me|called|named|speaking (?:with|to)|is that"
    r"|hello|hi|hey|good (?:morning|afternoon|evening)|thanks|thank you|okay|ok|sorry|bye|goodbye|welcome|please"
    r"|alright|yes|no|perfect|great|on behalf of|patient|customer|client|account holder|cardholder|spelled|it's"
    r"|my (?:husband|wife|son|daughter|mother|mom|mum|father|dad|brother|sister|partner|boss|manager|doctor|friend)"
    rf"(?: is|'s)?))[,.!]?(?: {_TITLE})?$"
)
_ADDRESSED = re.compile(rf",(?: {_TITLE})?$", re.IGNORECASE)
_TITLED = re.compile(rf"\b{_TITLE}$", re.IGNORECASE)
_PLACED = re.compile(r"\b(?:in|at|from|near|live|lives|living|outside|around|city of|town of)$")
CONTEXT = 40
"""Characters before a name that are looked at."""


def is_of_the_call(text: str, start: int, end: int, *, surely_heard: bool = True) -> bool:
    """Whether the name at `start..end` is introduced, addressed, or full.

    Form alone (full, or first in a sentence) counts only where the transcriber was sure: what it guesses at it
    likes to write as names.
    """
    before = text[max(0, start - CONTEXT) : start].rstrip().lower()
    after = text[end : end + 1]
    if _INTRODUCED.search(before):
        return True
    if (
        len(text[start:end].split()) >= 2
        and surely_heard
        and not _TITLED.search(before)
        and not _TITLED.match(text[start:end])
    ):
        return True
    bare = _TITLED.sub("", before).rstrip()
    opens = bare == "" or bare[-1] in ".?!"
    if opens and after == ",":
        return surely_heard
    return bool(_ADDRESSED.search(before)) and after in {"", ".", "?", "!"}


def is_placed(text: str, start: int) -> bool:
    """Whether a place's name stands where somebody lives or is."""
    return bool(_PLACED.search(text[max(0, start - CONTEXT) : start].rstrip().lower()))
