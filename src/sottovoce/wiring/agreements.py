"""Agreements, composed: the register over the registry's database, the gate before it, and how a destination stands."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sottovoce.agreements.forecast import Forecast, forecast
from sottovoce.agreements.gate import AgreementGate
from sottovoce.agreements.register import Register
from sottovoce.agreements.review import Review, Reviewed, review
from sottovoce.agreements.tell import state_told
from sottovoce.delivery.checks import checked
from sottovoce.delivery.failures import DeliveryForbidden
from sottovoce.delivery.protocol import Check
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

    def check(self, destination: str) -> Check:
        """Whether what the policy foresees may be given to one destination today, and for how long."""
        return checked("agreements", lambda: self._stands(destination))

    def _stands(self, destination: str) -> str:
        """Raises DeliveryForbidden, naming what is wanting."""
        if destination not in self._house.policy.agreements.destinations:
            raise DeliveryForbidden(
                "nothing says in which zones it keeps what it gets, so that it is given nothing",
                hint=f"name {destination} in `agreements.destinations`",
            )
        found = self.review()
        rows = [row for row in found.rows if row.destination == destination]
        wanting = [_told(row) for row in rows if not row.standing.met]
        wanting += [f"nothing leaves {zone.value}" for name, zone in found.confined if name == destination]
        if wanting:
            raise DeliveryForbidden("; ".join(wanting), hint="`sottovoce agreements check` says what the law asks")
        ending = [_told(row) for row in found.expiring if row.destination == destination]
        return "; ".join([f"{len(rows)} needs, all met", *ending])

    def expiring(self) -> tuple[Reviewed, ...]:
        """What is met today and not for long, at the destinations of the analytics line."""
        named = self._house.policy.analytics.destinations
        return tuple(row for row in self.review().expiring if row.destination in named)

    def forecast(self, recordings: Iterable[RecordingMetadata], *destinations: str) -> Forecast:
        """What the gate would say of these, to these destinations or to all that the policy names."""
        chosen = destinations or tuple(self._house.policy.agreements.destinations)
        house = self._house
        return forecast(recordings, chosen, policy=house.policy, on_file=self.register, today=house.today())


def _told(row: Reviewed) -> str:
    return f"{state_told(row.standing)} ({row.concern})"
