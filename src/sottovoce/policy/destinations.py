"""Where redacted recordings are handed over, as a policy says it (SPEC 10.1).

Endpoints, accounts and keys are the customer's own: nothing here knows a vendor's address. How a vendor wants its
audio is in a profile; a destination may change the parts it must.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sottovoce.policy.strict import SecretRef, Strict

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
"""Short enough that `line:recording:destination` fits where ids are kept."""

HttpsUrl = Annotated[str, Field(pattern=r"^https://[^\s@]+$")]
JsonPath = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*$")]
"""Names joined by dots: where something stands in an answer."""

CallFact = Literal[
    "id",
    "audio_name",
    "audio_digest",
    "audio_bytes",
    "started_at",
    "ended_at",
    "duration_s",
    "language",
    "direction",
    "queue_category",
    "agent",
    "customer",
    "channels",
    "active_ratio",
    "pipeline_version",
]
"""All that can be said of a call. `agent` and `customer` are pseudonyms, another for each destination."""


class _Destination(Strict):
    profile: str = "generic"
    """A profile by name, or `file:` and a profile of your own below the workspace."""
    transcript: bool = False
    """Send the redacted transcript with the sound."""
    fields: dict[str, CallFact] | None = None
    """What the metadata say, by the vendor's names; the profile's own when not given."""
    minimum_active_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Below it the receipt warns; the profile's own when not given."""
    tries: Annotated[int, Field(ge=1, le=10)] = 4
    deadline_s: Annotated[int, Field(ge=5, le=3600)] = 300
    """For one delivery with all its tries."""


class BucketDestination(_Destination):
    """An object store, in another account as a rule."""

    kind: Literal["bucket"]
    url: Annotated[str, Field(pattern=r"^(s3://|gs://|az://|file:).+$")]
    """`s3://bucket/prefix`, `gs://…`, `az://container/prefix`, or `file:` below the workspace."""
    endpoint: str | None = None
    region: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    account: str | None = None
    """Azure: the storage account. Amazon: the id of the account that must own the bucket."""
    credentials: SecretRef | None = None
    """Google: a service account's key, as JSON. Azure: the account's key."""
    role: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")] | None = None
    """Amazon: the role of the other account that is assumed."""
    external_id: SecretRef | None = None
    """What the other account asks for when its role is assumed."""
    sts_endpoint: str | None = None
    """Where the role is assumed, when it is not at Amazon's own STS."""
    session_minutes: Annotated[int, Field(ge=15, le=720)] = 60
    kms_key: str | None = None
    """Amazon: the key the objects are encrypted with (SSE-KMS)."""
    tags: dict[str, Annotated[str, Field(pattern=r"^[A-Za-z0-9 _.:/=+@-]{0,256}$")]] = Field(
        default_factory=lambda: {"DataClass": "Analytics", "PIIStatus": "Redacted"}
    )


class OAuthLogin(Strict):
    """OAuth 2.0 client credentials (RFC 6749 section 4.4)."""

    kind: Literal["oauth"]
    token_url: HttpsUrl
    client_id: SecretRef
    client_secret: SecretRef
    scope: str | None = None
    audience: str | None = None
    secret_in_body: bool = False
    """The client's secret goes into the form instead of the Authorization header."""


class ApiKeyLogin(Strict):
    kind: Literal["api_key"]
    key: SecretRef
    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "Authorization"
    scheme: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,32}$")] = ""
    """Stands before the key, as `Bearer` does."""


Login = Annotated[OAuthLogin | ApiKeyLogin, Field(discriminator="kind")]


class ConfirmByStatus(Strict):
    """The vendor says what it has: its digest is compared with ours."""

    kind: Literal["status"]
    url: HttpsUrl
    """With `{id}`, `{name}` or `{reference}`, the last being what the vendor called it."""
    digest_field: JsonPath = "sha256"
    digest: Literal["sha256", "md5"] = "sha256"
    state_field: JsonPath | None = None
    pending: tuple[str, ...] = ()
    """States in which it is asked again."""


class ConfirmByReading(Strict):
    """What lies there is read back."""

    kind: Literal["read"]
    url: HttpsUrl


class ConfirmByAnswer(Strict):
    """The answer to the delivery states the digest of what was kept."""

    kind: Literal["answer"]
    digest_field: JsonPath = "sha256"
    digest: Literal["sha256", "md5"] = "sha256"


class ConfirmWaived(Strict):
    """The vendor's word is believed: somebody says so, and why. Receipts call such a delivery unconfirmed."""

    kind: Literal["waived"]
    who: Annotated[str, Field(min_length=1)]
    why: Annotated[str, Field(min_length=1)]


Confirm = Annotated[ConfirmByStatus | ConfirmByReading | ConfirmByAnswer | ConfirmWaived, Field(discriminator="kind")]


UploadFact = Literal["id", "name", "size", "sha256", "content_type"]


def _upload_fields() -> dict[str, UploadFact]:
    return {"fileName": "name", "contentType": "content_type"}


class UploadRequest(Strict):
    """How an upload address is asked for, and where it stands in the answer."""

    fields: dict[str, UploadFact] = Field(default_factory=_upload_fields)
    url_field: JsonPath = "url"
    headers_field: JsonPath | None = None
    reference_field: JsonPath = "id"


class HttpsDestination(_Destination):
    """A vendor's ingestion interface."""

    kind: Literal["https"]
    url: HttpsUrl
    """Where multipart goes to, or an upload address is asked for."""
    way: Literal["multipart", "presigned"] = "multipart"
    upload: UploadRequest = UploadRequest()
    upload_hosts: tuple[Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:\d{1,5})?$")], ...] = ()
    """Hosts (with port where not 443) that upload addresses may lie on, word for word."""
    login: Login | None = None
    client_certificate: SecretRef | None = None
    """Certificate and key as PEM, for a vendor that asks for one (mTLS)."""
    ca: SecretRef | None = None
    """Who signs the vendor's certificate, as PEM, where it is nobody public."""
    private_network: bool = False
    """The vendor's hosts may have addresses that are not public."""
    idempotency_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] = "Idempotency-Key"
    honours_idempotency: bool = False
    """Whether the vendor takes the same key once only; where it cannot be asked either, nothing is sent twice."""
    reference_field: JsonPath = "id"
    """Where the answer says what the vendor calls it."""
    confirm: Confirm
    delete_url: HttpsUrl | None = None
    """With `{id}`, `{name}` or `{reference}`: takes back what was delivered."""


class SftpDestination(_Destination):
    kind: Literal["sftp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    user: str
    private_key: SecretRef
    passphrase: SecretRef | None = None
    host_key: Annotated[str, Field(pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,2}$")]
    """The server's public key as in `known_hosts`, such as `ssh-ed25519 AAAA…`: no other is spoken to."""
    folder: str = "."


Destination = Annotated[BucketDestination | HttpsDestination | SftpDestination, Field(discriminator="kind")]


class Delivery(Strict):
    """Who is given redacted recordings."""

    destinations: dict[Name, Destination] = Field(default_factory=dict)
    objective_minutes: Annotated[int, Field(ge=1, le=1440)] = 15
    """From the end of a call to its delivery."""
