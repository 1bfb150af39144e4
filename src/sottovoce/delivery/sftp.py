"""SFTP, to a server whose host key is known beforehand (extra `sftp`).

A file is written under a temporary name and gets its own when it is whole, so that a vendor that watches the folder
never reads half of one. It is believed when it was read back. One connection for each thing that is done.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import logging
import os
import posixpath
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, Final

from sottovoce.delivery.checks import CANARY, MOST_SKEW_S, checked, tried
from sottovoce.delivery.failures import DeliveryForbidden, DeliveryLost, DeliveryUnavailable
from sottovoce.delivery.parcel import Parcel
from sottovoce.delivery.protocol import Check, Confirmed, How, Placed
from sottovoce.domain.confidential import Confidential
from sottovoce.errors import DeliveryError

PIECE: Final = 1 << 15
"""What every SFTP server takes in one packet (draft-ietf-secsh-filexfer-02, section 3)."""
PART: Final = ".part"
_UNHEARD: Final = "sottovoce.sftp"
"""The library logs names of files and servers; nobody hears it."""
Secret = Callable[[], Confidential[str]]


class SftpDestination:
    """One folder of one server."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        user: str,
        private_key: Secret,
        passphrase: Secret | None,
        host_key: str,
        folder: str,
        timeout_s: float,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._place = (host, port)
        self._user = user
        self._private_key = private_key
        self._passphrase = passphrase
        self._host_key = host_key
        self._folder = folder
        self._timeout_s = timeout_s
        self._clock = clock
        self._random = random

    def put(self, parcel: Parcel, *, key: str) -> Placed:  # noqa: ARG002 - a file's name is its key
        """The sound last: whoever waits for it finds what goes with it."""
        with self._connected() as sftp:
            for item in reversed(parcel.items):
                self._write(sftp, item.name, item.data.reveal())
        return Placed(waybill=parcel.waybill, is_answered=True)

    def confirm(self, placed: Placed) -> Confirmed:
        with self._connected() as sftp:
            for label in placed.waybill.labels:
                if _read(sftp, self._path(label.name)) != (label.size, label.sha256):
                    raise _lost()
        return Confirmed(how=How.READ_BACK)

    def withdraw(self, placed: Placed) -> bool:
        with self._connected() as sftp:
            for label in placed.waybill.labels:
                with suppress(FileNotFoundError):
                    sftp.remove(self._path(label.name))
        return True

    def probe(self) -> Sequence[Check]:
        return [
            checked("host key and credentials", self._signed_in),
            checked("canary", self._canary),
        ]

    def _signed_in(self) -> str:
        with self._connected() as sftp:
            found = sftp.stat(self._folder)
            if not stat.S_ISDIR(found.st_mode or 0):
                raise DeliveryForbidden("the destination's folder is none", hint="check `folder` in the policy")
        return "the host key is the pinned one, and the folder is there"

    def _canary(self) -> str:
        data, path = self._random(64), self._path(CANARY)
        with self._connected() as sftp:
            self._write(sftp, CANARY, data)
            try:
                kept = _read(sftp, path) == (len(data), hashlib.sha256(data).hexdigest())
                written = sftp.stat(path).st_mtime
            finally:
                sftp.remove(path)
        if not kept:
            raise _lost()
        off = abs((written or 0) - self._clock().timestamp())
        if off > MOST_SKEW_S:
            raise DeliveryForbidden(f"the clocks are {off:.0f} seconds apart", hint="check both machines' time service")
        return f"{tried('written', 'read back', 'deleted')}; the clocks are {off:.0f} seconds apart"

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _write(self, sftp: Any, name: str, data: bytes) -> None:
        """Whole under its name, or only a part under another."""
        part, path = self._path(f".{name}{PART}"), self._path(name)
        with sftp.open(part, "wb") as file:
            file.set_pipelined(True)
            for start in range(0, len(data), PIECE):
                file.write(data[start : start + PIECE])
        if sftp.stat(part).st_size != len(data):
            raise DeliveryUnavailable("the destination kept less than it was given", may_be_there=False)
        _rename(sftp, part, path)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        paramiko = _library()
        with _failures_named(), socket.create_connection(self._place, timeout=self._timeout_s) as line:
            line.settimeout(self._timeout_s)
            transport = paramiko.Transport(line)
            transport.set_log_channel(_UNHEARD)
            logging.getLogger(_UNHEARD).setLevel(logging.CRITICAL + 1)
            transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = self._timeout_s
            try:
                kind, known = self._known_host()
                transport.get_security_options().key_types = (kind,)
                transport.start_client(timeout=self._timeout_s)
                if transport.get_remote_server_key().asbytes() != known:
                    raise DeliveryForbidden(
                        "the server's host key is not the pinned one",
                        hint="ask whoever keeps the server; change `host_key` only when they confirm the new one",
                    )
                transport.auth_publickey(self._user, self._key())
                sftp = paramiko.SFTPClient.from_transport(transport)
                if sftp is None:
                    raise DeliveryUnavailable("the server opens no channel", may_be_there=False)
                sftp.get_channel().settimeout(self._timeout_s)
                yield sftp
            finally:
                transport.close()

    def _known_host(self) -> tuple[str, bytes]:
        kind, _, blob = self._host_key.partition(" ")
        try:
            known = base64.b64decode(blob, validate=True)
        except ValueError:
            raise DeliveryForbidden("the pinned host key is none", hint="copy it from `ssh-keyscan`") from None
        return kind, known

    def _key(self) -> Any:
        """The private key in OpenSSH's or PEM form."""
        paramiko = _library()
        text = self._private_key().reveal()
        password = self._passphrase().reveal() if self._passphrase else None
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            with suppress(paramiko.SSHException, ValueError):
                return kind.from_private_key(io.StringIO(text), password=password)
        raise DeliveryForbidden("the private key cannot be read", hint="give an Ed25519, ECDSA or RSA key as PEM")


def _library() -> Any:
    try:
        import paramiko
    except ImportError:
        raise DeliveryForbidden("SFTP needs paramiko", hint="install sottovoce[sftp]") from None
    return paramiko


def _read(sftp: Any, path: str) -> tuple[int, str]:
    """How much lies there, and its SHA-256. DeliveryLost where nothing does."""
    found, size = hashlib.sha256(), 0
    try:
        with sftp.open(path, "rb") as file:
            file.prefetch()
            while piece := file.read(PIECE):
                found.update(piece)
                size += len(piece)
    except FileNotFoundError:
        raise _lost() from None
    return size, found.hexdigest()


def _rename(sftp: Any, part: str, path: str) -> None:
    """Over what had the name, in one step where the server can."""
    try:
        sftp.posix_rename(part, path)
    except OSError:
        with suppress(FileNotFoundError):
            sftp.remove(path)
        sftp.rename(part, path)


def _lost() -> DeliveryLost:
    return DeliveryLost("the destination did not keep what it was given", hint="check its disk, then try again")


@contextmanager
def _failures_named() -> Iterator[None]:
    """What paramiko and the system raise, in our words: theirs hold hosts and paths."""
    paramiko = _library()
    try:
        yield
    except DeliveryError:
        raise
    except paramiko.AuthenticationException:
        raise DeliveryForbidden("the server refuses our key", hint="check `user` and the key it knows") from None
    except (PermissionError, FileNotFoundError):
        raise DeliveryForbidden(
            "the server refuses access to its folder", hint="check `folder` and its rights"
        ) from None
    except (paramiko.SSHException, EOFError) as failure:
        raise DeliveryUnavailable(f"the server does not answer ({type(failure).__name__})") from None
    except OSError as failure:
        full = failure.errno in {errno.ENOSPC, errno.EDQUOT}
        said = "the server is full" if full else f"the server failed ({type(failure).__name__})"
        raise DeliveryUnavailable(said) from None
