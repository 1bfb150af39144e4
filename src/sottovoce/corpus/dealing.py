"""From opened samples to named ones: corpus id, split and released metadata (SPEC 11.1, 11.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sottovoce.corpus.candidates import Opened
from sottovoce.corpus.identity import new_corpus_id
from sottovoce.corpus.manifest import ManifestEntry
from sottovoce.corpus.protocol import VersionStore
from sottovoce.corpus.sample import Sample, Split, format_name
from sottovoce.corpus.splits import Spoken, assign
from sottovoce.custody.rows import CorpusSample
from sottovoce.policy.model import Policy
from sottovoce.screening.strata import value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """An opened sample with everything that is released of it."""

    opened: Opened
    sample: Sample

    @property
    def entry(self) -> ManifestEntry:
        held = self.opened.held
        return ManifestEntry(sample=self.sample, digest=held.digest, size=held.size)

    @property
    def row(self) -> CorpusSample:
        """For the registry: the one place where name and recording stand together."""
        held = self.opened.held
        return CorpusSample(
            corpus_id=self.sample.corpus_id,
            recording=held.recording,
            split=self.sample.split.value,
            released=self.sample.released(),
            channel=held.channel,
            location=held.location,
        )


def earlier_names(store: VersionStore) -> dict[str, str]:
    """The corpus ids of earlier versions by object: what was sealed anew is named anew."""
    return {
        known.object_id: known.corpus_id
        for version in store.versions()
        for known in store.identities(version.version)
        if known.object_id is not None
    }


def earlier_splits(store: VersionStore) -> dict[str, Split]:
    """Where each corpus id was in the latest version that had it."""
    return {
        sample.corpus_id: Split(sample.split)
        for version in store.versions()
        for sample in store.samples(version.version)
    }


def deal(
    opened: Sequence[Opened], *, store: VersionStore, policy: Policy, random: Callable[[int], bytes]
) -> list[Dealt]:
    """Every sample under its earlier name or a fresh one, in splits that share no speaker."""
    names = earlier_names(store)
    named = {o.held.id: names.get(o.held.id) or new_corpus_id(random) for o in opened}
    spoken = (
        Spoken(name=named[o.held.id], duration_s=o.heard.duration_s, speakers=o.candidate.speakers) for o in opened
    )
    shares = {Split(name): share for name, share in policy.corpus.splits.items()}
    splits = assign(spoken, shares, seed=policy.selection.seed, before=earlier_splits(store))
    return [Dealt(opened=o, sample=_sample(o, named[o.held.id], splits, policy)) for o in opened]


def _sample(opened: Opened, corpus_id: str, splits: Mapping[str, Split], policy: Policy) -> Sample:
    metadata = opened.candidate.metadata
    return Sample(
        corpus_id=corpus_id,
        queue_category=value_of(metadata, "queue_category", policy),
        duration_s=opened.heard.duration_s,
        audio_format=format_name(opened.heard.format),
        capture_year=int(value_of(metadata, "year", policy)),
        accent_region=value_of(metadata, "accent_region", policy),
        audio_quality=value_of(metadata, "audio_quality", policy),
        language=value_of(metadata, "language", policy),
        split=splits[corpus_id],
    )
