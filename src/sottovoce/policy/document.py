"""YAML as data that remembers its lines (YAML 1.1 as PyYAML reads it, in its safe subset).

Refuses what lets two readers understand one file differently or costs without bound: duplicate keys,
keys that are not text, anchors and aliases, tags, more than one document, files over 1 MiB, values
nested deeper than 20.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sottovoce.errors import PolicyError

MAX_BYTES = 1 << 20
MAX_DEPTH = 20

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """JSON-like data, and the line (from 1) on which each path's key or item begins."""

    data: Plain
    lines: dict[Path, int] = field(repr=False)

    def line_of(self, path: Path) -> int:
        """The line of the path, or of the nearest one above it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes, and refuses sharing between them."""

    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise PolicyError(
                f"line {event.start_mark.line + 1}: anchors and aliases are not used in a policy",
                hint="write the value out where it is meant",
                line=event.start_mark.line + 1,
            )
        return super().compose_node(parent, index)


def read_document(text: str) -> Document:
    """The one mapping in the text. Raises PolicyError with the line for anything else."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise PolicyError("the policy is larger than 1 MiB", hint="is this the right file?")
    try:
        return _document(_Loader(text))
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error) from None
    except (yaml.YAMLError, RecursionError):
        raise PolicyError("the policy is not YAML", hint="is this the right file?") from None


def _document(loader: _Loader) -> Document:
    root = loader.get_single_node()
    if not isinstance(root, MappingNode):
        raise _refused("a policy is a mapping of keys to values", root, hint='start with `version: "1"`')
    lines: dict[Path, int] = {}
    return Document(data=_plain(loader, root, (), lines), lines=lines)


def _unreadable(error: yaml.MarkedYAMLError) -> PolicyError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    return PolicyError(
        f"line {line}: this is not YAML",
        hint="look at the indentation (spaces, not tabs), colons and quotes on this line and the one before",
        line=line,
    )


def _plain(loader: _Loader, node: Node, path: Path, lines: dict[Path, int]) -> Plain:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(path) > MAX_DEPTH:
        raise _refused("this is nested too deeply", node, hint="look at the indentation")
    if isinstance(node, MappingNode):
        return _mapping(loader, node, path, lines)
    if isinstance(node, SequenceNode):
        return [_plain(loader, item, (*path, i), lines) for i, item in enumerate(node.value)]
    return _scalar(loader, node)


def _mapping(loader: _Loader, node: MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, ScalarNode) else None
        if name is None or key.tag != "tag:yaml.org,2002:str":
            raise _refused("a key must be text", key, hint=f'write it in quotes: "{name}"' if name else "use a name")
        if name in found:
            first = lines[(*path, name)]
            raise _refused(f"`{name}` is given twice", key, hint=f"it is already set on line {first}; keep one of them")
        lines[(*path, name)] = key.start_mark.line + 1
        found[name] = _plain(loader, value, (*path, name), lines)
    return found


def _scalar(loader: _Loader, node: Node) -> Plain:
    try:
        value = loader.construct_object(node)
    except (ValueError, OverflowError):
        raise _refused("this value cannot be read", node, hint="write text in quotes") from None
    if isinstance(value, datetime):
        raise _refused("a time where a date belongs", node, hint="write a date such as 2025-01-31")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused("this is not a number", node, hint="write a finite number")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise _refused("this kind of value is not used in a policy", node, hint="write text in quotes")


def _refused(message: str, node: Node | None, *, hint: str) -> PolicyError:
    line = node.start_mark.line + 1 if node else 1
    return PolicyError(f"line {line}: {message}", hint=hint, line=line)
