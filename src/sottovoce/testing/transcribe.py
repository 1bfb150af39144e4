"""A strict double of Amazon Transcribe over HTTP: what moto does not do, in the documented forms (API 2017-10-26).

Standard jobs redact the transcript and never sound; Call Analytics jobs redact sound where `RedactedMediaFileUri` asks
for it. Media must lie in the service's region, encrypted under a key; a name is used once. Requests are checked by the
service's own model on the client's side, so that a field that does not exist never gets here.

What is "heard" is scripted. S3 is another double's (moto): `s3` is a client of it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import soundfile

from sottovoce.testing.kms_loopback import Reply, Request

Stretch = tuple[int, float, float]
"""A channel, and the seconds between which something sensitive is said on it."""
Said = tuple[int, float, float, str]
"""The same with the word that is said."""

_TAG: Final = "[PII]"


@dataclass(kw_only=True)
class Script:
    """What the service hears and redacts, and how it misbehaves."""

    words: Sequence[Said] = ()
    redacted: Sequence[Stretch] = ()
    states: Sequence[str] = ("QUEUED", "IN_PROGRESS", "COMPLETED")
    failure: str | None = None
    """A job ends FAILED for this reason."""
    busy: int = 0
    """So many requests are refused as too many."""
    transcript_only: bool = False
    """Call Analytics redacts the transcript, and names no sound."""
    echoes: bool = False
    """The redacted sound's address is that of what was lent."""
    elsewhere: str | None = None
    """An address of somebody else's that is answered instead."""
    unredacted: bool = False
    """An unsupported language: redaction is ignored without a word."""
    language: str | None = None
    """What Call Analytics says it heard."""
    frames_lost: int = 0
    error: str | None = None
    """Every start is refused with this."""


@dataclass(kw_only=True)
class Job:
    request: Mapping[str, Any]
    asked: int = 0
    state: str | None = None
    """What it is in, whatever the script says."""
    answer: dict[str, Any] = field(default_factory=dict)


class TranscribeDouble:
    """`answer` is what a `Loopback` serves. Jobs by name; `requests` as they came."""

    def __init__(self, *, s3: Any, region: str = "eu-central-1") -> None:
        self.script = Script()
        self.jobs: dict[str, Job] = {}
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self._s3 = s3
        self._region = region

    def answer(self, request: Request) -> Reply:
        """One operation of the JSON 1.1 protocol, by `X-Amz-Target`."""
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        self.requests.append((operation, request.json))
        if self.script.busy:
            self.script.busy -= 1
            return _refused("LimitExceededException")
        kind = "CallAnalytics" if "CallAnalytics" in operation else "Transcription"
        name = str(request.json[f"{kind}JobName"])
        match operation.partition(kind)[0]:
            case "Start":
                return self._start(kind, name, request.json)
            case "Get":
                return self._get(kind, name)
            case "Delete":
                self.jobs.pop(name, None)
                return Reply(json={})
            case _:
                return _refused("UnknownOperationException")

    def _start(self, kind: str, name: str, request: Mapping[str, Any]) -> Reply:
        if name in self.jobs:
            return _refused("ConflictException")
        if self.script.error:
            return _refused(self.script.error)
        media = request["Media"].get("MediaFileUri") or request["Media"]["RedactedMediaFileUri"]
        bucket, key = _place(media)
        if self._s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] != self._region:
            return _refused("BadRequestException")
        if self._s3.head_object(Bucket=bucket, Key=key).get("ServerSideEncryption") != "aws:kms":
            return _refused("BadRequestException")
        self.jobs[name] = Job(request=request)
        return Reply(json={f"{kind}Job": {f"{kind}JobName": name, f"{kind}JobStatus": self.script.states[0]}})

    def _get(self, kind: str, name: str) -> Reply:
        job = self.jobs.get(name)
        if job is None:
            return _refused("NotFoundException")
        state = job.state or self.script.states[min(job.asked, len(self.script.states) - 1)]
        job.asked += 1
        shown: dict[str, Any] = {f"{kind}JobName": name, f"{kind}JobStatus": state, "Media": dict(job.request["Media"])}
        if state == "COMPLETED" and self.script.failure:
            shown |= {f"{kind}JobStatus": "FAILED", "FailureReason": self.script.failure}
        elif state == "COMPLETED":
            shown |= job.answer or self._complete(job, name, kind)
        return Reply(json={f"{kind}Job": shown})

    def _complete(self, job: Job, name: str, kind: str) -> dict[str, Any]:
        if kind == "Transcription":
            job.answer = self._transcribed(job.request, name)
        else:
            job.answer = self._redacted(job.request, name)
        return job.answer

    def _transcribed(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        bucket, key = _place(request["Media"]["MediaFileUri"])
        samples, _ = soundfile.read(
            io.BytesIO(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()), always_2d=True
        )
        separate = request.get("Settings", {}).get("ChannelIdentification", False)
        document = self._document(name, samples.shape[1] if separate else 1)
        target = f"{request['OutputKey']}redacted-{name}.json"
        self._put(request["OutputBucketName"], target, json.dumps(document).encode())
        address = self._address(request["OutputBucketName"], target)
        field_ = "TranscriptFileUri" if self.script.unredacted else "RedactedTranscriptFileUri"
        return {"Transcript": {field_: address}, "LanguageCode": request["LanguageCode"]}

    def _document(self, name: str, channels: int) -> dict[str, Any]:
        items = [[_item(each) for each in self._items() if each[0] == n or channels == 1] for n in range(channels)]
        results: dict[str, Any] = {"items": [item for each in items for item in each]}
        if channels > 1:
            labelled = [{"channel_label": f"ch_{n}", "items": each} for n, each in enumerate(items)]
            results["channel_labels"] = {"number_of_channels": channels, "channels": labelled}
        return {"jobName": name, "isRedacted": not self.script.unredacted, "status": "COMPLETED", "results": results}

    def _items(self) -> Sequence[Said]:
        """Words, and a tag for each stretch that is redacted; words within one are not said."""
        tags = [(channel, start, end, _TAG) for channel, start, end in self.script.redacted]
        clear = [w for w in self.script.words if not any(t[0] == w[0] and t[1] <= w[1] < t[2] for t in tags)]
        return sorted([*clear, *tags], key=lambda said: said[1])

    def _redacted(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        bucket, key = _place(request["Media"]["RedactedMediaFileUri"])
        data = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        _, folder = _place(request["OutputLocation"])
        transcript = f"{folder}redacted_{name}.json"
        self._put(bucket, transcript, b"{}")
        answer: dict[str, Any] = {
            "Transcript": {"RedactedTranscriptFileUri": self._address(bucket, transcript)},
            "LanguageCode": self.script.language or request["Settings"]["LanguageOptions"][0],
            "Media": {},
        }
        if not self.script.transcript_only:
            target = f"{folder}redacted_{name}.wav"
            self._put(bucket, target, self._silenced(data))
            lent = request["Media"]["RedactedMediaFileUri"]
            there = lent if self.script.echoes else self._address(bucket, target)
            answer["Media"] = {"RedactedMediaFileUri": self.script.elsewhere or there}
        return answer

    def _silenced(self, data: bytes) -> bytes:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
        for channel, start, end in self.script.redacted:
            samples[round(start * rate) : round(end * rate), channel] = 0
        out = io.BytesIO()
        kept = samples[: len(samples) - self.script.frames_lost]
        soundfile.write(out, kept, rate, format="WAV", subtype="PCM_16")
        return out.getvalue()

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    def _address(self, bucket: str, key: str) -> str:
        return f"https://s3.{self._region}.amazonaws.com/{bucket}/{key}"


def _item(said: Said) -> dict[str, Any]:
    """Developer Guide, "Example PII redaction and identification output": times and confidences are text."""
    _, start, end, text = said
    alternative: dict[str, Any] = {"content": text, "confidence": "0.99"}
    if text == _TAG:
        alternative = {"content": text, "redactions": [{"confidence": "0.9999"}]}
    return {
        "start_time": f"{start:.2f}",
        "end_time": f"{end:.2f}",
        "type": "pronunciation",
        "alternatives": [alternative],
    }


def _place(address: str) -> tuple[str, str]:
    bucket, _, key = address.removeprefix("s3://").partition("/")
    return bucket, key


def _refused(code: str) -> Reply:
    return Reply(status=400, json={"__type": code, "Message": "s3://a-bucket/of-somebody is not to be repeated"})
