"""Short-lived addresses of redacted sound: each says which question, until when, and that we made it.

The mark is HMAC-SHA256 under a key of the tenant's own for this purpose alone. An address opens nothing by itself: the
question it names must still wait for its answer. It is a secret while it lasts, so it is in no log and no error.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from sottovoce.domain.confidential import Confidential

PATH: Final = "/v1/media/"
LONGEST: Final = timedelta(minutes=15)
_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{1,128})\.([0-9]{1,12})\.([A-Za-z0-9_-]{43})")
_PURPOSE: Final = b"sottovoce media link 1\x00"


class Links:
    """Makes addresses below `base`, and reads what came back. `key` is asked for when first needed."""

    def __init__(self, *, base: str, key: Callable[[], Confidential[bytes]], clock: Callable[[], datetime]) -> None:
        self._base = base.rstrip("/")
        self._draw = key
        self._clock = clock

    def address(self, correlation: str, until: datetime) -> Confidential[str]:
        """Where the question's sound is until then, to the second. ValueError beyond a quarter of an hour."""
        if until - self._clock() > LONGEST:
            raise ValueError("an address of sound lasts a quarter of an hour at most")
        stamp = str(int(until.timestamp()))
        return Confidential(f"{self._base}{PATH}{correlation}.{stamp}.{self._mark(correlation, stamp)}")

    def read(self, token: str) -> str | None:
        """The correlation id in a token that we made and that is not over."""
        parts = _TOKEN.fullmatch(token)
        if parts is None:
            return None
        correlation, stamp, mark = parts.groups()
        ours = hmac.compare_digest(mark, self._mark(correlation, stamp))
        return correlation if ours and self._lasts(int(stamp)) else None

    def _lasts(self, stamp: int) -> bool:
        left = datetime.fromtimestamp(stamp, tz=UTC) - self._clock()
        return timedelta(0) < left <= LONGEST

    def _mark(self, correlation: str, stamp: str) -> str:
        mark = hmac.digest(self._key.reveal(), _PURPOSE + f"{correlation}.{stamp}".encode(), "sha256")
        return base64.urlsafe_b64encode(mark).decode().rstrip("=")

    @cached_property
    def _key(self) -> Confidential[bytes]:
        return self._draw()
