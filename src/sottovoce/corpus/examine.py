"""Whether one sealed sample is what was recorded of it: there, unchanged, openable, and as long as said.

A store or key service that does not answer is no verdict: those errors go up, to be tried again.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum

from sottovoce.corpus.audio import Heard, hear
from sottovoce.corpus.protocol import SampleVault
from sottovoce.custody.rows import StoredObject
from sottovoce.errors import KeyShredded, ObjectMissing, SealBroken, UnreadableMedia

LENGTH_SLACK_S = 0.05
"""Released lengths are rounded to a tenth of a second."""


class Condition(StrEnum):
    SOUND = "sound"
    ERASED = "erased"
    MISSING = "missing"
    CHANGED = "changed"
    """The ciphertext is not the one that was recorded."""
    SEALED_SHUT = "sealed_shut"
    """It does not open under its key and context."""
    UNDECODABLE = "undecodable"
    WRONG_LENGTH = "wrong_length"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """`heard` is there when the object was opened and decoded."""

    condition: Condition
    heard: Heard | None = None


def examine(vault: SampleVault, held: StoredObject, *, digest: str, duration_s: float | None = None) -> Examined:
    """Fetches, checks the digest, opens, decodes, and compares the length where one was released."""
    if held.deleted:
        return Examined(condition=Condition.ERASED)
    try:
        ciphertext = vault.fetch(held)
        if not hmac.compare_digest(hashlib.sha256(ciphertext).hexdigest(), digest):
            return Examined(condition=Condition.CHANGED)
        heard = hear(vault.open(held, ciphertext))
    except KeyShredded:
        return Examined(condition=Condition.ERASED)
    except ObjectMissing:
        return Examined(condition=Condition.MISSING)
    except SealBroken:
        return Examined(condition=Condition.SEALED_SHUT)
    except UnreadableMedia:
        return Examined(condition=Condition.UNDECODABLE)
    wrong = duration_s is not None and abs(heard.duration_s - duration_s) > LENGTH_SLACK_S + 1e-9
    return Examined(condition=Condition.WRONG_LENGTH if wrong else Condition.SOUND, heard=heard)
