"""Sealed samples in memory, under real keys that can be destroyed, for tests of what reads a corpus."""

from __future__ import annotations

import hashlib
import os

from sottovoce.custody.rows import StoredObject
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import SealedObject
from sottovoce.errors import KeyShredded, ObjectMissing
from sottovoce.vault.context import object_context
from sottovoce.vault.seal import KEY_BYTES, open_sealed, seal

TENANT = "test"


class SamplesInMemory:
    """A `SampleVault`. `stored` maps locations to ciphertext, for a test to damage."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        self._keys: dict[str, Confidential[bytes] | None] = {}

    def seal(self, recording: str, plain: bytes, *, channel: int | None, kind: str = "sample") -> SealedObject:
        """Seals and stores; the object as the registry will know it."""
        key = self._keys.setdefault(recording, Confidential(os.urandom(KEY_BYTES)))
        if key is None:
            raise KeyShredded("the recording was erased")
        context = object_context(tenant=TENANT, rid=recording, kind=kind, rev=1, channel=channel)
        ciphertext = seal(key, context, Confidential(plain))
        location = f"objects/{recording}/{kind}-{channel}"
        self.stored[location] = ciphertext
        return SealedObject(
            kind=kind,
            location=location,
            digest=hashlib.sha256(ciphertext).hexdigest(),
            size=len(ciphertext),
            channel=channel,
        )

    def shred(self, recording: str) -> None:
        """Destroys the recording's key; its ciphertext stays where it is."""
        self._keys[recording] = None

    def fetch(self, held: StoredObject) -> bytes:
        try:
            return self.stored[held.location]
        except KeyError:
            raise ObjectMissing("there is no such object") from None

    def open(self, held: StoredObject, ciphertext: bytes) -> Confidential[bytes]:
        key = self._keys[held.recording]
        if key is None:
            raise KeyShredded("the recording was erased")
        context = object_context(tenant=TENANT, rid=held.recording, kind=held.kind, rev=held.rev, channel=held.channel)
        return open_sealed(key, context, ciphertext)
