"""What a policy says of the ledger: where its checkpoints are kept, who cosigns them, and how often it is signed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sottovoce.policy.strict import SecretRef, Strict

Vkey = Annotated[str, Field(pattern=r"^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$")]
"""A public key: name, id and key with a plus between them."""


class FolderAnchor(Strict):
    """A folder, best on another disk or account."""

    kind: Literal["folder"]
    path: str


class S3Anchor(Strict):
    """An S3 bucket made with Object Lock; credentials come from the machine unless both keys are named."""

    kind: Literal["s3"]
    bucket: str
    prefix: str = "checkpoints/"
    region: str | None = None
    endpoint: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    retain_days: Annotated[int, Field(ge=1, le=36500)] = 2557
    """Seven years: nobody can remove a checkpoint sooner."""


Anchor = Annotated[FolderAnchor | S3Anchor, Field(discriminator="kind")]


class LedgerWitness(Strict):
    """A witness in other hands (c2sp.org/tlog-witness)."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]
    vkey: Vkey


class Ledger(Strict):
    """`*_needed` of them must answer before a checkpoint counts; all of them when left out."""

    checkpoint_entries: Annotated[int, Field(ge=1)] = 256
    checkpoint_seconds: Annotated[float, Field(gt=0, le=3600)] = 1.0
    anchors: tuple[Anchor, ...] = ()
    anchors_needed: Annotated[int, Field(ge=1)] | None = None
    witnesses: tuple[LedgerWitness, ...] = ()
    witnesses_needed: Annotated[int, Field(ge=1)] | None = None
