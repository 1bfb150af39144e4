"""The file key ring: the provider of laptops and first trials, unlocked by a passphrase.

It keeps one 32-byte master key for each epoch in one file (see `ring_file`) and wraps with AES-256-GCM,
NIST SP 800-38D, 96-bit random nonces. Every process sees a change at once: the file is looked at before
each use, and changed under a lock. Its master keys can be copied with the file, so every key it wraps is
marked `local-file`, and an environment called production refuses it. Keep the ring out of backups that
live longer than erasure allows: a destroyed key lives on in an older copy of the ring.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Final

import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, PolicyError, SealBroken
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey
from sottovoce.kms.ring_file import KMS, NONCE_BYTES, RingFile, RingKey, new_file, open_file

MIN_PASSPHRASE: Final = 8
"""NIST SP 800-63B section 3.1.1: the least a memorized secret may have."""

Clock = Callable[[], datetime]


class FileKeyRing:
    """A `KeyProvider` in one file. Made by `create` (once) or `open`."""

    def __init__(self, *, file: RingFile, clock: Clock, random: Callable[[int], bytes] = os.urandom) -> None:
        self._file = file
        self._clock = clock
        self._random = random
        self._stamp: tuple[int, int] | None = None
        self._keys: dict[str, RingKey] = {}

    @classmethod
    def create(
        cls,
        path: Path,
        passphrase: Confidential[str],
        *,
        clock: Clock,
        environment: str = "development",
        random: Callable[[int], bytes] = os.urandom,
    ) -> FileKeyRing:
        """An empty ring at `path`, mode 0600. KeyRefused when one is there, or the passphrase is too short."""
        _refuse_in_production(environment)
        if len(passphrase.reveal()) < MIN_PASSPHRASE:
            raise KeyRefused(f"the passphrase has fewer than {MIN_PASSPHRASE} characters", hint="choose a longer one")
        if path.exists():
            raise KeyRefused(f"there is a key ring at {path.name} already", hint="open it, or move it away")
        file = new_file(path, passphrase, random=random)
        file.write({}, random=random)
        return cls(file=file, clock=clock, random=random)

    @classmethod
    def open(
        cls,
        path: Path,
        passphrase: Confidential[str],
        *,
        clock: Clock,
        environment: str = "development",
        random: Callable[[int], bytes] = os.urandom,
    ) -> FileKeyRing:
        """The ring at `path`. KeyRefused for a wrong passphrase or a damaged, missing or unprotected file."""
        _refuse_in_production(environment)
        return cls(file=open_file(path, passphrase), clock=clock, random=random)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kms=KMS, key_per_epoch=True, destroyed_after=timedelta(0), exportable=True, production=False
        )

    def reach(self) -> Reached:
        self._refresh()
        return Reached()

    def create_key(self, context: Context) -> str:  # noqa: ARG002 - the ring binds a context to each blob instead
        fresh = RingKey(
            id=self._random(16).hex(),
            state=KeyState.ACTIVE,
            changed=self._now(),
            key=Confidential(AESGCM.generate_key(256)),
        )
        with self._changing() as keys:
            keys[fresh.id] = fresh
        return fresh.id

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        nonce = self._random(NONCE_BYTES)
        sealed = self._cipher(key_id).encrypt(nonce, key.reveal(), _bound(key_id, context))
        return WrappedKey(kms=KMS, key_id=key_id, blob=nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        cipher = self._cipher(wrapped.key_id)
        nonce, sealed = wrapped.blob[:NONCE_BYTES], wrapped.blob[NONCE_BYTES:]
        try:
            return Confidential(cipher.decrypt(nonce, sealed, _bound(wrapped.key_id, context)))
        except (InvalidTag, ValueError):
            raise SealBroken("a wrapped key does not open", hint="restore the key store from its backup") from None

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        return self.wrap(self.unwrap(wrapped, context), context, key_id=key_id)

    def key_state(self, key_id: str) -> KeyState:
        return self._known(key_id).state

    def freeze(self, key_id: str) -> None:
        self._turn(key_id, KeyState.FROZEN)

    def thaw(self, key_id: str) -> None:
        self._turn(key_id, KeyState.ACTIVE)

    def schedule_destroy(self, key_id: str) -> Destruction:
        with self._changing() as keys:
            known = self._known(key_id)
            if known.state is not KeyState.DESTROYED:
                known = replace(known, state=KeyState.DESTROYED, changed=self._now(), key=None)
                keys[key_id] = known
        return Destruction(key_id=key_id, state=known.state, final_at=datetime.fromtimestamp(known.changed, UTC))

    def _turn(self, key_id: str, state: KeyState) -> None:
        with self._changing() as keys:
            known = self._known(key_id)
            _refuse_destroyed(known)
            keys[key_id] = replace(known, state=state, changed=self._now())

    def _cipher(self, key_id: str) -> AESGCM:
        known = self._known(key_id)
        if known.key is None:
            raise KeyShredded("the provider's key was destroyed", hint="what it wrapped cannot be read any more")
        if known.state is not KeyState.ACTIVE:
            raise KeyRefused("the provider's key is frozen", hint="thaw it before it is used")
        return AESGCM(known.key.reveal())

    def _known(self, key_id: str) -> RingKey:
        self._refresh()
        try:
            return self._keys[key_id]
        except KeyError:
            raise KeyRefused("the key ring does not hold this key", hint="restore the ring that wrapped it") from None

    def _refresh(self) -> None:
        """Another process may have replaced the file; its inode says so."""
        stamp = self._file.stamp()
        if stamp != self._stamp:
            self._keys, self._stamp = self._file.read(), stamp

    @contextmanager
    def _changing(self) -> Iterator[dict[str, RingKey]]:
        """The ring as it is now, written back as a whole, with every other process waiting."""
        with _open_lock(self._file.path) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._refresh()
            keys = dict(self._keys)
            yield keys
            if keys != self._keys:
                self._file.write(keys, random=self._random)

    def _now(self) -> int:
        return int(self._clock().timestamp())


def _open_lock(ring: Path) -> BinaryIO:
    try:
        return ring.with_name(ring.name + ".lock").open("ab")
    except OSError:
        raise KeyRefused("the key ring cannot be changed", hint="check who owns its folder") from None


def _refuse_destroyed(known: RingKey) -> None:
    if known.state is KeyState.DESTROYED:
        raise KeyShredded("the provider's key was destroyed", hint="a destroyed key does not come back")


def _refuse_in_production(environment: str) -> None:
    if environment == "production":
        raise PolicyError(
            "the file key ring is refused when environment is production",
            hint="set keys.provider to a key service, or environment to development",
        )


def _bound(key_id: str, context: Context) -> bytes:
    return rfc8785.dumps({"kms": KMS, "key": key_id, "context": dict(context)})
