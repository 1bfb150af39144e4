"""What one process does to one file: a result that is whole and verified or not there at all, errors as codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sottovoce import telemetry
from sottovoce.cli.batch import Item, Result, partial_of, write_whole
from sottovoce.cli.reasons import told
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Withheld
from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import MediaTooLarge, SottovoceError, UnreadableMedia
from sottovoce.policy.model import Models, Redaction
from sottovoce.redact.rules import RedactionRules, rules_for

if TYPE_CHECKING:
    from sottovoce.anonymize.disguise import Disguiser
    from sottovoce.domain.finding import RedactionPlan
    from sottovoce.redact.redactor import RedactedMedia, Redactor
    from sottovoce.speech.codec import MediaCodec
    from sottovoce.speech.stored import DraftFile

MAX_BYTES = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactSettings:
    """How `redact` treats every file of a call."""

    redaction: Redaction
    models: Models
    customer_channel: int
    language: str | None
    plan_only: bool


@dataclass(slots=True)
class _Redacting:
    settings: RedactSettings
    redactor: Redactor
    codec: MediaCodec
    rules: RedactionRules


@dataclass(slots=True)
class _Disguising:
    disguiser: Disguiser
    method: str
    codec: MediaCodec


_process: dict[str, Any] = {}
"""What this process keeps warm between files."""


def prepare_redaction(settings: RedactSettings) -> None:
    from sottovoce.speech.codec import MediaCodec
    from sottovoce.wiring.rooms import compose_redactor, whisper

    telemetry.configure()
    redactor = compose_redactor(whisper(settings.models), keep_last_four=settings.redaction.keep_last_four)
    rules = rules_for(settings.redaction)
    _process["redact"] = _Redacting(settings=settings, redactor=redactor, codec=MediaCodec(), rules=rules)


def prepare_disguise() -> None:
    from sottovoce.anonymize.disguise import Disguiser
    from sottovoce.speech.codec import MediaCodec
    from sottovoce.wiring.rooms import noise_source, pseudo_speaker

    telemetry.configure()
    anonymizer = pseudo_speaker()
    disguiser = Disguiser(anonymizer=anonymizer, randomness=noise_source)
    _process["disguise"] = _Disguising(disguiser=disguiser, method=anonymizer.name, codec=MediaCodec())


def redact_file(item: Item) -> Result:
    """Redacted in its own format; withheld files leave nothing behind."""
    return _reported(item, lambda: _redacted(item, _process["redact"]))


def disguise_file(item: Item) -> Result:
    """The voice of every channel disguised, in the file's own format and to its exact length."""
    return _reported(item, lambda: _disguised(item, _process["disguise"]))


def read_media(path: Path) -> Confidential[bytes]:
    """A file's bytes. Raises UnreadableMedia or MediaTooLarge, naming the file the user gave."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MediaTooLarge(f"{path.name} is larger than 2 GiB", hint="split the recording")
        return Confidential(path.read_bytes())
    except OSError as error:
        raise UnreadableMedia(f"{path.name} cannot be read ({error.strerror})") from None


def roles_of(channels: int, customer_channel: int) -> tuple[Role, ...]:
    """Two channels are a call; anything else is searched as if both spoke on every channel."""
    if channels != 2:
        return (Role.BOTH,) * channels
    return tuple(Role.CUSTOMER if c == customer_channel else Role.AGENT for c in range(2))


def _redacted(item: Item, process: _Redacting) -> tuple[str | None, dict[str, Any]]:
    from sottovoce.speech.stored import DraftFile, EncodedFile

    source = EncodedFile(item.source)
    draft = None if process.settings.plan_only else DraftFile(item.target, draft=partial_of(item.target))
    try:
        answer = process.redactor.redact_encoded(
            source,
            draft,
            process.rules,
            codec=process.codec,
            roles=roles_of(2, process.settings.customer_channel),
            language=process.settings.language,
        )
        if isinstance(answer, Withheld):
            return answer.reason.value, {**answer.evidence, **told(answer.reason)}
        if draft is not None:
            _write_map(item, answer.value)
            _finish(draft, item)
    finally:
        if draft is not None:
            draft.drop()
    return None, plan_facts(answer.value.plan)


def _finish(draft: DraftFile, item: Item) -> None:
    """The result takes its name; if it cannot, its map goes too."""
    try:
        draft.finish()
    except OSError:
        if item.map_target is not None:
            item.map_target.unlink(missing_ok=True)
        raise


def _write_map(item: Item, redacted: RedactedMedia) -> None:
    from sottovoce.redact.maps import redaction_map

    if item.map_target is not None:
        write_whole(item.map_target, json.dumps(redaction_map(redacted.plan), indent=2).encode())


def plan_facts(plan: RedactionPlan) -> dict[str, Any]:
    """Spans and counts, never values."""
    spans = [
        {
            "label": p.label,
            "channel": p.channel,
            "start_s": p.span.seconds(plan.rate)[0],
            "end_s": p.span.seconds(plan.rate)[1],
        }
        for p in plan.spans
    ]
    return {
        "duration_s": round(plan.frames / plan.rate, 3),
        "removed_s": round(sum(p.span.length for p in plan.spans) / plan.rate, 3),
        "spans": spans,
    }


def _disguised(item: Item, process: _Disguising) -> tuple[str | None, dict[str, Any]]:
    samples, shape = process.codec.read(read_media(item.source))
    sound = Sound(samples=samples, rate=shape.rate, roles=(Role.BOTH,) * shape.channels)
    disguised = process.disguiser.disguise_sound(sound)
    write_whole(item.target, process.codec.write(disguised, shape).reveal())
    return None, {"duration_s": round(sound.duration_s, 3), "method": process.method}


def _reported(item: Item, work: Callable[[], tuple[str | None, dict[str, Any]]]) -> Result:
    try:
        reason, facts = work()
    except SottovoceError as error:
        reason, facts = error.code, {"message": str(error), "hint": error.hint}
    except OSError as error:
        reason, facts = (
            "E_STORAGE",
            {"message": f"cannot be written ({error.strerror})", "hint": "check disk and rights"},
        )
    return Result(source=str(item.source), target=str(item.target), reason=reason, facts=facts)
