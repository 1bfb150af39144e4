"""What holds for every plan, fill and encoding (SPEC 7.2, 7.3)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.domain import wav
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.domain.spans import Span, merged
from sottovoce.policy.model import Redaction
from sottovoce.redact.media import rewrite
from sottovoce.redact.plan import make_plan
from sottovoce.redact.rules import rules_for
from sottovoce.redact.sound import apply_plan, spans_of
from sottovoce.redact.verify import inspect
from sottovoce.speech.codec import MediaCodec

FRAMES, RATE = 6000, 8000

SPANS = st.lists(
    st.tuples(st.integers(0, FRAMES - 1), st.integers(1, FRAMES)).map(lambda p: Span(p[0], min(FRAMES, p[0] + p[1]))),
    max_size=4,
)


def voice(seed: int) -> Sound:
    """Two channels of loud sound in which no sample is zero."""
    rng = np.random.default_rng(seed)
    samples = rng.uniform(0.05, 0.5, (2, FRAMES)) * rng.choice([-1.0, 1.0], (2, FRAMES))
    return Sound(samples=samples.astype(np.float32), rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))


def finding(channel: int, span: Span) -> Finding:
    return Finding(entity=Entity.PIN, channel=channel, span=span, detector="t", score=1.0)


def planned(chosen: tuple[list[Span], list[Span]], fill: Fill) -> RedactionPlan:
    spans = tuple(
        PlannedSpan(channel=c, span=s, findings=(finding(c, s),), label="PIN_1")
        for c, many in enumerate(chosen)
        for s in merged(many)
    )
    return RedactionPlan(spans=spans, fill=fill, rate=RATE, frames=FRAMES, margin_ms=200)


@given(chosen=st.tuples(SPANS, SPANS), fill=st.sampled_from(Fill), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_no_planned_sample_survives_and_no_other_changes(chosen, fill, seed):
    """Inside every planned stretch the fill replaces; outside, every sample is the same."""
    sound, plan = voice(seed), planned(chosen, fill)
    cut = apply_plan(sound, plan, noise=np.random.default_rng(seed))
    assert cut.samples.shape == sound.samples.shape
    inside = np.zeros(sound.samples.shape, bool)
    for channel in range(2):
        for span in spans_of(plan, channel):
            inside[channel, span.start : span.end] = True
    assert np.array_equal(cut.samples[~inside], sound.samples[~inside])
    other = apply_plan(voice(seed + 1000), plan, noise=np.random.default_rng(seed))
    if fill is not Fill.NOISE:
        assert np.array_equal(cut.samples[inside], other.samples[inside])
    survived = np.count_nonzero(cut.samples[inside] == sound.samples[inside])
    assert survived <= 0.01 * inside.sum() + 1
    assert inspect(sound, cut, plan).changed_outside == 0


@given(chosen=st.tuples(SPANS, SPANS), codec=st.sampled_from(sorted(wav.CODECS)), fill=st.sampled_from(Fill))
@settings(max_examples=60, deadline=None)
def test_wav_files_keep_length_and_every_byte_outside(chosen, codec, fill):
    """For every encoding the file stays as long, and is the same bytes outside the plan."""
    media = MediaCodec()
    shape = MediaFormat(container="WAV", codec=codec, rate=RATE, channels=2)
    data = media.write(voice(1), shape)
    samples, _ = media.read(data)
    original = Sound(samples=samples, rate=RATE, roles=(Role.AGENT, Role.CUSTOMER))
    plan = planned(chosen, fill)
    cut = apply_plan(original, plan, noise=np.random.default_rng(0))
    written = rewrite(data, original, cut, plan, shape=shape, codec=media)
    assert len(written.reveal()) == len(data.reveal())
    again, _ = media.read(written)
    changed = again != original.samples
    for channel in range(2):
        for span in spans_of(plan, channel):
            changed[channel, span.start : span.end] = False
    assert not changed.any()


@given(chosen=SPANS, margin=st.integers(200, 600), merge=st.integers(0, 400), seed=st.integers(0, 99))
@settings(max_examples=80, deadline=None)
def test_plans_cover_every_finding_with_its_margin(chosen, margin, merge, seed):
    """Whatever the sound, each finding and its margin lie in one stretch; stretches are sorted and apart."""
    sound = voice(seed)
    rules = rules_for(Redaction(margin_ms=margin, merge_ms=merge))
    plan = make_plan([finding(1, s) for s in chosen], rules=rules, sound=sound)
    assert [p.span for p in plan.spans] == sorted(p.span for p in plan.spans)
    on_channel = spans_of(plan, 1)
    gap = merge * RATE // 1000
    assert all(b.start > a.end + gap for a, b in pairwise(on_channel))
    for span in chosen:
        wide = span.widened(margin * RATE // 1000, margin * RATE // 1000, limit=FRAMES)
        assert any(s.contains(wide) for s in on_channel)
