"""How each service carries an object's labels (SPEC 9.4).

Amazon has tags, which its policies can ask for, and metadata. Google has metadata only, and Azure metadata
whose names are C# identifiers (a hyphen is InvalidMetadata); its blob tags are left alone, because accounts
with a hierarchical namespace refuse them. There the tags travel as metadata, so that each says the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sottovoce.storage.protocol import ObjectLabels


@dataclass(frozen=True, slots=True, kw_only=True)
class Dress:
    """What goes into a request: tags, and metadata."""

    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


Labelling = Callable[[ObjectLabels], Dress]


def unlabelled(labels: ObjectLabels) -> Dress:  # noqa: ARG001 - a folder's files and memory say nothing
    return Dress()


def amazon(labels: ObjectLabels) -> Dress:
    return Dress(tags=labels.tags, metadata=labels.metadata)


def google(labels: ObjectLabels) -> Dress:
    """Tags as metadata with names of the same form: `DataClass` as `data-class`."""
    tags = {_words(name, "-"): value for name, value in labels.tags.items()}
    return Dress(metadata={**tags, **labels.metadata})


def azure(labels: ObjectLabels) -> Dress:
    """The same with underscores: `data_class`, `redaction_applied`."""
    everything = {**labels.tags, **labels.metadata}
    return Dress(metadata={_words(name, "_"): value for name, value in everything.items()})


def azure_indexed(labels: ObjectLabels) -> Dress:
    """With the tags as blob index tags too, which conditions of role assignments can ask for.

    An account with a hierarchical namespace refuses them (Azure Storage, "Manage and find data with blob index tags").
    """
    return Dress(tags=labels.tags, metadata=azure(labels).metadata)


def _words(name: str, joint: str) -> str:
    """`DataClass` and `data-class` are the same words; a run of capitals is one (`PIIStatus`)."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return joint.join(part.lower() for part in parts)
