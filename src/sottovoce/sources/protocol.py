"""What a source must do, and what it needs from its host (SPEC 3).

A source finds recordings without touching their sound, and fetches the sound of one when asked. It
names nobody: ids, caller numbers and agents leave it only as keyed digests made by a `Tokenizer`.
Participants keep the attributes that policy names and no others.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef
from sottovoce.domain.sound import Media, Role
from sottovoce.sources.growing import Growing

RECORDING = "recording"
CUSTOMER = "customer"
AGENT = "agent"

_WITHHELD = frozenset({"", "anonymous", "restricted", "unavailable", "unknown", "private", "blocked"})
_NUMBER_NOISE = re.compile(r"[ ().\-/]")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_encode = json.JSONEncoder().encode


@runtime_checkable
class Source(Protocol):
    """One configured place that holds recordings."""

    @property
    def name(self) -> str:
        """The source's name in the policy."""
        ...

    def discover(self) -> Iterator[RecordingMetadata]:
        """Every recording there is now, described; no audio is fetched. Raises SourceError."""
        ...

    def fetch(self, ref: RecordingRef, metadata: RecordingMetadata) -> Media:
        """The encoded sound, in memory. Raises SourceError or MediaError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveMedia:
    """A recording's files while they are still being fetched, by the source's own channel keys."""

    metadata: RecordingMetadata = field(repr=False)
    parts: Mapping[str, Growing] = field(repr=False)
    roles: Mapping[str, tuple[Role, ...]]


class Tokenizer(Protocol):
    """Turns an identifier into a keyed, one-way token; the same value always gives the same one."""

    def token(self, kind: str, value: str) -> str: ...


class HmacTokenizer:
    """HMAC-SHA256 under the workspace key, 128 bits in hex; kinds never share a token."""

    def __init__(self, *, key: Confidential[bytes]) -> None:
        if len(key.reveal()) < 16:
            raise ValueError("a tokenizer key has at least 16 bytes")
        self._keyed = hmac.new(key.reveal(), digestmod="sha256")

    def token(self, kind: str, value: str) -> str:
        mac = self._keyed.copy()
        mac.update(_encode([kind, value]).encode())
        return mac.hexdigest()[:32]


def recording_key(tokenizer: Tokenizer, source: str, *ids: str) -> str:
    """The opaque name of a recording: nobody without the workspace key can tell whose it is."""
    return tokenizer.token(RECORDING, _encode([source, *ids]))


def customer_token(tokenizer: Tokenizer, value: str | None) -> str | None:
    """The caller's pseudonym from a number or contact id; one number gives one token however written.

    None for callers who withhold their number: a shared token would make strangers one person.
    """
    said = (value or "").strip()
    for scheme in ("tel:", "sip:"):
        said = said.removeprefix(scheme)
    user = said.split("@")[0]
    if user.lower() in _WITHHELD:
        return None
    digits = _NUMBER_NOISE.sub("", user)
    return tokenizer.token(CUSTOMER, digits if _NUMBER.fullmatch(digits) else said)


def agent_token(tokenizer: Tokenizer, value: str | None) -> str | None:
    return tokenizer.token(AGENT, value) if value else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The clocks a source lives by, passed in so that waiting costs a test nothing."""

    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]

    @classmethod
    def of_system(cls) -> Timing:
        return cls(now=lambda: datetime.now(UTC), monotonic=time.monotonic, sleep=time.sleep)
