"""CloudFormation's references as far as our templates use them: a policy in one is judged before it is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def resolved(document: Any, values: Mapping[str, str]) -> Any:
    """The document with `Ref`, `Fn::GetAtt` and `Fn::Sub` replaced by `values`, such as `DataKey.Arn`.

    Raises KeyError for a reference that leads nowhere.
    """
    if isinstance(document, list):
        return [resolved(each, values) for each in document]
    if not isinstance(document, dict):
        return document
    if len(document) == 1:
        ((function, given),) = document.items()
        match function:
            case "Ref":
                return values[given]
            case "Fn::GetAtt":
                return values[".".join(given)]
            case "Fn::Sub":
                return re.sub(r"\$\{([\w:.]+)\}", lambda found: values[found[1]], given)
    return {name: resolved(each, values) for name, each in document.items()}
