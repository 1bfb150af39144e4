"""The policy's `models.amazon`: where Amazon Transcribe is lent sound, and under which key."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sottovoce.policy.strict import SecretRef, Strict

AMAZON = "amazon-transcribe"
"""The name of this service as a transcriber, and as a redactor."""


class AmazonTranscribe(Strict):
    region: str
    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$")]
    """A bucket of its own, without versions, in that region: what is deleted there must be gone."""
    kms_key: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/.+$")]
    """The key's ARN: both what is lent and what comes back lie under it."""
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")] = "hearing"
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")] | None = None
    """What Transcribe reads and writes with; without it with the caller's own rights, and without a queue."""
    deadline_minutes: Annotated[int, Field(ge=1, le=240)] = 60
    endpoint: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
