"""The keys that sign grants: one file of the workspace, mode 0600, with what was current before.

A rotation keeps the older public key for as long as a grant signed under it may live, an hour, or drops it at once
where it may have leaked. The file is looked at again when it changes, so that a broker that runs follows a rotation.
It refuses a file that others can read.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from biscuit_auth import Algorithm, KeyPair, PrivateKey, PublicKey

from sottovoce.domain.confidential import Confidential
from sottovoce.durable import write_durably
from sottovoce.errors import GrantInvalid, WorkspaceError

MAX_LIFETIME: Final = timedelta(hours=1)
"""No grant lives longer (SPEC 13.2), so no retired key needs to be known longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loaded:
    """What the file held, and which file that was."""

    mark: tuple[int, int, int]
    current: int
    private: Confidential[PrivateKey] = field(repr=False)
    public: dict[int, tuple[PublicKey, int | None]]
    """By id: the key, and from when on it is not believed any more (milliseconds since 1970)."""


class RootKeys:
    """Signs with the current key, and knows which others may still be believed."""

    def __init__(self, *, path: Path, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._clock = clock
        self._loaded: _Loaded | None = None

    @classmethod
    def open(cls, path: Path, *, clock: Callable[[], datetime]) -> RootKeys:
        """The keys of a file, made with a first key where there is none."""
        keys = cls(path=path, clock=clock)
        if not path.exists():
            keys._write({"current": 1, "keys": {"1": _drawn()}})
        keys._read()
        return keys

    def current(self) -> tuple[int, Confidential[PrivateKey]]:
        """The id and the key to sign with."""
        loaded = self._read()
        return loaded.current, loaded.private

    def public(self, key_id: int | None) -> PublicKey:
        """The key of that id, if it may still be believed; GrantInvalid otherwise."""
        found = self._read().public.get(key_id or 0)
        if found is None or (found[1] is not None and self._now() >= found[1]):
            raise GrantInvalid("a grant of a key that is not known, or no longer", hint="ask for a new grant")
        return found[0]

    def public_text(self, key_id: int) -> str:
        """The same as 64 hex digits, for holders who narrow their grants offline."""
        return bytes(self.public(key_id).to_bytes()).hex()

    def rotate(self, *, believe_old: bool = True) -> int:
        """Draws the next key and answers its id; grants of older ones end within an hour, or now."""
        self._read()
        data = self._data()
        now, current = self._now(), int(data["current"])
        until = now + (int(MAX_LIFETIME.total_seconds() * 1000) if believe_old else 0)
        kept = {}
        for name, key in data["keys"].items():
            ends = until if int(name) == current else min(until, key["until_ms"])
            if ends > now:
                kept[name] = {"public": key["public"], "until_ms": ends}
        kept[str(current + 1)] = _drawn()
        self._write({"current": current + 1, "keys": kept})
        return current + 1

    def _read(self) -> _Loaded:
        try:
            status = self._path.stat()
        except OSError as failure:
            raise WorkspaceError(f"the grant keys cannot be read ({failure.strerror})") from None
        mark = (status.st_ino, status.st_mtime_ns, status.st_size)
        if self._loaded is None or self._loaded.mark != mark:
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise WorkspaceError("the grant keys can be read by others", hint=f"chmod 600 {self._path.name}")
            self._loaded = _load(self._data(), mark)
        return self._loaded

    def _data(self) -> dict[str, Any]:
        try:
            data: dict[str, Any] = json.loads(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            raise _damaged() from None
        return data

    def _write(self, data: dict[str, Any]) -> None:
        try:
            write_durably(self._path, json.dumps(data, sort_keys=True).encode())
        except OSError as failure:
            raise WorkspaceError(f"the grant keys cannot be written ({failure.strerror})") from None
        self._loaded = None

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)


def _load(data: dict[str, Any], mark: tuple[int, int, int]) -> _Loaded:
    try:
        current = int(data["current"])
        private = _private(bytes.fromhex(data["keys"][str(current)]["private"]))
        public = {
            int(name): (
                public_key(key["public"]),
                key.get("until_ms"),
            )
            for name, key in data["keys"].items()
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        raise _damaged() from None
    return _Loaded(mark=mark, current=current, private=Confidential(private), public=public)


def public_key(text: str) -> PublicKey:
    """An Ed25519 public key from 64 hex digits. ValueError for anything else."""
    # The package's stubs are behind its library, which wants the algorithm named.
    return PublicKey.from_bytes(bytes.fromhex(text), Algorithm.Ed25519)  # type: ignore[call-arg, attr-defined]


def _private(seed: bytes) -> PrivateKey:
    return PrivateKey.from_bytes(seed, Algorithm.Ed25519)  # type: ignore[call-arg, attr-defined]


def _drawn() -> dict[str, str]:
    seed = os.urandom(32)
    pair = KeyPair.from_private_key(_private(seed))
    return {"private": seed.hex(), "public": bytes(pair.public_key.to_bytes()).hex()}


def _damaged() -> WorkspaceError:
    return WorkspaceError("the grant keys are damaged", hint="remove the file: grants that live end, new ones begin")
