"""The redaction map: what was removed, where, by whom and how surely; no values (SPEC 7.5)."""

from __future__ import annotations

from typing import Any

from sottovoce.domain.finding import Finding, PlannedSpan, RedactionPlan

SCHEMA_VERSION = 1


def redaction_map(plan: RedactionPlan) -> dict[str, Any]:
    """The plan as JSON values. Times are in samples and, for people, in seconds."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "rate": plan.rate,
        "frames": plan.frames,
        "fill": plan.fill.value,
        "marginMs": plan.margin_ms,
        "spans": [_span(planned, plan.rate) for planned in plan.spans],
    }


def _span(planned: PlannedSpan, rate: int) -> dict[str, Any]:
    start_s, end_s = planned.span.seconds(rate)
    return {
        "label": planned.label,
        "channel": planned.channel,
        "start": planned.span.start,
        "end": planned.span.end,
        "startSeconds": start_s,
        "endSeconds": end_s,
        "findings": [_finding(f) for f in planned.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "entity": finding.entity.value,
        "channel": finding.channel,
        "start": finding.span.start,
        "end": finding.span.end,
        "detector": finding.detector,
        "score": round(finding.score, 4),
        "checked": finding.checked,
    }
