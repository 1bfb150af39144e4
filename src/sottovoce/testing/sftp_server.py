"""An SFTP server on this machine (paramiko's own), over a folder: it keeps all it was sent, and fails on order."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import paramiko

HOST = "127.0.0.1"
_PACKET = 1 << 15


class SftpFault(StrEnum):
    """What may happen to one file that is written."""

    FULL = "full"
    """The disk is full in the middle; a small file is not begun."""
    CUT = "cut"
    """The connection ends in the middle."""
    SWALLOWED = "swallowed"
    """It is written, renamed, and gone."""
    CHANGED = "changed"
    """Its last byte is another."""
    REFUSED = "refused"
    """No rights to write."""
    UNRENAMED = "unrenamed"
    """Its name is refused, and the connection ends."""


@dataclass(kw_only=True)
class SftpServer:
    """The running double. `sent` is every packet that was written, in order."""

    port: int
    root: Path
    host_key: str
    user: str
    private_key: str
    faults: deque[SftpFault] = field(default_factory=deque)
    sent: list[bytes] = field(default_factory=list)
    connections: int = 0

    def everything(self) -> Iterator[bytes]:
        """All that ever reached it, names included."""
        yield b"".join(self.sent)
        for path in sorted(self.root.rglob("*")):
            yield path.name.encode()
            if path.is_file():
                yield path.read_bytes()

    def files(self) -> dict[str, bytes]:
        """What it keeps under its own name."""
        return {p.name: p.read_bytes() for p in self.root.iterdir() if not p.name.startswith(".")}


@contextmanager
def sftp_serving(root: Path, *, user: str = "sottovoce") -> Iterator[SftpServer]:
    """Listens until the block ends, for one user with a fresh key."""
    host, client = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    listener = socket.create_server((HOST, 0))
    running = SftpServer(
        port=listener.getsockname()[1],
        root=root,
        host_key=f"{host.get_name()} {host.get_base64()}",
        user=user,
        private_key=_as_text(client),
    )
    transports: list[paramiko.Transport] = []
    thread = threading.Thread(target=_accept, args=(listener, running, host, client, transports), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in transports:
            transport.close()
        thread.join()


def _as_text(key: Any) -> str:
    import io

    out = io.StringIO()
    key.write_private_key(out)
    return out.getvalue()


def _accept(
    listener: socket.socket, server: SftpServer, host: Any, client: Any, transports: list[paramiko.Transport]
) -> None:
    while True:
        try:
            line, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        transport = paramiko.Transport(line)
        transports.append(transport)
        transport.add_server_key(host)
        transport.set_subsystem_handler(
            "sftp", paramiko.SFTPServer, _Folder, double=server, cut=partial(_hang_up, line)
        )
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(server=_Door(server.user, client), event=threading.Event())


class _Door(paramiko.ServerInterface):
    def __init__(self, user: str, key: Any) -> None:
        self._user = user
        self._key = key

    def check_auth_publickey(self, username: str, key: Any) -> int:
        good = username == self._user and key.asbytes() == self._key.asbytes()
        return paramiko.AUTH_SUCCESSFUL if good else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002 - the library's signature
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002 - the library's signature
        return paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED


def _hang_up(line: socket.socket) -> None:
    """The connection ends; its descriptor stays the transport's to close, because others are given a number again."""
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


class _Handle(paramiko.SFTPHandle):
    """One open file."""

    def __init__(self, flags: int, folder: _Folder, fault: SftpFault | None) -> None:
        super().__init__(flags)
        self._folder = folder
        self._fault = fault

    def write(self, offset: int, data: bytes) -> int:
        self._folder.server.sent.append(data)
        is_last = offset > 0 or len(data) < _PACKET
        if is_last and self._fault is SftpFault.CUT:
            self.writefile.close()
            self._folder.cut()
            return paramiko.SFTP_CONNECTION_LOST
        if is_last and self._fault is SftpFault.FULL:
            return paramiko.SFTPServer.convert_errno(errno.ENOSPC)
        return super().write(offset, data)

    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))


class _Folder(paramiko.SFTPServerInterface):
    """A folder; a file's fault follows it to its name."""

    def __init__(self, _door: Any, *, double: SftpServer, cut: Any) -> None:
        super().__init__(_door)
        self.server = double
        self.cut = cut
        self._faults: dict[Path, SftpFault | None] = {}

    def _at(self, path: str) -> Path:
        return self.server.root / self.canonicalize(path).lstrip("/")

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._at(path).stat())
        except OSError as failure:
            return paramiko.SFTPServer.convert_errno(failure.errno or errno.EIO)

    lstat = stat

    def open(self, path: str, flags: int, attr: Any) -> Any:  # noqa: ARG002 - the library's signature
        at, fault = self._at(path), None
        if flags & os.O_WRONLY or flags & os.O_RDWR:
            fault = self.server.faults.popleft() if self.server.faults else None
            if fault is SftpFault.REFUSED:
                return paramiko.SFTP_PERMISSION_DENIED
            self._faults[at] = fault
        try:
            file = os.fdopen(os.open(at, flags, 0o600), "r+b" if flags & (os.O_WRONLY | os.O_RDWR) else "rb", 0)
        except OSError as failure:
            return paramiko.SFTPServer.convert_errno(failure.errno or errno.EIO)
        handle = _Handle(flags, self, fault)
        handle.filename, handle.readfile, handle.writefile = str(at), file, file
        return handle

    def remove(self, path: str) -> int:
        try:
            self._at(path).unlink()
        except OSError as failure:
            return int(paramiko.SFTPServer.convert_errno(failure.errno or errno.EIO))
        return int(paramiko.SFTP_OK)

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        old, new = self._at(oldpath), self._at(newpath)
        fault = self._faults.get(old)
        if fault is SftpFault.UNRENAMED:
            self.cut()
            return int(paramiko.SFTP_CONNECTION_LOST)
        try:
            old.replace(new)
        except OSError as failure:
            return int(paramiko.SFTPServer.convert_errno(failure.errno or errno.EIO))
        if fault is SftpFault.SWALLOWED:
            new.unlink()
        if fault is SftpFault.CHANGED:
            data = new.read_bytes()
            new.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        return int(paramiko.SFTP_OK)

    rename = posix_rename
