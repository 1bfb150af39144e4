"""Which conversations a query means: interval, filters, order (GENESYS.md 2a).

An interval takes whole days: conversations that started on a day it touches. Attributes cannot be
filtered on: a predicate on a property finds nothing, as in the real one.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sottovoce.sandbox.answers import bad_request

Json = dict[str, Any]

_ROW = ("mediaType", "direction", "ani", "dnis", "queueId", "segmentType", "wrapUpCode", "disconnectType")
_SEGMENT = frozenset({*_ROW, "userId", "purpose", "recording", "segmentEnd"})
_CONVERSATION = frozenset({"conversationId", "originatingDirection", "externalTag", "conversationEnd", "divisionId"})


def interval_of(query: Json) -> tuple[datetime, datetime]:
    """The two moments of `ISO/ISO`. Raises ApiError."""
    try:
        start, end = (datetime.fromisoformat(part) for part in str(query.get("interval")).split("/"))
    except ValueError:
        raise bad_request(
            "Dates must be specified as ISO-8601 strings. For example: yyyy-MM-ddTHH:mm:ss.SSSZ", code="invalid.date"
        ) from None
    start, end = (moment if moment.tzinfo else moment.replace(tzinfo=UTC) for moment in (start, end))
    if end <= start:
        raise bad_request("The interval ends before it starts.")
    return start.astimezone(UTC), end.astimezone(UTC)


def touches_day_of(began: datetime, interval: tuple[datetime, datetime]) -> bool:
    start, end = interval
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    last = (end - timedelta(microseconds=1)).date()
    return first <= began and began.date() <= last


def has_real_filter(query: Json) -> bool:
    """An empty filter does not lift the seven-day limit."""
    return any(
        _predicates(filter_)
        for name in ("segmentFilters", "conversationFilters")
        for filter_ in _objects(query.get(name))
    )


def matches(query: Json, conversation: Json) -> bool:
    """Whether every filter fits. Raises ApiError for a dimension that is not known."""
    segments = all(_fits(f, list(_rows(conversation)), _SEGMENT) for f in _objects(query.get("segmentFilters")))
    return segments and all(_fits(f, [conversation], _CONVERSATION) for f in _objects(query.get("conversationFilters")))


def _fits(filter_: Json, rows: list[Json], known: frozenset[str]) -> bool:
    tests = [any(_true(p, row, known) for row in rows) for p in _objects(filter_.get("predicates"))]
    tests += [_fits(clause, rows, known) for clause in _objects(filter_.get("clauses"))]
    if not tests:
        return True
    return any(tests) if filter_.get("type") == "or" else all(tests)


def _true(predicate: Json, row: Json, known: frozenset[str]) -> bool:
    if predicate.get("type", "dimension") == "property":
        return False
    dimension = predicate.get("dimension")
    if dimension not in known:
        raise bad_request("A filter names a dimension that is not known.")
    value = row.get(dimension)
    match predicate.get("operator", "matches"):
        case "exists":
            return value is not None
        case "notExists":
            return value is None
        case _:
            return value is not None and str(value).lower() == str(predicate.get("value")).lower()


def _rows(conversation: Json) -> Iterator[Json]:
    """One row a segment, with what its session and participant say."""
    for participant in conversation["participants"]:
        for session in participant["sessions"]:
            for segment in session["segments"]:
                yield {**participant, **session, **segment}


def _predicates(filter_: Json) -> list[Json]:
    nested = [p for clause in _objects(filter_.get("clauses")) for p in _objects(clause.get("predicates"))]
    return _objects(filter_.get("predicates")) + nested


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
