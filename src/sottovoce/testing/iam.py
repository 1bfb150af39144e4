"""What an IAM policy permits: enough of AWS's rules to judge the session policies we write.

Explicit deny, then explicit allow, then deny; `*` and `?` in actions and resources; the conditions StringLike,
StringEquals and Bool, where a missing key satisfies none. An element it does not know is an error and not a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def permitted(policy: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
    """Whether the policy alone allows the action on the ARN under these condition keys."""
    document = json.loads(policy)
    if document["Version"] != "2012-10-17":
        raise ValueError("another version of the policy language")
    effects = {
        statement["Effect"] for statement in document["Statement"] if _fits(statement, action, resource, context or {})
    }
    return "Deny" not in effects and "Allow" in effects


def _fits(statement: Mapping[str, Any], action: str, resource: str, context: Mapping[str, str]) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown:
        raise ValueError(f"an element that is not judged here: {', '.join(sorted(unknown))}")
    acts = any(_like(each.lower(), action.lower()) for each in _many(statement["Action"]))
    lies = any(_like(each, resource) for each in _many(statement["Resource"]))
    return acts and lies and _holds(statement.get("Condition", {}), context)


def _holds(conditions: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            said = context.get(key)
            values = _many(wanted)
            match operator:
                case "StringLike":
                    fits = said is not None and any(_like(each, said) for each in values)
                case "StringEquals" | "Bool":
                    fits = said is not None and said in values
                case _:
                    raise ValueError(f"a condition that is not judged here: {operator}")
            if not fits:
                return False
    return True


def _many(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _like(pattern: str, text: str) -> bool:
    expression = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None
