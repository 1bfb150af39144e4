"""The rooms that hear, find, remove and disguise, composed; models load when a room is first asked for."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sottovoce.domain.outcome import Waiver
from sottovoce.domain.sound import Media, MediaFormat, Sound
from sottovoce.errors import ModelError
from sottovoce.pipeline.package import Packer, WholePacker
from sottovoce.policy.amazon import AMAZON
from sottovoce.policy.model import Anonymization, Corpus, Models

if TYPE_CHECKING:
    import numpy as np

    from sottovoce.anonymize.disguise import Disguiser, Undisguised
    from sottovoce.anonymize.protocol import Anonymizer
    from sottovoce.redact.redactor import Redactor
    from sottovoce.speech.protocol import Transcriber


def noise_source() -> np.random.Generator:
    """A generator seeded from the operating system's entropy, new for each recording."""
    import numpy as np

    return np.random.default_rng(secrets.randbits(128))


def decode_media(media: Media) -> tuple[Sound, MediaFormat]:
    from sottovoce.speech.assemble import assemble
    from sottovoce.speech.caps import Caps

    return assemble(media, caps=Caps())


def whisper(models: Models | None = None, *, threads: int = 1) -> Transcriber:
    """The packaged model, or the one policy names."""
    from sottovoce.speech.whisper import WhisperTranscriber

    models = models or Models()
    if models.transcriber == AMAZON:
        hint = "name a packaged model in a policy for single files; recordings of a workspace go to the service"
        raise ModelError("single files are heard on this machine, and not by a service", hint=hint)
    return WhisperTranscriber(model=models.transcriber, threads=threads, digest=models.digest)


def compose_redactor(transcriber: Transcriber, *, keep_last_four: bool = True) -> Redactor:
    """Every detector before, and after it those that need no transcript again.

    A language passes where both the transcriber's model and the finder know it; one that says nothing of its
    languages is taken to hear English.
    """
    from sottovoce.detect.defaults import default_detectors
    from sottovoce.detect.dtmf import ToneEar
    from sottovoce.detect.finder import Finder
    from sottovoce.detect.languages.doubt import SECOND_EARS
    from sottovoce.detect.second_ear import SecondEar
    from sottovoce.redact.redactor import Redactor
    from sottovoce.wiring.long_calls import compose_long_finder
    from sottovoce.wiring.questions import PromptedQuestions

    finder = Finder(detectors=default_detectors(keep_last_four=keep_last_four))
    ears = (SecondEar(), ToneEar())
    heard = getattr(transcriber, "languages", frozenset({"en"}))
    return Redactor(
        transcriber=transcriber,
        finder=finder,
        ears=ears,
        noise_source=noise_source,
        languages=finder.languages & heard,
        long_finder=compose_long_finder(keep_last_four=keep_last_four),
        questions=PromptedQuestions(),
        ear_languages=SECOND_EARS,
    )


def pseudo_speaker() -> Anonymizer:
    """The default anonymizer."""
    from sottovoce.anonymize.pseudo_speaker import PseudoSpeakerAnonymizer

    return PseudoSpeakerAnonymizer()


def compose_disguiser(settings: Anonymization | None = None) -> Disguiser | Undisguised:
    """The pseudo-speaker anonymizer, or the waiver that policy states instead."""
    from sottovoce.anonymize.disguise import Disguiser, Undisguised

    if settings is not None and settings.method == "none":
        waiver = Waiver(step="anonymize", who=settings.waiver_who or "", why=settings.waiver_why or "")
        return Undisguised(waiver=waiver)
    return Disguiser(anonymizer=pseudo_speaker(), randomness=noise_source)


def compose_packer(corpus: Corpus) -> Packer:
    """What is sealed, in the corpus's own format."""
    from sottovoce.redact.maps import redaction_map
    from sottovoce.speech.encode import encode
    from sottovoce.speech.resample import resample

    return Packer(corpus=corpus, encode=encode, resample=resample, describe_plan=redaction_map)


def compose_whole_packer() -> WholePacker:
    """What is sealed for deliveries, in the recording's own rate and channels."""
    from sottovoce.redact.maps import redaction_map
    from sottovoce.speech.encode import encode

    return WholePacker(encode=encode, describe_plan=redaction_map)
