"""What was said where: `truth.json`, and its strict reader.

A list of calls. Each has an `id`, a `file` beside the truth, and `entities`, whose `units` are the smallest
things that may not be heard: one spoken digit, or a whole phrase. `keep` lists what must stay (the last four
digits read back), `carriers` where other speech lies. docs/conformance.md has the table of keys. What was
said (`text`) is allowed and never kept. Refuses unknown keys, duplicate keys and ids, spans that are none,
and files outside the folder; messages say where in the document, never what stands there.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, NoReturn, TypeVar

from sottovoce.errors import TruthInvalid

T = TypeVar("T")

TRUTH_FILE: Final = "truth.json"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_TYPE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_BLEEDS: Final = "bleed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Seconds of one channel."""

    channel: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Something said, of one type (`CREDIT_DEBIT_NUMBER`, or a vendor's own name), as (start, end) units in seconds."""

    type: str
    whole: Stretch
    units: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One recording. `crosstalk` says that each channel is faintly in the other, so both are judged."""

    id: str
    file: str
    entities: tuple[Passage, ...]
    keep: tuple[Passage, ...] = ()
    carriers: tuple[Stretch, ...] = ()
    crosstalk: bool = False


def load_truth(folder: Path) -> tuple[Call, ...]:
    """The calls of `folder/truth.json`, in its order. TruthInvalid says where it is wrong."""
    try:
        text = (folder / TRUTH_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise TruthInvalid(
            f"{TRUTH_FILE} cannot be read ({error.strerror})", hint="give the folder that holds it"
        ) from None
    except UnicodeDecodeError:
        raise TruthInvalid(f"{TRUTH_FILE} is not UTF-8") from None
    return parse_truth(text)


def parse_truth(text: str) -> tuple[Call, ...]:
    """As `load_truth`, from the document itself."""
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_not_a_number)
    except (json.JSONDecodeError, RecursionError):
        raise TruthInvalid(f"{TRUTH_FILE} is not JSON") from None
    calls = _each(document, "truth", _call)
    if not calls:
        raise TruthInvalid("the truth has no calls")
    for name in ("id", "file"):
        if len({getattr(call, name) for call in calls}) < len(calls):
            raise TruthInvalid(f"two calls have the same {name}")
    return calls


def _call(raw: Any, at: str) -> Call:
    known = _object(
        raw,
        at,
        required=("id", "file", "entities"),
        optional=("keep", "carriers", "flavour", "duration_s", "agent_channel", "customer_channel"),
    )
    return Call(
        id=_matching(known["id"], f"{at}.id", _ID),
        file=_file(known["file"], f"{at}.file"),
        entities=_each(known["entities"], f"{at}.entities", _passage),
        keep=_each(known.get("keep", []), f"{at}.keep", _passage),
        carriers=_each(known.get("carriers", []), f"{at}.carriers", _carrier),
        crosstalk=known.get("flavour") == _BLEEDS,
    )


def _passage(raw: Any, at: str) -> Passage:
    known = _object(raw, at, required=("type", "channel", "start_s", "end_s", "units"), optional=("text",))
    units = _each(known["units"], f"{at}.units", _unit)
    if not units:
        raise TruthInvalid(f"{at}.units is empty", hint="a passage without parts has itself as its only unit")
    return Passage(type=_matching(known["type"], f"{at}.type", _TYPE), whole=_stretch(known, at), units=units)


def _unit(raw: Any, at: str) -> tuple[float, float]:
    return _seconds(_object(raw, at, required=("start_s", "end_s"), optional=("text",)), at)


def _carrier(raw: Any, at: str) -> Stretch:
    return _stretch(_object(raw, at, required=("channel", "start_s", "end_s"), optional=("source",)), at)


def _stretch(known: Mapping[str, Any], at: str) -> Stretch:
    channel = known["channel"]
    if type(channel) is not int or channel < 0:
        raise TruthInvalid(f"{at}.channel is not a channel number", hint="the first channel is 0")
    start_s, end_s = _seconds(known, at)
    return Stretch(channel=channel, start_s=start_s, end_s=end_s)


def _seconds(known: Mapping[str, Any], at: str) -> tuple[float, float]:
    start_s, end_s = known["start_s"], known["end_s"]
    for value in (start_s, end_s):
        if type(value) not in {int, float} or not math.isfinite(value):
            raise TruthInvalid(f"{at} has a time that is no number of seconds")
    if not 0 <= start_s < end_s:
        raise TruthInvalid(f"{at} does not end after it starts", hint="start_s and end_s count from the file's start")
    return float(start_s), float(end_s)


def _file(raw: Any, at: str) -> str:
    if not isinstance(raw, str) or not raw or "\\" in raw or "\0" in raw:
        raise TruthInvalid(f"{at} is not a file name")
    path = PurePosixPath(raw)
    if path.is_absolute() or ".." in path.parts:
        raise TruthInvalid(f"{at} lies outside the folder", hint="files are named relative to the truth")
    return raw


def _matching(raw: Any, at: str, form: re.Pattern[str]) -> str:
    if not isinstance(raw, str) or not form.fullmatch(raw):
        raise TruthInvalid(f"{at} is not of the form {form.pattern}")
    return raw


def _object(raw: Any, at: str, *, required: Sequence[str], optional: Sequence[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise TruthInvalid(f"{at} is not an object")
    missing = [name for name in required if name not in raw]
    if missing:
        raise TruthInvalid(f"{at} lacks {', '.join(missing)}")
    if not raw.keys() <= {*required, *optional}:
        raise TruthInvalid(f"{at} has a key that is not known", hint=f"known are {', '.join((*required, *optional))}")
    return raw


def _each(raw: Any, at: str, read: Callable[[Any, str], T]) -> tuple[T, ...]:
    if not isinstance(raw, list):
        raise TruthInvalid(f"{at} is not a list")
    return tuple(read(item, f"{at}[{number}]") for number, item in enumerate(raw))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise TruthInvalid(f"{TRUTH_FILE} has a key twice in one object")
    return found


def _not_a_number(_: str) -> NoReturn:
    raise TruthInvalid(f"{TRUTH_FILE} holds NaN or Infinity")
