"""The corpus, composed: releasing versions, reading them, staging them, opening one sample of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sottovoce.corpus.candidates import SAMPLE
from sottovoce.corpus.open import SampleOpener
from sottovoce.corpus.release import Releaser
from sottovoce.corpus.staging import Staged, Stager
from sottovoce.corpus.standing import PolicyStanding
from sottovoce.corpus.versions import Versions
from sottovoce.ledger.note import VerifierKey
from sottovoce.policy.model import Storage
from sottovoce.storage.open_store import open_store
from sottovoce.vault.labels import labels_for

if TYPE_CHECKING:
    from sottovoce.wiring.house import House


class CorpusRooms:
    """What a house's corpus offers; each part is built when first asked for."""

    def __init__(self, house: House) -> None:
        self._house = house

    @cached_property
    def releaser(self) -> Releaser:
        house = self._house
        return Releaser(
            policy=house.policy,
            policy_digest=house.loaded.digest,
            line=house.line.name,
            store=house.registry,
            vault=house.vault,
            plain=house.store,
            standing=PolicyStanding(policy=house.policy, today=house.today),
            signer=house.signer,
            clock=house.clock,
            random=os.urandom,
        )

    @cached_property
    def versions(self) -> Versions:
        house = self._house
        key = VerifierKey.parse(house.signer.vkey)
        return Versions(store=house.registry, vault=house.vault, plain=house.store, keys=(key,))

    @cached_property
    def opener(self) -> SampleOpener:
        house = self._house
        return SampleOpener(
            store=house.registry, vault=house.vault, scribe=house.ledger, clock=house.clock, reader=house.access.reader
        )

    def stage(self, version: str, address: str, *, on_sample: Callable[[int, int], None] | None = None) -> Staged:
        """Puts a version's ciphertext where a training service reads it. PolicyError for an address of no store.

        Where it is of `storage`'s kind, its endpoint, credentials and KMS key serve; elsewhere the machine's own.
        Without Object Lock: what was erased has to go from there at once.
        """
        house = self._house
        place = open_store(
            beside(house.policy.storage, address), base=house.workspace.root, clock=house.clock, indexed=True
        )
        stager = Stager(
            versions=self.versions,
            vault=house.vault,
            scribe=house.ledger,
            labels=labels_for(SAMPLE, disguised=True, kms=house.keystore.kms),
            clock=house.clock,
        )
        return stager.stage(version, place, address=address, actor=house.actor, on_sample=on_sample)


def beside(storage: Storage, address: str) -> Storage:
    """The same store at another address; for one of another kind only how patient it is goes along."""
    if urlsplit(storage.url).scheme == urlsplit(address).scheme:
        return storage.model_copy(update={"url": address, "object_lock": None})
    return Storage(url=address, retries=storage.retries, timeout_s=storage.timeout_s)
