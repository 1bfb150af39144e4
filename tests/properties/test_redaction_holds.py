"""What redaction promises, for any plan, file and way of speaking (SPEC 6.2, 7.1 to 7.3)."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.detect.languages.known import LANGUAGES, language_of
from sottovoce.detect.protocol import HeardCall
from sottovoce.detect.spoken_numbers import SpokenNumbers
from sottovoce.domain import wav
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding, PlannedSpan, RedactionPlan
from sottovoce.domain.outcome import Passed
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript
from sottovoce.errors import RedactionError
from sottovoce.policy.model import Redaction
from sottovoce.redact.fills import tone
from sottovoce.redact.media import rewrite
from sottovoce.redact.plan import make_plan
from sottovoce.redact.rules import rules_for
from sottovoce.redact.sound import apply_plan
from sottovoce.speech.codec import MediaCodec
from sottovoce.testing.renderings import rendered
from sottovoce.testing.spoken import call_of
from sottovoce.testing.talk import RATE, redactor_of, said, talk, word

CODEC = MediaCodec()
SECONDS, FRAMES = 4.0, 4 * RATE
ROLES = st.lists(st.sampled_from(Role), min_size=1, max_size=3).map(tuple)
LOSSLESS = [*(("WAV", codec) for codec in sorted(wav.CODECS)), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def within(lo: int, hi: int) -> st.SearchStrategy[Span]:
    return st.tuples(st.integers(lo, hi), st.integers(lo, hi)).map(lambda p: Span(min(p), max(p)))


def finding(channel: int, span: Span, entity: Entity = Entity.CREDIT_DEBIT_NUMBER) -> Finding:
    return Finding(entity=entity, channel=channel, span=span, detector="t", score=1.0)


@st.composite
def findings_on(draw: st.DrawFn, channels: int) -> tuple[Finding, ...]:
    """Some findings, in any order, that may overlap, be empty, or run over the end."""
    spans = draw(st.lists(within(0, FRAMES + RATE).filter(lambda s: s.start < FRAMES), min_size=1, max_size=5))
    return tuple(finding(draw(st.integers(0, channels - 1)), s) for s in spans)


def everyone_speaks(roles: tuple[Role, ...], seed: int, *, rate: int = RATE) -> Sound:
    return talk(*((c, 0.0, SECONDS) for c in range(len(roles))), seconds=SECONDS, roles=roles, seed=seed, rate=rate)


def redacted_file(shape: MediaFormat, sound: Sound, found: tuple[Finding, ...], fill: Fill):
    """The whole of what `sottovoce redact` does to a file, with the findings given."""
    data = CODEC.write(sound, shape)
    samples, _ = CODEC.read(data)
    heard = said(*([word("hello", 0, SECONDS)] for _ in sound.roles))
    rules = rules_for(Redaction(fill=fill, agent="same", crosstalk=False))
    answer = redactor_of(heard, finds=found).redact_media(data, rules, codec=CODEC, roles=sound.roles)
    assert isinstance(answer, Passed), answer
    again, after = CODEC.read(answer.value.data)
    assert after == shape
    assert again.shape == samples.shape
    return samples, again, answer.value


def planned_mask(plan: RedactionPlan, shape: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    for p in plan.spans:
        mask[p.channel, p.span.start : p.span.end] = True
    return mask


@given(data=st.data(), roles=ROLES, form=st.sampled_from(LOSSLESS), fill=st.sampled_from(Fill), seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_nothing_audible_stays_inside_and_nothing_changes_outside(data, roles, form, fill, seed):
    """For every lossless format, channel layout and fill: inside is the fill alone, outside the file's own samples."""
    found = data.draw(findings_on(len(roles)))
    shape = MediaFormat(container=form[0], codec=form[1], rate=RATE, channels=len(roles))
    sound = everyone_speaks(roles, seed)
    before, after, redacted = redacted_file(shape, sound, found, fill)
    plan = redacted.plan
    inside = planned_mask(plan, before.shape)
    for f in found:
        wide = f.span.widened(RATE // 5, RATE // 5, limit=FRAMES)
        assert inside[f.channel, wide.start : wide.end].all()
    assert np.array_equal(after[~inside], before[~inside])
    for p in plan.spans:
        cut = slice(p.span.start, p.span.end)
        _is_only_fill(before[p.channel, cut], after[p.channel, cut], fill)


def _is_only_fill(before: np.ndarray, after: np.ndarray, fill: Fill) -> None:
    """Within one step of the coarsest codec the fill itself; noise has nothing of what was there."""
    if fill is Fill.NOISE:
        norm = float(np.linalg.norm(before) * np.linalg.norm(after))
        assert len(before) < 800 or norm == 0 or abs(float(before @ after)) < 0.2 * norm
        return
    expected = tone(len(after), rate=RATE) if fill is Fill.TONE else np.zeros_like(after)
    assert np.abs(after - expected).max(initial=0) <= 0.009


@given(data=st.data(), roles=ROLES, codec=st.sampled_from(sorted(wav.CODECS)), fill=st.sampled_from(Fill))
@settings(max_examples=40, deadline=None)
def test_the_bytes_outside_are_the_files_own(data, roles, codec, fill):
    """PCM, float, µ-law and A-law keep every byte of sound outside the plan."""
    found = data.draw(findings_on(len(roles)))
    shape = MediaFormat(container="WAV", codec=codec, rate=RATE, channels=len(roles))
    sound = everyone_speaks(roles, 3)
    raw = CODEC.write(sound, shape).reveal()
    _, _, redacted = redacted_file(shape, sound, found, fill)
    inside = planned_mask(redacted.plan, sound.samples.shape)
    before, after = (frames_of(one) for one in (raw, redacted.data.reveal()))
    assert np.array_equal(before[~inside.T], after[~inside.T])


def frames_of(raw: bytes) -> np.ndarray:
    layout = wav.parse(raw)
    sound = b"".join(raw[a:b] for a, b in layout.data)
    return np.frombuffer(sound, np.uint8).reshape(layout.frames, layout.channels, layout.sample_bytes)


@given(data=st.data(), form=st.sampled_from(LOSSY), seed=st.integers(0, 9))
@settings(max_examples=12, deadline=None)
def test_lossy_formats_hold_nothing_of_it_either(data, form, seed):
    """A lossy file is as long as before, and silent where the plan says, but for its blocks' edges."""
    rate = 8000
    roles = (Role.AGENT, Role.CUSTOMER)
    start = data.draw(st.integers(RATE // 2, RATE))
    found = (finding(1, Span(start, start + RATE)),)
    shape = MediaFormat(container=form[0], codec=form[1], rate=rate, channels=2)
    _, after, redacted = redacted_file(shape, everyone_speaks(roles, seed), found, Fill.SILENCE)
    for p in redacted.plan.spans:
        core = after[p.channel, p.span.start + RATE // 10 : p.span.end - RATE // 10]
        assert np.sqrt(np.mean(core.astype(float) ** 2)) < 0.004


@given(spans=st.lists(within(0, 3 * FRAMES), min_size=1, max_size=6), channel=st.integers(-1, 3))
@settings(max_examples=120, deadline=None)
def test_no_finding_is_silently_ignored(spans, channel):
    """Findings in any order are all covered; one that no sample of the sound can answer for is refused."""
    sound = everyone_speaks((Role.AGENT, Role.CUSTOMER), 1)
    found = [finding(1, s) for s in spans[1:]] + [finding(channel, spans[0])]
    rules = rules_for(Redaction(agent="same"))
    if channel not in {0, 1} or any(s.start >= FRAMES for s in spans):
        with pytest.raises(RedactionError):
            make_plan(found, rules=rules, sound=sound)
        return
    inside = planned_mask(make_plan(found, rules=rules, sound=sound), sound.samples.shape)
    for f in found:
        assert inside[f.channel, f.span.start : min(f.span.end, FRAMES)].all()


@given(spans=st.lists(within(0, FRAMES + FRAMES // 4), min_size=1, max_size=5), fill=st.sampled_from(Fill))
@settings(max_examples=60, deadline=None)
def test_a_strange_plan_is_applied_whole_or_refused(spans, fill):
    """A plan from elsewhere, unsorted or overlapping, removes all it names, or nothing is written."""
    shape = MediaFormat(container="WAV", codec="PCM_16", rate=RATE, channels=1)
    data = CODEC.write(everyone_speaks((Role.BOTH,), 2), shape)
    samples, _ = CODEC.read(data)
    sound = Sound(samples=samples, rate=RATE, roles=(Role.BOTH,))
    plan = RedactionPlan(
        spans=tuple(PlannedSpan(channel=0, span=s, findings=(), label="PIN_1") for s in spans),
        fill=fill,
        rate=RATE,
        frames=FRAMES,
        margin_ms=200,
    )
    if any(s.end > FRAMES for s in spans):
        with pytest.raises(RedactionError):
            apply_plan(sound, plan, noise=np.random.default_rng(0))
        return
    cut = apply_plan(sound, plan, noise=np.random.default_rng(0))
    again, _ = CODEC.read(rewrite(data, sound, cut, plan, shape=shape, codec=CODEC))
    inside = planned_mask(plan, samples.shape)
    assert np.array_equal(again[~inside], samples[~inside])
    kept = np.count_nonzero(again[inside] == samples[inside])
    assert kept <= 0.02 * inside.sum() + 4


@given(
    digits=st.text("0123456789", min_size=13, max_size=19),
    code=st.sampled_from(sorted(LANGUAGES)),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=400, deadline=None)
def test_any_rendering_of_a_card_number_is_found(digits, code, seed):
    """Thirteen to nineteen digits, however said, cut into segments and put in order, are one card number."""
    random, language = Random(seed), language_of(code)
    sound, heard = call_of((1, rendered(digits, language, random)))
    call = HeardCall(sound=sound, transcript=cut_differently(heard, code, random))
    findings = SpokenNumbers().find(call)
    assert {f.entity for f in findings} == {Entity.CREDIT_DEBIT_NUMBER}
    words = heard.channels[1].words
    first, last = words[0].span, words[-1].span
    assert min(f.span.start for f in findings) <= first.start
    assert max(f.span.end for f in findings) >= last.end


def cut_differently(heard: Transcript, code: str, random: Random) -> Transcript:
    """The same words in other segments, out of order, as overlapping decoding windows may give them."""
    words = list(heard.channels[1].words)
    segments = []
    while words:
        n = random.randint(1, 5)
        part, words = words[:n], words[n:]
        segments.append(Segment(span=Span(part[0].span.start, part[-1].span.end), words=tuple(part)))
    random.shuffle(segments)
    channel = ChannelTranscript(channel=1, segments=tuple(segments), speech=heard.channels[1].speech)
    return Transcript(
        channels=(heard.channels[0], channel), rate=heard.rate, engine="t", model_digest="t", language=code
    )
