"""Hypothesis: a recording redacted in tiles is the recording redacted at once (SPEC 5.1, 7.3)."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding
from sottovoce.domain.outcome import Passed
from sottovoce.domain.sound import MediaFormat, Role
from sottovoce.domain.spans import Span
from sottovoce.policy.model import Redaction
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.rules import rules_for
from sottovoce.speech.codec import MediaCodec
from sottovoce.testing.bursts import RATE, BurstTranscriber, spoken
from sottovoce.testing.redaction import ScriptedEar, ScriptedFinder

CODEC = MediaCodec()
SECONDS = 30
TALK = "hello weather thanks hello nine eight hello"
SOUND = spoken(
    [(at, TALK) for at in (1.0, 8.0, 17.0, 25.0)], [(at, TALK) for at in (3.5, 11.0, 14.0, 22.0)], seconds=SECONDS
)
DATA = CODEC.write(SOUND, MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=2))


class Split(ScriptedFinder):
    """The same answer in two parts."""

    def listen(self, sound):
        return ()

    def read(self, sound, transcript, heard):
        return self.find(sound, transcript)


def redacted(found: tuple[Finding, ...], fill: Fill, tile_s: float | None):
    redactor = Redactor(
        transcriber=BurstTranscriber(),
        finder=ScriptedFinder(found),
        ears=(ScriptedEar(),),
        noise_source=lambda: np.random.default_rng(3),
        long_finder=None if tile_s is None else Split(found),
        tile_s=tile_s or 1.0,
    )
    answer = redactor.redact_media(
        DATA, rules_for(Redaction(fill=fill)), codec=CODEC, roles=(Role.AGENT, Role.CUSTOMER), language="en"
    )
    assert isinstance(answer, Passed), answer
    return answer.value


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    start = draw(st.integers(0, SECONDS * RATE - 1))
    length = draw(st.sampled_from([0, 400, 4000, 40_000, 160_000]))
    channel = draw(st.integers(0, 1))
    return Finding(
        entity=Entity.CREDIT_DEBIT_NUMBER, channel=channel, span=Span(start, start + length), detector="t", score=1.0
    )


@given(
    found=st.lists(findings(), max_size=4).map(tuple),
    tile_s=st.sampled_from([3.0, 7.0, 13.0]),
    fill=st.sampled_from([Fill.SILENCE, Fill.TONE]),
)
@settings(max_examples=25, deadline=None)
def test_tiles_change_nothing(found, tile_s, fill):
    """Whatever is found, wherever tiles meet, also within what goes: the same plan, and the same bytes outside it."""
    whole, tiled = redacted(found, fill, None), redacted(found, fill, tile_s)
    assert [(p.channel, p.label) for p in tiled.plan.spans] == [(p.channel, p.label) for p in whole.plan.spans]
    for one, other in zip(whole.plan.spans, tiled.plan.spans, strict=True):
        assert other.span == one.span
    first, second = (np.frombuffer(r.data.reveal(), np.uint8) for r in (whole, tiled))
    assert len(first) == len(second)
    if fill is Fill.SILENCE:
        assert np.array_equal(first, second)
