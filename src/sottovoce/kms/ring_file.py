"""The key ring's file: ring keys under one passphrase, authenticated as a whole.

    {"v": 1, "kms": "local-file", "kdf": {Argon2id, RFC 9106}, "nonce": …, "body": …}

The body is canonical JSON of every ring key and its state, under AES-256-GCM; the rest of the file is its
associated data, so that no key, state or parameter can be changed alone. A wrong passphrase and a damaged
file look the same, and are refused in the same words. A file asking for more memory than MAX_MEMORY_KIB
is refused before any is taken.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import rfc8785
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.domain.confidential import Confidential
from sottovoce.durable import write_durably
from sottovoce.errors import KeyRefused
from sottovoce.kms.protocol import KeyState

KMS: Final = "local-file"
VERSION: Final = 1
NONCE_BYTES: Final = 12
SALT_BYTES: Final = 16
MAX_MEMORY_KIB: Final = 1 << 20
MAX_TIME: Final = 16
KDF_NAME: Final = "argon2id"
MEMORY_KIB: Final = 64 * 1024
TIME: Final = 3
LANES: Final = 4
"""RFC 9106 section 4, second recommended option: 64 MiB, three passes, four lanes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """One master key and its state; a destroyed one has no key left. `changed` is Unix seconds."""

    id: str
    state: KeyState
    changed: int
    key: Confidential[bytes] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RingFile:
    """An unlocked file: where it is, how its passphrase was stretched, and what that gave."""

    path: Path
    header: dict[str, Any]
    unlock: Confidential[bytes]

    def read(self) -> dict[str, RingKey]:
        """Every ring key as the file has it now."""
        document = _load(self.path)
        return _open_body(document, self.header, self.unlock)

    def write(self, keys: dict[str, RingKey], *, random: Callable[[int], bytes]) -> None:
        """The file holds exactly `keys`, durably; what was there before is replaced as a whole."""
        nonce = random(NONCE_BYTES)
        body = AESGCM(self.unlock.reveal()).encrypt(nonce, _plain_body(keys), rfc8785.dumps(self.header))
        document = {**self.header, "nonce": _text(nonce), "body": _text(body)}
        try:
            write_durably(self.path, json.dumps(document, indent=1).encode("ascii"), mode=0o600)
        except OSError as error:
            raise KeyRefused("the key ring cannot be written", hint=_space_hint(error)) from None

    def stamp(self) -> tuple[int, int]:
        """Changes whenever the file is replaced."""
        try:
            found = self.path.stat()
        except OSError:
            raise missing(self.path) from None
        return found.st_ino, found.st_mtime_ns


def new_file(path: Path, passphrase: Confidential[str], *, random: Callable[[int], bytes]) -> RingFile:
    """A ring file for `path`, not yet written."""
    header = {
        "v": VERSION,
        "kms": KMS,
        "kdf": {
            "name": KDF_NAME,
            "memory_kib": MEMORY_KIB,
            "time": TIME,
            "lanes": LANES,
            "salt": _text(random(SALT_BYTES)),
        },
    }
    return RingFile(path=path, header=header, unlock=_stretch(passphrase, header))


def open_file(path: Path, passphrase: Confidential[str]) -> RingFile:
    """The file at `path`, unlocked and checked; KeyRefused when it is missing, open to others, or does not open."""
    document = _load(path)
    header = {name: document.get(name) for name in ("v", "kms", "kdf")}
    _check_header(header)
    file = RingFile(path=path, header=header, unlock=_stretch(passphrase, header))
    _open_body(document, header, file.unlock)
    return file


def missing(path: Path) -> KeyRefused:
    return KeyRefused(
        f"there is no key ring at {path.name}", hint="run `sottovoce init`, or restore the ring from its backup"
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        mode = path.stat().st_mode
        raw = path.read_bytes()
    except FileNotFoundError:
        raise missing(path) from None
    except OSError:
        raise KeyRefused("the key ring cannot be read", hint="check who owns the file") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyRefused("the key ring may be read by others", hint=f"chmod 600 {path.name}")
    try:
        document = json.loads(raw)
    except ValueError:
        raise _refused() from None
    return document if isinstance(document, dict) else {}


def _check_header(header: dict[str, Any]) -> None:
    """Only what this version writes, and never weaker or far costlier."""
    kdf = header["kdf"]
    if header["v"] != VERSION or header["kms"] != KMS or not isinstance(kdf, dict) or kdf.get("name") != KDF_NAME:
        raise KeyRefused("the key ring is of another kind or version", hint="use the sottovoce that made it")
    memory, time, lanes = (kdf.get(name) for name in ("memory_kib", "time", "lanes"))
    fits = (
        isinstance(memory, int)
        and isinstance(time, int)
        and MEMORY_KIB <= memory <= MAX_MEMORY_KIB
        and TIME <= time <= MAX_TIME
        and lanes == LANES
        and len(_bytes(kdf.get("salt"))) == SALT_BYTES
    )
    if not fits:
        raise KeyRefused("the key ring asks for unsafe Argon2 parameters", hint="restore the ring from its backup")


def _stretch(passphrase: Confidential[str], header: dict[str, Any]) -> Confidential[bytes]:
    kdf = header["kdf"]
    return Confidential(
        hash_secret_raw(
            passphrase.reveal().encode("utf-8"),
            _bytes(kdf.get("salt")),
            time_cost=kdf["time"],
            memory_cost=kdf["memory_kib"],
            parallelism=kdf["lanes"],
            hash_len=32,
            type=Type.ID,
        )
    )


def _open_body(document: dict[str, Any], header: dict[str, Any], unlock: Confidential[bytes]) -> dict[str, RingKey]:
    if {name: document.get(name) for name in header} != header:
        raise _refused()
    try:
        body = AESGCM(unlock.reveal()).decrypt(
            _bytes(document.get("nonce")), _bytes(document.get("body")), rfc8785.dumps(header)
        )
    except (InvalidTag, ValueError):
        raise _refused() from None
    return {k["id"]: _ring_key(k) for k in json.loads(body)["keys"]}


def _plain_body(keys: dict[str, RingKey]) -> bytes:
    return rfc8785.dumps(
        {
            "keys": [
                {
                    "id": k.id,
                    "state": k.state.value,
                    "changed": k.changed,
                    "key": None if k.key is None else _text(k.key.reveal()),
                }
                for k in keys.values()
            ]
        }
    )


def _ring_key(fields: dict[str, Any]) -> RingKey:
    key = None if fields["key"] is None else Confidential(_bytes(fields["key"]))
    return RingKey(id=fields["id"], state=KeyState(fields["state"]), changed=fields["changed"], key=key)


def _refused() -> KeyRefused:
    return KeyRefused(
        "the key ring does not open: wrong passphrase, or a damaged file",
        hint="check the passphrase that keys.passphrase in the policy refers to",
    )


def _space_hint(error: OSError) -> str:
    return f"{os.strerror(error.errno or 0)}: free some space or mend the folder's permissions, then try again"


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(text: object) -> bytes:
    """Base64, or what no cipher accepts: a wrong type is a damaged file."""
    try:
        return base64.b64decode(text if isinstance(text, str) else "", validate=True)
    except ValueError:
        raise _refused() from None
