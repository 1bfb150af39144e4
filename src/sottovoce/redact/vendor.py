"""A vendor redacts first, and is then not believed: our own loop runs over what it gave back (SPEC 1.1, 7.6).

What comes back must be the recording: its shape to the sample, and its sound wherever it was not silenced. Then it
is heard, searched, cut and listened to as if nothing had been done to it. So what the vendor missed is found as
always, and what the vendor took can only be less.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from sottovoce.domain.entities import Entity
from sottovoce.domain.outcome import Evidence, Passed, Reason, Withheld
from sottovoce.domain.recording import Admitted, Verified
from sottovoce.domain.sound import Sound
from sottovoce.domain.vendor import VendorRedacted
from sottovoce.errors import HearingUnavailable
from sottovoce.redact.asked import asked
from sottovoce.redact.protocol import RedactionService
from sottovoce.redact.redactor import Redactor, verified_form
from sottovoce.redact.rules import RedactionRules

_FRAME_S: Final = 0.01
_SILENT: Final = 1e-4
"""Below the step of 14-bit G.711: what a vendor silenced."""
_AUDIBLE: Final = 10 ** (-55 / 20)
_DIFFERS: Final = 0.1
"""Energy of the difference beside the original's. A vendor may encode again, and not change what is said."""
_SHARE: Final = 0.02
_LEAST: Final = 4
"""Frames that may differ: where a silence begins or ends within one."""


class VendorFirst:
    """A redactor that asks a service first. `redactor` is ours, and has the last word."""

    def __init__(self, *, service: RedactionService, redactor: Redactor) -> None:
        self._service = service
        self._redactor = redactor

    def redact(self, admitted: Admitted, rules: RedactionRules) -> Passed[Verified] | Withheld:
        """Verified, or withheld: also when the service fails, gives no sound, or another. Raises HearingUnavailable."""
        language, sound = admitted.metadata.language, admitted.sound
        entities = frozenset[Entity]().union(*(rules.entities[role] for role in sound.roles))
        given = asked(
            Reason.REDACTION_FAILED,
            lambda: self._service.redact(sound, entities=entities, language=language),
            passing=(HearingUnavailable,),
        )
        if isinstance(given, Withheld):
            return given
        removed = _removed(sound, given.sound)
        if isinstance(removed, Withheld):
            return removed
        answer = self._redactor.treat(given.sound, rules, language=language)
        if isinstance(answer, Withheld):
            return answer
        facts = {**answer.value.verification, **_facts(given, removed)}
        return Passed(value=verified_form(admitted, answer.value, facts), evidence=facts)


def _removed(original: Sound, given: Sound) -> NDArray[np.bool_] | Withheld:
    """By channel and hundredth of a second, what was audible and is silent; withheld where it is not this recording."""
    if given.samples.shape != original.samples.shape or given.rate != original.rate:
        return Withheld(reason=Reason.REDACTION_FAILED, evidence={"code": "E_REDACTION", "kind": "shape"})
    before, after = _frames(original), _frames(given)
    silenced = np.abs(after).max(axis=2) <= _SILENT
    energy, changed = _energy(before), _energy(after - before)
    audible = energy > _AUDIBLE**2
    wrong = np.count_nonzero(~silenced & (changed > np.maximum(_DIFFERS * energy, _AUDIBLE**2)))
    if wrong > _LEAST + _SHARE * np.count_nonzero(audible):
        return Withheld(reason=Reason.REDACTION_FAILED, evidence={"code": "E_REDACTION", "kind": "other_sound"})
    return np.asarray(silenced & audible)


def _frames(sound: Sound) -> NDArray[np.float64]:
    """Shape (channels, frames, samples), filled up with silence."""
    width = max(1, round(_FRAME_S * sound.rate))
    padded = np.pad(sound.samples, ((0, 0), (0, -sound.frames % width))).astype(np.float64)
    return padded.reshape(sound.channels, -1, width)


def _energy(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.mean(frames**2, axis=2))


def _facts(given: VendorRedacted, removed: NDArray[np.bool_]) -> Evidence:
    """What the vendor took, in counts: the plan holds only what we took after it."""
    starts = np.count_nonzero(np.diff(removed.astype(np.int8), axis=1, prepend=0) == 1)
    return {
        "vendor": given.service,
        "vendor_spans": int(starts),
        "vendor_ms": int(np.count_nonzero(removed)) * round(_FRAME_S * 1000),
    }
