"""From a policy file to a policy, strictly: the whole file is right, or none of it is used.

`digest` is the SHA-256 of the validated policy in its canonical form (RFC 8785, defaults written out,
dates as ISO 8601 text), so comments and order do not change it, and every value does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from sottovoce.errors import PolicyError
from sottovoce.policy.complaint import complaint, dotted
from sottovoce.policy.digest import policy_digest
from sottovoce.policy.document import Document, read_document
from sottovoce.policy.model import Policy
from sottovoce.policy.rules import flaws


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPolicy:
    """A policy that holds together, its digest (64 hexadecimal digits), and where each key stands."""

    policy: Policy
    digest: str
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """Path with dots to the line (from 1) it was given on; what is absent is a default."""

    def line_of(self, path: str) -> int | None:
        """The line a key was given on; None when it has its default."""
        return self.lines.get(path)


def load_policy(path: Path) -> LoadedPolicy:
    """The policy in the file. Raises PolicyError with line and hint; nothing of the file is kept then."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError:
        raise PolicyError(f"the policy {path} cannot be read", hint="`sottovoce init` writes one") from None
    except UnicodeDecodeError:
        raise PolicyError(f"the policy {path} is not UTF-8 text", hint="save it as UTF-8") from None
    return parse_policy(text)


def parse_policy(text: str) -> LoadedPolicy:
    """The same, of text."""
    document = read_document(text)
    policy = _validated(document)
    for flaw in sorted(flaws(policy), key=lambda f: document.line_of(f.path)):
        line = document.line_of(flaw.path)
        raise PolicyError(f"line {line}: {flaw.message}", hint=flaw.hint, line=line)
    lines = {dotted(path): line for path, line in document.lines.items() if path}
    return LoadedPolicy(policy=policy, digest=policy_digest(policy), lines=MappingProxyType(lines))


def _validated(document: Document) -> Policy:
    """Strictly, as JSON: `"200"` is not a number, and 1 is not `true`."""
    try:
        return Policy.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        raise complaint(document, error.errors(include_url=False, include_input=False)) from None
