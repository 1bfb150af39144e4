"""Names of the nodes of the lineage, and of stored objects: opaque, and derived without chance."""

from __future__ import annotations

import hashlib


def recording_node(key: str) -> str:
    return f"recording:{key}"


def object_node(object_id: str) -> str:
    return f"object:{object_id}"


def sample_node(corpus_id: str) -> str:
    return f"sample:{corpus_id}"


def version_node(version: str) -> str:
    return f"version:{version}"


def object_id(location: str) -> str:
    """The id of the object at a location: the same when it is recorded twice."""
    return hashlib.sha256(location.encode()).hexdigest()[:32]
