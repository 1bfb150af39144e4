"""What an external engine may hear of a recording: redacted, verified sound, and nothing where that fails (SPEC 1.1).

The same rooms redact it that redact the corpus, by the rules of the recording's queue; where they withhold, the engine
gets nothing and a person judges. What was removed may be told beside it, as entities and times.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np

from sottovoce.compliance.reading import Coming, Reading, reading_of
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.finding import PlannedSpan, RedactionPlan
from sottovoce.domain.outcome import Passed, Withheld
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import RedactionError, UnreadableMedia
from sottovoce.redact.redactor import Treated
from sottovoce.redact.rules import RedactionRules

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z-]{0,31}")


class LiveMedia(Protocol):
    @property
    def metadata(self) -> RecordingMetadata: ...

    @property
    def parts(self) -> Mapping[str, Coming]: ...

    @property
    def roles(self) -> Mapping[str, tuple[Role, ...]]: ...


class Redacts(Protocol):
    def treat(self, sound: Sound, rules: RedactionRules, *, language: str | None) -> Passed[Treated] | Withheld: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The sound encoded, and what is told of it: codes, counts and times."""

    data: Confidential[bytes] = field(repr=False)
    facts: Mapping[str, Any]


class SoundRoom:
    """Reads a recording, redacts it, encodes what passed. Holds nothing between calls."""

    def __init__(
        self,
        *,
        redactor: Callable[[], Redacts],
        rules: Callable[[RecordingMetadata], RedactionRules],
        encode: Callable[[Sound], Confidential[bytes]],
        tells_removed: bool = False,
        read: Callable[
            [Mapping[str, Coming], Mapping[str, tuple[Role, ...]]], AbstractContextManager[Reading]
        ] = reading_of,
    ) -> None:
        self._redactor = redactor
        self._rules = rules
        self._encode = encode
        self._tells_removed = tells_removed
        self._read = read

    def prepare(self, live: LiveMedia) -> Prepared:
        """Raises RedactionError, MediaError, SourceError."""
        with self._read(live.parts, live.roles) as reading:
            sound = _whole(reading)
        treated = self._treated(sound, live.metadata)
        data = self._encode(treated.sound)
        facts: dict[str, Any] = {"recording": _described(treated.sound, live.metadata), "media": _measured(data)}
        if self._tells_removed:
            facts["removed"] = removed(treated.plan)
        return Prepared(data=data, facts=facts)

    def _treated(self, sound: Sound, metadata: RecordingMetadata) -> Treated:
        answer = self._redactor().treat(sound, self._rules(metadata), language=metadata.language)
        if isinstance(answer, Withheld):
            raise RedactionError("the recording could not be redacted for an engine", hint=answer.reason.value)
        return answer.value


def removed(plan: RedactionPlan) -> list[dict[str, Any]]:
    """Each stretch that was replaced: entities, channel, times in milliseconds."""
    return [_stretch(planned, plan.rate) for planned in plan.spans]


def _stretch(planned: PlannedSpan, rate: int) -> dict[str, Any]:
    return {
        "entities": sorted({finding.entity.value for finding in planned.findings}),
        "channel": planned.channel,
        "startMs": planned.span.start * 1000 // rate,
        "endMs": planned.span.end * 1000 // rate,
    }


def _whole(reading: Reading) -> Sound:
    blocks = list(reading.blocks)
    if not sum(map(len, blocks)):
        raise UnreadableMedia("the recording holds no sound", hint="fetch it again")
    samples = np.ascontiguousarray(np.concatenate(blocks).T)
    return Sound(samples=samples, rate=reading.rate, roles=reading.roles)


def _described(sound: Sound, metadata: RecordingMetadata) -> dict[str, Any]:
    """Nothing that leads to a person or a conversation."""
    told: dict[str, Any] = {
        "durationMs": sound.frames * 1000 // sound.rate,
        "channels": [role.value for role in sound.roles],
    }
    return told | {
        name: value
        for name, value in (("language", metadata.language), ("queueCategory", metadata.queue_category))
        if value is not None and _PLAIN.fullmatch(value)
    }


def _measured(data: Confidential[bytes]) -> dict[str, Any]:
    return {"bytes": len(data.reveal()), "sha256": hashlib.sha256(data.reveal()).hexdigest()}
