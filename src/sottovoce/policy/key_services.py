"""The policy's `keys`: one class for each provider, told apart by `provider`; the file key ring where none is named."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from sottovoce.policy.strict import SecretRef, Strict


class FileKeys(Strict):
    provider: Literal["file"] = "file"
    passphrase: SecretRef = "env:SOTTOVOCE_PASSPHRASE"  # noqa: S105 - says where it is
    epoch: Literal["month"] = "month"


_STANDING_KEY = Field(min_length=1, max_length=512)


class AwsKmsKeys(Strict):
    provider: Literal["aws-kms"]
    region: str
    key: Annotated[str, _STANDING_KEY] | None = None
    """A standing key's ARN or alias; without it every epoch gets a key of its own, and can be destroyed alone."""
    waiting_days: Annotated[int, Field(ge=7, le=30)] = 7
    endpoint: str | None = None
    access_key: SecretRef | None = None
    secret_key: SecretRef | None = None
    epoch: Literal["month"] = "month"


class Pkcs11Keys(Strict):
    provider: Literal["pkcs11"]
    module: str
    """The shared library of the HSM's maker."""
    token_label: str
    pin: SecretRef
    epoch: Literal["month"] = "month"


class TransitKeys(Strict):
    provider: Literal["transit"]
    url: str
    mount: str = "transit"
    namespace: str | None = None
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")] | None = None
    """A standing key's name; without it every epoch gets a key of its own."""
    token: SecretRef | None = None
    role_id: SecretRef | None = None
    secret_id: SecretRef | None = None
    ca: str | None = None
    epoch: Literal["month"] = "month"


class GcpKmsKeys(Strict):
    provider: Literal["gcp-kms"]
    key_ring: Annotated[str, Field(pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+$")]
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,63}$")] | None = None
    """A standing key of that ring; without it every epoch gets a key of its own."""
    protection: Literal["software", "hsm"] = "software"
    waiting_days: Annotated[int, Field(ge=1, le=120)] = 30
    endpoint: str | None = None
    credentials: SecretRef | None = None
    epoch: Literal["month"] = "month"


class AzureKeyVaultKeys(Strict):
    provider: Literal["azure-key-vault"]
    url: str
    """`https://NAME.vault.azure.net`, or a Managed HSM's `https://NAME.managedhsm.azure.net`."""
    key: Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,127}$")] | None = None
    """A standing key's name; without it every epoch gets a key of its own."""
    kind: Literal["rsa", "rsa-hsm", "oct-hsm"] = "rsa-hsm"
    waiting_days: Annotated[int, Field(ge=7, le=90)] = 90
    directory: str | None = None
    client_id: SecretRef | None = None
    client_secret: SecretRef | None = None
    ca: str | None = None
    epoch: Literal["month"] = "month"


def _file_by_default(given: Any) -> Any:
    """A section without `provider` means the file key ring, as it did when there was no other."""
    return {"provider": "file", **given} if isinstance(given, dict) else given


AnyKeys = FileKeys | AwsKmsKeys | Pkcs11Keys | TransitKeys | GcpKmsKeys | AzureKeyVaultKeys
Keys = Annotated[Annotated[AnyKeys, Field(discriminator="provider")], BeforeValidator(_file_by_default)]
