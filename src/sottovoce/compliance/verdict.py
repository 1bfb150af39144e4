"""The verdict on one recording: what it says, the schema others hold us and themselves to (SPEC 14.5).

One verdict a recording and rule, at its first place; how often it was broken is counted. Codes, opaque ids and
times only: what was said is in the sealed clip that `evidenceSnippet` names, masked, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sottovoce.compliance.judge import Violation
from sottovoce.errors import VerdictRefused
from sottovoce.ledger.entry import is_code

SCHEMA_VERSION: Final = "1"
LONGEST_CALL_MS: Final = 24 * 3600 * 1000

OpaqueId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Code = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{2,47}$")]


class Found(StrEnum):
    VIOLATION = "VIOLATION_DETECTED"
    NONE = "NO_VIOLATION"
    DOUBT = "INCONCLUSIVE"
    """The call could not be judged: a person has to."""


class Verdict(BaseModel):
    """As it goes over the wire, in both directions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    schemaVersion: Literal["1"] = SCHEMA_VERSION  # noqa: N815 - the schema's own names
    recordingId: OpaqueId  # noqa: N815
    verdict: Found
    violationType: Code | None = None  # noqa: N815
    confidenceScore: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0  # noqa: N815
    timestampOffsetMs: Annotated[int, Field(ge=0, le=LONGEST_CALL_MS)] | None = None  # noqa: N815
    evidenceSnippet: OpaqueId | None = None  # noqa: N815
    recommendedAction: Code = "NONE"  # noqa: N815
    correlationId: OpaqueId  # noqa: N815

    @model_validator(mode="after")
    def _whole(self) -> Verdict:
        """A violation says which and where; anything else claims neither."""
        claims = self.violationType is not None and self.timestampOffsetMs is not None
        if claims != (self.verdict is Found.VIOLATION):
            raise ValueError("violationType and timestampOffsetMs go with VIOLATION_DETECTED, and only with it")
        return self

    def document(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A rule that was broken: the first violation, and how many there were."""

    first: Violation
    count: int


def by_rule(violations: Iterable[Violation]) -> tuple[Judged, ...]:
    """One for each rule and type, in the order of their first places."""
    found: dict[tuple[str, str], list[Violation]] = {}
    for violation in sorted(violations, key=lambda v: (v.span.start, v.rule)):
        found.setdefault((violation.rule, violation.type), []).append(violation)
    return tuple(Judged(first=each[0], count=len(each)) for each in found.values())


def verdict_on(recording: str, judged: Judged, *, rate: int, correlation: str, evidence: str | None) -> Verdict:
    """The verdict that says a rule was broken. `recording` is the recording's opaque key."""
    violation = judged.first
    return Verdict(
        recordingId=recording,
        verdict=Found.VIOLATION,
        violationType=violation.type,
        confidenceScore=violation.confidence,
        timestampOffsetMs=violation.span.start * 1000 // rate,
        evidenceSnippet=evidence,
        recommendedAction=violation.action,
        correlationId=correlation,
    )


def read_verdict(document: Mapping[str, Any], *, recording: str, correlation: str) -> Verdict:
    """An engine's answer, held to the schema and to what was asked. Raises VerdictRefused, naming fields only."""
    try:
        verdict = Verdict.model_validate({**document, "verdict": _found(document)})
    except ValidationError as error:
        fields = sorted({_field(each["loc"]) for each in error.errors(include_input=False, include_context=False)})
        raise VerdictRefused("the engine's verdict is not one we understand", hint=", ".join(fields)) from None
    if not all(is_code(code) for code in (verdict.violationType, verdict.recommendedAction) if code is not None):
        raise VerdictRefused("the engine's verdict holds what is no code", hint="violationType, recommendedAction")
    if verdict.recordingId != recording or verdict.correlationId != correlation:
        raise VerdictRefused("the engine's verdict is about something else")
    return verdict


def _field(where: tuple[int | str, ...]) -> str:
    """A field by a name of ours: what an engine calls its own may say anything."""
    name = str(where[0]) if where else "verdict"
    return name if name in Verdict.model_fields else "an unknown field"


def _found(document: Mapping[str, Any]) -> Found | str:
    value = document.get("verdict")
    return Found(value) if isinstance(value, str) and value in set(Found) else ""
