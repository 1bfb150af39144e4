"""From an admitted recording to a verified one, or to a reason why not (SPEC 1.1, 5 to 7).

Hear, find, plan, cut, inspect, listen again. What a second ear hears in the cut sound widens the plan,
at most twice; then the recording is withheld. Whatever a collaborator raises is doubt: it becomes a
reason with codes and counts, and its own words, which may hold speech, go nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Finding, RedactionPlan
from sottovoce.domain.outcome import Evidence, Passed, Reason, Withheld
from sottovoce.domain.recording import Admitted, Redacted, Verified
from sottovoce.domain.sound import MediaFormat, Role, Sound, sound_digest
from sottovoce.domain.transcript import Transcript
from sottovoce.errors import HearingError, LanguageUnsupported, RedactionError, SottovoceError
from sottovoce.redact import evidence
from sottovoce.redact.energy import envelope
from sottovoce.redact.media import rewrite
from sottovoce.redact.plan import make_plan
from sottovoce.redact.protocol import Codec, Ear, Finder, NoiseSource, Transcriber
from sottovoce.redact.rules import RedactionRules
from sottovoce.redact.sound import apply_plan
from sottovoce.redact.transcript import redact_transcript
from sottovoce.redact.verify import inspect

T = TypeVar("T")

RETRIES: Final = 2
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
    """One redacted file, for `sottovoce redact`."""

    data: Confidential[bytes] = field(repr=False)
    format: MediaFormat
    treated: Treated


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
    ) -> None:
        """`languages` are those the finder knows; a transcript in another is withheld."""
        if not ears:
            raise RedactionError(
                "verification needs a second ear", hint="give at least one that hears without the transcriber"
            )
        self._transcriber = transcriber
        self._finder = finder
        self._ears = ears
        self._noise_source = noise_source
        self._languages = languages

    def redact(self, admitted: Admitted, rules: RedactionRules) -> Passed[Verified] | Withheld:
        """The recording verified, with its map's plan; or withheld with a reason."""
        answer = self.treat(admitted.sound, rules, language=admitted.metadata.language)
        if isinstance(answer, Withheld):
            return answer
        redacted = _redacted(admitted, answer.value)
        return Passed(value=_verified(redacted, answer.value.verification), evidence=answer.evidence)

    def redact_media(
        self,
        data: Confidential[bytes],
        rules: RedactionRules,
        *,
        codec: Codec,
        roles: tuple[Role, ...] = (),
        language: str | None = None,
    ) -> Passed[RedactedMedia] | Withheld:
        """One file redacted in its own format. Raises MediaError when it cannot be read.

        Roles that do not fit the file's channels count as none: every channel is then searched for all.
        """
        samples, shape = codec.read(data)
        fitting = roles if len(roles) == shape.channels else (Role.BOTH,) * shape.channels
        sound = Sound(samples=samples, rate=shape.rate, roles=fitting)
        answer = self.treat(sound, rules, language=language)
        if isinstance(answer, Withheld):
            return answer
        treated = answer.value
        written = _asked(
            Reason.REDACTION_FAILED,
            lambda: rewrite(data, sound, treated.sound, treated.plan, shape=shape, codec=codec),
        )
        if isinstance(written, Withheld):
            return written
        return Passed(value=RedactedMedia(data=written, format=shape, treated=treated), evidence=answer.evidence)

    def treat(self, sound: Sound, rules: RedactionRules, *, language: str | None) -> Passed[Treated] | Withheld:
        """The whole loop on a sound, whatever it came from."""
        heard = self._hear(sound, language)
        if isinstance(heard, Withheld):
            return heard
        found = _asked(Reason.DETECTOR_FAILED, lambda: tuple(self._finder.find(sound, heard)))
        if isinstance(found, Withheld):
            return found
        return self._settle(sound, heard, (*found, *_unheard(heard)), rules)

    def _hear(self, sound: Sound, language: str | None) -> Transcript | Withheld:
        heard = _asked(Reason.HEARING_FAILED, lambda: self._transcript(sound, language))
        if isinstance(heard, Withheld):
            return heard
        if heard.language.split("-")[0] not in self._languages:
            return Withheld(reason=Reason.LANGUAGE_UNSUPPORTED, evidence={"language": heard.language})
        if (audible := _unanswered_s(heard, sound)) > _AUDIBLE_S:
            return Withheld(reason=Reason.TRANSCRIPT_EMPTY, evidence={"audible_ms": round(audible * 1000)})
        return heard

    def _transcript(self, sound: Sound, language: str | None) -> Transcript:
        heard = self._transcriber.transcribe(sound, language=language)
        if not _belongs(heard, sound):
            raise HearingError("the transcript is not this sound's")
        return heard

    def _settle(
        self, sound: Sound, heard: Transcript, findings: tuple[Finding, ...], rules: RedactionRules
    ) -> Passed[Treated] | Withheld:
        """Cut and listen until nothing is heard, at most three times."""
        residue: tuple[Finding, ...] = ()
        for rounds in range(1, RETRIES + 2):
            findings = (*findings, *residue)
            cut = _asked(Reason.REDACTION_FAILED, partial(self._cut, sound, findings, rules))
            if isinstance(cut, Withheld):
                return cut
            plan, redacted = cut
            again = self._listen(redacted, plan, rules)
            if isinstance(again, Withheld):
                return again
            if not again:
                return self._treated(redacted, heard, plan, rounds)
            residue = again
        return Withheld(reason=Reason.RESIDUAL_FOUND, evidence=evidence.of_residue(residue, rounds=RETRIES + 1))

    def _cut(self, sound: Sound, findings: tuple[Finding, ...], rules: RedactionRules) -> tuple[RedactionPlan, Sound]:
        plan = make_plan(findings, rules=rules, sound=sound)
        redacted = apply_plan(sound, plan, noise=self._noise_source())
        if not inspect(sound, redacted, plan).passes:
            raise RedactionError("the sound does not match its plan")
        return plan, redacted

    def _listen(self, redacted: Sound, plan: RedactionPlan, rules: RedactionRules) -> tuple[Finding, ...] | Withheld:
        """What the second ears hear that the rules want gone and the plan does not hold."""
        heard = _asked(Reason.DETECTOR_FAILED, lambda: [f for ear in self._ears for f in ear.find(redacted)])
        if isinstance(heard, Withheld):
            return heard
        return tuple(f for f in heard if _wanted(f, redacted, rules) and not _planned(f, plan))

    def _treated(
        self, redacted: Sound, heard: Transcript, plan: RedactionPlan, rounds: int
    ) -> Passed[Treated] | Withheld:
        transcript = _asked(Reason.REDACTION_FAILED, lambda: redact_transcript(heard, plan))
        if isinstance(transcript, Withheld):
            return transcript
        facts = evidence.of_treatment(plan, heard, rounds=rounds, ears=len(self._ears))
        treated = Treated(sound=redacted, transcript=transcript, plan=plan, verification=facts)
        return Passed(value=treated, evidence=facts)


def _asked(reason: Reason, question: Callable[[], T]) -> T | Withheld:
    """The answer, or the reason with the error's code: never its message, which may hold speech."""
    try:
        return question()
    except LanguageUnsupported as error:
        return Withheld(reason=Reason.LANGUAGE_UNSUPPORTED, evidence={"code": error.code})
    except SottovoceError as error:
        return Withheld(reason=reason, evidence={"code": error.code})
    except Exception as error:  # noqa: BLE001 - the fail-closed boundary: any surprise withholds
        return Withheld(reason=reason, evidence={"code": "E_UNEXPECTED", "kind": type(error).__name__})


def _belongs(heard: Transcript, sound: Sound) -> bool:
    """Whether the transcript can be this sound's: its rate, its channels, and no word beyond its end.

    A last word may end a second late: transcribers pad the sound they hear.
    """
    channels = sorted(c.channel for c in heard.channels)
    words = [w.span for c in heard.channels for w in c.words]
    late = any(w.start > sound.frames or w.end > sound.frames + sound.rate for w in words)
    return heard.rate == sound.rate and channels == list(range(sound.channels)) and not late


def _unanswered_s(heard: Transcript, sound: Sound) -> float:
    """Audible seconds of the loudest channel for which the transcriber has neither a word nor a doubt."""
    levels = envelope(sound)
    silent = (c.channel for c in heard.channels if not c.words and not c.unheard)
    return max((levels.audible_s(channel, sound.rate) for channel in silent), default=0.0)


def _unheard(heard: Transcript) -> tuple[Finding, ...]:
    return tuple(
        Finding(entity=Entity.UNHEARD_SPEECH, channel=c.channel, span=span, detector=_ACCOUNTING, score=1.0)
        for c in heard.channels
        for span in c.unheard
    )


def _wanted(finding: Finding, sound: Sound, rules: RedactionRules) -> bool:
    """Findings on channels that do not exist stay in, so that the plan refuses them."""
    known = 0 <= finding.channel < sound.channels
    return not known or rules.wants(finding.entity, sound.roles[finding.channel], score=finding.score)


def _planned(finding: Finding, plan: RedactionPlan) -> bool:
    """Wholly inside a stretch that was inspected: the ear heard the fill."""
    return any(p.channel == finding.channel and p.span.contains(finding.span) for p in plan.spans)


def _redacted(admitted: Admitted, treated: Treated) -> Redacted:
    return Redacted(
        admitted=admitted,
        sound=treated.sound,
        transcript=treated.transcript,
        plan=treated.plan,
        digest=sound_digest(treated.sound),
        predecessor=admitted.digest,
    )


def _verified(redacted: Redacted, facts: Evidence) -> Verified:
    return Verified(
        admitted=redacted.admitted,
        sound=redacted.sound,
        transcript=redacted.transcript,
        plan=redacted.plan,
        verification=facts,
        digest=redacted.digest,
        predecessor=redacted.digest,
    )
