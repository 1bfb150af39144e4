"""Carries one recording from admission to seal, in memory, and concludes it once.

Nothing is stored before the seal: a crash leaves at most ciphertext under a key that the next try
uses again. Every doubt is an answer (`Withheld`), every error has a reason, and both end as one outcome
row that commits with its ledger entries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Evidence, Fact, Passed, Withheld
from sottovoce.domain.recording import (
    Admission,
    Admitted,
    Anonymized,
    Captured,
    RecordingMetadata,
    Sealed,
    Verified,
)
from sottovoce.domain.sound import Media, MediaFormat, Sound
from sottovoce.errors import RecordingErased, SottovoceError
from sottovoce.ledger.entry import Action
from sottovoce.pipeline.conclude import Concluder
from sottovoce.pipeline.journal import Journal
from sottovoce.pipeline.package import Part
from sottovoce.pipeline.reasons import reason_for
from sottovoce.redact.rules import RedactionRules
from sottovoce.sources.capture import capture
from sottovoce.sources.protocol import Source


class Screen(Protocol):
    def admit(self, metadata: RecordingMetadata) -> Passed[Admission] | Withheld: ...

    def admitted(self, captured: Captured, admission: Admission) -> Passed[Admitted] | Withheld: ...


class Redact(Protocol):
    def redact(self, admitted: Admitted, rules: RedactionRules) -> Passed[Verified] | Withheld: ...


class Disguise(Protocol):
    def disguise(self, verified: Verified) -> Anonymized: ...


class Pack(Protocol):
    def pack(self, anonymized: Anonymized) -> Mapping[Part, Confidential[bytes]]: ...


class Seal(Protocol):
    def seal_recording(
        self, anonymized: Anonymized, objects: Mapping[Part, Confidential[bytes]], facts: Evidence
    ) -> Sealed: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The rooms a recording passes, as the house composed them."""

    sources: Mapping[str, Source]
    decode: Callable[[Media], tuple[Sound, MediaFormat]]
    screen: Screen
    rules: Callable[[RecordingMetadata], RedactionRules]
    redact: Redact
    disguise: Disguise
    pack: Pack
    vault: Seal


class Carrier:
    """The engine's `Task`: idempotent, and raises StepError only."""

    def __init__(self, *, rooms: Rooms, concluder: Concluder) -> None:
        self._rooms = rooms
        self._concluder = concluder
        self._registry = concluder.registry

    def carry(self, line: str, key: str) -> str:
        """The outcome's status. StepError, retryable, when trying again may help; nothing is concluded then."""
        return self._concluder.stepwise(key, lambda: self._journey(line, key))

    def close(self, line: str, key: str, code: str) -> str:
        """Conclude as quarantined (or excluded) for the reason behind a code."""
        return self._concluder.close(line, key, code)

    def _journey(self, line: str, key: str) -> str:
        ended = self._registry.outcome(line, key)
        if ended:
            return ended.status.value
        journal = self._concluder.journal(line, key)
        _, metadata = self._registry.recall(key)
        try:
            answer = self._walk(journal, metadata)
        except RecordingErased:
            raise
        except SottovoceError as error:
            if error.retryable:
                raise
            answer = Withheld(reason=reason_for(error.code), evidence={"code": error.code})
        return self._concluder.conclude(journal, answer)

    def _walk(self, journal: Journal, metadata: RecordingMetadata) -> Passed[Sealed] | Withheld:
        """Door by door; the first that withholds ends the journey."""
        admission = self._rooms.screen.admit(metadata)
        if isinstance(admission, Withheld):
            return admission
        journal.note(Action.RECORDING_DECIDED, admission.evidence, outcome="admitted")
        admitted = self._fetch(journal, metadata, admission.value)
        if isinstance(admitted, Withheld):
            return admitted
        verified = self._rooms.redact.redact(admitted.value, self._rooms.rules(metadata))
        if isinstance(verified, Withheld):
            return verified
        self._note_redaction(journal, verified)
        return Passed(value=self._seal(journal, verified.value))

    def _fetch(
        self, journal: Journal, metadata: RecordingMetadata, admission: Admission
    ) -> Passed[Admitted] | Withheld:
        media = self._rooms.sources[metadata.ref.source].fetch(metadata.ref, metadata)
        sound, form = self._rooms.decode(media)
        captured = capture(metadata, media, sound, form)
        facts: dict[str, Fact] = {
            "digest": captured.digest,
            "container": form.container,
            "codec": form.codec,
            "rate": form.rate,
            "channels": sound.channels,
            "ms": round(sound.duration_s * 1000),
        }
        journal.note(Action.RECORDING_FETCHED, facts)
        journal.facts |= {"media": captured.digest, "ms": facts["ms"], "channels": sound.channels, "codec": form.codec}
        return self._rooms.screen.admitted(captured, admission)

    def _note_redaction(self, journal: Journal, verified: Passed[Verified]) -> None:
        form, facts = verified.value, verified.value.verification
        removed = {name: value for name, value in facts.items() if name.startswith("ms_")}
        journal.note(Action.RECORDING_HEARD, _part(facts, _HEARD))
        journal.note(
            Action.RECORDING_REDACTED, {"predecessor": form.admitted.digest, **_part(facts, _REDACTED), **removed}
        )
        journal.note(Action.RECORDING_VERIFIED, {"digest": form.digest, **_part(facts, _VERIFIED)})
        roles = "+".join(role.value for role in form.sound.roles)
        journal.facts |= {"verified": True, "roles": roles, "spans": len(form.plan.spans), **removed}

    def _seal(self, journal: Journal, verified: Verified) -> Sealed:
        anonymized = self._rooms.disguise.disguise(verified)
        facts = {"method": anonymized.method, "digest": anonymized.digest}
        journal.note(Action.RECORDING_ANONYMIZED if anonymized.waiver is None else Action.STEP_WAIVED, facts)
        journal.facts |= {"method": anonymized.method}
        sealed = self._rooms.vault.seal_recording(anonymized, self._rooms.pack.pack(anonymized), dict(journal.facts))
        journal.note(Action.RECORDING_SEALED, {"objects": len(sealed.objects), "predecessor": sealed.predecessor})
        return sealed


_HEARD = ("engine", "model", "language", "words")
_REDACTED = ("spans", "redacted_ms", "fill", "margin_ms")
_VERIFIED = ("rounds", "ears")


def _part(facts: Evidence, names: Sequence[str]) -> dict[str, Fact]:
    return {name: facts[name] for name in names if name in facts}
