"""The analytics line as the durable engine's task: carried to its seal as on every line, then delivered (SPEC 10).

Sealing and every delivery can be tried again from the start and change nothing that was done. A destination that is
down is answered with Again, so that no worker sleeps on it; the recording waits sealed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from sottovoce.domain.outcome import OutcomeStatus
from sottovoce.errors import RecordingErased, SottovoceError
from sottovoce.pipeline.conclude import ERASED
from sottovoce.pipeline.protocol import Again, Closes
from sottovoce.pipeline.refs import StepError, as_step_error


class Carries(Protocol):
    def carry(self, line: str, key: str) -> str: ...


class RunsErrands(Protocol):
    def run(self, key: str) -> Again | None: ...

    def is_over(self, key: str) -> bool: ...

    def give_up(self, key: str, code: str) -> None: ...


class AnalyticsCloser:
    """Ends what the engine gave up: what was sealed waits for a person at its destinations. Raises StepError only."""

    def __init__(self, *, closer: Closes, errands: RunsErrands) -> None:
        self._closer = closer
        self._errands = errands

    def close(self, line: str, key: str, code: str) -> str:
        status = self._closer.close(line, key, code)
        if status == OutcomeStatus.SEALED.value and isinstance(_stepwise(partial(self._given_up, key, code)), Again):
            raise StepError("E_DELIVERY_UNDER_WAY", retryable=True)
        return status

    def _given_up(self, key: str, code: str) -> None:
        """Raises DeliveryUnderWay while a dead worker's lease lasts: it is closed later."""
        self._errands.give_up(key, code)


class AnalyticsTask(AnalyticsCloser):
    """Raises StepError only."""

    def __init__(self, *, carrier: Carries, closer: Closes, errands: RunsErrands) -> None:
        super().__init__(closer=closer, errands=errands)
        self._carrier = carrier

    def carry(self, line: str, key: str) -> str | Again:
        """The outcome's status once it is sealed and delivered, or when it was withheld."""
        status = self._carrier.carry(line, key)
        if status != OutcomeStatus.SEALED.value:
            return status
        return _stepwise(lambda: self._errands.run(key)) or status


def _stepwise(work: Callable[[], Again | None]) -> Again | str | None:
    """Passing failures ask for another try; anything else leaves as its code."""
    try:
        return work()
    except RecordingErased:
        return ERASED
    except SottovoceError as error:
        if error.retryable:
            return Again()
        raise as_step_error(error) from None
    except Exception as error:  # noqa: BLE001 - a surprise may quote what it failed on; its code goes on alone
        raise as_step_error(error) from None
