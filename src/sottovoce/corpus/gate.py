"""What must hold before a corpus version exists (SPEC 8.2, 11.3). One failure refuses the whole release.

The label says how far voices are disguised: `voice-transformed` unless a re-identification attack on this
corpus is attached and its error rate reaches the policy's threshold; then it may be `anonymized`. A
recording whose voice was left as it is goes into no version.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sottovoce.corpus.candidates import Candidate
from sottovoce.corpus.protocol import Standing
from sottovoce.corpus.sample import Split
from sottovoce.errors import ReleaseRefused


class Label(StrEnum):
    """What a version says of its voices."""

    ANONYMIZED = "anonymized"
    VOICE_TRANSFORMED = "voice-transformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackReport:
    """A re-identification attack on the corpus itself: its digest, error rate and the policy's threshold."""

    digest: str
    equal_error_rate: float
    threshold: float

    @property
    def withstood(self) -> bool:
        return self.equal_error_rate >= self.threshold


class Refusal(StrEnum):
    """Why a release was refused. Append only."""

    NOTHING_SEALED = "NOTHING_SEALED"
    NOT_VERIFIED = "NOT_VERIFIED"
    NOT_DISGUISED = "NOT_DISGUISED"
    NO_LONGER_ALLOWED = "NO_LONGER_ALLOWED"
    START_UNKNOWN = "START_UNKNOWN"
    OBJECT_DAMAGED = "OBJECT_DAMAGED"
    NOT_MONO = "NOT_MONO"
    SPEAKER_SHARED = "SPEAKER_SHARED"
    ATTACK_MISSING = "ATTACK_MISSING"
    ATTACK_SUCCEEDED = "ATTACK_SUCCEEDED"


HINTS: Mapping[Refusal, str] = {
    Refusal.NOTHING_SEALED: "run the line first",
    Refusal.NOT_DISGUISED: "a voice left as it is goes into no version, whatever was waived",
    Refusal.NO_LONGER_ALLOWED: "erase the recordings whose consent is gone, then release again",
    Refusal.OBJECT_DAMAGED: "restore the objects from another copy, or erase the recordings",
    Refusal.ATTACK_MISSING: "attach an attack report, or label the version voice-transformed",
    Refusal.ATTACK_SUCCEEDED: "label the version voice-transformed",
}


def objections(candidate: Candidate, standing: Standing) -> Iterator[Refusal]:
    """What speaks against one sample, from what is recorded of it."""
    if not candidate.verified:
        yield Refusal.NOT_VERIFIED
    if not candidate.disguised:
        yield Refusal.NOT_DISGUISED
    if candidate.metadata.started_at is None:
        yield Refusal.START_UNKNOWN
    if standing.objection(candidate.metadata) is not None:
        yield Refusal.NO_LONGER_ALLOWED


def label_objections(label: Label, attack: AttackReport | None) -> Iterator[Refusal]:
    """`anonymized` is a claim that needs its proof."""
    if label is Label.ANONYMIZED and attack is None:
        yield Refusal.ATTACK_MISSING
    elif label is Label.ANONYMIZED and attack is not None and not attack.withstood:
        yield Refusal.ATTACK_SUCCEEDED


def shared_speakers(dealt: Iterable[tuple[frozenset[str], Split]]) -> Iterator[Refusal]:
    """One refusal for each speaker who is heard in two splits."""
    heard_in: dict[str, set[Split]] = {}
    for speakers, split in dealt:
        for speaker in speakers:
            heard_in.setdefault(speaker, set()).add(split)
    for splits in heard_in.values():
        if len(splits) > 1:
            yield Refusal.SPEAKER_SHARED


def refuse(found: Iterable[Refusal]) -> None:
    """Raises ReleaseRefused with every reason and how often it was met; nothing when there is none."""
    counts = Counter(found)
    if not counts:
        return
    told = ", ".join(f"{reason} ({count})" for reason, count in sorted(counts.items()))
    hint = next((HINTS[reason] for reason in sorted(counts) if reason in HINTS), "see `sottovoce lineage show`")
    raise ReleaseRefused(f"the corpus may not be released: {told}", hint=hint)
