"""From the policy's `storage` to a store: `file:` below the workspace, `s3://bucket/prefix`, `memory:`.

Credentials come by reference only. Plain HTTP is allowed only where the endpoint says `http://` itself.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.store import S3Store

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.policy.model import Storage
from sottovoce.settings import resolve_secret
from sottovoce.storage.protocol import ObjectStore
from sottovoce.storage.stores import CloudStore, FolderStore, memory_store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

Resolve = Callable[[str], Confidential[str]]

_TIMEOUT: Final = timedelta(seconds=60)
_RETRIES: Final = 3


def open_store(storage: Storage, *, base: Path, resolve: Resolve | None = None) -> ObjectStore:
    """The store the policy names. PolicyError for a URL of another kind; nothing is fetched yet."""
    url = urlsplit(storage.url)
    if url.scheme == "file" and url.path:
        return FolderStore(root=base / url.path)
    if url.scheme == "memory":
        return memory_store()
    if url.scheme == "s3" and url.netloc:
        return _s3(storage, url.netloc, url.path.strip("/"), resolve or (lambda ref: resolve_secret(ref, base=base)))
    raise PolicyError("storage.url names no store", hint="write file:objects or s3://bucket/prefix")


def _s3(storage: Storage, bucket: str, prefix: str, resolve: Resolve) -> CloudStore:
    retry: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": _TIMEOUT}
    client: ClientConfig = {"timeout": _TIMEOUT, "allow_http": (storage.endpoint or "").startswith("http://")}
    backend = S3Store(
        bucket, prefix=prefix or None, config=_s3_config(storage, resolve), client_options=client, retry_config=retry
    )
    return CloudStore(backend=backend, scheme="s3", labelled=True)


def _s3_config(storage: Storage, resolve: Resolve) -> S3Config:
    config: S3Config = {}
    if storage.endpoint:
        config["endpoint"] = storage.endpoint
    if storage.region:
        config["region"] = storage.region
    if storage.access_key and storage.secret_key:
        config["access_key_id"] = resolve(storage.access_key).reveal()
        config["secret_access_key"] = resolve(storage.secret_key).reveal()
    if storage.kms_key:
        config["server_side_encryption"] = "aws:kms"
        config["sse_kms_key_id"] = storage.kms_key
    return config
