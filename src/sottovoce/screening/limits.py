"""What a policy limits recordings to: lengths, queues, skills, languages, residency (SPEC 4.3).

A list that the policy does not give limits nothing. One that it gives admits only what is stated and
listed: an unstated queue, skill or region is refused. An unstated language alone passes, because
sources rarely know it and hearing withholds what its model does not speak (SPEC 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sottovoce.domain.outcome import Reason
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Exclusions
from sottovoce.screening.rule import UNKNOWN, Answer, ScreeningContext, code, passed, withheld
from sottovoce.screening.strata import category_of


def length_answer(seconds: float, limits: Exclusions) -> Answer:
    """Both limits belong to the allowed range."""
    if seconds < limits.min_seconds:
        return withheld(Reason.TOO_SHORT, milliseconds=round(seconds * 1000))
    if seconds > limits.max_seconds:
        return withheld(Reason.TOO_LONG, milliseconds=round(seconds * 1000))
    return passed(milliseconds=round(seconds * 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthAllowed:
    """Judged on the declared duration; asked again of the sound itself once it is there."""

    name: str = "length"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        if metadata.duration_s is None:
            return withheld(Reason.METADATA_INCOMPLETE, missing="duration_s")
        return length_answer(metadata.duration_s, context.policy.exclusions)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAllowed:
    """The queue, or its category, is on the list."""

    name: str = "queue"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        category = category_of(metadata, context.policy.corpus.queue_categories)
        stated = [q for q in (metadata.queue, category) if q]
        listed = _listed(stated, context.policy.exclusions.queues_allowed)
        return passed() if any(listed) else withheld(Reason.QUEUE_NOT_ALLOWED, queue_category=code(category))


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillsAllowed:
    """Every skill that the call asked for is on the list, and it asked for one."""

    name: str = "skills"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        listed = _listed(metadata.skills, context.policy.exclusions.skills_allowed)
        fits = all(listed) and bool(listed)
        return passed() if fits else withheld(Reason.SKILL_NOT_ALLOWED, skills=len(metadata.skills))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionAllowed:
    """The residency zone is on the list."""

    name: str = "residency"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        stated = [metadata.region] if metadata.region else []
        listed = _listed(stated, context.policy.exclusions.regions_allowed)
        return passed() if any(listed) else withheld(Reason.RESIDENCY_NOT_ALLOWED, region=code(metadata.region))


def _listed(stated: Iterable[str], allowed: tuple[str, ...] | None) -> list[bool]:
    """One answer for each stated name; a single yes where the policy gives no list."""
    if allowed is None:
        return [True]
    names = {name.strip().casefold() for name in allowed}
    return [name.strip().casefold() in names for name in stated]


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageAllowed:
    """The stated language falls in an allowed range: `en` covers `en-GB`, not the reverse (RFC 4647 3.3.1)."""

    name: str = "language"

    def check(self, metadata: RecordingMetadata, context: ScreeningContext) -> Answer:
        if not metadata.language:
            return passed(language=UNKNOWN)
        tag = metadata.language.strip().replace("_", "-").casefold()
        fits = any(_in_range(tag, allowed.casefold()) for allowed in context.policy.exclusions.languages_allowed)
        return passed(language=code(tag)) if fits else withheld(Reason.LANGUAGE_NOT_ALLOWED, language=code(tag))


def _in_range(tag: str, allowed: str) -> bool:
    return allowed == "*" or tag == allowed or tag.startswith(f"{allowed}-")
