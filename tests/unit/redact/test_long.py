"""Recordings longer than a tile: the same answer as in memory at once, in the memory of a tile (SPEC 5.1)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sottovoce.detect.defaults import default_detectors, text_detectors
from sottovoce.detect.finder import Finder
from sottovoce.detect.protocol import HeardCall
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.encoded import EncodedBytes
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill, Finding
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.sound import MediaFormat, Role, Sound
from sottovoce.domain.spans import Span
from sottovoce.errors import DetectionError, HearingError, NotUnderstood, RedactionError, UnreadableMedia
from sottovoce.policy.model import Redaction
from sottovoce.redact.ground import ground_of, survey
from sottovoce.redact.hearing import hear
from sottovoce.redact.redactor import Redactor
from sottovoce.redact.rules import rules_for
from sottovoce.redact.tiles import SoundTape, Tile, tile_frames, tiles
from sottovoce.speech.codec import MediaCodec
from sottovoce.speech.stored import DraftFile, EncodedFile
from sottovoce.testing.bursts import RATE, BurstTranscriber, spoken
from sottovoce.wiring.long_calls import SplitFinder, compose_long_finder

CODEC = MediaCodec()
CALL = (Role.AGENT, Role.CUSTOMER)
CARD = "four seven one six two three zero five one one two two nine eight seven six"
TILE_S = 10.0


class Numbers:
    """Runs of four digits or more among the words, over pauses of three seconds: enough of a finder for bursts."""

    name = "numbers"

    def find(self, call: HeardCall) -> tuple[Finding, ...]:
        return tuple(
            Finding(entity=Entity.CREDIT_DEBIT_NUMBER, channel=c.channel, span=span, detector="numbers", score=0.9)
            for c in call.transcript.channels
            for span in _runs(c.words)
        )


def _runs(words) -> list[Span]:
    runs: list[list] = [[]]
    for word in sorted(words, key=lambda w: w.span):
        if word.text.reveal() in {"hello", "thanks", "weather"}:
            runs.append([])
        else:
            runs[-1].append(word)
    return [Span(r[0].span.start, r[-1].span.end) for r in runs if len(r) >= 4]


class Still:
    """A listener that hears nothing, and counts how much it was given."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    def find(self, sound: Sound) -> tuple[Finding, ...]:
        assert np.isfinite(sound.samples).all()
        self.longest_s = max(self.longest_s, sound.duration_s)
        return ()


def redactor(*, tiled: bool, transcriber=None, ears=None, listeners=()) -> Redactor:
    return Redactor(
        transcriber=transcriber or BurstTranscriber(),
        finder=Finder(detectors=(Numbers(),)),
        ears=ears or (Still(),),
        noise_source=lambda: np.random.default_rng(1),
        long_finder=SplitFinder(readers=(Numbers(),), listeners=listeners) if tiled else None,
        tile_s=TILE_S,
    )


def rules(fill: Fill = Fill.SILENCE):
    return rules_for(Redaction(fill=fill))


def long_call(*, seconds: float = 60) -> Sound:
    """A card number that a tile's end may cut, talk on both channels, and a read-back."""
    return spoken(
        [(1, "hello weather"), (14, "thanks"), (32, CARD), (48, "weather thanks hello")],
        [(4, "hello"), (7.5, CARD), (24, "weather weather"), (44, "thanks")],
        seconds=seconds,
    )


def test_a_long_recording_is_cut_where_a_short_one_is():
    """Tiles change neither what is found, nor where it is cut, nor any sample outside."""
    sound = long_call()
    whole = redactor(tiled=False).treat(sound, rules(), language="en").value
    tiled = redactor(tiled=True).treat(sound, rules(), language="en").value
    assert [(p.channel, p.label) for p in whole.plan.spans] == [
        (1, "CREDIT_DEBIT_NUMBER_1"),
        (0, "CREDIT_DEBIT_NUMBER_2"),
    ]
    assert [p.span for p in tiled.plan.spans] == [p.span for p in whole.plan.spans]
    assert np.array_equal(tiled.sound.samples, whole.sound.samples)
    assert tiled.transcript == whole.transcript


FORMATS = [
    ("wav", "WAV", "ULAW", RATE),
    ("wav", "WAV", "PCM_24", RATE),
    ("flac", "FLAC", "PCM_16", RATE),
    ("ogg", "OGG", "VORBIS", RATE),
    ("ogg", "OGG", "OPUS", RATE),
    ("mp3", "MP3", "MPEG_LAYER_III", RATE),
    ("webm", "WEBM", "OPUS", 48_000),
]


@pytest.mark.parametrize(("ending", "container", "codec", "rate"), FORMATS)
def test_a_long_file_of_any_format_is_written_tile_by_tile(ending, container, codec, rate, tmp_path):
    """Format and length stay, the number is gone, and lossless files are the same outside the plan to the bit."""
    sound = long_call(seconds=42)
    if rate != RATE:
        repeated = np.repeat(sound.samples, rate // RATE, axis=1)
        sound = Sound(samples=repeated, rate=rate, roles=CALL)
    shape = MediaFormat(container=container, codec=codec, rate=rate, channels=2)
    path = tmp_path / f"call.{ending}"
    path.write_bytes(CODEC.write(sound, shape).reveal())
    draft = DraftFile(tmp_path / "out" / f"call.{ending}", draft=tmp_path / "out" / ".part")
    answer = redactor(tiled=True).redact_encoded(
        EncodedFile(path), draft, rules(Fill.NOISE), codec=CODEC, roles=CALL, language="en"
    )
    assert isinstance(answer, Passed), answer
    found = {(f.channel, f.detector) for p in answer.value.plan.spans for f in p.findings}
    assert found == {(0, "numbers"), (1, "numbers")}
    draft.finish()
    before, _ = CODEC.read(Confidential(path.read_bytes()))
    after, again = CODEC.read(Confidential((tmp_path / "out" / f"call.{ending}").read_bytes()))
    assert again == shape
    assert after.shape == before.shape
    outside = np.ones(before.shape, bool)
    for p in answer.value.plan.spans:
        outside[p.channel, p.span.start : p.span.end] = False
    if container in {"WAV", "FLAC"}:
        assert np.array_equal(after[outside], before[outside])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [f"call.{ending}"]


def test_nothing_longer_than_a_tile_and_its_lead_is_heard_at_once():
    """No collaborator is given more than a tile and the 75 seconds before it."""
    ear, listener, transcriber = Still(), Still(), BurstTranscriber()
    sound = long_call(seconds=240)
    data = CODEC.write(sound, MediaFormat(container="WAV", codec="PCM_16", rate=RATE, channels=2))
    answer = redactor(tiled=True, transcriber=transcriber, ears=(ear,), listeners=(listener,)).redact_encoded(
        EncodedBytes(data), None, rules(), codec=CODEC, roles=CALL, language="en"
    )
    assert isinstance(answer, Passed)
    assert ear.longest_s <= 2 * TILE_S + 75
    assert listener.longest_s <= TILE_S + 75
    assert transcriber.heard_frames == sound.frames


def test_speech_that_never_pauses_is_heard_from_before_the_cut():
    """Where no channel pauses together, a tile begins earlier, and every word is there once."""
    busy = " ".join(["weather", "one", "hello", "nine"] * 60)
    sound = spoken([(0.0, busy)], [(0.11, busy)], seconds=60)
    tape, ground = SoundTape(sound), ground_of(sound)
    cuts = ground.cuts(round(TILE_S * RATE))
    assert not all(cut.pauses for cut in cuts)
    transcriber = BurstTranscriber()
    whole = transcriber.transcribe(sound, language="en")
    joined = hear(transcriber, tape, ground, cuts, language=None)
    assert transcriber.heard_frames > 2 * sound.frames
    for one, other in zip(whole.channels, joined.channels, strict=True):
        assert [(w.span, w.text) for w in other.words] == [(w.span, w.text) for w in one.words]
        assert other.speech == one.speech


def test_an_ear_that_hears_something_in_a_later_tile_widens_the_plan_there():
    """What is found in a tile is counted in samples of the recording."""
    there = Finding(entity=Entity.PIN, channel=1, span=Span(RATE, 2 * RATE), detector="ear", score=1.0)

    class Once:
        calls = 0

        def find(self, sound):
            self.calls += 1
            return (there,) if self.calls == 1 else ()

    listening = Once()
    answer = redactor(tiled=True, ears=(listening,)).treat(long_call(), rules(), language="en")
    assert isinstance(answer, Passed)
    assert answer.evidence["rounds"] == 2
    assert any(p.label == "PIN_1" and p.span.contains(there.span) for p in answer.value.plan.spans)


def test_crosstalk_is_found_tile_by_tile():
    """A number that is heard across goes from both channels, in whichever tile it is said."""
    sound = long_call()
    samples = sound.samples.copy()
    samples[0] += 0.05 * sound.samples[1]
    both = Sound(samples=samples, rate=RATE, roles=CALL)
    answer = redactor(tiled=True).treat(both, rules(), language="en")
    assert isinstance(answer, Passed)
    said = next(p.span for p in answer.value.plan.spans if p.channel == 1)
    assert any(p.channel == 0 and p.span.contains(said) for p in answer.value.plan.spans)


class Failing(BurstTranscriber):
    """Fails on the third stretch, or answers it with another engine's or another language's words."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self._how, self._calls = how, 0

    def transcribe(self, sound, *, language):
        from dataclasses import replace

        self._calls += 1
        heard = super().transcribe(sound, language=language)
        if self._calls != 3:
            return heard
        if self._how == "error":
            raise HearingError("")
        return replace(
            heard, **{"engine": {"engine": "b"}, "language": {"language": "es"}, "rate": {"rate": 1}}[self._how]
        )


@pytest.mark.parametrize("how", ["error", "engine", "language", "rate"])
def test_one_tile_in_doubt_withholds_the_recording(how):
    """There is no half of a transcript."""
    answer = redactor(tiled=True, transcriber=Failing(how)).treat(long_call(), rules(), language=None)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.HEARING_FAILED


def test_a_detector_that_listens_where_it_should_read_fails():
    """The sound that readers are given holds nothing, so that nobody mistakes it for silence."""

    class Listens:
        name = "listens"

        def find(self, call):
            if not np.isfinite(call.sound.samples).all():
                raise DetectionError("")
            return ()

    split = SplitFinder(readers=(Listens(),), listeners=())
    one = redactor(tiled=True)
    one._long_finder = split
    answer = one.treat(long_call(), rules(), language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.DETECTOR_FAILED


def test_a_recording_that_is_not_in_memory_needs_a_finder_for_it():
    """Without one a long file is read whole; it is never searched in part."""
    data = CODEC.write(long_call(), MediaFormat(container="WAV", codec="PCM_16", rate=RATE, channels=2))
    answer = redactor(tiled=False).redact_media(data, rules(), codec=CODEC, roles=CALL)
    assert isinstance(answer, Passed)


def test_the_split_finder_asks_every_default_detector():
    """A detector that joins the defaults must join the long calls' too."""
    names = {d.name for d in default_detectors()}
    heard = {d.name for d in default_detectors()} - {d.name for d in text_detectors()}
    assert heard == {"dtmf", "second_ear"}
    split = compose_long_finder()
    assert {d.name for d in split._readers} | heard == names
    assert [type(listener).__name__ for listener in split._listeners] == ["ToneEar", "SecondEar"]


@pytest.mark.parametrize("more", [-RATE, RATE])
def test_a_recording_of_another_length_than_before_is_refused(more):
    """What was planned on is what is cut."""
    sound = long_call(seconds=20)
    ends = [5 * RATE, sound.frames + more]
    with pytest.raises(RedactionError):
        list(tiles(SoundTape(sound), ends))


def test_a_tape_without_sound_is_unreadable():
    """Nothing is not silence."""

    class Empty:
        rate, roles = RATE, CALL

        def play(self):
            yield np.zeros((2, 0), np.float32)

    with pytest.raises(UnreadableMedia):
        survey(Empty(), size=RATE)


def test_tiles_are_shorter_where_samples_are_many():
    """Five minutes of a call, and less where a minute of it is large; never less than two."""
    for rate, channels, seconds in ((8000, 2, 300), (48_000, 2, 174), (192_000, 8, 120)):
        tape = SoundTape(Sound(samples=np.zeros((channels, 1), np.float32), rate=rate, roles=(Role.BOTH,) * channels))
        assert tile_frames(tape) // rate == seconds


def test_tiles_begin_as_much_earlier_as_is_asked():
    """A lead holds the end of the tile before."""
    sound = long_call(seconds=20)
    first, second = tiles(SoundTape(sound), [12 * RATE, 20 * RATE], leads=[0, 3 * RATE])
    assert (first.span, second.span, second.lead) == (Span(0, 12 * RATE), Span(9 * RATE, 20 * RATE), 3 * RATE)
    assert isinstance(second, Tile)
    assert np.array_equal(second.sound.samples, sound.samples[:, 9 * RATE :])


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path):
    """What was heard would not be what is cut."""
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF" + bytes(100))
    file = EncodedFile(path)
    assert file.view()[2:4] == b"FF"
    path.write_bytes(b"RIFF" + bytes(90))
    with pytest.raises(UnreadableMedia):
        file.open()
    with pytest.raises(UnreadableMedia):
        EncodedFile(tmp_path / "none.wav")
    path.unlink()
    with pytest.raises(UnreadableMedia):
        file.view()[0:4]


def test_a_recording_of_moderate_length_is_decoded_once(monkeypatch):
    """It stays in memory for every pass; a longer one is decoded again, and never kept."""

    class Counting:
        rate, roles = RATE, CALL
        played = 0

        def play(self):
            self.played += 1
            yield from np.split(long_call().samples, 7 * np.arange(1, 8) * RATE, axis=1)

    tape = Counting()
    ground, kept = survey(tape, size=10 * RATE)
    whole = ground_of(long_call())
    assert (ground.frames, ground.frame) == (whole.frames, whole.frame)
    assert np.allclose(ground.levels, whole.levels)
    assert np.array_equal(np.concatenate(list(kept.play()), axis=1), long_call().samples)
    assert tape.played == 1
    monkeypatch.setattr("sottovoce.redact.ground._KEPT_SAMPLES", 1000)
    _, again = survey(tape, size=10 * RATE)
    assert again is tape


def test_nothing_is_written_before_it_was_listened_to(tmp_path):
    """A draft holds what the ears passed, and nothing of earlier rounds."""
    draft = DraftFile(tmp_path / "call.wav", draft=tmp_path / ".part")
    there = Finding(entity=Entity.PIN, channel=1, span=Span(25 * RATE, 26 * RATE), detector="ear", score=1.0)

    class Watching:
        rounds = 0

        def find(self, sound):
            assert list(tmp_path.iterdir()) == []
            self.rounds += 1
            return (there,) if self.rounds == 1 else ()

    data = CODEC.write(long_call(), MediaFormat(container="WAV", codec="ULAW", rate=RATE, channels=2))
    ear = Watching()
    answer = redactor(tiled=True, ears=(ear,)).redact_encoded(
        EncodedBytes(data), draft, rules(), codec=CODEC, roles=CALL, language="en"
    )
    assert isinstance(answer, Passed), answer
    assert ear.rounds > 2
    draft.drop()
    assert list(tmp_path.iterdir()) == []


class MusicIsNotUnderstood(BurstTranscriber):
    """Refuses any sound with a second of it that never pauses, on any channel."""

    def transcribe(self, sound, *, language):
        seconds = sound.samples[:, : sound.frames // RATE * RATE].reshape(sound.channels, -1, RATE)
        if (np.mean(np.abs(seconds) > 0.01, axis=2) > 0.9).any():
            raise NotUnderstood("")
        return super().transcribe(sound, language=language)


def on_hold(*, until_s: float) -> Sound:
    """The long call with music on the agent's channel from second 11 on."""
    sound = long_call(seconds=80)
    samples = sound.samples.copy()
    start, end = round(11 * RATE), round(until_s * RATE)
    samples[0, start:end] = 0.1 * np.sin(2 * np.pi * 440 * np.arange(end - start) / RATE)
    return Sound(samples=samples, rate=RATE, roles=CALL)


def test_music_on_hold_goes_and_the_call_stays():
    """A stretch that was not understood is unheard on the channel that plays it, and words on the other."""
    sound = on_hold(until_s=15)
    answer = redactor(tiled=True, transcriber=MusicIsNotUnderstood()).treat(sound, rules(), language=None)
    assert isinstance(answer, Passed), answer
    assert not answer.value.sound.samples[0, 11 * RATE : 15 * RATE].any()
    assert "weather" in [w.text.reveal() for w in answer.value.transcript.channels[1].words]
    labels = {(p.channel, p.label.rsplit("_", 1)[0]) for p in answer.value.plan.spans}
    assert labels >= {(0, "UNHEARD_SPEECH"), (1, "CREDIT_DEBIT_NUMBER")}


def test_a_recording_that_is_mostly_not_understood_is_withheld():
    """Another language, or an hour of music, is no call with a little music in it."""
    answer = redactor(tiled=True, transcriber=MusicIsNotUnderstood()).treat(on_hold(until_s=79), rules(), language="en")
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.HEARING_FAILED
    assert answer.evidence == {"code": "E_NOT_UNDERSTOOD"}


def test_a_recording_of_which_nothing_is_understood_is_withheld():
    """Also where nobody can say what is audible in it."""

    class Deaf(BurstTranscriber):
        def transcribe(self, sound, *, language):
            raise NotUnderstood("")

    for sound in (long_call(), spoken([], [], seconds=40)):
        answer = redactor(tiled=True, transcriber=Deaf()).treat(sound, rules(), language="en")
        assert isinstance(answer, Withheld)
        assert answer.evidence == {"code": "E_NOT_UNDERSTOOD"}
