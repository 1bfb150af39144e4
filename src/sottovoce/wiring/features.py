"""What is sealed of an upload whose inbox keeps features: those, and no sound (SPEC 11.2)."""

from __future__ import annotations

from collections.abc import Mapping

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import Anonymized
from sottovoce.pipeline.carrier import Pack
from sottovoce.pipeline.package import SAMPLE, Part
from sottovoce.policy.model import InboxSource, Policy
from sottovoce.uploads.features import FEATURES, RATE, FeatureSet, pack_features


class FeaturePacker:
    """Packs as `inner` does; where the source keeps features, features take the place of every sample."""

    def __init__(self, *, inner: Pack, kept: Mapping[str, tuple[FeatureSet, ...]]) -> None:
        self._inner = inner
        self._kept = kept

    def pack(self, anonymized: Anonymized) -> Mapping[Part, Confidential[bytes]]:
        """Object bytes by (kind, channel)."""
        parts = dict(self._inner.pack(anonymized))
        sets = self._kept.get(anonymized.verified.admitted.ref.source)
        if sets is None:
            return parts
        kept = {part: data for part, data in parts.items() if part[0] != SAMPLE}
        return kept | self._features(anonymized, sets)

    def _features(self, anonymized: Anonymized, sets: tuple[FeatureSet, ...]) -> dict[Part, Confidential[bytes]]:
        from sottovoce.speech.resample import resample

        sound, disguised = anonymized.sound, anonymized.waiver is None
        at_rate = resample(sound.samples, from_rate=sound.rate, to_rate=RATE)
        return {
            (FEATURES, channel): pack_features(row, sets, disguised=disguised) for channel, row in enumerate(at_rate)
        }


def with_features(inner: Pack, policy: Policy) -> Pack:
    """The packer a policy asks for."""
    kept = {
        name: tuple(FeatureSet(each) for each in source.features)
        for name, source in policy.sources.items()
        if isinstance(source, InboxSource) and source.keep == "features"
    }
    return FeaturePacker(inner=inner, kept=kept) if kept else inner
