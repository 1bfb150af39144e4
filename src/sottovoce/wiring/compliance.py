"""The compliance line composed: rules, listener, docket, remedies."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import Engine

from sottovoce.breaker import Breaker
from sottovoce.compliance.dispatch import Dispatcher
from sottovoce.compliance.docket import Docket
from sottovoce.compliance.examine import Bench, Examiner, LiveSource
from sottovoce.compliance.judge import Violation
from sottovoce.compliance.progressive import Listener
from sottovoce.compliance.remedy import Order, Remediator
from sottovoce.compliance.rules import LoadedRules, default_rules, load_rules
from sottovoce.compliance.steps import Step
from sottovoce.compliance.task import JudgingCloser, JudgingRows, JudgingTask
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata
from sottovoce.domain.sound import Sound
from sottovoce.errors import PolicyError
from sottovoce.pipeline.reap import Reaper
from sottovoce.policy.model import Compliance, Consent
from sottovoce.settings import resolve_secret
from sottovoce.sources.genesys.permissions import READING
from sottovoce.sources.genesys.source import GenesysSource
from sottovoce.sources.genesys.writeback import PERMISSIONS, GenesysWriter
from sottovoce.wiring.engine import EngineRooms
from sottovoce.wiring.intake import SourcePseudonyms

if TYPE_CHECKING:
    from sottovoce.pipeline.engine import Queue
    from sottovoce.speech.protocol import Transcriber
    from sottovoce.wiring.house import House

_log = logging.getLogger(__name__)


def compose_rules(settings: Compliance, *, root: Path) -> LoadedRules:
    """The policy's rules file, or the packaged rules. Raises PolicyError."""
    return default_rules() if settings.rules is None else load_rules(root / settings.rules)


def steps_of(settings: Compliance) -> tuple[Step, ...]:
    """What follows from a violation, as the policy has it."""
    wanted = {
        Step.ANNOTATION: settings.annotate,
        Step.LABEL: settings.label,
        Step.WORK_ITEM: settings.work_item_type is not None,
        Step.CALLBACK: settings.callback_queue is not None and settings.callback_number is not None,
    }
    return tuple(step for step, is_wanted in wanted.items() if is_wanted)


def needed_permissions(settings: Compliance) -> tuple[str, ...]:
    """What the client's role needs for reading and for what the policy wants written back; nothing else."""
    return tuple(sorted({*READING, *written_back(settings)}))


def written_back(settings: Compliance) -> frozenset[str]:
    """What the client's role needs for what the policy wants written back."""
    actions = {
        Step.ANNOTATION: "annotate",
        Step.LABEL: "label",
        Step.WORK_ITEM: "work_item",
        Step.CALLBACK: "call_back",
    }
    return frozenset(permission for step in steps_of(settings) for permission in PERMISSIONS[actions[step]])


def compose_listener(transcriber: Transcriber) -> Listener:
    from sottovoce.detect.finder import Finder

    return Listener(transcriber=transcriber, finder=Finder())


class ComplianceRooms:
    """The line's rooms of one house, each built when first asked for."""

    def __init__(self, *, house: House, database: Engine) -> None:
        self._house = house
        self._database = database

    @cached_property
    def rules(self) -> LoadedRules:
        return compose_rules(self._house.policy.compliance, root=self._house.workspace.root)

    @cached_property
    def docket(self) -> Docket:
        house = self._house
        return Docket(
            engine=self._database,
            ledger=house.ledger,
            clock=house.clock,
            ids=lambda: str(uuid.uuid4()),
            steps=steps_of(house.policy.compliance),
            actor=house.actor,
        )

    @cached_property
    def listener(self) -> Listener:
        return compose_listener(self._house.transcriber)

    @cached_property
    def engine(self) -> EngineRooms | None:
        """The external engine that judges in place of the rules, where the policy names one."""
        settings = self._house.policy.compliance.engine
        if settings is None:
            return None
        return EngineRooms(house=self._house, database=self._database, docket=self.docket, settings=settings)

    @cached_property
    def examiner(self) -> Examiner:
        """Judges what the intake took in. Only sources that hand sound over while it comes are judged."""
        from sottovoce.detect.dtmf import ToneEar
        from sottovoce.detect.second_ear import SecondEar

        house = self._house
        live = {name: source for name, source in house.sources.items() if hasattr(source, "live")}
        bench = Bench(
            sources={name: cast("LiveSource", source) for name, source in live.items()},
            keys=lambda source: SourcePseudonyms(tokenizer=house.tokenizer, source=source),
            registry=house.registry,
            listener=self.listener,
            rules=self.rules,
            ears=(SecondEar(), ToneEar()),
            seals=house.vault,
            encode=_as_flac,
            docket=self.docket,
            outbox=house.outbox,
            clock=house.clock,
            consent_flag=lambda metadata: consent_flag(metadata, house.policy.consent),
            report=_report,
            external=None if self.engine is None else self.engine.judge,
        )
        return Examiner(bench=bench)

    @cached_property
    def remediator(self) -> Remediator:
        """Through the source that the intake is about. Raises PolicyError where that cannot be written to."""
        house = self._house
        source = house.sources.get(house.policy.intake.source or "")
        if not isinstance(source, GenesysSource):
            hint = "verdicts are written back to Genesys Cloud only"
            raise PolicyError("intake.source is no Genesys source", hint=hint)
        remedies = GenesysRemedies(writer=source.writer(), settings=house.policy.compliance, root=house.workspace.root)
        return Remediator(
            engine=self._database,
            ledger=house.ledger,
            remedies=remedies,
            breaker=Breaker(monotonic=time.monotonic),
            clock=house.clock,
            reopen=house.outbox.reopen,
            actor=house.actor,
        )

    def task(self) -> JudgingTask:
        """The engine's task, with every model behind it loaded."""
        return JudgingTask(outbox=self._house.outbox, examiner=self.examiner, remediator=self.remediator)

    def dispatcher(self, queue: Queue) -> Dispatcher:
        """Loads no model."""
        outbox = self._house.outbox
        closer = JudgingCloser(outbox=outbox)
        rows = JudgingRows(outbox=outbox, hearts=self._house.registry)
        return Dispatcher(outbox=outbox, queue=queue, keeper=Reaper(queue=queue, registry=rows, closer=closer))


@dataclass(frozen=True, slots=True, kw_only=True)
class GenesysRemedies:
    """Each step as calls of the real API."""

    writer: GenesysWriter
    settings: Compliance
    root: Path = field(repr=False)

    def do(self, order: Order) -> None:
        match order.step:
            case Step.ANNOTATION:
                self.writer.annotate(
                    order.conversation_id, order.recording_id, mark=order.mark, name=order.code, at_ms=order.offset_ms
                )
            case Step.LABEL:
                self.writer.label(order.conversation_id, code=order.code)
            case Step.WORK_ITEM:
                self.writer.work_item(
                    mark=order.mark,
                    name=f"Compliance review: {order.code}",
                    type_id=self.settings.work_item_type or "",
                    queue_id=self.settings.work_item_queue,
                    priority=self.settings.work_item_priority,
                    description=f"{order.code} at {order.offset_ms} ms; conversation {order.conversation_id}",
                )
            case Step.CALLBACK:
                number = resolve_secret(self.settings.callback_number or "", base=self.root)
                self.writer.call_back(
                    mark=order.mark,
                    queue_id=self.settings.callback_queue or "",
                    number=number.reveal(),
                    data={"code": order.code},
                )


def consent_flag(metadata: RecordingMetadata, consent: Consent) -> bool | None:
    """What the attributes say of consent to training: any opt-out is a no; nothing said is nothing."""
    values = [p.attributes for p in metadata.participants]
    opted_out = any(_is_true(v.get(name)) for v in values for name in (consent.opt_out_attribute,))
    given = [v[consent.consent_attribute] for v in values if consent.consent_attribute in v]
    if opted_out:
        return False
    return all(map(_is_true, given)) if given else None


def _is_true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("true", "yes", "1")


def _as_flac(sound: Sound) -> Confidential[bytes]:
    from sottovoce.speech.encode import encode

    return encode(sound, container="FLAC", codec="PCM_16")


def _report(_subject: str, violation: Violation) -> None:
    _log.info("violation %s of rule %s", violation.type, violation.rule)
