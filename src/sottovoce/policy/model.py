"""The policy as typed values. Unknown keys and names are errors; defaults are the careful ones.

Every field a user may write is here and nowhere else: `load.py` turns YAML into this and errors into
lines and suggestions, `explain.py` says which rule decided what.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sottovoce.domain.consent import Purpose
from sottovoce.domain.entities import Entity
from sottovoce.domain.finding import Fill
from sottovoce.policy.admission import Anonymization as Anonymization
from sottovoce.policy.admission import Basis as Basis
from sottovoce.policy.admission import Consent as Consent
from sottovoce.policy.admission import Exclusions as Exclusions
from sottovoce.policy.admission import Wording as Wording
from sottovoce.policy.agreements import Agreements, Residency
from sottovoce.policy.amazon import AmazonTranscribe
from sottovoce.policy.analytics import Analytics
from sottovoce.policy.destinations import Delivery
from sottovoce.policy.engine import ComplianceEngine
from sottovoce.policy.key_services import FileKeys, Keys
from sottovoce.policy.ledger import Ledger
from sottovoce.policy.queues import Queue
from sottovoce.policy.sources import BucketSource as BucketSource
from sottovoce.policy.sources import FolderSource as FolderSource
from sottovoce.policy.sources import GenesysSource as GenesysSource
from sottovoce.policy.sources import InboxSource as InboxSource
from sottovoce.policy.sources import Source as Source
from sottovoce.policy.strict import SecretRef, Strict

Bundle = Literal["pci", "phi", "gdpr_special", "all"]


Dimension = Literal[
    "queue_category", "season", "year", "audio_quality", "codec", "device", "accent_region", "language", "duration_band"
]


class MinimumShare(Strict):
    dimension: Dimension
    value: str
    share: Annotated[float, Field(gt=0, le=1)]


EVERYTHING_H = 1e9
"""A target that no source reaches: whatever qualifies is taken."""


class Selection(Strict):
    target_hours: Annotated[float, Field(gt=0)] = 1.0
    stratify_by: tuple[Dimension, ...] = ("queue_category",)
    minimum_shares: tuple[MinimumShare, ...] = ()
    seed: int = 1


class Redaction(Strict):
    engine: Literal["sottovoce", "amazon-transcribe"] = "sottovoce"
    """Who redacts first; we verify whatever anybody redacted."""
    default: tuple[Bundle | Entity, ...] = ("all",)
    queues: dict[str, tuple[Bundle | Entity, ...]] = Field(default_factory=dict)
    """By queue or queue category; detection always runs on every queue."""
    agent: tuple[Bundle | Entity, ...] | Literal["full_numbers", "same"] = "full_numbers"
    """What goes from the agent's channel: whole numbers only by default (SPEC 6.6)."""
    fill: Fill = Fill.SILENCE
    margin_ms: Annotated[int, Field(ge=200, le=2000)] = 200
    merge_ms: Annotated[int, Field(ge=0, le=5000)] = 300
    crosstalk: bool = True
    keep_last_four: bool = True


Split = Literal["train", "validation", "test"]


def _splits() -> dict[Split, float]:
    return {"train": 0.8, "validation": 0.1, "test": 0.1}


class Corpus(Strict):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "corpus"
    rate: Literal[8000, 16000] = 16000
    format: Literal["wav", "flac"] = "flac"
    channels: Literal["separate", "mix", "customer", "agent"] = "separate"
    """`separate` makes one sample a channel, so that splits can keep speakers apart."""
    splits: dict[Split, float] = Field(default_factory=_splits)
    queue_categories: dict[str, str] = Field(default_factory=dict)
    """Queue id or name to category; the only thing about a queue that is ever released."""


class ObjectLock(Strict):
    """S3 Object Lock on everything sealed: what is written cannot be deleted before `days` have passed."""

    mode: Literal["governance", "compliance"]
    days: Annotated[int, Field(ge=1, le=36_500)]


class Storage(Strict):
    url: str = "file:objects"
    """`file:` (relative to the workspace), `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`."""
    endpoint: str | None = None
    region: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    account: str | None = None
    """Azure: the storage account."""
    credentials: SecretRef | None = None
    """Google: a service account's key, as JSON. Azure: the account's key."""
    kms_key: str | None = None
    """Amazon S3 only: the KMS key for server-side encryption (SSE-KMS), beside our own sealing."""
    object_lock: ObjectLock | None = None
    """Amazon S3 only."""
    retries: Annotated[int, Field(ge=0, le=10)] = 3
    timeout_s: Annotated[int, Field(ge=1, le=600)] = 60
    """For one request, and for all its retries together."""


DutyName = Literal["PCI_DSS", "GDPR", "MIFID_II", "FINRA", "SEC_17A4", "HIPAA"]


class Duty(Strict):
    """A law or standard that says how long; what each asks stands in `custody/duties.py`."""

    name: DutyName
    years: Annotated[int, Field(ge=1, le=10)] | None = None
    """Where the duty leaves a choice; by default its least."""
    queue_categories: tuple[str, ...] = ()
    """Whose recordings it covers; every recording's when none is named."""


class Retention(Strict):
    """Days from sealing. A longer duty or a legal hold is said in the plan, never assumed."""

    corpus_days: Annotated[int, Field(ge=1)] = 365
    raw_days: Annotated[int, Field(ge=0)] = 30
    redacted_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    transcript_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    map_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    features_days: Annotated[int, Field(ge=1, le=36_500)] = 365
    quarantine_days: Annotated[int, Field(ge=1, le=36_500)] = 30
    """How long a withheld recording is remembered beyond its opaque key."""
    archive_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """After so many days what is still kept moves to archive storage."""
    duties: tuple[Duty, ...] = (Duty(name="PCI_DSS"), Duty(name="GDPR"))


class NoticeTarget(Strict):
    """How a recipient of recordings is told that one was erased (GDPR Article 19)."""

    kind: Literal["file", "webhook"] = "file"
    """`file` drafts a letter below the workspace; `webhook` posts in the Standard Webhooks form."""
    url: str | None = None
    secret: SecretRef | None = None
    contact: str | None = None
    """For letters: the address, as it is to stand in the draft."""


class Erasure(Strict):
    retrain_days: Annotated[int, Field(ge=1, le=366)] = 92
    """A model that saw erased data is decided upon, or trained anew, within so many days: a quarter."""
    notify_days: Annotated[int, Field(ge=1, le=31)] = 7
    """Recipients are told within so many days."""
    notices: dict[str, NoticeTarget] = Field(default_factory=dict)
    """By destination."""


class OpenLineage(Strict):
    """Where OpenLineage events go; nowhere by default."""

    url: str | None = None
    """`file:` (below the workspace) or `https://host/api/v1/lineage`."""
    namespace: str | None = None
    """`sottovoce.TENANT` by default."""
    api_key: SecretRef | None = None


RoleName = Literal["owner", "privacy_officer", "auditor", "data_scientist", "trainer", "contributor", "operator"]


class OidcSignIn(Strict):
    issuer: Annotated[str, Field(pattern=r"^https?://.+$")]
    """Plain http only on loopback."""
    client_id: str
    client_secret: SecretRef | None = None
    """None for a public client, which PKCE protects."""
    scopes: tuple[str, ...] = ("openid",)
    roles_claim: str = "groups"
    roles: dict[str, tuple[RoleName, ...]] = Field(default_factory=dict)
    """By value of the claim; who has none of them is not let in."""
    session_minutes: Annotated[int, Field(ge=5, le=1440)] = 480


class BulkWatch(Strict):
    """Defaults are those that `benchmarks/access.py` was measured with."""

    floor: Annotated[int, Field(ge=5, le=24)] = 20
    """Nobody is suspended for fewer distinct recordings than this in any window."""
    factor: Annotated[float, Field(ge=1.5, le=10)] = 2.0
    """How far above its own highest a reader may go."""
    person_per_hour: Annotated[int, Field(ge=1)] = 300
    person_per_day: Annotated[int, Field(ge=1)] = 1000
    """Hard ceilings on distinct recordings, whatever was normal before."""
    learning_days: Annotated[int, Field(ge=1, le=60)] = 7


class AccessAlerts(Strict):
    """Beside the file `logs/alerts.jsonl`, which is always written."""

    webhook: Annotated[str, Field(pattern=r"^https?://.+$")] | None = None
    webhook_secret: SecretRef | None = None
    smtp: str | None = None
    """`host:port`; STARTTLS unless on loopback."""
    smtp_user: str | None = None
    smtp_password: SecretRef | None = None
    email_from: str | None = None
    email_to: tuple[str, ...] = ()
    sns_topic: str | None = None
    cloudwatch_namespace: str | None = None


class Sts(Strict):
    role: str | None = None
    """The role that readers' session policies narrow."""
    contributor_role: str | None = None
    region: str | None = None
    endpoint: str | None = None
    minutes: Annotated[int, Field(ge=15, le=60)] = 15


class Access(Strict):
    grant_minutes: Annotated[int, Field(ge=1, le=60)] = 15
    token_days: Annotated[int, Field(ge=1, le=365)] = 90
    justification: Literal["always", "production"] = "production"
    """When `corpus open` asks a person why; the broker always does."""
    review_days: Annotated[int, Field(ge=1, le=365)] = 90
    oidc: OidcSignIn | None = None
    watch: BulkWatch = BulkWatch()
    alerts: AccessAlerts = AccessAlerts()
    sts: Sts = Sts()


class Models(Strict):
    transcriber: str = "tiny.en"
    """`tiny.en` and `base` come packaged; `amazon-transcribe`; else a CTranslate2 folder by path."""
    digest: str | None = None
    amazon: AmazonTranscribe | None = None


class Database(Strict):
    url: str = "sqlite:registry.sqlite"
    engine_url: str = "sqlite:engine.sqlite"
    keys_url: str = "sqlite:keys.sqlite"
    """The key store's own database: keep its backups short and apart from every other's."""


class Sender(Strict):
    """Who may send events, and how they sign. Several secrets let one be rotated without a gap."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    scheme: Literal["standard", "github", "open-messaging", "audiohook", "bearer"] = "standard"
    secrets: tuple[SecretRef, ...] = ()
    public_keys: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")], ...] = ()
    """Ed25519 keys in base64, for `v1a` signatures of Standard Webhooks."""
    api_key: str | None = None
    """AudioHook only: the API key that goes with the secret."""


class Intake(Strict):
    """Where events about recordings come in; closed until a sender or a queue is named."""

    source: str | None = None
    """The source that events are about, by its name in `sources`."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8780
    tolerance_seconds: Annotated[int, Field(ge=30, le=900)] = 300
    senders: tuple[Sender, ...] = ()
    queues: tuple[Queue, ...] = ()


class Compliance(Strict):
    """Rules, and what follows when one is broken. Everything written back holds codes, never what was said."""

    rules: str | None = None
    """A rules file below the workspace; without it the packaged rules."""
    annotate: bool = True
    """A bookmark on the recording at the place."""
    label: bool = True
    """A label on the conversation: its external tag, or an attribute where the tag is yours."""
    work_item_type: str | None = None
    """The id of the work type; without it no work item is made."""
    work_item_queue: str | None = None
    work_item_priority: Annotated[int, Field(ge=-25_000_000, le=25_000_000)] = 1000
    callback_queue: str | None = None
    callback_number: SecretRef | None = None
    """The supervisor's number; with `callback_queue`, a callback is asked for, once."""
    engine: ComplianceEngine | None = None
    """Judges in place of the rules."""


class Policy(Strict):
    """The whole file. `version` is its own; `digest` (see load.py) goes into every ledger entry."""

    version: str = "1"
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = "default"
    environment: Literal["development", "production"] = "development"
    purpose: Purpose = Purpose.AI_TRAINING
    sources: dict[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")], Source]
    lawful_basis: Basis
    consent: Consent = Consent()
    exclusions: Exclusions = Exclusions()
    selection: Selection = Selection()
    redaction: Redaction = Redaction()
    anonymization: Anonymization = Anonymization()
    corpus: Corpus = Corpus()
    keys: Keys = FileKeys()
    storage: Storage = Storage()
    database: Database = Database()
    ledger: Ledger = Ledger()
    retention: Retention = Retention()
    erasure: Erasure = Erasure()
    openlineage: OpenLineage = OpenLineage()
    access: Access = Access()
    models: Models = Models()
    intake: Intake = Intake()
    compliance: Compliance = Compliance()
    agreements: Agreements = Agreements()
    residency: Residency = Residency()
    analytics: Analytics = Analytics()
    delivery: Delivery = Delivery()

    def for_analytics(self) -> Policy:
        """The same policy as the analytics line reads it: its own ground and exclusions, and all that qualifies."""
        line = self.analytics
        return self.model_copy(
            update={
                "purpose": Purpose.ANALYTICS,
                "lawful_basis": line.lawful_basis or self.lawful_basis,
                "consent": line.consent,
                "exclusions": line.exclusions,
                "anonymization": line.anonymization,
                "selection": Selection(target_hours=EVERYTHING_H, stratify_by=()),
            }
        )
