"""What IAM policies permit: AWS's rules as far as the policies we write use them.

Explicit deny wins; then every policy that limits must allow, and some policy that grants; `*` and `?` in actions and
resources; the operators below, with `IfExists`, `ForAnyValue:` and `ForAllValues:` (IAM User Guide, "Policy evaluation
logic" and "IAM JSON policy elements: Condition operators"). A key that is missing satisfies no operator but the negated
ones and `Null`. An element or operator it does not know is an error and not a guess.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Context = Mapping[str, str | Sequence[str]]
Document = Mapping[str, Any]

_ELEMENTS: Final = {"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who wants what of which ARN. `principal` is an ARN or a service's name; policies of resources ask for it."""

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    principal: str = ""


def permitted(policy: str, action: str, resource: str, context: Context | None = None) -> bool:
    """Whether the policy alone allows the action on the ARN under these condition keys."""
    request = Request(action=action, resource=resource, context=context or {})
    return decided(request, grants=[json.loads(policy)])


def decided(request: Request, *, grants: Iterable[Document], limits: Iterable[Document] = ()) -> bool:
    """Whether the request is allowed within one account.

    `grants` are the principal's policies and the resource's, any of which may allow; `limits` are boundaries, session
    policies and those of endpoints, each of which must.
    """
    granting = [_effects(policy, request) for policy in grants]
    limiting = [_effects(policy, request) for policy in limits]
    if any("Deny" in effects for effects in (*granting, *limiting)):
        return False
    return any("Allow" in effects for effects in granting) and all("Allow" in effects for effects in limiting)


def _effects(policy: Document, request: Request) -> set[str]:
    if policy["Version"] != "2012-10-17":
        raise ValueError("another version of the policy language")
    return {statement["Effect"] for statement in policy["Statement"] if _fits(statement, request)}


def _fits(statement: Document, request: Request) -> bool:
    if unknown := set(statement) - _ELEMENTS:
        raise ValueError(f"an element that is not judged here: {', '.join(sorted(unknown))}")
    acts = _named(statement, "Action", lambda pattern: _like(pattern.lower(), request.action.lower()))
    lies = _named(statement, "Resource", lambda pattern: _like(pattern, request.resource))
    is_them = "Principal" not in statement or _is(statement["Principal"], request.principal)
    return is_them and acts and lies and _holds(statement.get("Condition", {}), request.context)


def _named(statement: Document, element: str, like: Callable[[str], bool]) -> bool:
    """By the element or by its opposite; a trust policy has no resource."""
    if f"Not{element}" in statement:
        return not any(map(like, _many(statement[f"Not{element}"])))
    return any(map(like, _many(statement.get(element, "*"))))


def _is(principal: str | Mapping[str, Any], who: str) -> bool:
    named = {"AWS": principal} if isinstance(principal, str) else principal
    return any(each in ("*", who) for given in named.values() for each in _many(given))


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    return all(
        _satisfied(name, _many(wanted), context.get(key))
        for name, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _satisfied(name: str, wanted: Sequence[str], said: str | Sequence[str] | None) -> bool:
    quantifier, _, rest = name.rpartition(":")
    plain = rest.removesuffix("IfExists")
    if plain == "Null":
        return (said is None) == (str(wanted[0]).lower() == "true")
    negated = "Not" in plain
    compare = _OPERATORS.get(plain.replace("Not", ""))
    if compare is None or quantifier not in {"", "ForAnyValue", "ForAllValues"}:
        raise ValueError(f"a condition that is not judged here: {name}")
    if said is None:
        return quantifier == "ForAllValues" or plain != rest or (negated and not quantifier)
    each = [any(compare(str(w), one) for w in wanted) is not negated for one in _many(said)]
    if quantifier == "ForAllValues":
        return all(each)
    if not quantifier and len(each) != 1:
        raise ValueError("a key with several values is asked for with ForAnyValue or ForAllValues")
    return any(each)


def _many(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _like(pattern: str, text: str) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _arn_like(pattern: str, text: str) -> bool:
    """Part by part: a wildcard does not reach over a colon of the first five."""
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


def _numeric(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, said: compare(float(said), float(wanted))


_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": operator.eq,
    "StringLike": _like,
    "Bool": lambda wanted, said: wanted.lower() == said.lower(),
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "NumericEquals": _numeric(operator.eq),
    "NumericLessThan": _numeric(operator.lt),
    "NumericLessThanEquals": _numeric(operator.le),
    "NumericGreaterThan": _numeric(operator.gt),
    "NumericGreaterThanEquals": _numeric(operator.ge),
}
"""Wanted first, then what the request said."""
