"""Every key a policy may have, read off the model: for suggestions, and to hold the reference page to it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from sottovoce.policy.model import Policy

ANY = "*"
"""Stands for a name the writer chooses, such as a source's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key: its path with dots, whether it must be given, and what it is when it is not."""

    path: str
    required: bool
    default: Any


def policy_keys() -> tuple[Key, ...]:
    """All keys with values, in the order of the model; `sources.*.path` for a key of every source.

    A key that several kinds of a thing have is told of the first of them, which is the default kind.
    """
    first: dict[str, Key] = {}
    for key in _keys(Policy, ()):
        first.setdefault(key.path, key)
    return tuple(first.values())


def known_at(path: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that may stand under `path`, over every kind of value that may stand there."""
    return tuple(dict.fromkeys(name for model in _models_at(path) for name in model.model_fields))


def _keys(model: type[BaseModel], at: tuple[str, ...]) -> Iterator[Key]:
    for name, info in model.model_fields.items():
        inner = list(_inner(info.annotation))
        if not inner:
            default = info.get_default(call_default_factory=True) if not info.is_required() else None
            yield Key(path=".".join((*at, name)), required=info.is_required(), default=default)
        for found, chosen in inner:
            yield from _keys(found, (*at, name, *([ANY] if chosen else [])))


def _models_at(path: tuple[str | int, ...]) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [Policy]
    steps = list(path)
    while steps:
        step = steps.pop(0)
        fields = [m.model_fields[step] for m in models if isinstance(step, str) and step in m.model_fields]
        found = [pair for info in fields for pair in _inner(info.annotation)]
        if any(chosen for _, chosen in found) and steps:
            steps.pop(0)
        models = [model for model, _ in found]
    return models


def _inner(annotation: Any) -> Iterator[tuple[type[BaseModel], bool]]:
    """The models inside an annotation, and whether they stand under a chosen name or an index."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, False
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _inner(arguments[0])
    elif origin in {Union, types.UnionType}:
        for argument in arguments:
            yield from _inner(argument)
    elif origin in {dict, tuple}:
        for argument in arguments:
            yield from ((model, True) for model, _ in _inner(argument))
