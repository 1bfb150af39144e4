"""Which stand-ins for key services may carry a test of shredding: those that refuse a destroyed and a frozen key."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyFrozen, KeyRefused, KeyShredded
from sottovoce.kms.aws import AwsKms
from sottovoce.kms.file_keyring import FileKeyRing
from sottovoce.kms.protocol import KeyProvider
from sottovoce.kms.transit import Transit, by_token
from sottovoce.testing.keys import MemoryKeys
from sottovoce.testing.kms_aws import REGION, StrictKms
from sottovoce.testing.kms_honesty import Wrong, wrongs_of
from sottovoce.testing.kms_transit import ROOT_TOKEN, TransitServer

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
ANY = Confidential("any")


def now() -> datetime:
    return datetime(2026, 11, 21, tzinfo=UTC)


def provider_of(kind: str, folder: Path, running: ExitStack) -> KeyProvider:
    if kind == "ring":
        return FileKeyRing.create(folder / "keys.ring", Confidential("correct horse"), clock=now)
    if kind == "memory":
        return MemoryKeys(clock=now)
    if kind == "transit":
        vault = running.enter_context(TransitServer(clock=now))
        return Transit.connect(url=vault.url, sign_in=by_token(Confidential(ROOT_TOKEN)), clock=now)
    service = running.enter_context(StrictKms(clock=now))
    return AwsKms.connect(region=REGION, clock=now, endpoint=service.url, access_key=ANY, secret_key=ANY)


def opens_after(provider: KeyProvider, what: str) -> bool:
    """Whether a key that was frozen or destroyed at the service still opens what it wrapped."""
    key_id = provider.create_key(CONTEXT)
    wrapped = provider.wrap(Confidential(b"k" * 32), CONTEXT, key_id=key_id)
    getattr(provider, what)(key_id)
    try:
        provider.unwrap(wrapped, CONTEXT)
    except (KeyShredded, KeyRefused, KeyFrozen):
        return False
    return True


@pytest.mark.parametrize("what", ["freeze", "schedule_destroy"])
@pytest.mark.parametrize("kind", ["ring", "memory", "transit", "aws"])
def test_those_that_are_relied_on_refuse(kind, what, tmp_path):
    """A destroyed key and a frozen one open nothing."""
    with ExitStack() as running:
        assert not opens_after(provider_of(kind, tmp_path, running), what)


def test_moto_is_found_out():
    """It lets both open: whoever rested a shredding test on it would have proved nothing."""
    moto, boto3 = pytest.importorskip("moto"), pytest.importorskip("boto3")
    with moto.mock_aws():
        client = boto3.client("kms", region_name=REGION, aws_access_key_id="any", aws_secret_access_key="any")
        assert wrongs_of(client) >= {Wrong.DISABLED_DECRYPTS, Wrong.PENDING_DECRYPTS}


def test_no_shredding_test_takes_its_keys_from_moto():
    """moto stands for S3 there, and for no key service."""
    for path in sorted(Path(inspect.getfile(provider_of)).parent.glob("test_*.py")):
        if path.name != Path(__file__).name:
            assert "mock_aws" not in path.read_text(encoding="utf-8"), path.name
