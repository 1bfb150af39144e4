"""What a key or an object is bound to, as canonical JSON (RFC 8785).

A ciphertext opens only under the exact context it was sealed with, so that one that was swapped for
another recording's, another kind's or an older revision's is refused. Contexts hold opaque ids only:
key services write them to their logs in the clear.
"""

from __future__ import annotations

from collections.abc import Mapping

import rfc8785

APP = "sottovoce"
VERSION = 1


def epoch_context(*, tenant: str, epoch: str) -> Mapping[str, str]:
    """What an epoch key is bound to at its provider (an AWS KMS EncryptionContext, a transit AAD)."""
    return {"app": APP, "tenant": tenant, "epoch": epoch}


def key_context(*, tenant: str, epoch: str, rid: str) -> bytes:
    """The associated data under which a recording key is wrapped by its epoch key."""
    return rfc8785.dumps({"v": VERSION, "tenant": tenant, "epoch": epoch, "rid": rid})


def object_context(
    *, tenant: str, rid: str, kind: str, rev: int, channel: int | None = None, shard: str | None = None
) -> bytes:
    """What one sealed object is bound to; `channel` and `shard` only where there is one."""
    bound: dict[str, str | int] = {"v": VERSION, "tenant": tenant, "rid": rid, "kind": kind, "rev": rev}
    if channel is not None:
        bound["channel"] = channel
    if shard is not None:
        bound["shard"] = shard
    return rfc8785.dumps(bound)
