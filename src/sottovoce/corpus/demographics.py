"""Who and what is in a version, counted before anybody trains on it (SPEC 11.5).

Distributions over what is released, and over codec, device and season where the registry knows them, in
samples and hours; lengths as a histogram; and a flag for every minimum share of the policy that the version
misses. Only sums leave: codec, device and season of a single sample are not among its released metadata.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sottovoce.corpus.sample import Sample
from sottovoce.policy.model import Dimension, MinimumShare
from sottovoce.screening.rule import UNKNOWN
from sottovoce.screening.strata import BANDS, canonical

HOUR_S = 3600.0

Facts = Mapping[Dimension, str]
"""What the registry knows of one sample beside its released metadata."""

TITLES: Mapping[str, str] = {
    "queue_category": "Queue category",
    "year": "Year of capture",
    "accent_region": "Accent region",
    "audio_quality": "Audio quality",
    "codec": "Codec",
    "device": "Device",
    "season": "Season",
    "language": "Language",
    "split": "Split",
    "duration_band": "Length in seconds",
}

_RELEASED: Mapping[str, Callable[[Sample], str]] = {
    "queue_category": lambda s: s.queue_category,
    "year": lambda s: str(s.capture_year),
    "accent_region": lambda s: s.accent_region,
    "audio_quality": lambda s: s.audio_quality,
    "language": lambda s: s.language,
    "split": lambda s: s.split.value,
    "duration_band": lambda s: next((name for bound, name in BANDS if s.duration_s < bound), "300+"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One value: samples, hours, and its share of all hours."""

    value: str
    samples: int
    hours: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """Bars by hours, the longest first; lengths in their own order."""

    dimension: str
    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imbalance:
    """A minimum share that is missed: wanted and found, of all hours."""

    dimension: str
    value: str
    wanted: float
    found: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Demographics:
    """One version, counted."""

    version: str
    label: str
    samples: int
    hours: float
    mean_s: float
    distributions: tuple[Distribution, ...]
    imbalances: tuple[Imbalance, ...]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def demographics(
    samples: Sequence[Sample],
    *,
    version: str,
    label: str,
    minimum_shares: Iterable[MinimumShare] = (),
    facts: Mapping[str, Facts] | None = None,
) -> Demographics:
    """Counts a version's samples; `facts` by corpus id adds codec, device and season."""
    known = facts or {}
    valued = [(sample, _values(sample, known.get(sample.corpus_id, {}))) for sample in samples]
    total_s = math.fsum(sample.duration_s for sample in samples)
    return Demographics(
        version=version,
        label=label,
        samples=len(samples),
        hours=total_s / HOUR_S,
        mean_s=total_s / len(samples) if samples else 0.0,
        distributions=tuple(_distribution(dimension, valued, total_s) for dimension in TITLES),
        imbalances=tuple(_missed(valued, total_s, minimum_shares)),
    )


def _values(sample: Sample, facts: Facts) -> dict[str, str]:
    told = {str(dimension): canonical(dimension, value) for dimension, value in facts.items()}
    return {dimension: told.get(dimension, UNKNOWN) for dimension in TITLES} | {
        dimension: read(sample) for dimension, read in _RELEASED.items()
    }


def _distribution(dimension: str, valued: Sequence[tuple[Sample, Mapping[str, str]]], total_s: float) -> Distribution:
    lengths: dict[str, list[float]] = {}
    for sample, values in valued:
        lengths.setdefault(values[dimension], []).append(sample.duration_s)
    bars = [
        Bar(
            value=value,
            samples=len(found),
            hours=math.fsum(found) / HOUR_S,
            share=math.fsum(found) / total_s if total_s else 0.0,
        )
        for value, found in lengths.items()
    ]
    return Distribution(dimension=dimension, title=TITLES[dimension], bars=tuple(sorted(bars, key=_order(dimension))))


_BAND_ORDER = [name for _, name in BANDS] + ["300+"]


def _order(dimension: str) -> Callable[[Bar], tuple[float, str]]:
    if dimension == "duration_band":
        return lambda bar: (_BAND_ORDER.index(bar.value), bar.value)
    return lambda bar: (-bar.hours, bar.value)


def _missed(
    valued: Sequence[tuple[Sample, Mapping[str, str]]], total_s: float, shares: Iterable[MinimumShare]
) -> Iterable[Imbalance]:
    for share in shares:
        wanted = canonical(share.dimension, share.value)
        got_s = math.fsum(
            s.duration_s for s, values in valued if canonical(share.dimension, values[share.dimension]) == wanted
        )
        found = got_s / total_s if total_s else 0.0
        if found < share.share:
            yield Imbalance(dimension=share.dimension, value=wanted, wanted=share.share, found=found)
