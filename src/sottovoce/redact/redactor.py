"""From an admitted recording to a verified one, or to a reason why not (SPEC 1.1, 5 to 7).

Hear, find, plan, cut, inspect, listen again. What a second ear hears in the cut sound widens the plan,
at most twice; then the recording is withheld. Whatever a collaborator raises is doubt: it becomes a
reason with codes and counts, and its own words, which may hold speech, go nowhere.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.encoded import Draft, DraftInMemory, Encoded, EncodedBytes
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding, RedactionPlan
from sottovoce.domain.outcome import Evidence, Passed, Reason, Withheld
from sottovoce.domain.recording import Admitted, Redacted, Verified
from sottovoce.domain.sound import MediaFormat, Role, Sound, sound_digest
from sottovoce.domain.transcript import Transcript
from sottovoce.errors import DetectionError, HearingUnavailable, RedactionError
from sottovoce.redact import evidence
from sottovoce.redact.answers import Questions, whole_answers
from sottovoce.redact.asked import asked
from sottovoce.redact.ground import Ground, survey
from sottovoce.redact.hearing import hear, unanswered_s
from sottovoce.redact.media import check_written, write_parts
from sottovoce.redact.protocol import Codec, Ear, Finder, LongFinder, NoiseSource, Tape, Transcriber
from sottovoce.redact.rules import RedactionRules
from sottovoce.redact.settle import Settled, Settler, end_of, led_in, moved
from sottovoce.redact.tiles import TILE_S, SoundTape, tile_frames, tiles
from sottovoce.redact.transcript import redact_transcript

_AUDIBLE_S: Final = 1.0
"""A channel with more audible sound than this must have words somewhere."""
_ACCOUNTING: Final = "accounting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Treated:
    """A sound with its plan applied and verified; the step that single files and recordings share."""

    sound: Sound
    transcript: Transcript
    plan: RedactionPlan
    verification: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactedMedia:
    """One redacted file; its bytes are here where it was redacted in memory."""

    format: MediaFormat
    transcript: Transcript
    plan: RedactionPlan
    verification: Evidence
    data: Confidential[bytes] = field(repr=False, default=Confidential(b""))


class Redactor:
    """Redacts and verifies. Holds no recording between calls."""

    def __init__(
        self,
        *,
        transcriber: Transcriber,
        finder: Finder,
        ears: tuple[Ear, ...],
        noise_source: NoiseSource,
        languages: frozenset[str] = frozenset({"en"}),
        long_finder: LongFinder | None = None,
        tile_s: float = TILE_S,
        questions: Questions | None = None,
        ear_languages: frozenset[str] = frozenset({"en"}),
    ) -> None:
        """`languages` are those the finder knows; a transcript in another is withheld.

        A recording longer than `tile_s` is heard, cut and checked in tiles where there is a `long_finder`, which
        must find what `finder` does; otherwise all of it is in memory at once. In a language that is not one of
        `ear_languages` what `questions` knows of is answered by words that go whole; without it that language is
        withheld.
        """
        if not ears:
            raise RedactionError(
                "verification needs a second ear", hint="give at least one that hears without the transcriber"
            )
        self._transcriber = transcriber
        self._finder = finder
        self._long_finder = long_finder
        self._settler = Settler(ears=ears, noise_source=noise_source)
        self._ears = len(ears)
        self._languages = languages if questions else languages & ear_languages
        self._questions = questions
        self._ear_languages = ear_languages
        self._tile_s = tile_s if long_finder else math.inf

    def redact(self, admitted: Admitted, rules: RedactionRules) -> Passed[Verified] | Withheld:
        """The recording verified, with its map's plan; or withheld with a reason."""
        answer = self.treat(admitted.sound, rules, language=admitted.metadata.language)
        if isinstance(answer, Withheld):
            return answer
        return Passed(value=verified_form(admitted, answer.value, answer.evidence), evidence=answer.evidence)

    def treat(self, sound: Sound, rules: RedactionRules, *, language: str | None) -> Passed[Treated] | Withheld:
        """The whole loop on a sound in memory."""
        answer = self._settled(SoundTape(sound), rules, language)
        if isinstance(answer, Withheld):
            return answer
        settled, transcript, facts = answer
        redacted = asked(Reason.REDACTION_FAILED, lambda: _whole(settled))
        if isinstance(redacted, Withheld):
            return redacted
        treated = Treated(sound=redacted, transcript=transcript, plan=settled.plan, verification=facts)
        return Passed(value=treated, evidence=facts)

    def redact_encoded(
        self,
        source: Encoded,
        draft: Draft | None,
        rules: RedactionRules,
        *,
        codec: Codec,
        roles: tuple[Role, ...] = (),
        language: str | None = None,
    ) -> Passed[RedactedMedia] | Withheld:
        """One recording written to the draft in its own format, in memory that does not follow its length.

        Without a draft it is planned and listened to, and nothing is written. Roles that do not fit the recording's
        channels count as none: every channel is then searched for all. Raises MediaError when it cannot be read,
        and OSError when the draft cannot be written. A draft is to be thrown away unless the answer is Passed.
        """
        tape = codec.tape(source, roles=roles)
        answer = self._settled(tape, rules, language)
        if isinstance(answer, Withheld):
            return answer
        settled, transcript, facts = answer
        if draft is not None:
            written = asked(
                Reason.REDACTION_FAILED,
                lambda: _written(settled, source, draft, tape.format, codec),
                passing=(OSError,),
            )
            if isinstance(written, Withheld):
                return written
        media = RedactedMedia(format=tape.format, transcript=transcript, plan=settled.plan, verification=facts)
        return Passed(value=media, evidence=facts)

    def redact_media(
        self,
        data: Confidential[bytes],
        rules: RedactionRules,
        *,
        codec: Codec,
        roles: tuple[Role, ...] = (),
        language: str | None = None,
    ) -> Passed[RedactedMedia] | Withheld:
        """As `redact_encoded`, from memory to memory."""
        draft = DraftInMemory()
        answer = self.redact_encoded(EncodedBytes(data), draft, rules, codec=codec, roles=roles, language=language)
        if isinstance(answer, Withheld):
            return answer
        return replace(answer, value=replace(answer.value, data=draft.data))

    def _settled(
        self, tape: Tape, rules: RedactionRules, language: str | None
    ) -> tuple[Settled, Transcript, Evidence] | Withheld:
        """Hear, find, plan, cut, listen: a plan that holds, the words without what goes, and the facts."""
        size = sys.maxsize if math.isinf(self._tile_s) else tile_frames(tape, seconds=self._tile_s)
        ground, tape = survey(tape, size=size)
        heard = self._heard(tape, ground, size, language)
        if isinstance(heard, Withheld):
            return heard
        found = asked(Reason.DETECTOR_FAILED, lambda: self._everything(tape, ground, size, heard))
        if isinstance(found, Withheld):
            return found
        settled = self._settler.settle(tape, ground, found, rules, size=size)
        if isinstance(settled, Withheld):
            return settled
        transcript = asked(Reason.REDACTION_FAILED, lambda: redact_transcript(heard, settled.plan))
        if isinstance(transcript, Withheld):
            return transcript
        return settled, transcript, evidence.of_treatment(settled.plan, heard, rounds=settled.rounds, ears=self._ears)

    def _heard(self, tape: Tape, ground: Ground, size: int, language: str | None) -> Transcript | Withheld:
        cuts = ground.cuts(size)
        heard = asked(
            Reason.HEARING_FAILED,
            lambda: hear(self._transcriber, tape, ground, cuts, language=language),
            passing=(HearingUnavailable,),
        )
        if isinstance(heard, Withheld):
            return heard
        if _language(heard) not in self._languages:
            return Withheld(reason=Reason.LANGUAGE_UNSUPPORTED, evidence={"language": heard.language})
        if (audible := unanswered_s(heard, ground)) > _AUDIBLE_S:
            return Withheld(reason=Reason.TRANSCRIPT_EMPTY, evidence={"audible_ms": round(audible * 1000)})
        return heard

    def _everything(self, tape: Tape, ground: Ground, size: int, heard: Transcript) -> tuple[Finding, ...]:
        """What was found, what was not heard, and the answers that go whole."""
        found = (*self._found(tape, ground, size, heard), *_unheard(heard))
        if self._questions is None or _language(heard) in self._ear_languages:
            return found
        questions = self._questions.asked(_unsounded(ground), heard)
        return (*found, *whole_answers(questions, heard, ground.roles, found, frames=ground.frames))

    def _found(self, tape: Tape, ground: Ground, size: int, heard: Transcript) -> tuple[Finding, ...]:
        if isinstance(tape, SoundTape) and (self._long_finder is None or ground.frames <= size):
            return tuple(self._finder.find(tape.sound, heard))
        if self._long_finder is None:
            raise DetectionError("no finder for recordings that are not in memory")
        listened: dict[Finding, None] = {}
        before = None
        for tile in tiles(tape, [c.at for c in ground.cuts(size)]):
            tile = led_in(tile.sound, tile.start, before)
            listened.update(dict.fromkeys(moved(self._long_finder.listen(tile.sound), tile)))
            before = end_of(tile)
            del tile
        return tuple(self._long_finder.read(_unsounded(ground), heard, tuple(listened)))


def _whole(settled: Settled) -> Sound:
    parts = [part.redacted for part in settled.parts()]
    if len(parts) == 1:
        return parts[0]
    samples = np.concatenate([part.samples for part in parts], axis=1)
    return Sound(samples=samples, rate=parts[0].rate, roles=parts[0].roles)


def _written(settled: Settled, source: Encoded, draft: Draft, shape: MediaFormat, codec: Codec) -> None:
    write_parts(settled.parts(), source, draft, shape=shape, codec=codec)
    check_written(settled.tape, draft, settled.plan, settled.ends, shape=shape, codec=codec)


def _unsounded(ground: Ground) -> Sound:
    """The recording's shape without its sound, at no cost. A detector that listens to it hears no silence: it fails."""
    nothing = np.broadcast_to(np.float32(np.nan), (ground.channels, ground.frames))
    return Sound(samples=nothing, rate=ground.rate, roles=ground.roles)


def _language(heard: Transcript) -> str:
    return heard.language.split("-")[0]


def _unheard(heard: Transcript) -> tuple[Finding, ...]:
    return tuple(
        Finding(entity=Entity.UNHEARD_SPEECH, channel=c.channel, span=span, detector=_ACCOUNTING, score=1.0)
        for c in heard.channels
        for span in c.unheard
    )


def verified_form(admitted: Admitted, treated: Treated, facts: Evidence) -> Verified:
    """The recording redacted and verified as `treated` is."""
    redacted = Redacted(
        admitted=admitted,
        sound=treated.sound,
        transcript=treated.transcript,
        plan=treated.plan,
        digest=sound_digest(treated.sound),
        predecessor=admitted.digest,
    )
    return Verified(
        admitted=redacted.admitted,
        sound=redacted.sound,
        transcript=redacted.transcript,
        plan=redacted.plan,
        verification=facts,
        digest=redacted.digest,
        predecessor=redacted.digest,
    )
