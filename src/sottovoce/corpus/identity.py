"""The only name a sample has outside: random, and derived from nothing (SPEC 11.1).

A digest of a conversation id, keyed or not, could be made again by whoever has the key; a random name
leads back only through the registry's own table of identities, which has a role of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable

CORPUS_ID = re.compile(r"[0-9a-f]{32}")
RANDOM_BYTES = 16
"""128 bits: two of a thousand million samples collide once in 10^20 corpora."""


def new_corpus_id(random: Callable[[int], bytes]) -> str:
    """A fresh name; `random` is a cryptographic source of that many bytes.

    Raises ValueError when the source gives fewer bytes than it was asked for.
    """
    drawn = random(RANDOM_BYTES)
    if len(drawn) != RANDOM_BYTES:
        raise ValueError("the source of randomness gave too little")
    return drawn.hex()


def is_corpus_id(text: str) -> bool:
    return CORPUS_ID.fullmatch(text) is not None
