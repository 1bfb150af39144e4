"""Jobs of Amazon Transcribe: begun once, asked after with patience, ended by a deadline, and forgotten.

A job's name is an opaque digest of what it is to do, so that a second start after a crash finds the first
(`ConflictException`) and waits for it. Of a job that ends nothing stays: neither its sound, nor its answers, nor its
name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import HearingError, HearingUnavailable, SottovoceError
from sottovoce.speech.lending import Lending, named

T = TypeVar("T")

_FIRST_WAIT_S: Final = 2.0
_LONGEST_WAIT_S: Final = 60.0
_GROWTH: Final = 1.5
_BUSY: Final = frozenset({"LimitExceededException", "ThrottlingException", "Throttling", "TooManyRequestsException"})
"""Amazon Transcribe API reference, "Errors": too many jobs, or too many requests. Both pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """One family of jobs and the names the API has for them (Amazon Transcribe API 2017-10-26)."""

    name: str

    def key(self, part: str = "") -> str:
        return f"{self.name}Job{part}"


STANDARD: Final = JobKind(name="Transcription")
"""Redacts the transcript, and never sound."""
CALL: Final = JobKind(name="CallAnalytics")
"""Redacts sound too, where `Media.RedactedMediaFileUri` asks for it."""


class Jobs:
    """`client` is a boto3 client of `transcribe`; `sleep` and `clock` are the caller's."""

    def __init__(
        self,
        *,
        client: Any,
        lending: Lending,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        deadline: timedelta,
    ) -> None:
        self._client = client
        self._lending = lending
        self._clock = clock
        self._sleep = sleep
        self._deadline = deadline

    def done(
        self,
        kind: JobKind,
        name: str,
        data: Confidential[bytes],
        *,
        asks: Callable[[str, str], Mapping[str, Any]],
        reads: Callable[[Mapping[str, Any]], T],
    ) -> T:
        """What `reads` makes of the ended job, before all of it is deleted.

        `asks` answers the request from the address of the sound and that of the folder to write to. Raises
        HearingError when the job failed, HearingUnavailable when it did not end in time or cannot be asked for.
        """
        until = self._clock() + self._deadline
        try:
            request = asks(self._lending.lend(name, data), self._lending.folder(name))
            self._begin(kind, name, request, until)
            answer = reads(self._ended(kind, name, until))
        except BaseException:
            self._forget_quietly(kind, name)
            raise
        self._forget(kind, name)
        return answer

    def take_back(self, name: str, address: str) -> Confidential[bytes]:
        return self._lending.take_back(name, address)

    def sweep(self) -> int:
        """Empty what crashes left: what is older than any job that may still run. Answers how many jobs it was of."""
        left = self._lending.sweep(before=self._clock() - 2 * self._deadline)
        for name in left:
            for kind in (STANDARD, CALL):
                self._forget_quietly(kind, name)
        return len(left)

    def _begin(self, kind: JobKind, name: str, request: Mapping[str, Any], until: datetime) -> None:
        """Start it; the job of a start before is as good, unless that one failed."""
        for _ in range(2):
            try:
                self._asked(f"start_{_snake(kind)}", {**request, kind.key("Name"): name}, until)
            except _Known:
                if self._status(kind, name, until)[kind.key("Status")] != "FAILED":
                    return
                self._delete(kind, name)
            else:
                return
        raise HearingError("the service remembers a failed job of this name", hint="try again later")

    def _ended(self, kind: JobKind, name: str, until: datetime) -> Mapping[str, Any]:
        wait = _FIRST_WAIT_S
        while True:
            job = self._status(kind, name, until)
            match job.get(kind.key("Status")):
                case "COMPLETED":
                    return job
                case "FAILED":
                    raise HearingError("the service could not hear it", hint=_why(job))
                case "QUEUED" | "IN_PROGRESS":
                    wait = self._waited(wait, until)
                case _:
                    raise HearingError("the service answered with a state that it does not document")

    def _status(self, kind: JobKind, name: str, until: datetime) -> Mapping[str, Any]:
        answer = self._asked(f"get_{_snake(kind)}", {kind.key("Name"): name}, until)
        return dict(answer[kind.key()])

    def _asked(self, operation: str, request: Mapping[str, Any], until: datetime) -> Any:
        """One request, again while the service is busy."""
        from botocore.exceptions import ClientError

        wait = _FIRST_WAIT_S
        while True:
            with named():
                try:
                    return getattr(self._client, operation)(**request)
                except ClientError as failure:
                    code = str(failure.response.get("Error", {}).get("Code", ""))
                    if code == "ConflictException":
                        raise _Known("a job of this name is known") from None
                    if code not in _BUSY:
                        raise
            wait = self._waited(wait, until)

    def _waited(self, wait: float, until: datetime) -> float:
        """Sleep, and say how long to sleep next; HearingUnavailable past the deadline."""
        if self._clock() + timedelta(seconds=wait) > until:
            raise HearingUnavailable("the service did not end in time", hint="raise models.amazon.deadline_minutes")
        self._sleep(wait)
        return min(wait * _GROWTH, _LONGEST_WAIT_S)

    def _forget(self, kind: JobKind, name: str) -> None:
        self._lending.clear(name)
        self._delete(kind, name)

    def _forget_quietly(self, kind: JobKind, name: str) -> None:
        """After a failure, which is what is to be told; what stays is the sweep's."""
        with suppress(SottovoceError):
            self._lending.clear(name)
        with suppress(SottovoceError):
            self._delete(kind, name)

    def _delete(self, kind: JobKind, name: str) -> None:
        with named():
            getattr(self._client, f"delete_{_snake(kind)}")(**{kind.key("Name"): name})


class _Known(HearingError):
    """A job of this name exists."""


def _snake(kind: JobKind) -> str:
    return {"Transcription": "transcription_job", "CallAnalytics": "call_analytics_job"}[kind.name]


_REASONS: Final = ("media format", "sample rate", "file size", "number of channels")
"""What `FailureReason` speaks of (API reference, TranscriptionJob); the rest of its words may quote an address."""


def _why(job: Mapping[str, Any]) -> str:
    said = str(job.get("FailureReason", "")).lower()
    return next((f"it names the {reason}" for reason in _REASONS if reason in said), "it names no known reason")
