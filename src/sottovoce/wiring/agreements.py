"""Agreements, composed: the register over the registry's database, and the gate before it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sottovoce.agreements.forecast import Forecast, forecast
from sottovoce.agreements.gate import AgreementGate
from sottovoce.agreements.register import Register
from sottovoce.agreements.review import Review, review
from sottovoce.domain.recording import RecordingMetadata

if TYPE_CHECKING:
    from sottovoce.wiring.house import House


class AgreementRooms:
    """What is on file in one house, and what that allows today."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.register = Register(
            engine=house.registry.engine, ledger=house.ledger, clock=house.clock, ids=lambda: str(uuid.uuid4())
        )
        self.gate = AgreementGate(policy=house.policy, on_file=self.register)

    def review(self) -> Review:
        """How everything stands that the policy needs on file."""
        return review(self._house.policy, self.register, self._house.today())

    def forecast(self, recordings: Iterable[RecordingMetadata], *destinations: str) -> Forecast:
        """What the gate would say of these, to these destinations or to all that the policy names."""
        chosen = destinations or tuple(self._house.policy.agreements.destinations)
        house = self._house
        return forecast(recordings, chosen, policy=house.policy, on_file=self.register, today=house.today())
