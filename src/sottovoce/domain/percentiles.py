"""P50 and P95, counted the same wherever a delay is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def percentiles(seconds: Iterable[float]) -> Mapping[str, float]:
    """`p50` and `p95` by nearest rank, to a tenth of a second; empty of nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    return {name: round(ordered[_rank(share, len(ordered))], 1) for name, share in (("p50", 50), ("p95", 95))}


def _rank(share: int, count: int) -> int:
    """The nearest rank of a percentile, from 0."""
    return max(0, -(-share * count // 100) - 1)
