"""The strata of a corpus: what a recording is like, in words coarse enough to count (SPEC 4.4).

Every dimension always has a value; what the source did not say is `unknown`, a stratum of its own.
Seasons are the meteorological ones of the northern hemisphere, years and seasons are taken in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from sottovoce.domain.recording import RecordingMetadata
from sottovoce.policy.model import Dimension, Policy
from sottovoce.screening.rule import UNKNOWN, code

SEASONS = ("winter", "spring", "summer", "autumn")
BANDS = ((30, "0-30"), (60, "30-60"), (120, "60-120"), (180, "120-180"), (300, "180-300"))
"""Upper bounds in seconds, exclusive; from 300 s on it is `300+`."""

TELEPHONY = {"ULAW": "g711", "ALAW": "g711", "PCMU": "g711", "PCMA": "g711", "G711": "g711"}
"""One name for both companding laws of ITU-T G.711, so that a share of them can be asked for."""

_PUNCTUATION = str.maketrans("", "", "-_. ")


def category_of(metadata: RecordingMetadata, categories: Mapping[str, str]) -> str | None:
    """The source's own category, or the policy's for the queue."""
    return metadata.queue_category or categories.get(metadata.queue or "")


def strata_of(metadata: RecordingMetadata, policy: Policy) -> dict[str, str]:
    """The values of every dimension that the policy stratifies by or asks a minimum share of."""
    selection = policy.selection
    wanted = {*selection.stratify_by, *(share.dimension for share in selection.minimum_shares)}
    return {dimension: value_of(metadata, dimension, policy) for dimension in sorted(wanted)}


def value_of(metadata: RecordingMetadata, dimension: Dimension, policy: Policy) -> str:
    """The recording's value in one dimension, in lower case."""
    match dimension:
        case "queue_category":
            value = category_of(metadata, policy.corpus.queue_categories)
        case "season":
            value = _season(metadata.started_at)
        case "year":
            value = str(metadata.started_at.astimezone(UTC).year) if metadata.started_at else None
        case "codec":
            value = _codec(metadata)
        case "language":
            value = (metadata.language or "").replace("_", "-").split("-")[0]
        case "duration_band":
            value = _band(metadata.duration_s)
        case "audio_quality":
            value = metadata.audio_quality
        case "device":
            value = metadata.device
        case "accent_region":
            value = metadata.accent_region
    return canonical(dimension, value or "")


def canonical(dimension: Dimension, value: str) -> str:
    """The spelling values are compared in: a code in lower case, one name for G.711 however it is written."""
    plain = value.strip()
    if dimension == "codec":
        plain = TELEPHONY.get(plain.upper().translate(_PUNCTUATION), plain)
    return code(plain)


def _season(started_at: datetime | None) -> str | None:
    return SEASONS[started_at.astimezone(UTC).month % 12 // 3] if started_at else None


def _codec(metadata: RecordingMetadata) -> str | None:
    return metadata.codec or (metadata.format.codec if metadata.format else None)


def _band(duration_s: float | None) -> str | None:
    if duration_s is None:
        return None
    return next((name for bound, name in BANDS if duration_s < bound), "300+")


def label(values: Mapping[str, str], dimensions: Iterable[str]) -> str:
    """A stratum's name, for people and ledgers: `queue_category:billing/year:2025`."""
    return "/".join(f"{d}:{values.get(d, UNKNOWN)}" for d in dimensions)
