"""Sending an upload's bytes by the way its credential opens, and knowing that they arrived.

A drop folder is written through one descriptor that is read back before the file takes its name. A signed address
is put to with Content-MD5 (RFC 1864), which an S3-compatible store checks before it keeps anything. A session of the
store's own sends with SHA-256 checksums. None of them lists or reads what lies in the inbox.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol, assert_never

from sottovoce.durable import sync_folder
from sottovoce.errors import CredentialInvalid, StorageError, StorageRefused
from sottovoce.uploads.credential import ENDING, Credential, Form

_TIMEOUT_S: Final = 600.0
_TRIES: Final = 4


class Dropbox(Protocol):
    """One contributor's prefix, to put things into."""

    def location(self, upload: str, used: frozenset[str]) -> str:
        """The name for an upload; `used` are names that hold others already. CredentialInvalid when none is left."""
        ...

    def takes(self, location: str) -> bool:
        """Whether an upload made for this name can be sent here."""
        ...

    def put(self, location: str, data: bytes) -> None:
        """There, whole. Raises StorageError, StorageRefused."""
        ...


def open_dropbox(credential: Credential) -> Dropbox:
    """The way the credential opens."""
    said = credential.way.secrets.reveal()
    try:
        match credential.way.form:
            case Form.FOLDER:
                return FolderDrop(root=Path(said["folder"]), prefix=credential.prefix)
            case Form.SIGNED:
                return SignedDrop(addresses=said["addresses"], prefix=credential.prefix)
            case Form.SESSION:
                return SessionDrop(session=said, prefix=credential.prefix)
            case _:
                assert_never(credential.way.form)
    except (KeyError, TypeError, ValueError):
        raise CredentialInvalid("the credential names no way to send", hint="ask for another") from None


class FolderDrop:
    """A folder that both sides see; the contributor needs no right but to write in their own."""

    def __init__(self, *, root: Path, prefix: str) -> None:
        self._root = root
        self._prefix = prefix

    def location(self, upload: str, used: frozenset[str]) -> str:  # noqa: ARG002 - one upload, one name
        return f"{self._prefix}/{upload}{ENDING}"

    def takes(self, location: str) -> bool:
        return location.startswith(f"{self._prefix}/")

    def put(self, location: str, data: bytes) -> None:
        path = self._root / location
        part = path.with_name(f".{path.name}.part")
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o640)
            with os.fdopen(handle, "r+b") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
                file.seek(0)
                kept = hashlib.file_digest(file, "sha256").digest()
            if kept != hashlib.sha256(data).digest():
                raise StorageError("the folder did not keep what was written", hint="check its disk, then send again")
            part.replace(path)
        except OSError as failure:
            refused = isinstance(failure, PermissionError | FileNotFoundError)
            raise (StorageRefused if refused else StorageError)(
                "the upload cannot be written to the inbox's folder", hint="ask whoever keeps the inbox"
            ) from None
        with suppress(PermissionError):  # a drop folder may be written and not read
            sync_folder(path.parent)


class SignedDrop:
    """Addresses that were signed for single names."""

    def __init__(self, *, addresses: Mapping[str, str], prefix: str) -> None:
        self._addresses = {str(name): str(url) for name, url in addresses.items() if name.startswith(f"{prefix}/")}

    def location(self, upload: str, used: frozenset[str]) -> str:  # noqa: ARG002 - names were given before
        free = [name for name in self._addresses if name not in used]
        if not free:
            raise CredentialInvalid("every address of the credential is used", hint="ask for another credential")
        return free[0]

    def takes(self, location: str) -> bool:
        return location in self._addresses

    def put(self, location: str, data: bytes) -> None:
        import httpx
        import stamina

        digest = hashlib.md5(data, usedforsecurity=False)
        headers = {"content-md5": base64.b64encode(digest.digest()).decode(), "content-length": str(len(data))}

        @stamina.retry(on=_Again, attempts=_TRIES, wait_max=30.0)
        def send() -> httpx.Response:
            try:
                answer = httpx.put(
                    self._addresses[location], content=data, headers=headers, timeout=_TIMEOUT_S, trust_env=False
                )
            except httpx.TransportError:
                raise _Again from None
            if answer.status_code >= 500 or answer.status_code == 429:
                raise _Again
            return answer

        try:
            answer = send()
        except _Again:
            raise StorageError("the inbox's store does not answer", hint="try again later; nothing is lost") from None
        if answer.status_code in {401, 403}:
            raise StorageRefused("the inbox's store refuses the credential", hint="ask for another")
        etag = answer.headers.get("etag", "").strip('"')
        if not answer.is_success or (len(etag) == 32 and etag != digest.hexdigest()):
            raise StorageError("the inbox's store did not keep what was sent", hint="send it again")


class SessionDrop:
    """A short session of the object store, which may put below the prefix and nothing else."""

    def __init__(self, *, session: Mapping[str, Any], prefix: str) -> None:
        self._session = session
        self._prefix = prefix
        if not str(session["url"]).startswith("s3://"):
            raise ValueError("not a session that is known")

    def location(self, upload: str, used: frozenset[str]) -> str:  # noqa: ARG002 - one upload, one name
        return f"{self._prefix}/{upload}{ENDING}"

    def takes(self, location: str) -> bool:
        return location.startswith(f"{self._prefix}/")

    def put(self, location: str, data: bytes) -> None:
        import obstore
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
        from obstore.store import from_url

        said, endpoint = self._session, self._session.get("endpoint")
        names = ("access_key_id", "secret_access_key", "token", "region")
        config: Any = {name: str(said[name]) for name in names if said.get(name)}
        config["checksum_algorithm"] = "sha256"
        if endpoint:
            config["endpoint"] = str(endpoint)
        options: Any = {
            "timeout": timedelta(seconds=_TIMEOUT_S),
            "allow_http": str(endpoint or "").startswith("http://"),
        }
        try:
            store = from_url(str(said["url"]), config=config, client_options=options)
            obstore.put(store, location, data)
        except (PermissionDeniedError, UnauthenticatedError):
            raise StorageRefused("the inbox's store refuses the credential", hint="ask for another") from None
        except BaseError as failure:
            raise StorageError(
                f"the inbox's store failed ({type(failure).__name__})", hint="try again later; nothing is lost"
            ) from None


class _Again(Exception):
    """Worth another try."""
