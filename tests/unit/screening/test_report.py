"""What `sottovoce plan` shows (SPEC 4.5)."""

from __future__ import annotations

import json

from sottovoce.domain.outcome import Reason
from sottovoce.policy.model import Selection as Wanted
from sottovoce.screening.report import plan


def test_a_plan_tells_what_and_why_not(call, screener):
    """Every recording considered is either taken or counted under a reason, and shortages are named."""
    recordings = [call(key=f"b{i}", queue_category="billing") for i in range(4)]
    recordings += [call(key=f"s{i}", queue_category="sales") for i in range(2)]
    recordings += [call({}, key="n1"), call(key="n2", duration_s=3.0), call(key="n3", duration_s=4.0)]
    wanted = Wanted(target_hours=0.1)
    report = plan(recordings, screener=screener(selection={"target_hours": 0.1}), wanted=wanted)
    assert report.considered == 9
    assert [t.stratum for t in report.taken] == ["queue_category:billing", "queue_category:sales"] * 2
    assert report.taken[0].admission.stratum == {"queue_category": "billing"}
    assert report.reasons == {Reason.NOT_SELECTED: 2, Reason.TOO_SHORT: 2, Reason.CONSENT_ABSENT: 1}
    assert [(s.stratum, s.admitted, s.chosen) for s in report.strata] == [
        ("queue_category:billing", 4, 2),
        ("queue_category:sales", 2, 2),
    ]
    assert report.shortages == ()
    not_selected = [n for n in report.not_taken if n.reason is Reason.NOT_SELECTED]
    assert not_selected[0].evidence == {"decided_by": "selection", "stratum": "queue_category:billing"}


def test_a_plan_is_plain_json(call, screener):
    """The report leaves as JSON without identifiers."""
    report = plan([call(), call({}, key="k2")], screener=screener(), wanted=Wanted(target_hours=1.0))
    text = json.dumps(report.as_json())
    told = json.loads(text)
    assert told["reasons"] == {"CONSENT_ABSENT": 1}
    assert told["taken"] == [{"key": "k1", "duration_s": 90.0, "stratum": "queue_category:billing"}]
    assert told["shortages"][0]["of"] == "target"
    assert "c1" not in text


def test_a_plan_counts_what_was_sealed_before(call, screener):
    """A second run takes only what the target still lacks."""
    recordings = [call(key=f"b{i}") for i in range(6)]
    kept = [call(key=f"k{i}") for i in range(3)]
    report = plan(recordings, screener=screener(), wanted=Wanted(target_hours=0.1), kept=kept)
    assert (len(report.taken), report.kept_h) == (1, 0.075)
    assert report.as_json()["kept_h"] == 0.075
