"""A vendor's interface: who is spoken to, with what, for how long, and what is believed."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sottovoce.delivery.failures import (
    DeliveryForbidden,
    DeliveryLost,
    DeliveryRefused,
    DeliveryUnavailable,
    DeliveryUnknown,
)
from sottovoce.delivery.hosts import upload_headers, upload_url
from sottovoce.delivery.https import IngestionDestination
from sottovoce.delivery.login import KeyLogin, TokenLogin
from sottovoce.delivery.packing import Order, Packer
from sottovoce.delivery.parcel import CallFacts, Errand, Parcel
from sottovoce.delivery.profile import load_profile
from sottovoce.delivery.protocol import How, Placed
from sottovoce.delivery.wire import MOST_ANSWER, Wire
from sottovoce.domain.confidential import Confidential
from sottovoce.network import CheckedBackend, CheckedTransport
from sottovoce.policy.destinations import HttpsDestination
from sottovoce.testing.delivery import ROLES, MemorySeals, redacted_parts
from sottovoce.testing.ingestion import API_KEY, CLIENT, Vendor, VendorFault, ingesting
from sottovoce.wiring.delivery import SpeechStudio

ALLOWED = frozenset({"uploads.vendor.example", "uploads.vendor.example:8443"})


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def vendor(tmp_path: Path, stack: ExitStack) -> Vendor:
    return stack.enter_context(ingesting(tmp_path))


def connect(
    vendor: Vendor, stack: ExitStack, *, loopback: bool = True, certificate: Path | None = None
) -> httpx.Client:
    tls = ssl.create_default_context(cadata=vendor.authority.ca.read_text())
    if certificate:
        tls.load_cert_chain(certificate)
    backend = CheckedBackend(loopback=loopback, refusal=DeliveryRefused)
    transport = CheckedTransport(backend=backend, tls=tls)
    return stack.enter_context(httpx.Client(transport=transport, trust_env=False, timeout=5))


def destination(
    vendor: Vendor, stack: ExitStack, *, login: Any = None, http: httpx.Client | None = None, request_s: float = 2.0, **keys: Any
) -> IngestionDestination:  # fmt: skip
    given = {
        "kind": "https",
        "url": f"{vendor.url}/calls",
        "confirm": {"kind": "status", "url": f"{vendor.url}/calls/{{id}}"},
        **keys,
    }
    wire = Wire(connect=lambda: http or connect(vendor, stack), monotonic=time.monotonic, now=now, request_s=request_s)
    settings = HttpsDestination.model_validate(given)
    multipart = load_profile("callminer", base=Path()).multipart
    return IngestionDestination(settings=settings, wire=wire, login=login, multipart=multipart)


@pytest.fixture
def parcel() -> Parcel:
    seals = MemorySeals()
    sealed = seals.seal("ab" * 16, redacted_parts())
    errand = Errand(line="analytics", recording=sealed.ref.key, destination="vendor")
    order = Order(errand=errand, profile=load_profile("callminer", base=Path()), minimum_active_ratio=0.0)
    return Packer(vault=seals, studio=SpeechStudio(), version="1").pack(sealed, CallFacts(roles=ROLES), order)


def put(given: IngestionDestination, parcel: Parcel) -> Placed:
    return given.put(parcel, key=parcel.waybill.mark)


def token_login(
    vendor: Vendor, *, secret: str = CLIENT[1], in_body: bool = False, monotonic: Any = time.monotonic
) -> TokenLogin:
    return TokenLogin(
        token_url=f"{vendor.url}/token",
        client_id=lambda: Confidential(CLIENT[0]),
        client_secret=lambda: Confidential(secret),
        scope="ingest",
        audience=None,
        secret_in_body=in_body,
        monotonic=monotonic,
    )


def test_one_request_carries_the_profiles_fields_and_the_key(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """Field names are the profile's; the idempotency key and the correlation id are the delivery's mark."""
    put(destination(vendor, stack, idempotency_header="X-Once"), parcel)
    (headers,) = vendor.headers
    assert headers["x-once"] == headers["x-correlation-id"] == parcel.waybill.mark
    assert b'name="media"; filename=' in vendor.sent[0] and b'name="metadata"; filename=' in vendor.sent[0]


def test_a_server_of_another_authority_is_not_spoken_to(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """TLS is checked: without the vendor's authority nothing is sent."""
    strange = stack.enter_context(httpx.Client(verify=ssl.create_default_context(), trust_env=False))
    with pytest.raises(DeliveryUnavailable):
        put(destination(vendor, stack, http=strange), parcel)
    assert list(vendor.everything()) == []


def test_a_vendor_that_asks_for_a_certificate_gets_ours(tmp_path: Path, stack: ExitStack, parcel: Parcel) -> None:
    """mTLS: with ours it works, without it there is no connection."""
    (tmp_path / "strict").mkdir()
    strict = stack.enter_context(ingesting(tmp_path / "strict", with_client_certificates=True))
    shown = connect(strict, stack, certificate=strict.authority.client)
    assert put(destination(strict, stack, http=shown), parcel).is_answered
    with pytest.raises(DeliveryUnavailable):
        put(destination(strict, stack), parcel)


def test_hosts_that_lie_inside_are_refused_before_anything_is_sent(
    vendor: Vendor, stack: ExitStack, parcel: Parcel
) -> None:
    """An address that is not public is not connected to, unless the policy says that it may be."""
    with pytest.raises(DeliveryRefused):
        put(destination(vendor, stack, http=connect(vendor, stack, loopback=False)), parcel)
    assert list(vendor.everything()) == []


def test_the_machines_proxies_are_not_used(
    vendor: Vendor, stack: ExitStack, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment would see everything: it is not asked."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert put(destination(vendor, stack), parcel).is_answered


def test_a_redirect_is_refused(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """Nothing follows the vendor elsewhere."""
    vendor.faults.append(VendorFault.REDIRECTED)
    with pytest.raises(DeliveryRefused):
        put(destination(vendor, stack), parcel)
    assert not any("elsewhere" in seen for seen in vendor.seen)


@pytest.mark.parametrize(("fault", "least", "most"), [(VendorFault.BUSY, 7, 7), (VendorFault.BUSY_UNTIL, 1, 3)])
def test_what_the_vendor_asks_for_is_told(
    fault: VendorFault, least: float, most: float, vendor: Vendor, stack: ExitStack, parcel: Parcel
) -> None:
    """Retry-After, in seconds or as a date; and that nothing was kept."""
    vendor.faults.append(fault)
    with pytest.raises(DeliveryUnavailable) as busy:
        put(destination(vendor, stack), parcel)
    assert busy.value.retry_after_s is not None and least <= busy.value.retry_after_s <= most
    assert not busy.value.may_be_there


def test_an_answer_that_drips_is_given_up(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """The time is for the whole request, however busy it looks; what was kept may be there."""
    vendor.faults.append(VendorFault.SLOW)
    with pytest.raises(DeliveryUnavailable) as slow:
        put(destination(vendor, stack, request_s=0.3), parcel)
    assert slow.value.may_be_there


def test_an_answer_without_an_end_is_refused(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """Of an answer a MiB is read, and no more."""
    vendor.files[parcel.waybill.audio.name] = b"x" * (MOST_ANSWER + 1)
    status = {"kind": "status", "url": f"{vendor.url}/store/{{name}}"}
    with pytest.raises(DeliveryRefused):
        destination(vendor, stack, confirm=status).confirm(Placed(waybill=parcel.waybill))


@pytest.mark.parametrize("in_body", [False, True])
def test_a_token_is_fetched_once_and_renewed_when_it_is_refused(
    in_body: bool, vendor: Vendor, stack: ExitStack, parcel: Parcel
) -> None:
    """One token serves many deliveries; one that ends in the middle of a run is replaced, once."""
    vendor.needs_login = True
    given = destination(vendor, stack, login=token_login(vendor, in_body=in_body))
    for _ in range(2):
        put(given, parcel)
    assert vendor.seen.count("POST /token") == 1
    vendor.faults.append(VendorFault.ENDED)
    put(given, parcel)
    assert vendor.seen.count("POST /token") == 2


def test_a_token_is_renewed_before_it_ends(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """None ends on its way."""
    vendor.needs_login = True
    at = [0.0]
    given = destination(vendor, stack, login=token_login(vendor, monotonic=lambda: at[0]))
    put(given, parcel)
    at[0] = vendor.token_s - 30.0
    put(given, parcel)
    assert vendor.seen.count("POST /token") == 2


def test_wrong_credentials_are_a_persons_affair(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """They are named as such, and the recording waits until they are mended."""
    vendor.needs_login = True
    with pytest.raises(DeliveryForbidden) as refused:
        put(destination(vendor, stack, login=token_login(vendor, secret="PLANTED-WRONG")), parcel)
    assert refused.value.retryable
    assert "PLANTED" not in f"{refused.value} {refused.value.hint}"


def test_a_key_stands_in_its_header_and_is_read_anew_each_time(
    vendor: Vendor, stack: ExitStack, parcel: Parcel
) -> None:
    """A rotated key works without a restart."""
    vendor.needs_login = True
    keys = iter(["PLANTED-OLD", API_KEY])
    given = destination(
        vendor, stack, login=KeyLogin(key=lambda: Confidential(next(keys)), header="X-Api-Key", scheme="")
    )
    with pytest.raises(DeliveryForbidden):
        put(given, parcel)
    assert put(given, parcel).is_answered


def test_an_upload_gets_no_credentials_of_ours(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """The interface is asked with our token; the store behind the address gets the bytes and the headers it named."""
    vendor.needs_login = True
    host = vendor.url.removeprefix("https://")
    given = destination(
        vendor, stack, login=token_login(vendor), url=f"{vendor.url}/uploads", way="presigned", upload_hosts=[host],
        upload={"headers_field": "headers"}, confirm={"kind": "read", "url": f"{vendor.url}/store/{{name}}"},
    )  # fmt: skip
    given.confirm(put(given, parcel))
    puts = [headers for seen, headers in zip(vendor.seen, vendor.headers, strict=True) if seen.startswith("PUT")]
    assert len(puts) == 2
    assert all("authorization" not in each and each["x-amz-meta-kind"] == "call" for each in puts)


def test_an_upload_address_elsewhere_is_refused(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """An answer cannot send the bytes to a host that the policy does not name."""
    vendor.upload_url = "https://169.254.169.254/latest"
    given = destination(
        vendor, stack, url=f"{vendor.url}/uploads", way="presigned", upload_hosts=[vendor.url.removeprefix("https://")]
    )
    with pytest.raises(DeliveryRefused) as refused:
        put(given, parcel)
    assert "169" not in f"{refused.value} {refused.value.hint}"
    assert not any(seen.startswith("PUT") for seen in vendor.seen)


@pytest.mark.parametrize("address", ["https://uploads.vendor.example/a?b=c", "https://UPLOADS.vendor.example:8443/a"])
def test_an_allowed_address_is_taken(address: str) -> None:
    """By its exact host, with its port where the list has one."""
    assert upload_url(address, ALLOWED).scheme == "https"


@pytest.mark.parametrize(
    "address",
    [
        "http://uploads.vendor.example/a",
        "https://uploads.vendor.example.evil.example/a",
        "https://evil.example/uploads.vendor.example",
        "https://uploads.vendor.example:444/a",
        "https://user:pass@uploads.vendor.example/a",
        "https://uploads.vendor.example\\@evil.example/a",
        "https://uploads.vendor.éxample/a",
        "https://uploads.vendor.example:99999/a",
        "//uploads.vendor.example/a",
        "file:///etc/passwd",
        "",
        None,
        7,
    ],
)
def test_any_other_address_is_refused(address: Any) -> None:
    """No scheme but https, no host that only looks like it, nothing that can be read in two ways."""
    with pytest.raises(DeliveryRefused):
        upload_url(address, ALLOWED)


@pytest.mark.parametrize(
    "headers", [{"Authorization": "x"}, {"Host": "evil"}, {"x-amz-a": "a\r\nb: c"}, {"x-amz-a": 1}, ["x-amz-a"], "x"]
)
def test_headers_that_belong_to_no_upload_are_refused(headers: Any) -> None:
    """An answer cannot put words into other headers."""
    with pytest.raises(DeliveryRefused):
        upload_headers(headers)


def test_headers_of_an_upload_are_taken() -> None:
    """Those of the three clouds, and what a body is."""
    assert upload_headers({"x-ms-blob-type": "BlockBlob", "Content-Type": "audio/wav"}) == {
        "x-ms-blob-type": "BlockBlob",
        "content-type": "audio/wav",
    }
    assert upload_headers(None) == {}


def test_a_vendor_that_is_still_looking_is_asked_again(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """A pending state is neither there nor lost."""
    status = {
        "kind": "status", "url": f"{vendor.url}/calls/{{reference}}", "state_field": "state", "pending": ["processing"],
        "digest_field": "media.md5", "digest": "md5",
    }  # fmt: skip
    given = destination(vendor, stack, confirm=status)
    placed = put(given, parcel)
    vendor.pending = 1
    with pytest.raises(DeliveryUnavailable):
        given.confirm(placed)
    assert given.confirm(placed).how is How.CHECKSUM


def test_an_answer_may_state_the_digest(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """It is believed when it is ours, and lost when it is not or is missing."""
    given = destination(vendor, stack, confirm={"kind": "answer"})
    assert given.confirm(put(given, parcel)).how is How.CHECKSUM
    other = destination(vendor, stack, confirm={"kind": "answer", "digest_field": "id"})
    with pytest.raises(DeliveryLost):
        other.confirm(put(other, parcel))


@pytest.mark.parametrize("confirm", [{"kind": "answer"}, {"kind": "waived", "who": "dpo", "why": "contract"}])
def test_without_an_answer_nobody_can_tell(
    confirm: dict[str, str], vendor: Vendor, stack: ExitStack, parcel: Parcel
) -> None:
    """Unless the vendor takes the same key once: then it may be given it again."""
    unanswered = Placed(waybill=parcel.waybill)
    with pytest.raises(DeliveryUnknown):
        destination(vendor, stack, confirm=confirm).confirm(unanswered)
    with pytest.raises(DeliveryLost):
        destination(vendor, stack, confirm=confirm, honours_idempotency=True).confirm(unanswered)


def test_a_waiver_is_said(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """What was only believed is never called confirmed by a digest."""
    given = destination(vendor, stack, confirm={"kind": "waived", "who": "dpo", "why": "contract"})
    assert given.confirm(put(given, parcel)).how is How.WAIVED


def test_the_vendors_own_name_is_needed_where_the_address_has_it(
    vendor: Vendor, stack: ExitStack, parcel: Parcel
) -> None:
    """After a lost answer nobody knows it: that is unknown, not lost."""
    status = {"kind": "status", "url": f"{vendor.url}/calls/{{reference}}"}
    with pytest.raises(DeliveryUnknown):
        destination(vendor, stack, confirm=status).confirm(Placed(waybill=parcel.waybill))


def test_what_cannot_be_taken_back_is_said(vendor: Vendor, stack: ExitStack, parcel: Parcel) -> None:
    """Without an address for it nothing is deleted, and nobody claims so."""
    given = destination(vendor, stack)
    assert given.withdraw(put(given, parcel)) is False


def test_a_probe_tells_wrong_credentials_and_a_wrong_clock(vendor: Vendor, stack: ExitStack) -> None:
    """Each is a check that fails and says what mends it."""
    vendor.needs_login = True
    (refused,) = destination(vendor, stack).probe()
    vendor.needs_login = False
    late = destination(vendor, stack)
    late._wire.now = lambda: now() - timedelta(hours=1)
    (skewed,) = late.probe()
    assert not refused.ok and "credentials" in refused.mend
    assert not skewed.ok and "clocks" in skewed.says
