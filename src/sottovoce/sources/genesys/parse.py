"""Reading JSON that may lack anything: every field of the platform can be absent or null.

Exporters that trust the documents crash on active conversations and agentless calls (GENESYS.md 10).
These readers give None, or an empty tuple, for whatever is missing or of another type.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]

_LARGEST = 2**53


def objects(value: object) -> tuple[Json, ...]:
    """The objects of a list."""
    return tuple(item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def field(value: object, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def text(value: object, name: str) -> str | None:
    found = field(value, name)
    return found if isinstance(found, str) and found else None


def number(value: object, name: str) -> float | None:
    """A finite one: JSON as Python reads it also has NaN, infinities and integers beyond any float."""
    found = field(value, name)
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return float(found) if -_LARGEST <= found <= _LARGEST else None


def moment(value: object, name: str) -> datetime | None:
    """`yyyy-MM-ddTHH:mm:ss[.mmm]Z` or with an offset; None where it is none."""
    try:
        found = datetime.fromisoformat(text(value, name) or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def strings(value: object) -> dict[str, str]:
    """The string members of an object: a null attribute has been seen and says nothing."""
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}


def words(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
