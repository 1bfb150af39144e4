"""A throw-away PostgreSQL for tests, from the binaries of the machine; skipped where there are none.

One server a test session, on a Unix socket in a folder of its own and on no network port, with a new
database for each test. PostgreSQL refuses to run as root, so under root the server is started as
another user.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_SERVER_OPTIONS = "-c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
"""No network, and no care for power cuts: this server lives as long as its tests."""


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A running server's URL without a database name to call one's own."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL binaries on this machine")
    with running_server(binaries) as url:
        yield url


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database that no other test sees."""
    import psycopg

    name = f"t{secrets.token_hex(8)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield postgres_server.replace("/postgres?", f"/{name}?")
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def find_binaries() -> Path | None:
    """The folder with initdb and pg_ctl: Debian's newest, else whatever PATH leads to."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if packaged:
        return packaged[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def running_server(binaries: Path) -> Iterator[str]:
    """Starts a server in a new folder; stops it and removes the folder afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sv-pg-"))
    user = _other_user(folder)

    def call(program: str, *arguments: str) -> None:
        command = [str(binaries / program), "-D", str(folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **user)

    try:
        call("initdb", "-A", "trust", "-U", "sottovoce", "-E", "UTF8", "--locale=C", "--no-sync")
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-k {folder} {_SERVER_OPTIONS}", "start")
        try:
            yield f"postgresql://sottovoce@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _other_user(folder: Path) -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if _exists(name))
    os.chown(folder, account.pw_uid, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
