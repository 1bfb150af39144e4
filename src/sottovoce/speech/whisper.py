"""Whisper through faster-whisper and CTranslate2, made to leave nothing out (SPEC 5.2, 5.3).

What Whisper is known to drop (PERFORMANCE.md B4) is switched off or checked: no prompt and no carrying
over of text, no voice filter, no threshold that discards a segment, greedy search at temperature 0. Text
that repeats itself beyond what speech does is taken for an invention and left out, so that `accounted` has
it heard again, as it does with all speech without words.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.sound import Sound
from sottovoce.domain.spans import Span
from sottovoce.domain.transcript import ChannelTranscript, Segment, Transcript, Word
from sottovoce.errors import HearingError, LanguageUnsupported, ModelError
from sottovoce.speech.accounted import Accounted
from sottovoce.speech.activity import active_spans
from sottovoce.speech.models import ModelFiles, load_model
from sottovoce.speech.packing import Window, pack
from sottovoce.speech.resample import WHISPER_RATE, resample

ENGINE: Final = "faster-whisper"
_REPEATING: Final = 2.4
"""OpenAI's own bound on the compression ratio of text that repeats itself."""
_CERTAIN: Final = 0.8
_SURE: Final = 0.5
"""Mean probability below which a detected language is a guess. A first window that says it with less than _CERTAIN
may hold little but a greeting or digits, so further ones are asked."""
_ASKED: Final = 2
"""Windows of each channel that are asked at most."""


class WhisperTranscriber:
    """Whisper, held to account. Keep one in a process and use it again; it hears one recording at a time."""

    def __init__(self, *, model: str = "tiny.en", threads: int = 1, digest: str | None = None) -> None:
        self._accounted = Accounted(transcriber=WhisperEngine(model=model, threads=threads, digest=digest))

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of what the model can hear."""
        return self._accounted.languages

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        """See `speech.protocol.Transcriber`. Deterministic for a sound and a model."""
        return self._accounted.transcribe(sound, language=language)


class WhisperEngine:
    """One loaded model, and the words it writes: nobody has asked yet what it skipped."""

    def __init__(self, *, model: str = "tiny.en", threads: int = 1, digest: str | None = None) -> None:
        files = load_model(model, digest=digest)
        self._digest = files.digest
        self._model = _loaded(files, threads)

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes of what the model can hear."""
        return frozenset(self._model.supported_languages)

    def transcribe(self, sound: Sound, *, language: str | None) -> Transcript:
        """Words and voice of every channel, without an account of what no word covers."""
        code = self._detected(sound) if language is None else self._known(language)
        return Transcript(
            channels=tuple(self._channel(sound, channel, code) for channel in range(sound.channels)),
            rate=sound.rate,
            engine=ENGINE,
            model_digest=self._digest,
            language=code,
        )

    def _known(self, language: str) -> str:
        code = language.replace("_", "-").split("-")[0].lower()
        if code not in self._model.supported_languages:
            raise _unsupported()
        return code

    def _detected(self, sound: Sound) -> str:
        """The only language of an English model, else the one that is likeliest over some of the speech."""
        if not self._model.model.is_multilingual:
            return str(self._model.supported_languages[0])
        votes, heard = Counter[str](), 0
        for cut in _first_speech(sound):
            _, _, likely = self._model.detect_language(audio=cut)
            if likely[0][1] >= _CERTAIN:
                return str(likely[0][0])
            votes.update(dict(likely))
            heard += 1
        if not heard:
            return "en"
        code, total = votes.most_common(1)[0]
        if total / heard < _SURE:
            raise _unsupported()
        return code

    def _channel(self, sound: Sound, channel: int, language: str) -> ChannelTranscript:
        samples = sound.samples[channel]
        speech = active_spans(samples, sound.rate)
        windows = pack(speech, rate=sound.rate, frames=sound.frames)
        segments = [s for window in windows for s in self._window(samples, sound.rate, window, language)]
        return ChannelTranscript(channel=channel, segments=tuple(segments), speech=speech)

    def _window(self, samples: NDArray[np.float32], rate: int, window: Window, language: str) -> list[Segment]:
        cut = resample(window.cut(samples)[np.newaxis], from_rate=rate, to_rate=WHISPER_RATE)[0]
        scale = rate / WHISPER_RATE
        segments = []
        for raw in self._run(cut, language):
            if raw.compression_ratio > _REPEATING or not raw.words:
                continue
            words = tuple(_word(w, window, scale) for w in raw.words)
            segments.append(_segment(words, float(raw.no_speech_prob)))
        return segments

    def _run(self, cut: NDArray[np.float32], language: str) -> list[Any]:
        try:
            segments, _ = self._model.transcribe(
                cut,
                language=language,
                beam_size=1,
                temperature=0.0,
                condition_on_previous_text=False,
                compression_ratio_threshold=None,
                log_prob_threshold=None,
                no_speech_threshold=None,
                word_timestamps=True,
                vad_filter=False,
            )
            return list(segments)
        except (RuntimeError, ValueError):
            raise HearingError("the transcriber failed", hint="see sottovoce doctor for the model's state") from None


def _first_speech(sound: Sound) -> Iterator[NDArray[np.float32]]:
    """The first windows of speech, in turn from each channel, at Whisper's rate."""
    packed = [pack(active_spans(s, sound.rate), rate=sound.rate, frames=sound.frames) for s in sound.samples]
    for k in range(_ASKED):
        for samples, windows in zip(sound.samples, packed, strict=True):
            if k < len(windows):
                cut = windows[k].cut(samples)[np.newaxis]
                yield resample(cut, from_rate=sound.rate, to_rate=WHISPER_RATE)[0]


def _loaded(files: ModelFiles, threads: int) -> Any:
    from sottovoce.speech.sparing import SparingWhisper

    logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # at DEBUG it would log what it hears
    try:
        return SparingWhisper(
            files.name, device="cpu", compute_type="int8", cpu_threads=threads, num_workers=1, files=dict(files.files)
        )
    except (RuntimeError, ValueError):
        raise ModelError("the model does not load", hint="it must be a CTranslate2 conversion of Whisper") from None


def _unsupported() -> LanguageUnsupported:
    return LanguageUnsupported(
        "the transcriber does not know the recording's language",
        hint="choose a multilingual model, such as base, in models.transcriber, and state the language",
    )


def _segment(words: tuple[Word, ...], no_speech: float) -> Segment:
    span = Span(min(w.span.start for w in words), max(w.span.end for w in words))
    return Segment(span=span, words=words, no_speech_probability=no_speech)


def _word(raw: Any, window: Window, scale: float) -> Word:
    span = window.back(int(raw.start * WHISPER_RATE * scale), -int(-raw.end * WHISPER_RATE * scale // 1))
    return Word(text=Confidential(raw.word.strip()), span=span, probability=float(raw.probability))
