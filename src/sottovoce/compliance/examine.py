"""From a job to a verdict: the recording read while it comes, judged, its clips sealed, its case concluded (SPEC 14.4).

It may be tried again from the start, and then changes nothing that was concluded. What is not there yet is asked for
later, and the durable engine keeps the time; what cannot be judged becomes a verdict of doubt, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from sottovoce.compliance.clip import Ear, masked_clip
from sottovoce.compliance.docket import Case, Docket
from sottovoce.compliance.judge import Violation
from sottovoce.compliance.progressive import Listener, LiveCall, Progress
from sottovoce.compliance.reading import Coming, Reading, reading_of
from sottovoce.compliance.rules import LoadedRules
from sottovoce.compliance.verdict import by_rule
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, SealedObject
from sottovoce.domain.sound import Role, Sound
from sottovoce.errors import RecordingErased, SottovoceError
from sottovoce.intake.outbox import Job, Outbox
from sottovoce.pipeline.protocol import Again

KIND: Final = "evidence"
UNEXPECTED: Final = "E_UNEXPECTED"
PATIENCE: Final = timedelta(hours=6)
"""How long after its event a recording may still be on its way."""


class LiveMedia(Protocol):
    @property
    def metadata(self) -> RecordingMetadata: ...

    @property
    def parts(self) -> Mapping[str, Coming]: ...

    @property
    def roles(self) -> Mapping[str, tuple[Role, ...]]: ...


class LiveSource(Protocol):
    """A source that can describe one recording and hand its sound over while it comes."""

    def recordings_of(self, conversation_id: str) -> tuple[str, ...]: ...

    def live(self, conversation_id: str, recording_id: str) -> LiveMedia: ...


class Seals(Protocol):
    def seal_object(self, rid: str, kind: str, plaintext: Confidential[bytes], rev: int = 1) -> SealedObject: ...


class Remembers(Protocol):
    def remember(self, ref: RecordingRef, metadata: RecordingMetadata) -> bool: ...


class Keys(Protocol):
    """The opaque key that the registry has for a recording."""

    def recording(self, conversation_id: str, recording_id: str) -> str: ...


class External(Protocol):
    """An engine of somebody else's that judges in place of the rules."""

    def judge(self, job: Job, source: LiveSource) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All that judging needs."""

    sources: Mapping[str, LiveSource]
    keys: Callable[[str], Keys]
    """By the source's name."""
    registry: Remembers
    listener: Listener
    rules: LoadedRules
    ears: Sequence[Ear]
    seals: Seals
    encode: Callable[[Sound], Confidential[bytes]]
    docket: Docket
    outbox: Outbox
    clock: Callable[[], datetime]
    consent_flag: Callable[[RecordingMetadata], bool | None]
    report: Callable[[str, Violation], None]
    """Told of each violation as soon as it is certain, before the call is read to its end."""
    read: Callable[[Mapping[str, Coming], Mapping[str, tuple[Role, ...]]], AbstractContextManager[Reading]] = reading_of
    external: External | None = None


class Examiner:
    """Judges what is asked for."""

    def __init__(self, *, bench: Bench) -> None:
        self._bench = bench

    def examine(self, job: Job) -> Again | None:
        """One job to its end, or Again. What cannot be judged is a person's, whatever kept it from being judged."""
        try:
            if job.recording_id is None:
                self._expand(job)
            elif not self._bench.docket.is_judged(job.subject):
                self._judge(job, job.recording_id)
        except RecordingErased:
            raise
        except SottovoceError as error:
            if error.retryable and not self._is_late(job):
                return Again()
            self._doubt(job, error.code)
        except Exception:  # noqa: BLE001 - any doubt goes to a person, and a message nobody foresaw may quote speech
            self._doubt(job, UNEXPECTED)
        return None

    def _expand(self, job: Job) -> None:
        """A conversation's end: one job for each of its recordings."""
        ids = self._bench.sources[job.source].recordings_of(job.conversation_id)
        keys = self._bench.keys(job.source)
        self._bench.outbox.add(job, {keys.recording(job.conversation_id, each): each for each in ids})

    def _judge(self, job: Job, recording_id: str) -> None:
        bench = self._bench
        if bench.external is not None:
            bench.external.judge(job, bench.sources[job.source])
            return
        live = bench.sources[job.source].live(job.conversation_id, recording_id)
        available_at = bench.clock()
        bench.registry.remember(live.metadata.ref, live.metadata)
        rules = bench.rules.rules.for_queue(live.metadata.queue, live.metadata.queue_category)
        violations: list[Violation] = []
        clips: dict[tuple[str, str], SealedObject] = {}
        with bench.read(live.parts, live.roles) as reading:
            call = LiveCall(
                blocks=reading.blocks,
                rate=reading.rate,
                roles=reading.roles,
                language=live.metadata.language,
                consent_flag=bench.consent_flag(live.metadata),
            )
            for progress in bench.listener.listen(call, rules):
                for violation in progress.violations:
                    bench.report(job.subject, violation)
                    self._keep_clip(job.subject, violation, progress, clips)
                violations += progress.violations
            case = Case(
                subject=job.subject,
                conversation_id=job.conversation_id,
                recording_id=recording_id,
                rate=reading.rate,
                judged=by_rule(violations),
                clips=clips,
                correlation=job.id,
                rules_digest=bench.rules.digest,
                available_at=available_at,
            )
        bench.docket.conclude(case)

    def _keep_clip(
        self, subject: str, violation: Violation, progress: Progress, clips: dict[tuple[str, str], SealedObject]
    ) -> None:
        """The first of each rule and type, sealed under the recording's key."""
        name = (violation.rule, violation.type)
        if name in clips:
            return
        clip = masked_clip(progress.tape, violation.span, progress.findings, ears=self._bench.ears)
        if clip is not None:
            sealed = self._bench.encode(clip)
            clips[name] = self._bench.seals.seal_object(subject, KIND, sealed, len(clips) + 1)

    def _is_late(self, job: Job) -> bool:
        return self._bench.clock() - job.received_at > PATIENCE

    def _doubt(self, job: Job, code: str) -> None:
        """It could not be judged: said as a verdict, so that a person looks."""
        case = Case(
            subject=job.subject,
            conversation_id=job.conversation_id,
            recording_id=job.recording_id or "",
            rate=1,
            judged=(),
            correlation=job.id,
            rules_digest=self._bench.rules.digest,
            available_at=self._bench.clock(),
            doubt=code,
        )
        self._bench.docket.conclude(case)
