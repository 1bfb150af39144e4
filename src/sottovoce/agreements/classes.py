"""What a recording is to the law: from the policy, and from what its metadata shows without being asked.

A class is added on any sign of it and taken away by none: a policy may say more than the program sees, never less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

from sottovoce.agreements.zones import foreseen_origins, origins_of, unplaced_sources
from sottovoce.custody.artefacts import rules_of
from sottovoce.custody.duties import KEEPS_ORIGINAL, Duty
from sottovoce.domain.agreement import DataClass
from sottovoce.domain.attributes import raised, values_of
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.zone import EUROPE
from sottovoce.policy.model import Policy

T = TypeVar("T")

HEALTH: Final = frozenset({"health", "healthcare", "medical", "clinic", "clinical", "hospital", "patient", "patients"})
PAYMENT: Final = frozenset({"payment", "payments", "billing", "checkout"})
"""Words of a queue's category or name that are a sign by themselves; others are said under `agreements.classes`."""

UNSTATED_YEARS: Final = 7
"""MiFID II Article 16(7): five years, up to seven where the authority asks. No duty known here is longer."""

Signs = Mapping[DataClass, str]
"""The classes of a recording, each with the code of the first sign of it."""


def signs_of(metadata: RecordingMetadata, policy: Policy) -> Signs:
    """Every class the recording is of, in the order of the classes."""
    found: dict[DataClass, str] = {}
    for data_class, sign in _signs(metadata, policy):
        found.setdefault(data_class, sign)
    return {each: found[each] for each in DataClass if each in found}


def classes_of(metadata: RecordingMetadata, policy: Policy) -> frozenset[DataClass]:
    """The classes alone; PERSONAL is always among them."""
    return frozenset(signs_of(metadata, policy))


def foreseen_classes(policy: Policy) -> frozenset[DataClass]:
    """Every class that the policy, by what it names, can expect; a payment flag or an unnamed queue may add more."""
    found = {DataClass.PERSONAL}
    european = bool(unplaced_sources(policy) or foreseen_origins(policy) & EUROPE)
    for name in _named(policy):
        found |= {*stated_for((name,), policy.agreements.classes)}
        found |= {data_class for data_class, _ in _of_queue((name,), policy)}
        found |= {DataClass.SPECIAL_CATEGORY} if european and _is_of_health((name,)) else set()
    for duty in rules_of(policy.retention).duties:
        found |= {data_class for data_class, _ in _of_duty(duty)}
    return frozenset(found)


def _named(policy: Policy) -> tuple[str, ...]:
    """Every queue and category that the policy names and does not keep out; `default` for those it does not name."""
    categories = policy.corpus.queue_categories
    named = (*policy.agreements.classes, *policy.redaction.queues, *categories, *categories.values(), "default")
    out = {name.casefold() for name in policy.exclusions.queue_categories}
    return tuple(name for name in dict.fromkeys(named) if name.casefold() not in out)


def years_to_keep(metadata: RecordingMetadata, policy: Policy) -> int:
    """For how many years duties want the recording kept."""
    category = category_of(metadata, policy)
    return longest([duty for duty in keeping_duties(policy) if _covers(duty, category)])


def keeping_duties(policy: Policy) -> tuple[Duty, ...]:
    """Duties to keep the recording itself."""
    return tuple(duty for duty in rules_of(policy.retention).duties if duty.name in KEEPS_ORIGINAL)


def longest(duties: Sequence[Duty]) -> int:
    """The years of the longest; of a record of finance whose duty nobody named, the most that any asks."""
    return max((duty.years for duty in duties), default=UNSTATED_YEARS)


def category_of(metadata: RecordingMetadata, policy: Policy) -> str | None:
    """The source's own category, or the policy's for the queue."""
    return metadata.queue_category or policy.corpus.queue_categories.get(metadata.queue or "")


def _signs(metadata: RecordingMetadata, policy: Policy) -> Iterator[tuple[DataClass, str]]:
    names = _names(metadata.queue, category_of(metadata, policy))
    yield DataClass.PERSONAL, "always"
    for data_class in stated_for(names, policy.agreements.classes):
        yield data_class, "stated"
    yield from _of_queue(names, policy)
    if raised(values_of(metadata.participants, policy.exclusions.payment_attribute)):
        yield DataClass.PCI, "payment_flag"
    for duty in rules_of(policy.retention).duties:
        if _covers(duty, category_of(metadata, policy)):
            yield from _of_duty(duty)
    if _is_of_health(names) and (origins_of(metadata, policy) or EUROPE) & EUROPE:
        yield DataClass.SPECIAL_CATEGORY, "health_queue"


def stated_for(names: tuple[str, ...], said: Mapping[str, tuple[T, ...]]) -> tuple[T, ...]:
    """What a policy says by queue or category, of any of the names, however they are written."""
    wanted = {name.casefold() for name in names}
    return tuple(each for name, values in said.items() if name.casefold() in wanted for each in values)


def _names(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def _of_queue(names: tuple[str, ...], policy: Policy) -> Iterator[tuple[DataClass, str]]:
    if _is_of_health(names):
        yield DataClass.HIPAA, "health_queue"
    if words_of(names) & PAYMENT:
        yield DataClass.PCI, "payment_queue"
    removed = stated_for(names, policy.redaction.queues) or policy.redaction.default
    if "phi" in removed:
        yield DataClass.HIPAA, "phi_redaction"
    if "gdpr_special" in removed:
        yield DataClass.SPECIAL_CATEGORY, "special_redaction"


def _covers(duty: Duty, category: str | None) -> bool:
    """However the category is written."""
    named = {name.casefold() for name in duty.queue_categories}
    return not named or (category or "").casefold() in named


def _of_duty(duty: Duty) -> Iterator[tuple[DataClass, str]]:
    """PCI DSS is a duty of every recording until it names queues: what it forbids may be said on any call."""
    if duty.name in KEEPS_ORIGINAL:
        yield DataClass.FINANCIAL, "duty"
    if duty.name == "HIPAA":
        yield DataClass.HIPAA, "duty"
    if duty.name == "PCI_DSS" and duty.queue_categories:
        yield DataClass.PCI, "duty"


def _is_of_health(names: tuple[str, ...]) -> bool:
    return bool(words_of(names) & HEALTH)


def words_of(names: tuple[str, ...]) -> frozenset[str]:
    """`Health Line` and `health-line` are health and line."""
    return frozenset(word for name in names for word in re.findall(r"[^\W\d_]+", name.casefold()))
