"""What goes wrong when something is handed over: the leaves of `errors.DeliveryError`.

    DeliveryError
    ├── DeliveryUnavailable      the destination does not answer, is full, or asks to wait (retryable)
    │   └── DeliveryForbidden    it refuses our credentials, or is not set up for us: a person mends that, then again
    ├── DeliveryLost             it said yes, and kept nothing or something else (retryable)
    ├── DeliveryUnderWay         another process is handing the same over (retryable)
    ├── DeliveryRefused          it does not take this one, whoever asks and however often
    └── DeliveryUnknown          nobody can tell whether it arrived, and asking again might deliver it twice

None of them repeats what the other side or a library said: that holds hosts, keys and paths.
"""

from __future__ import annotations

from sottovoce.errors import DeliveryError


class DeliveryUnavailable(DeliveryError):
    """`retry_after_s` is what the destination asked for; `may_be_there` unless it surely kept nothing."""

    code = "E_DELIVERY_UNAVAILABLE"
    retryable = True

    def __init__(
        self, message: str, *, hint: str = "", retry_after_s: float | None = None, may_be_there: bool = True
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
        self.may_be_there = may_be_there


class DeliveryForbidden(DeliveryUnavailable):
    code = "E_DELIVERY_FORBIDDEN"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, may_be_there=False)


class DeliveryLost(DeliveryError):
    code = "E_DELIVERY_LOST"
    retryable = True


class DeliveryUnderWay(DeliveryError):
    code = "E_DELIVERY_UNDER_WAY"
    retryable = True


class DeliveryRefused(DeliveryError):
    code = "E_DELIVERY_REFUSED"


class DeliveryUnknown(DeliveryError):
    code = "E_DELIVERY_UNKNOWN"
