"""From verified to anonymized."""

from __future__ import annotations

import numpy as np
import pytest

from sottovoce.anonymize.disguise import Disguiser, Undisguised
from sottovoce.anonymize.pseudo_speaker import PseudoSpeakerAnonymizer
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.consent import LawfulBasis, Purpose
from sottovoce.domain.finding import Fill, RedactionPlan
from sottovoce.domain.outcome import Waiver
from sottovoce.domain.recording import Admission, Admitted, RecordingMetadata, RecordingRef, Verified
from sottovoce.domain.sound import Media, MediaFormat, Role, Sound, sound_digest
from sottovoce.domain.transcript import Transcript
from sottovoce.errors import AnonymizationError

RATE = 8_000


def verified(samples) -> Verified:
    sound = Sound(samples=samples, rate=RATE, roles=(Role.AGENT, Role.CUSTOMER)[: len(samples)])
    ref = RecordingRef(source="folder", key="r1", locator=Confidential("call.wav"))
    admitted = Admitted(
        ref=ref,
        metadata=RecordingMetadata(ref=ref, conversation_id="c", recording_id="r", started_at=None, duration_s=None),
        media=Media(parts={"S": Confidential(b"RIFF")}, roles={"S": sound.roles}),
        sound=sound,
        format=MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=sound.channels),
        admission=Admission(
            purpose=Purpose.AI_TRAINING,
            basis=LawfulBasis.CONSENT,
            consent=None,
            assessment=None,
            policy_digest="p",
            rules=(),
        ),
        digest="captured",
    )
    return Verified(
        admitted=admitted,
        sound=sound,
        transcript=Transcript(channels=(), rate=RATE, engine="none", model_digest="", language="en"),
        plan=RedactionPlan(spans=(), fill=Fill.SILENCE, rate=RATE, frames=sound.frames, margin_ms=200),
        verification={},
        digest="verified",
        predecessor="redacted",
    )


class Seeds:
    """Generators with one seed after the other."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> np.random.Generator:
        self.given += 1
        return np.random.default_rng(self.given)


class Giving:
    """An anonymizer that answers with what it was told to."""

    name = "giving"

    def __init__(self, answer) -> None:
        self._answer = answer

    def transform(self, samples, *, rate, random):
        return self._answer(samples)


@pytest.fixture
def call(voice):
    one = voice(rate=RATE)
    return verified(np.stack([one, one]))


def test_each_channel_has_its_own_pseudo_speaker(call):
    """Even the same voice on both channels comes out as two."""
    seeds = Seeds()
    out = Disguiser(anonymizer=PseudoSpeakerAnonymizer(), randomness=seeds).disguise(call)
    assert seeds.given == 2
    assert np.corrcoef(out.sound.samples[0], out.sound.samples[1])[0, 1] < 0.5


def test_an_anonymized_recording_names_what_made_it(call):
    """Method and predecessor are there for the ledger; length, rate and roles are as before."""
    out = Disguiser(anonymizer=PseudoSpeakerAnonymizer(), randomness=Seeds()).disguise(call)
    assert (out.method, out.waiver, out.predecessor) == ("pseudo-speaker-1", None, "verified")
    assert out.sound.samples.shape == call.sound.samples.shape
    assert (out.sound.rate, out.sound.roles) == (call.sound.rate, call.sound.roles)
    assert out.digest == sound_digest(out.sound) != sound_digest(call.sound)


def test_sound_of_no_recording_is_disguised_as_well(call):
    """As `sottovoce anonymize FILE` does."""
    sound = Disguiser(anonymizer=PseudoSpeakerAnonymizer(), randomness=Seeds()).disguise_sound(call.sound)
    assert sound.frames == call.sound.frames
    assert not np.array_equal(sound.samples, call.sound.samples)


@pytest.mark.parametrize(
    "answer",
    [lambda s: s[:-1], lambda s: np.append(s, 0), lambda s: np.full_like(s, np.nan)],
    ids=["shorter", "longer", "broken"],
)
def test_an_anonymizer_that_changes_length_or_breaks_is_not_believed(call, answer):
    """Then nothing is released."""
    with pytest.raises(AnonymizationError):
        Disguiser(anonymizer=Giving(answer), randomness=Seeds()).disguise(call)


def test_without_disguise_there_is_a_waiver(call):
    """It says who and why, and the method is never the name of one."""
    waiver = Waiver(step="anonymize", who="dpo@example.org", why="consent covers the voice")
    out = Undisguised(waiver=waiver).disguise(call)
    assert (out.method, out.waiver, out.predecessor) == ("none", waiver, "verified")
    assert out.sound is call.sound
    assert out.digest == sound_digest(call.sound)


def test_a_digest_tells_rate_shape_and_samples():
    """Two sounds have one digest only if they are one sound."""
    samples = np.arange(8, dtype=np.float32).reshape(2, 4) / 10
    roles = (Role.AGENT, Role.CUSTOMER)
    sounds = (
        Sound(samples=samples, rate=8_000, roles=roles),
        Sound(samples=samples, rate=16_000, roles=roles),
        Sound(samples=samples.reshape(1, 8), rate=8_000, roles=(Role.BOTH,)),
        Sound(samples=samples[::-1].copy(), rate=8_000, roles=roles),
    )
    assert len({sound_digest(sound) for sound in sounds}) == 4
    assert sound_digest(sounds[0]) == sound_digest(Sound(samples=samples.copy(), rate=8_000, roles=roles))
