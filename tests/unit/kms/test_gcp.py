"""Google Cloud KMS, over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from sottovoce.domain.confidential import Confidential
from sottovoce.errors import KeyRefused, KeyShredded, KeyUnavailable, SealBroken
from sottovoce.kms.crc32c import crc32c
from sottovoce.kms.gcp import MAX_BLOB, GcpKms
from sottovoce.kms.protocol import KeyState, WrappedKey
from sottovoce.testing.kms_gcp import KEY_RING, GcpServer

CONTEXT = {"app": "sottovoce", "tenant": "acme", "epoch": "2026-11.0"}
KEY = Confidential(bytes(range(32)))


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def service(clock) -> Iterator[GcpServer]:
    with GcpServer(clock=clock) as running:
        yield running


@pytest.fixture
def connect(service, clock):
    return lambda **fields: GcpKms.connect(
        **{"endpoint": service.url, "key_ring": KEY_RING, "clock": clock, "patience_s": 0.3, **fields}
    )


@pytest.fixture
def kms(connect) -> GcpKms:
    return connect()


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (b"123456789", 0xE3069283),
        (b"", 0),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_checksums_are_those_of_rfc_3720(data, checksum):
    """Appendix B.4, and the catalogue's check value."""
    assert crc32c(data) == checksum


def test_a_damaged_answer_is_not_believed(kms, service):
    """Its checksum does not fit: neither the blob nor the key is taken, and asking again is worth it."""
    key = kms.create_key(CONTEXT)
    wrapped = kms.wrap(KEY, CONTEXT, key_id=key)
    service.damaging = True
    for ask in (lambda: kms.wrap(KEY, CONTEXT, key_id=key), lambda: kms.unwrap(wrapped, CONTEXT)):
        with pytest.raises(KeyUnavailable, match="damaged"):
            ask()
    service.damaging = False
    assert kms.unwrap(wrapped, CONTEXT) == KEY


def test_a_service_that_did_not_look_at_our_checksums_is_not_believed(kms, service):
    """What it wrapped may not be what was sent."""
    key = kms.create_key(CONTEXT)
    service.ignoring = True
    with pytest.raises(KeyUnavailable, match="damaged"):
        kms.wrap(KEY, CONTEXT, key_id=key)


def test_a_request_damaged_on_its_way_is_refused_by_the_service(kms, monkeypatch):
    """A checksum that does not fit what arrived is an invalid argument there."""
    key = kms.create_key(CONTEXT)
    monkeypatch.setattr("sottovoce.kms.gcp.crc32c", lambda data: crc32c(data) ^ 1)
    with pytest.raises(KeyRefused):
        kms.wrap(KEY, CONTEXT, key_id=key)


def test_the_waiting_time_is_set_when_the_key_is_made(connect, clock):
    """And after it the material is gone, and the name says so."""
    kms = connect(waiting_days=3)
    key = kms.create_key(CONTEXT)
    wrapped = kms.wrap(KEY, CONTEXT, key_id=key)
    first = kms.schedule_destroy(key)
    assert (first.state, first.final_at) == (KeyState.PENDING, clock.now + timedelta(days=3))
    clock.now = first.final_at
    assert kms.key_state(key) is KeyState.DESTROYED
    assert kms.schedule_destroy(key).final_at == first.final_at
    with pytest.raises(KeyShredded):
        kms.unwrap(wrapped, CONTEXT)


def test_a_standing_key_serves_every_epoch(kms, connect):
    """By its primary version."""
    key = kms.create_key(CONTEXT)
    name = key.split("/")[-3]
    standing = connect(standing_key=name)
    assert standing.create_key(CONTEXT) == key
    assert not standing.capabilities.key_per_epoch
    with pytest.raises(KeyRefused):
        connect(standing_key="none").create_key(CONTEXT)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, KeyUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, KeyUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, KeyUnavailable),
        (grpc.StatusCode.INTERNAL, KeyUnavailable),
        (grpc.StatusCode.PERMISSION_DENIED, KeyRefused),
        (grpc.StatusCode.UNAUTHENTICATED, KeyRefused),
        (grpc.StatusCode.NOT_FOUND, KeyRefused),
    ],
)
def test_what_the_service_says_no_with_is_told_in_our_words(kms, service, code, error):
    """Only what may pass by itself is retryable."""
    key = kms.create_key(CONTEXT)
    service.failing = code
    with pytest.raises(error) as refusal:
        kms.wrap(KEY, CONTEXT, key_id=key)
    assert type(refusal.value) is error
    assert "double" not in str(refusal.value) + refusal.value.hint
    assert refusal.value.__suppress_context__


def test_reach_reads_the_key_ring(kms, connect):
    """One that is not there is refused."""
    assert kms.reach().service_time is None
    with pytest.raises(KeyRefused):
        connect(key_ring=KEY_RING + "x").reach()


@pytest.mark.parametrize("size", [0, MAX_BLOB + 1])
def test_a_blob_of_a_size_the_service_does_not_take_is_broken(kms, size):
    """It is not even asked."""
    with pytest.raises(SealBroken):
        kms.unwrap(WrappedKey(kms="gcp-kms", key_id=kms.create_key(CONTEXT), blob=bytes(size)), CONTEXT)


def test_credentials_that_are_no_service_account_are_refused():
    """Without repeating what they are."""
    with pytest.raises(KeyRefused) as refusal:
        GcpKms.connect(key_ring=KEY_RING, clock=Clock(), credentials=Confidential('{"private_key": "hush"}'))
    assert "hush" not in str(refusal.value)
    assert refusal.value.__suppress_context__
