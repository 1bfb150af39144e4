"""AWS KMS, over its wire protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.aws import MAX_BLOB, AwsKms
from sottovoce.kms.protocol import KeyState, WrappedKey
from sottovoce.testing.kms_aws import REGION, StrictKms
from sottovoce.testing.kms_loopback import Reply
from sottovoce.vault.keystore import KeyStore

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
KEY = Confidential(bytes(range(32)))
ANY = Confidential("any")
SECRET_WORDS = "arn 111122223333 and what the service said"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock) -> Iterator[StrictKms]:
    with StrictKms(clock=clock) as running:
        yield running


@pytest.fixture
def connect(service, clock):
    def connected(**fields) -> AwsKms:
        return AwsKms.connect(
            region=REGION, clock=clock, endpoint=service.url, access_key=ANY, secret_key=ANY, **fields
        )

    return connected


@pytest.fixture
def kms(connect) -> AwsKms:
    provider = connect()
    provider._sleep = lambda seconds: None
    return provider


def without_retries(provider: AwsKms) -> AwsKms:
    """The same over a client that asks once, so that an outage is seen at once."""
    import boto3
    from botocore.config import Config

    provider._client = boto3.client(
        "kms",
        region_name=REGION,
        endpoint_url=provider._client.meta.endpoint_url,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=2),
    )
    return provider


def test_an_epochs_key_is_tagged_with_its_context(kms, service):
    """Whoever lists the account's keys sees what each is for."""
    tags = service.tags(kms.create_key(CONTEXT))
    assert tags == {"sottovoce:app": "sottovoce", "sottovoce:tenant": "acme", "sottovoce:epoch": "2026-11.0"}


def test_a_standing_key_serves_every_epoch(kms, connect, service):
    """By ARN or alias; ids are then the key's ARN, and no key is made."""
    arn = kms.create_key(CONTEXT)
    kms._client.create_alias(AliasName="alias/ours", TargetKeyId=arn)
    standing = connect(standing_key="alias/ours")
    made = service.called.count("CreateKey")
    assert standing.create_key(CONTEXT) == standing.create_key({**CONTEXT, "epoch": "2026-12.0"}) == arn
    assert not standing.capabilities.key_per_epoch
    assert service.called.count("CreateKey") == made
    assert standing.reach().service_time is not None


def test_rewrapping_never_brings_the_key_here(kms, service):
    """ReEncrypt is asked, and neither Decrypt nor Encrypt."""
    old, new = kms.create_key(CONTEXT), kms.create_key(CONTEXT)
    wrapped = kms.wrap(KEY, CONTEXT, key_id=old)
    service.called.clear()
    moved = kms.rewrap(wrapped, CONTEXT, key_id=new)
    assert service.called == ["ReEncrypt"]
    assert kms.unwrap(moved, CONTEXT) == KEY


def test_a_destroyed_key_is_pending_for_its_days_and_then_gone(kms, clock):
    """At its final date PENDING becomes DESTROYED; asking again still answers."""
    key = kms.create_key(CONTEXT)
    wrapped = kms.wrap(KEY, CONTEXT, key_id=key)
    final = kms.schedule_destroy(key).final_at
    assert final == clock.now + timedelta(days=7)
    clock.now = final
    assert kms.key_state(key) is KeyState.DESTROYED
    assert kms.schedule_destroy(key).state is KeyState.DESTROYED
    with pytest.raises(KeyShredded):
        kms.unwrap(wrapped, CONTEXT)


def test_a_deletion_that_was_taken_back_leaves_a_frozen_key(kms):
    """CancelKeyDeletion leaves it disabled, and nothing is lost."""
    key = kms.create_key(CONTEXT)
    wrapped = kms.wrap(KEY, CONTEXT, key_id=key)
    kms.schedule_destroy(key)
    kms._client.cancel_key_deletion(KeyId=key)
    assert kms.key_state(key) is KeyState.FROZEN
    kms.thaw(key)
    assert kms.unwrap(wrapped, CONTEXT) == KEY


@pytest.mark.parametrize("days", [6, 31])
def test_a_waiting_time_the_service_does_not_take_is_refused_here(connect, days):
    """7 to 30 days."""
    with pytest.raises(KeyRefused):
        connect(waiting_days=days)


def test_a_new_key_may_take_a_while_to_be_known(connect, service):
    """KMS is eventually consistent: wrapping under a key that was just made waits for it."""
    slept = []
    kms = connect()
    kms._sleep = slept.append
    key = kms.create_key(CONTEXT)
    service.unseen[key.rpartition("/")[2]] = 2
    assert kms.unwrap(kms.wrap(KEY, CONTEXT, key_id=key), CONTEXT) == KEY
    assert slept == [0.25, 0.5]


@pytest.mark.parametrize("size", [0, MAX_BLOB + 1])
def test_a_blob_of_a_size_the_service_does_not_take_is_broken(kms, service, size):
    """It is not even asked."""
    key = kms.create_key(CONTEXT)
    asked = len(service.called)
    with pytest.raises(SealBroken):
        kms.unwrap(WrappedKey(kms="aws-kms", key_id=key, blob=bytes(size)), CONTEXT)
    assert len(service.called) == asked


def test_a_context_over_the_services_limit_is_refused(kms):
    """8 KiB."""
    with pytest.raises(KeyRefused, match="8 KiB"):
        kms.wrap(KEY, {"tenant": "t" * 9000}, key_id=kms.create_key(CONTEXT))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "ThrottlingException", KeyUnavailable),
        (500, "KMSInternalException", KeyUnavailable),
        (500, "DependencyTimeoutException", KeyUnavailable),
        (503, "Whatever", KeyUnavailable),
        (429, "Whatever", KeyUnavailable),
        (400, "AccessDeniedException", KeyRefused),
        (400, "UnrecognizedClientException", KeyRefused),
        (400, "ExpiredTokenException", KeyRefused),
        (400, "LimitExceededException", KeyRefused),
        (400, "InvalidKeyUsageException", KeyRefused),
        (400, "InvalidCiphertextException", SealBroken),
        (400, "IncorrectKeyException", SealBroken),
        (400, "DisabledException", KeyRefused),
        (400, "NotFoundException", KeyShredded),
    ],
)
def test_what_the_service_says_no_with_is_told_in_our_words(kms, service, status, code, error):
    """Only what may pass by itself is retryable; the service's own message is nowhere."""
    wrapped = kms.wrap(KEY, CONTEXT, key_id=kms.create_key(CONTEXT))
    service.server.failing = Reply(status=status, json={"__type": code, "message": SECRET_WORDS})
    with pytest.raises(error) as refusal:
        without_retries(kms).unwrap(wrapped, CONTEXT)
    assert type(refusal.value) is error
    assert refusal.value.retryable == (error is KeyUnavailable)
    assert "service said" not in str(refusal.value) + refusal.value.hint
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__


def test_a_service_that_does_not_answer_is_unavailable(kms, service):
    """Retryable: nothing is known about the key."""
    wrapped = kms.wrap(KEY, CONTEXT, key_id=kms.create_key(CONTEXT))
    without_retries(kms)
    service.server.stop()
    with pytest.raises(KeyUnavailable) as outage:
        kms.unwrap(wrapped, CONTEXT)
    assert outage.value.retryable


def test_a_blob_under_a_key_of_another_account_is_shredded_or_refused(kms):
    """An ARN that is well formed and unknown means gone; anything else is a name we never had."""
    wrapped = kms.wrap(KEY, CONTEXT, key_id=kms.create_key(CONTEXT))
    gone = "arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    with pytest.raises(KeyShredded):
        kms.unwrap(replace(wrapped, key_id=gone), CONTEXT)
    with pytest.raises(KeyRefused):
        kms.unwrap(replace(wrapped, key_id="alias/none"), CONTEXT)


def test_without_credentials_it_is_refused_and_not_retried(service, clock, monkeypatch):
    """A machine without a role is no outage."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "none")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    kms = AwsKms.connect(region=REGION, clock=clock, endpoint=service.url)
    with pytest.raises(KeyRefused) as refusal:
        kms.create_key(CONTEXT)
    assert not refusal.value.retryable


def test_the_service_is_asked_for_each_epoch_and_not_for_each_recording(kms, service, clock, tmp_path):
    """Cost and quota do not grow with recordings; after five minutes it is asked once more."""
    store = KeyStore.open(base=tmp_path, tenant="acme", provider=kms, clock=clock)
    for number in range(200):
        store.get_or_create(f"r{number}")
    assert service.called == ["CreateKey", "Encrypt", "Decrypt"]
    clock.now += timedelta(minutes=5)
    store.unwrap("r0")
    store.unwrap("r1")
    assert service.called == ["CreateKey", "Encrypt", "Decrypt", "Decrypt"]
    store.close()
