"""What `sottovoce destinations check` tries, said as checks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from sottovoce.delivery.failures import DeliveryForbidden
from sottovoce.delivery.protocol import Check
from sottovoce.errors import SottovoceError

CANARY: Final = "sottovoce-canary"
MOST_SKEW_S: Final = 120.0
"""Amazon refuses requests that are 15 minutes off; tokens end sooner."""


def checked(name: str, ask: Callable[[], str]) -> Check:
    """What was said, or why not and what mends it."""
    try:
        return Check(name=name, ok=True, says=ask())
    except SottovoceError as error:
        return Check(name=name, ok=False, says=f"{error.code}: {error}", mend=error.hint)


def tried(*steps: str) -> str:
    return f"a canary was {', '.join(steps[:-1])} and {steps[-1]}"


def skew_check(date: str | None, now: datetime) -> str:
    """Our clock against the `Date` of an answer (RFC 9110, section 6.6.1). Raises DeliveryForbidden."""
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return "the destination tells no time"
    theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
    off = abs((theirs - now).total_seconds())
    if off > MOST_SKEW_S:
        raise DeliveryForbidden(f"the clocks are {off:.0f} seconds apart", hint="check this machine's time service")
    return f"the clocks are {off:.0f} seconds apart"
