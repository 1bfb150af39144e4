"""What the model refuses, said so that it can be mended: the line, plain words, and what was probably meant.

Values are repeated only where they are names out of a closed list; a key that holds a secret's reference
is never repeated, because somebody may have written the secret itself.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from sottovoce.errors import PolicyError
from sottovoce.policy.document import Document, Path, Plain
from sottovoce.policy.keys import known_at

_LONGEST_REPEATED = 40
_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "date_type": "a date such as 2025-01-31",
    "date_parsing": "a date such as 2025-01-31",
    "date_from_datetime_parsing": "a date such as 2025-01-31",
    "date_from_datetime_inexact": "a date such as 2025-01-31",
}
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def complaint(document: Document, errors: Sequence[ErrorDetails]) -> PolicyError:
    """The first error in the order of the file; its hint says how many others there are."""
    places: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        places.setdefault(_path(document.data, error), []).append(error)
    telling = [path for path in places if not _echoes(path, places)]
    path = min(telling, key=lambda p: (document.line_of(p), len(p)))
    message, hint = _told(document.data, path, places[path])
    line, others = document.line_of(path), len(telling) - 1
    more = f"; {others} more after this one" if others else ""
    return PolicyError(f"line {line}: {message}", hint=f"{hint}{more}", line=line)


def _path(data: Plain, error: ErrorDetails) -> Path:
    """The error's place in the file: pydantic's own, without the union members and tags it names."""
    path: list[str | int] = []
    at: Plain = data
    for step in error["loc"]:
        if isinstance(at, dict) and step in at:
            at = at[str(step)]
        elif isinstance(at, list) and isinstance(step, int) and step < len(at):
            at = at[step]
        elif not (error["type"] == "missing" and step == error["loc"][-1]):
            continue
        path.append(step)
    if error["type"] == "union_tag_invalid":
        path.append(str(error["ctx"]["discriminator"]).strip("'"))
    return tuple(path)


def _echoes(path: Path, places: Mapping[Path, Sequence[ErrorDetails]]) -> bool:
    """Whether another error explains this one: something inside it, or a misspelt key where one is missing."""
    if any(len(other) > len(path) and other[: len(path)] == path for other in places):
        return True
    misspelt = {other[:-1] for other, said in places.items() if said[0]["type"] == "extra_forbidden"}
    return places[path][0]["type"] == "missing" and path[:-1] in misspelt


def _told(data: Plain, path: Path, errors: Sequence[ErrorDetails]) -> tuple[str, str]:
    """(message, hint) for everything the model said about one place."""
    kinds, name = {error["type"] for error in errors}, dotted(path)
    if "extra_forbidden" in kinds:
        return _unknown_key(path)
    if "missing" in kinds:
        return f"`{name}` is missing", f"add `{path[-1]}: …` under {_under(path)}"
    if "union_tag_not_found" in kinds:
        return f"`{name}.kind` is missing", "add `kind: genesys`, `folder`, `bucket` or `inbox`"
    value = _value(data, path)
    choices = list(dict.fromkeys(c for error in errors for c in _choices(error)))
    if errors[0]["loc"][-1] == "[key]":
        return _unknown_name(path, choices)
    if choices and (isinstance(value, str) or not kinds & set(_WANTED)):
        return _not_a_choice(name, value, choices)
    return _of_value(name, value, errors[0] if len(errors) == 1 else _closest(value, errors))


def _unknown_key(path: Path) -> tuple[str, str]:
    known = tuple(name for name in known_at(path[:-1]) if name != path[-1])
    return f"`{path[-1]}` is not a key of {_under(path)}", _suggestion(str(path[-1]), known) or _listed(known)


def _unknown_name(path: Path, choices: Sequence[str]) -> tuple[str, str]:
    """A name the writer chose, in a place where not every name will do."""
    name, form = str(path[-1]), "use a-z, 0-9 and hyphens, beginning with a letter or digit"
    hint = (_suggestion(name, choices) or _listed(choices)) if choices else form
    return f"`{name}` cannot be a name in {_under(path)}", hint


def _not_a_choice(name: str, value: Plain, choices: Sequence[str]) -> tuple[str, str]:
    if not isinstance(value, str):
        quoted = f'write it in quotes: "{value}"' if str(value) in choices else _listed(choices)
        return f"`{name}` cannot be this {'number' if isinstance(value, int | float) else 'value'}", quoted
    if value in choices:
        return f"`{name}` should be a number, and is text", f"write it without quotes: {value}"
    shown = f"`{value}`" if len(value) <= _LONGEST_REPEATED else "this"
    return f"`{name}` cannot be {shown}", _suggestion(value, choices) or _listed(choices)


def _of_value(name: str, value: Plain, error: ErrorDetails) -> tuple[str, str]:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _WANTED:
        return f"`{name}` should be {_WANTED[kind]}, and is {_called(value)}", _mending(kind, value)
    if kind in _BOUNDS:
        words, bound = _BOUNDS[kind]
        return f"`{name}` must be {words} {context[bound]}", "choose a value within the bounds"
    if kind == "string_pattern_mismatch":
        return _not_in_form(name, str(context["pattern"]))
    return f"`{name}` is not valid", "see the reference of policy keys"


def _not_in_form(name: str, pattern: str) -> tuple[str, str]:
    if pattern.startswith("^(env|file)"):
        return f"`{name}` must say where the secret is, not what it is", "write env:NAME or file:PATH"
    return f"`{name}` must be a short name", "use a-z, 0-9 and hyphens, beginning with a letter or digit"


def _mending(kind: str, value: Plain) -> str:
    if kind == "string_type" and value is not None and not isinstance(value, list | dict):
        return f'write it in quotes: "{_as_written(value)}"'
    if kind in {"tuple_type", "list_type"} and isinstance(value, str):
        return f"write a list: [{value}]" if len(value) <= _LONGEST_REPEATED else "write a list: [first, second]"
    if value is None:
        return "give it a value, or leave the key out for its default"
    return f"write {_WANTED[kind]}"


def _as_written(value: bool | float | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _closest(value: Plain, errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """Of a union's complaints, the one about the list when a list was written, else the first about a type."""
    if isinstance(value, list):
        return next((e for e in errors if e["type"] not in {"tuple_type", "list_type"}), errors[0])
    return next((e for e in errors if e["type"] in _WANTED), errors[0])


def _value(data: Plain, path: Path) -> Plain:
    at: Any = data
    for step in path:
        at = at[step]
    return at  # type: ignore[no-any-return]


def _choices(error: ErrorDetails) -> list[str]:
    context: Mapping[str, Any] = error.get("ctx", {})
    if error["type"] not in {"literal_error", "enum", "union_tag_invalid"}:
        return []
    said = str(context.get("expected_tags" if error["type"] == "union_tag_invalid" else "expected", ""))
    return re.findall(r"'([^']+)'", said) or re.findall(r"\d+", said)


def _suggestion(wrong: str, right: Iterable[str]) -> str:
    by_fold = {name.casefold().replace("-", "_"): name for name in right}
    close = difflib.get_close_matches(wrong.casefold().replace("-", "_").replace(" ", "_"), by_fold, n=1, cutoff=0.6)
    return f"did you mean `{by_fold[close[0]]}`?" if close else ""


def _listed(names: Sequence[str]) -> str:
    return f"known here: {', '.join(names)}" if names else "leave it out"


def _under(path: Path) -> str:
    return f"`{dotted(path[:-1])}`" if len(path) > 1 else "the policy"


def dotted(path: Path) -> str:
    """`exclusions.test_numbers[0]`"""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _called(value: Plain) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return "true or false"
        case float():
            return "a number with a point"
        case int():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case dict():
            return "a mapping"
