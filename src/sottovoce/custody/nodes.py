"""Names of the nodes of the lineage, and of stored objects: opaque, and derived without chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def recording_node(key: str) -> str:
    return f"recording:{key}"


def object_node(object_id: str) -> str:
    return f"object:{object_id}"


def sample_node(corpus_id: str) -> str:
    return f"sample:{corpus_id}"


def version_node(version: str) -> str:
    return f"version:{version}"


def shard_node(shard: str) -> str:
    return f"shard:{shard}"


def run_node(run: str) -> str:
    return f"run:{run}"


def model_node(model: str) -> str:
    return f"model:{model}"


def delivery_node(delivery: str) -> str:
    return f"delivery:{delivery}"


def named(kind: str, nodes: Iterable[str]) -> tuple[str, ...]:
    """The names of the nodes of one kind, such as `sample`."""
    return tuple(node.removeprefix(f"{kind}:") for node in nodes if node.startswith(f"{kind}:"))


def object_id(location: str) -> str:
    """The id of the object at a location: the same when it is recorded twice."""
    return hashlib.sha256(location.encode()).hexdigest()[:32]
