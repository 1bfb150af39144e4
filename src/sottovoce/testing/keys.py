"""A key service in memory, as strict as a real one about key state.

Emulators let disabled and deleted keys decrypt; a shredding test that rests on such a double proves
nothing. This one refuses, keeps a waiting time before destruction as AWS KMS does, counts its calls, and
can be made unreachable.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.protocol import Capabilities, Context, Destruction, KeyState, Reached, WrappedKey

KMS = "memory"


class MemoryKeys:
    """A `KeyProvider`. `waiting` is how long a destroyed key stays pending; `reachable` may be switched off."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        waiting: timedelta = timedelta(0),
        key_per_epoch: bool = True,
        kms: str = KMS,
    ) -> None:
        self._kms = kms
        self.reachable = True
        self.calls: Counter[str] = Counter()
        self._clock = clock
        self._waiting = waiting
        self._key_per_epoch = key_per_epoch
        self._keys: dict[str, bytes] = {}
        self._states: dict[str, KeyState] = {}
        self._final: dict[str, datetime] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kms=self._kms,
            key_per_epoch=self._key_per_epoch,
            destroyed_after=self._waiting,
            exportable=False,
            production=False,
        )

    def reach(self) -> Reached:
        self._called("reach")
        return Reached(service_time=self._clock())

    def create_key(self, context: Context) -> str:  # noqa: ARG002 - bound to each blob instead
        self._called("create_key")
        if self._keys and not self._key_per_epoch:
            return next(iter(self._keys))
        key_id = f"{'' if self._kms == KMS else self._kms + '-'}key-{len(self._states)}"
        self._keys[key_id] = AESGCM.generate_key(256)
        self._states[key_id] = KeyState.ACTIVE
        return key_id

    def wrap(self, key: Confidential[bytes], context: Context, *, key_id: str) -> WrappedKey:
        self._called("wrap")
        nonce = os.urandom(12)
        sealed = self._usable(key_id).encrypt(nonce, key.reveal(), _bound(context))
        return WrappedKey(kms=self._kms, key_id=key_id, blob=nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: Context) -> Confidential[bytes]:
        self._called("unwrap")
        cipher = self._usable(wrapped.key_id)
        try:
            return Confidential(cipher.decrypt(wrapped.blob[:12], wrapped.blob[12:], _bound(context)))
        except (InvalidTag, ValueError):
            raise SealBroken("a wrapped key does not open") from None

    def rewrap(self, wrapped: WrappedKey, context: Context, *, key_id: str) -> WrappedKey:
        return self.wrap(self.unwrap(wrapped, context), context, key_id=key_id)

    def key_state(self, key_id: str) -> KeyState:
        self._called("key_state")
        return self._state(key_id)

    def freeze(self, key_id: str) -> None:
        self._turn(key_id, KeyState.FROZEN)

    def thaw(self, key_id: str) -> None:
        self._turn(key_id, KeyState.ACTIVE)

    def schedule_destroy(self, key_id: str) -> Destruction:
        self._called("schedule_destroy")
        self._state(key_id)
        final = self._final.setdefault(key_id, self._clock() + self._waiting)
        return Destruction(key_id=key_id, state=self._state(key_id), final_at=final)

    def _turn(self, key_id: str, state: KeyState) -> None:
        self._called(state.value)
        if self._state(key_id) in {KeyState.PENDING, KeyState.DESTROYED}:
            raise KeyShredded("the provider's key was destroyed")
        self._states[key_id] = state

    def _usable(self, key_id: str) -> AESGCM:
        state = self._state(key_id)
        if state in {KeyState.PENDING, KeyState.DESTROYED}:
            raise KeyShredded("the provider's key was destroyed")
        if state is not KeyState.ACTIVE:
            raise KeyRefused("the provider's key is frozen")
        return AESGCM(self._keys[key_id])

    def _state(self, key_id: str) -> KeyState:
        if key_id not in self._states:
            raise KeyRefused("no such key")
        final = self._final.get(key_id)
        if final is not None:
            gone = self._clock() >= final
            if gone:
                self._keys.pop(key_id, None)
            return KeyState.DESTROYED if gone else KeyState.PENDING
        return self._states[key_id]

    def _called(self, what: str) -> None:
        self.calls[what] += 1
        if not self.reachable:
            raise KeyUnavailable("the key service does not answer")


def _bound(context: Context) -> bytes:
    return json.dumps(dict(context), sort_keys=True).encode()
