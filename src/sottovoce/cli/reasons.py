"""Why a single file was withheld, in a sentence, and what helps."""

from __future__ import annotations

from sottovoce.domain.outcome import Reason

_TOLD: dict[Reason, tuple[str, str]] = {
    Reason.LANGUAGE_UNSUPPORTED: (
        "its language cannot be heard or searched",
        "English is by default; for Spanish, French and German use the model base, and say --language",
    ),
    Reason.HEARING_FAILED: (
        "too little of it was understood, or the transcriber failed",
        "it may be in another language, or hardly speech; sottovoce doctor checks the model",
    ),
    Reason.TRANSCRIPT_EMPTY: (
        "there is sound that no words account for",
        "it may be music, or speech too faint to hear",
    ),
    Reason.DETECTOR_FAILED: (
        "a detector failed, so that nobody knows what is in it",
        "sottovoce doctor checks the models",
    ),
    Reason.RESIDUAL_FOUND: (
        "after three rounds something sensitive could still be heard",
        "listen to it, or give it up",
    ),
    Reason.REDACTION_FAILED: (
        "it could not be cut and written again exactly",
        "convert the recording to WAV or FLAC and redact that",
    ),
}


def told(reason: Reason) -> dict[str, str]:
    """`message` and `hint`; nothing for reasons that a single file has not."""
    sentences = _TOLD.get(reason)
    return {"message": sentences[0], "hint": sentences[1]} if sentences else {}
