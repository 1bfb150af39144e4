"""JSON from strangers: at most 1 MiB, 32 levels, no duplicate keys, no NaN, UTF-8 only (RFC 8259; SECURITY.md 5.1).

The depth is counted before parsing, because the parser itself recurses. Errors never repeat what was sent.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from sottovoce.errors import EventRefused

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 64
"""Of a number: Python's conversion of very long ones is slow, and refuses beyond 4,300."""
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Nothing in it is tried twice, and a string without an end goes to the end: time grows with the text alone."""
_BRACKETS: Final = re.compile(r"[\[{]+|[\]}]+")


def parse_object(body: bytes) -> dict[str, Any]:
    """The one object a body is. Raises EventRefused."""
    if len(body) > MAX_BYTES:
        raise EventRefused("the body is larger than 1 MiB", hint="send ids, not media")
    try:
        text = body.decode("utf-8", errors="strict")
        _check_depth(text)
        value = _DECODER.decode(text)
    except EventRefused:
        raise
    except (ValueError, RecursionError):
        raise EventRefused("the body is not valid JSON") from None
    if not isinstance(value, dict):
        raise EventRefused("the body is not a JSON object")
    return value


def _check_depth(text: str) -> None:
    """Brackets outside strings, counted; a lone quote or escape is the parser's to refuse."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text)):
        depth += len(bracket) if bracket[0] in "[{" else -len(bracket)
        if depth > MAX_DEPTH:
            raise EventRefused(f"the body is nested deeper than {MAX_DEPTH} levels")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise EventRefused("the body names a key twice")
    return found


def _no_constant(_: str) -> NoReturn:
    raise EventRefused("the body holds a number that is none")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise EventRefused("the body holds a number that is too long")
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > MAX_DIGITS:
        raise EventRefused("the body holds a number that is too long")
    return float(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_no_constant, parse_int=_whole, parse_float=_fraction
)
