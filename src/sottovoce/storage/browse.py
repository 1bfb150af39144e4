"""Objects that others put there: listed with their marks, and read as the very objects that were listed.

A folder, Amazon S3, Google Cloud Storage and Azure Blob Storage through obstore, by one URL. What was listed
carries the store's mark of its content (ETag, and version where there is one); reading asks for that mark, so that
an object which was replaced in between is noticed (RFC 9110 section 13.1.1, If-Match). Transient failures are tried
again by the library, within a time limit.

Refuses: links that lead out of a folder, an object of an archive tier, an object larger than the caller's cap.
Errors never repeat a store's own words, which hold addresses and names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import ObjectArchived, ObjectChanged, ObjectMissing, PolicyError, StorageError, StorageRefused

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Backend

_TIMEOUT: Final = timedelta(seconds=60)
_RETRIES: Final = 3
_ARCHIVED: Final = ("InvalidObjectState", "BlobArchived")
"""What Amazon S3 (GetObject) and Azure (Get Blob) answer for an object that must be restored first."""

CLOUDS: Final = ("s3", "gs", "az")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where objects lie, and what opens it. Without keys the machine's own role is used."""

    url: str
    endpoint: str | None = None
    region: str | None = None
    access_key: Confidential[str] | None = None
    secret_key: Confidential[str] | None = None
    session_token: Confidential[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An object as it was when it was listed. `name` is relative to the place; it may say anything."""

    name: str = field(repr=False)
    size: int
    etag: str | None
    version: str | None
    modified: datetime

    @property
    def stamp(self) -> str:
        """The store's mark of this content, of one length: another content has another one."""
        if self.etag is None and self.version is None:
            marked = f"{self.size}:{self.modified.timestamp()}"
        else:
            marked = f"{self.etag}:{self.version}"
        return hashlib.sha256(marked.encode()).hexdigest()


class Browser:
    """Reads one place. Every method raises StorageError, or one of its kinds."""

    def __init__(self, *, backend: Backend, scheme: str, root: Path | None = None) -> None:
        self._backend = backend
        self._root = root
        self.scheme = scheme

    def list(self, prefix: str | None = None) -> Iterator[Listed]:
        """Every object below the prefix, in the order of the store."""
        import obstore

        with failures_named():
            for chunk in obstore.list(self._backend, prefix=prefix):
                for found in chunk:
                    if self._inside(found["path"]):
                        yield _listed(found)

    def look(self, name: str) -> Listed:
        """One object as it is now. ObjectMissing when there is none."""
        import obstore

        with failures_named():
            if not self._inside(name):
                raise FileNotFoundError
            return _listed(obstore.head(self._backend, name))

    def read(self, listed: Listed, *, limit: int) -> bytes:
        """The whole of the very object that was listed, counted while it comes.

        ObjectChanged when it is another one now, ObjectArchived when it lies in an archive tier; StorageError
        for one that holds more than `limit` bytes, whatever its listing said.
        """
        data = bytearray()
        with failures_named():
            for chunk in self._get(listed).stream():
                data += chunk
                if len(data) > limit:
                    raise _too_large()
        if len(data) != listed.size:
            raise StorageError("an object ended before its own length")
        return bytes(data)

    def read_range(self, listed: Listed, start: int, end: int) -> bytes:
        """Bytes start..end of the very object that was listed, half open; shorter where it ends first."""
        end = min(end, listed.size)
        if end <= start:
            return b""
        with failures_named():
            return bytes(self._get(listed, range=(start, end)).bytes())

    def delete(self, name: str) -> None:
        """Gone afterwards, also when it was never there. Versions a bucket keeps are for its lifecycle rules."""
        import obstore

        try:
            with failures_named():
                obstore.delete(self._backend, name)
        except ObjectMissing:
            return

    def put(self, name: str, data: bytes) -> None:
        """Whole or not at all; replaces what had the name."""
        import obstore

        with failures_named():
            obstore.put(self._backend, name, data)

    def _get(self, listed: Listed, **options: Any) -> Any:
        import obstore

        if not self._inside(listed.name):
            raise FileNotFoundError
        pinned: dict[str, Any] = {}
        if listed.version is not None:
            pinned["version"] = listed.version
        elif listed.etag is not None:
            pinned["if_match"] = listed.etag
        result = obstore.get(self._backend, listed.name, options={**pinned, **options})  # type: ignore[arg-type]
        if listed.version is None and _bare(result.meta["e_tag"]) != _bare(listed.etag):
            raise _changed()
        return result

    def _inside(self, name: str) -> bool:
        """A folder's links may lead anywhere; only what really lies in it is there."""
        if self._root is None:
            return True
        try:
            real = (self._root / name).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):
            return False
        return real.is_relative_to(self._root) and real.is_file()


def open_place(place: Place, *, base: Path) -> Browser:
    """The place a URL names; nothing is asked yet. PolicyError for a URL of another kind."""
    from obstore.store import LocalStore

    url = urlsplit(place.url)
    if url.scheme == "file" and url.path:
        root = (base / url.path).resolve()
        with failures_named():
            root.mkdir(mode=0o750, parents=True, exist_ok=True)
            return Browser(backend=LocalStore(root), scheme="file", root=root)
    return Browser(backend=open_backend(place), scheme=url.scheme)


def open_backend(place: Place) -> Backend:
    """The cloud store a URL names. PolicyError for a URL of another kind."""
    from obstore.store import from_url

    url = urlsplit(place.url)
    if url.scheme not in CLOUDS or not url.netloc:
        raise PolicyError("the url names no place for objects", hint="write s3://…, gs://…, az://… or file:folder")
    return from_url(
        place.url,
        config=_config(place, url.scheme),
        client_options={"timeout": _TIMEOUT, "allow_http": (place.endpoint or "").startswith("http://")},
        retry_config={"max_retries": _RETRIES, "retry_timeout": _TIMEOUT},
    )


def _config(place: Place, scheme: str) -> Any:
    config: dict[str, Any] = {}
    if place.endpoint and scheme == "gs":
        config |= _google(place.endpoint)
    elif place.endpoint:
        config["endpoint"] = place.endpoint
    if place.region and scheme == "s3":
        config["region"] = place.region
    if place.access_key and place.secret_key and scheme == "s3":
        config["access_key_id"] = place.access_key.reveal()
        config["secret_access_key"] = place.secret_key.reveal()
    if place.session_token and scheme == "s3":
        config["token"] = place.session_token.reveal()
    return config


def _google(endpoint: str) -> dict[str, str]:
    """Over plain HTTP there is nothing to sign in to: an emulator on this machine."""
    if not endpoint.startswith("http://"):
        return {"base_url": endpoint}
    nobody = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "", "private_key": ""}
    return {"service_account_key": json.dumps({**nobody, "private_key_id": ""})}


@contextmanager
def failures_named() -> Iterator[None]:
    """Whatever a store says, in one of our words."""
    from obstore.exceptions import BaseError, PermissionDeniedError, PreconditionError, UnauthenticatedError

    try:
        yield
    except FileNotFoundError:
        raise ObjectMissing("there is no such object", hint="it was deleted, or never there") from None
    except PreconditionError:
        raise _changed() from None
    except (BaseError, OSError) as failure:
        if any(mark in str(failure) for mark in _ARCHIVED):
            raise ObjectArchived(
                "an object lies in an archive tier", hint="restore it at the store, then look again"
            ) from None
        if isinstance(failure, PermissionDeniedError | UnauthenticatedError | PermissionError):
            raise StorageRefused("the store refuses access", hint="check its credentials and permissions") from None
        raise StorageError(
            f"the store failed ({type(failure).__name__})", hint="check that it can be reached"
        ) from None


def _listed(found: Any) -> Listed:
    return Listed(
        name=found["path"],
        size=found["size"],
        etag=found["e_tag"],
        version=found["version"],
        modified=found["last_modified"],
    )


def _bare(etag: str | None) -> str | None:
    """Some services quote an ETag in one answer and not in another."""
    return etag.strip('"') if etag else None


def _changed() -> ObjectChanged:
    return ObjectChanged("an object was replaced since it was looked at", hint="look again, then decide again")


def _too_large() -> StorageError:
    return StorageError("an object is larger than the cap", hint="raise the cap, or leave it out")
