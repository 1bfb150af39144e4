"""From the policy's `storage` to a store: `file:` below the workspace, `s3://`, `gs://`, `az://`, `memory:`.

Credentials come by reference, or from the machine's own chain where the policy names none. Plain HTTP is
allowed only where the endpoint says `http://` itself. Nothing is fetched until the first object is.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore
from obstore.store import S3Store as S3Backend

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import PolicyError
from sottovoce.policy.model import Storage
from sottovoce.settings import resolve_secret
from sottovoce.storage.dress import Labelling, azure, azure_indexed, google
from sottovoce.storage.protocol import ObjectStore
from sottovoce.storage.s3 import S3Control, S3Store, connect_s3
from sottovoce.storage.stores import FolderStore, SigningStore, memory_store

if TYPE_CHECKING:
    from obstore.store import AzureConfig, ClientConfig, GCSConfig, RetryConfig, S3Config

Resolve = Callable[[str], Confidential[str]]
Open = Callable[[Storage, str, str, Resolve, Callable[[], datetime]], ObjectStore]


def _now() -> datetime:
    return datetime.now(UTC)


def open_store(
    storage: Storage,
    *,
    base: Path,
    resolve: Resolve | None = None,
    clock: Callable[[], datetime] = _now,
    indexed: bool = False,
) -> ObjectStore:
    """The store the policy names; `clock` dates locks, and with `indexed` Azure's blobs get index tags too.

    PolicyError for a URL of another kind, WorkspaceError for a reference that leads nowhere.
    """
    url = urlsplit(storage.url)
    if url.scheme == "file" and url.path:
        return FolderStore(root=base / url.path)
    if url.scheme == "memory":
        return memory_store()
    if url.scheme in _CLOUDS and url.netloc:
        found = resolve or (lambda ref: resolve_secret(ref, base=base))
        opened = partial(_azure, labelling=azure_indexed) if indexed and url.scheme == "az" else _CLOUDS[url.scheme]
        return opened(storage, url.netloc, url.path.strip("/"), found, clock)
    hint = "write file:objects, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix"
    raise PolicyError("this address names no store", hint=hint)


def _s3(storage: Storage, bucket: str, prefix: str, resolve: Resolve, clock: Callable[[], datetime]) -> S3Store:
    keys = None
    if storage.access_key and storage.secret_key:
        keys = (resolve(storage.access_key).reveal(), resolve(storage.secret_key).reveal())
    backend = S3Backend(
        bucket,
        prefix=prefix or None,
        config=_s3_config(storage, keys),
        client_options=_client(storage),
        retry_config=_retry(storage),
    )
    connect = partial(
        connect_s3,
        endpoint=storage.endpoint,
        region=storage.region,
        keys=keys,
        retries=storage.retries,
        timeout_s=storage.timeout_s,
    )
    control = S3Control(connect=connect, bucket=bucket, prefix=prefix, clock=clock, kms_key=storage.kms_key)
    return S3Store(backend=backend, control=control, lock=storage.object_lock)


def _s3_config(storage: Storage, keys: tuple[str, str] | None) -> S3Config:
    config: S3Config = {}
    if storage.endpoint:
        config["endpoint"] = storage.endpoint
    if storage.region:
        config["region"] = storage.region
    if keys:
        config["access_key_id"], config["secret_access_key"] = keys
    if storage.kms_key:
        config["server_side_encryption"] = "aws:kms"
        config["sse_kms_key_id"] = storage.kms_key
    return config


def _google(storage: Storage, bucket: str, prefix: str, resolve: Resolve, _clock: object) -> SigningStore:
    config: GCSConfig = {}
    if storage.endpoint:
        config["base_url"] = storage.endpoint
    if storage.credentials:
        config["service_account_key"] = resolve(storage.credentials).reveal()
    try:
        backend = GCSStore(
            bucket,
            prefix=prefix or None,
            config=config,
            client_options=_client(storage),
            retry_config=_retry(storage),
        )
    except (BaseError, ValueError):
        raise _unusable("gs", "a service account's key as JSON") from None
    return SigningStore(backend=backend, scheme="gs", labelling=google)


def _azure(
    storage: Storage,
    container: str,
    prefix: str,
    resolve: Resolve,
    _clock: object,
    labelling: Labelling = azure,
) -> SigningStore:
    config: AzureConfig = {}
    if storage.endpoint:
        config["endpoint"] = storage.endpoint
    if storage.account:
        config["account_name"] = storage.account
    if storage.credentials:
        config["account_key"] = resolve(storage.credentials).reveal()
    try:
        backend = AzureStore(
            container,
            prefix=prefix or None,
            config=config,
            client_options=_client(storage),
            retry_config=_retry(storage),
        )
    except (BaseError, ValueError):
        raise _unusable("az", "the account's key, with the account's name in storage.account") from None
    return SigningStore(backend=backend, scheme="az", labelling=labelling)


_CLOUDS: Final[dict[str, Open]] = {"s3": _s3, "gs": _google, "az": _azure}


def _unusable(scheme: str, what: str) -> PolicyError:
    """Without the library's own words: they may quote the credentials."""
    return PolicyError(f"{scheme}:// storage cannot be opened with these credentials", hint=f"give {what}")


def _client(storage: Storage) -> ClientConfig:
    plain = (storage.endpoint or "").startswith("http://")
    return {"timeout": timedelta(seconds=storage.timeout_s), "allow_http": plain}


def _retry(storage: Storage) -> RetryConfig:
    return {"max_retries": storage.retries, "retry_timeout": timedelta(seconds=storage.timeout_s)}
