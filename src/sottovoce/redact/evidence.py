"""What may be said about a redaction: codes and counts, for ledgers and for people (SPEC 1.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sottovoce.domain.finding import Finding, RedactionPlan
from sottovoce.domain.outcome import Evidence
from sottovoce.domain.transcript import Transcript


def of_treatment(plan: RedactionPlan, transcript: Transcript, *, rounds: int, ears: int) -> Evidence:
    """Facts of a redaction that passed: `ms_<entity>` is redacted time by label, over channels."""
    milliseconds: Counter[str] = Counter()
    for planned in plan.spans:
        entity = planned.label.rsplit("_", 1)[0]
        milliseconds[f"ms_{entity.lower()}"] += planned.span.length * 1000 // plan.rate
    return {
        "spans": len(plan.spans),
        "redacted_ms": sum(milliseconds.values()),
        "fill": plan.fill.value,
        "margin_ms": plan.margin_ms,
        "rounds": rounds,
        "ears": ears,
        "words": sum(len(c.words) for c in transcript.channels),
        "engine": transcript.engine,
        "model": transcript.model_digest,
        "language": transcript.language,
        **milliseconds,
    }


def of_residue(residue: Iterable[Finding], *, rounds: int) -> Evidence:
    """Facts of a redaction in which something could still be heard."""
    counts = Counter(f"residual_{finding.entity.value.lower()}" for finding in residue)
    return {"rounds": rounds, "residual": sum(counts.values()), **counts}
