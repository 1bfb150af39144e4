"""From the policy's `keys` to a key provider, secrets read by reference.

Nothing is sent yet, and only the library of the provider that is named is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from sottovoce.domain.confidential import Confidential
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.protocol import KeyProvider
from sottovoce.policy.key_services import (
    AnyKeys,
    AwsKmsKeys,
    AzureKeyVaultKeys,
    FileKeys,
    GcpKmsKeys,
    Pkcs11Keys,
    TransitKeys,
)
from sottovoce.settings import Workspace, resolve_secret

if TYPE_CHECKING:
    from sottovoce.kms.transit import SignIn

Clock = Callable[[], datetime]


def open_provider(keys: AnyKeys, *, workspace: Workspace, environment: str, clock: Clock) -> KeyProvider:
    """The provider a policy names, its secrets read. Nothing is sent yet, but by the file ring, which is opened."""
    match keys:
        case FileKeys():
            passphrase = resolve_secret(keys.passphrase, base=workspace.root)
            return FileKeyRing.open(workspace.key_ring, passphrase, clock=clock, environment=environment)
        case AwsKmsKeys():
            return _aws(keys, workspace, clock)
        case Pkcs11Keys():
            return _hsm(keys, workspace, clock)
        case TransitKeys():
            return _transit(keys, workspace, clock)
        case GcpKmsKeys():
            return _gcp(keys, workspace, clock)
        case AzureKeyVaultKeys():
            return _azure(keys, workspace, clock)
        case _:
            assert_never(keys)


def _secret(reference: str | None, workspace: Workspace) -> Confidential[str] | None:
    return None if reference is None else resolve_secret(reference, base=workspace.root)


def _file(name: str | None, workspace: Workspace) -> str | None:
    return None if name is None else str(workspace.root / Path(name))


def _aws(keys: AwsKmsKeys, workspace: Workspace, clock: Clock) -> KeyProvider:
    from sottovoce.kms.aws import AwsKms

    return AwsKms.connect(
        region=keys.region,
        clock=clock,
        endpoint=keys.endpoint,
        access_key=_secret(keys.access_key, workspace),
        secret_key=_secret(keys.secret_key, workspace),
        standing_key=keys.key,
        waiting_days=keys.waiting_days,
    )


def _hsm(keys: Pkcs11Keys, workspace: Workspace, clock: Clock) -> KeyProvider:
    from sottovoce.kms.hsm import Pkcs11Token

    pin = resolve_secret(keys.pin, base=workspace.root)
    return Pkcs11Token.connect(module=keys.module, label=keys.token_label, pin=pin, clock=clock)


def _transit(keys: TransitKeys, workspace: Workspace, clock: Clock) -> KeyProvider:
    from sottovoce.kms.transit import Transit

    return Transit.connect(
        url=keys.url,
        sign_in=_sign_in(keys, workspace),
        clock=clock,
        mount=keys.mount,
        namespace=keys.namespace,
        standing_key=keys.key,
        ca=_file(keys.ca, workspace),
    )


def _sign_in(keys: TransitKeys, workspace: Workspace) -> SignIn:
    from sottovoce.kms.transit import by_app_role, by_token

    role, secret = _secret(keys.role_id, workspace), _secret(keys.secret_id, workspace)
    if role is not None and secret is not None:
        return by_app_role(role, secret)
    return by_token(resolve_secret(keys.token or "", base=workspace.root))


def _gcp(keys: GcpKmsKeys, workspace: Workspace, clock: Clock) -> KeyProvider:
    from sottovoce.kms.gcp import GcpKms

    return GcpKms.connect(
        key_ring=keys.key_ring,
        clock=clock,
        standing_key=keys.key,
        hardware=keys.protection == "hsm",
        waiting_days=keys.waiting_days,
        endpoint=keys.endpoint,
        credentials=_secret(keys.credentials, workspace),
    )


def _azure(keys: AzureKeyVaultKeys, workspace: Workspace, clock: Clock) -> KeyProvider:
    from sottovoce.kms.azure import AzureKeyVault, by_application, by_machine

    client_id, client_secret = _secret(keys.client_id, workspace), _secret(keys.client_secret, workspace)
    credential = (
        by_application(directory=keys.directory, client_id=client_id, client_secret=client_secret)
        if keys.directory and client_id and client_secret
        else by_machine()
    )
    return AzureKeyVault.connect(
        url=keys.url,
        credential=credential,
        clock=clock,
        kind=keys.kind,
        standing_key=keys.key,
        waiting_days=keys.waiting_days,
        ca=_file(keys.ca, workspace),
    )
