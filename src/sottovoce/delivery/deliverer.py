"""Delivers a sealed recording to a destination, once (SPEC 10.1, 10.3).

It accepts `Sealed` only. Before anything is sent again, the destination is asked whether it is there; what nobody can
ask about is sent again only where the destination promises to take the same key once. A destination's word is believed
when its digest is ours. A refusal is an answer, `Withheld`; what may go better later is raised, and the recording
waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sottovoce.breaker import Breaker
from sottovoce.delivery.book import Book, Gist
from sottovoce.delivery.failures import DeliveryLost, DeliveryRefused, DeliveryUnavailable, DeliveryUnknown
from sottovoce.delivery.packing import Order, Packer, used_objects
from sottovoce.delivery.parcel import CallFacts, Errand, Parcel, Waybill
from sottovoce.delivery.profile import Profile
from sottovoce.delivery.protocol import Confirmed, Destination, Placed
from sottovoce.delivery.receipts import Receipt
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.recording import Sealed
from sottovoce.errors import DeliveryError, MediaError, PolicyError, RecordingErased, SealBroken, SottovoceError

FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 60.0
GRACE: Final = timedelta(seconds=30)
"""How much longer than a delivery may take somebody else keeps away."""

_REASONS: Final[Mapping[type[SottovoceError], Reason]] = {
    DeliveryRefused: Reason.DELIVERY_REFUSED,
    DeliveryUnknown: Reason.DELIVERY_UNKNOWN,
    SealBroken: Reason.PARCEL_FAILED,
    MediaError: Reason.PARCEL_FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One destination of the policy, ready: how it wants parcels, and how long it is tried."""

    name: str
    destination: Destination
    profile: Profile
    breaker: Breaker
    minimum_active_ratio: float = 0.0
    with_transcript: bool = False
    tries: int = 4
    deadline_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clockwork:
    """Time, passed in."""

    now: Callable[[], datetime] = field(repr=False)
    monotonic: Callable[[], float] = field(repr=False)
    sleep: Callable[[float], None] = field(repr=False)


class _Attempts:
    """What is known of one parcel's tries so far."""

    def __init__(self, *, parcel: Parcel) -> None:
        self.parcel = parcel
        self.placed = Placed(waybill=parcel.waybill)
        self.may_be_there = False


class Deliverer:
    """Carries out errands; several may run, in any number of processes."""

    def __init__(
        self,
        *,
        book: Book,
        packer: Packer,
        routes: Mapping[str, Route],
        clockwork: Clockwork,
        purpose: str,
        policy_digest: str | None = None,
    ) -> None:
        self._book = book
        self._packer = packer
        self._routes = routes
        self._time = clockwork
        self._purpose = purpose
        self._policy = policy_digest

    def deliver(self, sealed: Sealed, about: CallFacts, *, line: str, destination: str) -> Passed[Receipt] | Withheld:
        """There afterwards, with a receipt; or withheld with an entry in the ledger. Idempotent.

        Raises what may go better later: DeliveryUnavailable and below, DeliveryLost, DeliveryUnderWay, BreakerOpen,
        KeyUnavailable, StorageError, LedgerUnavailable; RecordingErased and KeyShredded when it was erased;
        PolicyError for a destination that there is not.
        """
        route = self._route(destination)
        errand = Errand(line=line, recording=sealed.ref.key, destination=destination)
        gist = Gist(purpose=self._purpose, policy=self._policy, ended_at=about.ended_at)
        begun = self._book.begin(errand, lease=timedelta(seconds=route.deadline_s) + GRACE)
        if isinstance(begun, Receipt):
            return Passed(value=begun, evidence=begun.facts())
        if isinstance(begun, Withheld):
            return begun
        try:
            placed, confirmed = self._carry(errand, route, sealed, about, begun.waybill)
        except SottovoceError as error:
            return self._failed(errand, error, gist)
        return self._received(errand, route, placed, confirmed, sealed, gist)

    def _route(self, name: str) -> Route:
        try:
            return self._routes[name]
        except KeyError:
            raise PolicyError("there is no such destination", hint="see delivery.destinations in the policy") from None

    def _carry(
        self, errand: Errand, route: Route, sealed: Sealed, about: CallFacts, before: Waybill | None
    ) -> tuple[Placed, Confirmed]:
        """Looks for what may be there already; else packs and hands over."""
        if before is not None:
            placed = Placed(waybill=before)
            found = self._look(route, placed)
            if found is not None:
                return placed, found
        order = Order(
            errand=errand,
            profile=route.profile,
            minimum_active_ratio=route.minimum_active_ratio,
            with_transcript=route.with_transcript,
        )
        parcel = self._packer.pack(sealed, about, order)
        self._book.placing(errand, parcel.waybill)
        return self._hand_over(errand, route, parcel)

    def _hand_over(self, errand: Errand, route: Route, parcel: Parcel) -> tuple[Placed, Confirmed]:
        """Tries until it is there, the tries are used up, or the time is; what surely never left is written down."""
        attempts = _Attempts(parcel=parcel)
        try:
            return self._tried(route, attempts)
        except SottovoceError:
            if not attempts.may_be_there:
                self._book.nothing_left(errand)
            raise

    def _tried(self, route: Route, attempts: _Attempts) -> tuple[Placed, Confirmed]:
        until = self._time.monotonic() + route.deadline_s
        for attempt in range(1, route.tries + 1):
            try:
                found = self._look(route, attempts.placed) if attempts.may_be_there else None
                return attempts.placed, found or self._once(route, attempts)
            except (DeliveryLost, DeliveryUnavailable) as error:
                asked_for = error.retry_after_s if isinstance(error, DeliveryUnavailable) else None
                if attempt == route.tries or not self._wait(attempt, asked_for, until):
                    raise
        raise DeliveryUnavailable("the destination was given no try")

    def _once(self, route: Route, attempts: _Attempts) -> Confirmed:
        """Put and believed, or not; from here on it may be there unless the destination surely kept nothing."""
        parcel = attempts.parcel
        with route.breaker.call(DeliveryUnavailable, DeliveryLost):
            try:
                attempts.placed = route.destination.put(parcel, key=parcel.waybill.mark)
            except DeliveryUnavailable as error:
                attempts.may_be_there = attempts.may_be_there or error.may_be_there
                raise
            attempts.may_be_there = True
            return route.destination.confirm(attempts.placed)

    def _look(self, route: Route, placed: Placed) -> Confirmed | None:
        """Whether it is there, as far as the destination can be asked. Raises DeliveryUnknown, DeliveryUnavailable."""
        try:
            with route.breaker.call(DeliveryUnavailable):
                return route.destination.confirm(placed)
        except DeliveryLost:
            return None

    def _wait(self, attempt: int, asked_for: float | None, until: float) -> bool:
        """Waits as long as was asked for, or longer each time; False when there is no time for it."""
        wait = asked_for if asked_for is not None else min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (attempt - 1))
        if self._time.monotonic() + wait >= until:
            return False
        self._time.sleep(wait)
        return True

    def _failed(self, errand: Errand, error: SottovoceError, gist: Gist) -> Withheld:
        """A refusal is written down; anything else is raised again, and the errand is free for the next."""
        for kind, reason in _REASONS.items():
            if isinstance(error, kind):
                return self._book.withhold(errand, reason, error=error.code, gist=gist)
        self._book.let_go(errand, error=error.code)
        raise error

    def _received(
        self,
        errand: Errand,
        route: Route,
        placed: Placed,
        confirmed: Confirmed,
        sealed: Sealed,
        gist: Gist,
    ) -> Passed[Receipt]:
        try:
            made_from = used_objects(sealed, with_transcript=route.with_transcript)
            receipt = self._book.receive(errand, placed.waybill, confirmed, made_from=made_from, gist=gist)
        except RecordingErased:
            self._take_back(route, placed)
            self._book.let_go(errand, error=RecordingErased.code)
            raise
        except SottovoceError as error:
            self._book.let_go(errand, error=error.code)
            raise
        return Passed(value=receipt, evidence=receipt.facts())

    def _take_back(self, route: Route, placed: Placed) -> None:
        """Erased while it was on its way: what can be taken back is; the recipient is told of it in any case."""
        try:
            route.destination.withdraw(placed)
        except DeliveryError:
            return
