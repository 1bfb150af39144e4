"""The corpus, composed: releasing versions, reading them, opening one sample of them."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from sottovoce.corpus.open import SampleOpener
from sottovoce.corpus.release import Releaser
from sottovoce.corpus.standing import PolicyStanding
from sottovoce.corpus.versions import Versions
from sottovoce.ledger.note import VerifierKey

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
