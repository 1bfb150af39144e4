"""Where recordings come from, as a policy says it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from sottovoce.policy.strict import SecretRef, Strict


class GenesysSource(Strict):
    kind: Literal["genesys"]
    region: str | None = None
    api_url: str | None = None
    """For the sandbox or a proxy; otherwise the region decides."""
    login_url: str | None = None
    client_id: SecretRef
    client_secret: SecretRef
    since: date | None = None
    until: date | None = None
    customer_channel: Literal["0", "1"] = "1"
    media_hosts: tuple[str, ...] = ()
    """Hosts (with port where not 443) signed media may come from, beside the region's own."""
    requests_per_minute: Annotated[int, Field(ge=1, le=3000)] = 300
    bulk: Literal["auto", "never"] = "auto"
    """Whether weeks of many conversations are read by asynchronous jobs."""
    download: Literal["single", "batch"] = "single"
    """`batch` asks for many at once, in their own codec; two channels then count as both voices each."""
    restore_archived: bool = False
    """Whether an archived recording that was admitted is restored for as long as it takes to fetch it."""
    erase_at_source: Literal["none", "recordings", "gdpr_request"] = "none"
    """What an erasure asks of the source: nothing, the recordings' deletion, or the person's."""
    protect_at_source: bool = False
    """Whether a legal hold protects the conversation from deletion at the source too."""
    source_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """How long the source itself may keep recordings; what is older is found, and deleted where that is asked."""


class FolderSource(Strict):
    kind: Literal["folder"]
    path: str
    customer_channel: Literal["0", "1"] = "1"


class BucketSource(Strict):
    """Audio below a prefix of an object store, described as a folder's is."""

    kind: Literal["bucket"]
    url: str
    """`s3://bucket/prefix`, `gs://…`, `az://container/prefix`, or `file:` below the workspace."""
    endpoint: str | None = None
    region: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    customer_channel: Literal["0", "1"] = "1"
    max_bytes: Annotated[int, Field(ge=1, le=4 << 30)] = 512 << 20


FeatureSet = Literal["log_mel", "mfcc", "envelope"]


class InboxSource(Strict):
    """What contributors send in, encrypted to the inbox's key on their own machines (SPEC 3.1)."""

    kind: Literal["inbox"]
    url: str
    """Where uploads arrive: as a bucket's."""
    endpoint: str | None = None
    region: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    max_bytes: Annotated[int, Field(ge=1, le=4 << 30)] = 512 << 20
    max_seconds: Annotated[float, Field(gt=0, le=14_400)] = 3600.0
    wording: Annotated[str, Field(min_length=1, max_length=4000)]
    """The statement contributors agree to, word for word."""
    wording_version: str
    """Its version among `consent.wordings`."""
    raw: Literal["destroy", "archive"] = "destroy"
    """What becomes of an upload once it was sealed."""
    keep: Literal["sound", "features"] = "sound"
    """What is sealed of it: the disguised sound, or features made from that."""
    features: Annotated[tuple[FeatureSet, ...], Field(min_length=1)] = ("log_mel",)
    overlap_days: Annotated[int, Field(ge=0, le=366)] = 30
    """How long an inbox key is still accepted after it was rotated."""
    receipts_url: str | None = None
    """Where contributors may fetch their receipts: `https://…` or `file:`."""


Source = Annotated[GenesysSource | FolderSource | BucketSource | InboxSource, Field(discriminator="kind")]
