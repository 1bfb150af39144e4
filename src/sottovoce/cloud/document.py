"""Documents as YAML that a person reviews: keys in the order they were written, long lines left alone, no anchors."""

from __future__ import annotations

from typing import Any

import yaml


class _Plain(yaml.SafeDumper):
    """A value that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def as_yaml(document: Any) -> str:
    """The same text for the same document."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, width=10_000, allow_unicode=True)
