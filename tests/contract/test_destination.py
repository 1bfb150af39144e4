"""What every destination does, against real servers on this machine: whoever is given a parcel, the same is true."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from sottovoce.breaker import Breaker
from sottovoce.custody.registry import Registry
from sottovoce.database.engine import open_engine
from sottovoce.database.migrate import upgrade
from sottovoce.delivery.assumed_role import AssumedRole, SessionKeys
from sottovoce.delivery.book import Book
from sottovoce.delivery.bucket import BucketDestination
from sottovoce.delivery.deliverer import Clockwork, Deliverer, Route
from sottovoce.delivery.failures import DeliveryLost, DeliveryUnavailable
from sottovoce.delivery.packing import Order, Packer
from sottovoce.delivery.parcel import CallFacts, Errand, Parcel
from sottovoce.delivery.profile import load_profile
from sottovoce.delivery.protocol import Destination, How, Placed
from sottovoce.delivery.s3 import S3Destination
from sottovoce.delivery.sftp import SftpDestination
from sottovoce.domain.confidential import Confidential
from sottovoce.domain.outcome import Passed, Reason, Withheld
from sottovoce.domain.recording import RecordingMetadata, RecordingRef, Sealed
from sottovoce.errors import DeliveryError
from sottovoce.ledger.entry import Action
from sottovoce.ledger.ledger import Ledger
from sottovoce.ledger.signer import Ed25519Signer
from sottovoce.storage.stores import FolderStore
from sottovoce.testing.clock import SteppedClock
from sottovoce.testing.delivery import ROLES, MemorySeals, redacted_parts
from sottovoce.testing.faulty_proxy import Fault, faulty_proxy
from sottovoce.testing.ingestion import VendorFault, ingesting
from sottovoce.testing.object_servers import amazon_storage
from sottovoce.testing.sftp_server import SftpFault, sftp_serving
from sottovoce.wiring.delivery import SpeechStudio

BUCKET = "staging"
KEYS = SessionKeys(access_key="AKIDEXAMPLE", secret_key=Confidential("PLANTED-SECRET"))
ROLE = "arn:aws:iam::123456789012:role/staging"
LINE = "analytics"
ORIGINAL = b"PLANTED-ORIGINAL-SAMPLES" * 40
KINDS = ("s3", "multipart", "presigned", "sftp", "folder")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Rig:
    """A destination with the server behind it."""

    kind: str
    destination: Destination
    files: Callable[[], dict[str, bytes]]
    everything: Callable[[], Iterator[bytes]]
    order: Callable[[str], None]
    """The next delivery meets this fault."""
    tamper: Callable[[str], None]
    """Something else lies under a name."""
    forget: Callable[[str], None]
    secrets: list[str] = field(default_factory=list)


def amazon(folder: Path, stack: ExitStack) -> Rig:
    import boto3

    server = stack.enter_context(amazon_storage())
    httpx.post(f"{server}/moto-api/reset")  # every server of this process has the same memory
    proxy = stack.enter_context(faulty_proxy(server))
    keys: dict[str, Any] = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    direct = boto3.client("s3", endpoint_url=server, **keys)
    direct.create_bucket(Bucket=BUCKET)
    direct.put_public_access_block(
        Bucket=BUCKET,
        PublicAccessBlockConfiguration=dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        ),
    )
    key = boto3.client("kms", endpoint_url=server, **keys).create_key()["KeyMetadata"]["Arn"]

    def connect(found: SessionKeys | None) -> Any:
        from sottovoce.storage.s3 import connect_s3

        assert found is not None and found.token is not None
        pair = (found.access_key, found.secret_key.reveal())
        token = found.token.reveal()
        return connect_s3(endpoint=proxy.url, region="us-east-1", keys=pair, retries=0, timeout_s=5, token=token)

    session = AssumedRole(
        sts=lambda: boto3.client("sts", endpoint_url=server, **keys),
        connect=connect,
        role=ROLE,
        external_id=lambda: Confidential("PLANTED-EXTERNAL"),
        name="sottovoce",
        lifetime=timedelta(minutes=15),
        clock=now,
    )
    destination = S3Destination(
        session=session,
        bucket=BUCKET,
        prefix="calls",
        kms_key=key,
        owner=None,
        tags={"DataClass": "Analytics"},
        version="1",
        clock=now,
    )

    def files() -> dict[str, bytes]:
        listed = direct.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {
            each["Key"].removeprefix("calls/"): direct.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
            for each in listed
        }

    faults = {
        "unavailable": [Fault.UNAVAILABLE],
        "reset": [Fault.RESET],
        "swallowed": [Fault.NONE, Fault.SWALLOWED],
        "expired": [Fault.EXPIRED],
        "later": [Fault.NONE, Fault.UNAVAILABLE],
        "unanswered": [Fault.NONE, Fault.NONE, Fault.UNAVAILABLE],
    }
    return Rig(
        kind="s3",
        destination=destination,
        files=files,
        everything=lambda: iter([*files().values(), *(line.encode() for line in proxy.seen)]),
        order=lambda fault: proxy.faults.extend(faults[fault]),
        tamper=lambda name: direct.put_object(Bucket=BUCKET, Key=f"calls/{name}", Body=b"else"),
        forget=lambda name: direct.delete_object(Bucket=BUCKET, Key=f"calls/{name}"),
        secrets=[proxy.url, "PLANTED-SECRET", BUCKET, ROLE],
    )


def vendor(folder: Path, stack: ExitStack, *, way: str) -> Rig:

    import httpx

    from sottovoce.delivery.https import IngestionDestination
    from sottovoce.delivery.login import TokenLogin
    from sottovoce.delivery.wire import Wire
    from sottovoce.network import CheckedBackend, CheckedTransport
    from sottovoce.policy.destinations import HttpsDestination
    from sottovoce.testing.ingestion import CLIENT

    server = stack.enter_context(ingesting(folder))
    server.needs_login = True
    tls = ssl.create_default_context(cadata=server.authority.ca.read_text())
    transport = CheckedTransport(backend=CheckedBackend(loopback=True), tls=tls)
    http = stack.enter_context(httpx.Client(transport=transport, verify=tls, trust_env=False, timeout=5))
    confirm = {"kind": "status", "url": f"{server.url}/calls/{{name}}", "digest_field": "media.sha256"}
    if way == "presigned":
        confirm = {"kind": "read", "url": f"{server.url}/store/{{name}}"}
    settings = HttpsDestination.model_validate(
        {
            "kind": "https",
            "way": way,
            "url": f"{server.url}/{'calls' if way == 'multipart' else 'uploads'}",
            "upload_hosts": [server.url.removeprefix("https://")],
            "upload": {"headers_field": "headers"},
            "delete_url": f"{server.url}/{'calls/{id}' if way == 'multipart' else 'store/{name}'}",
            "honours_idempotency": True,
            "confirm": confirm,
        }
    )
    login = TokenLogin(
        token_url=f"{server.url}/token",
        client_id=lambda: Confidential(CLIENT[0]),
        client_secret=lambda: Confidential(CLIENT[1]),
        scope=None,
        audience=None,
        secret_in_body=False,
        monotonic=time.monotonic,
    )
    wire = Wire(connect=lambda: http, monotonic=time.monotonic, now=now, request_s=2.0)
    multipart = load_profile("generic", base=folder).multipart
    destination = IngestionDestination(settings=settings, wire=wire, login=login, multipart=multipart)
    faults = {"expired": "ended", "unanswered": "reset_after"}

    def order(fault: str) -> None:
        server.faults.append(VendorFault(faults.get(fault, fault)))

    def tamper(name: str) -> None:
        server.files[name] = b"else"

    return Rig(
        kind=way,
        destination=destination,
        files=lambda: dict(server.files),
        everything=server.everything,
        order=order,
        tamper=tamper,
        forget=lambda name: server.files.pop(name, None) and None,
        secrets=[server.url, CLIENT[1], "calls/"],
    )


def sftp(folder: Path, stack: ExitStack) -> Rig:
    root = folder / "sftp"
    root.mkdir()
    server = stack.enter_context(sftp_serving(root))
    destination = SftpDestination(
        host="127.0.0.1",
        port=server.port,
        user=server.user,
        private_key=lambda: Confidential(server.private_key),
        passphrase=None,
        host_key=server.host_key,
        folder=".",
        timeout_s=5.0,
        clock=now,
    )
    faults = {"reset": SftpFault.CUT, "unanswered": SftpFault.UNRENAMED, "unavailable": SftpFault.UNRENAMED}
    return Rig(
        kind="sftp",
        destination=destination,
        files=server.files,
        everything=server.everything,
        order=lambda fault: server.faults.append(faults[fault] if fault in faults else SftpFault(fault)),
        tamper=lambda name: (root / name).write_bytes(b"else") and None,
        forget=lambda name: (root / name).unlink(missing_ok=True),
        secrets=[str(server.port), "PRIVATE KEY", str(root)],
    )


def plain_folder(folder: Path, stack: ExitStack) -> Rig:
    root = folder / "drop"
    destination = BucketDestination(store=FolderStore(root=root), tags={}, version="1")

    def files() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in root.iterdir()} if root.is_dir() else {}

    return Rig(
        kind="folder",
        destination=destination,
        files=files,
        everything=lambda: iter(files().values()),
        order=lambda fault: pytest.skip("a folder has no such fault"),
        tamper=lambda name: (root / name).write_bytes(b"else") and None,
        forget=lambda name: (root / name).unlink(missing_ok=True),
        secrets=[str(root)],
    )


MAKERS: dict[str, Callable[[Path, ExitStack], Rig]] = {
    "s3": amazon,
    "multipart": lambda folder, stack: vendor(folder, stack, way="multipart"),
    "presigned": lambda folder, stack: vendor(folder, stack, way="presigned"),
    "sftp": sftp,
    "folder": plain_folder,
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path, stack: ExitStack) -> Rig:
    return MAKERS[request.param](tmp_path, stack)


@pytest.fixture
def seals() -> MemorySeals:
    return MemorySeals()


def recording(number: int) -> str:
    return f"{number:032x}"


def packed(seals: MemorySeals, *, number: int = 1) -> Parcel:
    sealed = seals.seal(recording(number), redacted_parts(seed=number, original=ORIGINAL))
    errand = Errand(line=LINE, recording=sealed.ref.key, destination="vendor")
    profile = load_profile("generic", base=Path())
    order = Order(errand=errand, profile=profile, minimum_active_ratio=0.0, with_transcript=True)
    return Packer(vault=seals, studio=SpeechStudio(), version="1").pack(sealed, CallFacts(roles=ROLES), order)


def kept_of(parcel: Parcel) -> dict[str, str]:
    return {label.name: label.sha256 for label in parcel.waybill.labels}


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def test_what_is_put_lies_there_and_is_confirmed_by_its_digest(rig: Rig, seals: MemorySeals) -> None:
    """Afterwards the destination keeps exactly the parcel's files, and says so or is read."""
    parcel = packed(seals)
    placed = rig.destination.put(parcel, key=parcel.waybill.mark)
    assert rig.destination.confirm(placed).how in {How.CHECKSUM, How.READ_BACK}
    assert digests(rig.files()) == kept_of(parcel)


def test_what_was_never_put_is_not_confirmed(rig: Rig, seals: MemorySeals) -> None:
    """Looking for what is not there is DeliveryLost, so that it may be sent."""
    with pytest.raises(DeliveryLost):
        rig.destination.confirm(Placed(waybill=packed(seals).waybill))


def test_something_else_in_its_place_is_found(rig: Rig, seals: MemorySeals) -> None:
    """A destination that keeps other bytes than it was given is not believed, whichever file it is."""
    parcel = packed(seals)
    for label in parcel.waybill.labels:
        placed = rig.destination.put(parcel, key=parcel.waybill.mark)
        rig.tamper(label.name)
        with pytest.raises(DeliveryLost):
            rig.destination.confirm(placed)
        for each in parcel.waybill.labels:
            rig.forget(each.name)
        rig.destination.withdraw(placed)


def test_an_interrupted_put_is_found_by_its_waybill_alone(rig: Rig, seals: MemorySeals) -> None:
    """Who comes after a crash needs no more than what was written down before."""
    parcel = packed(seals)
    rig.destination.put(parcel, key=parcel.waybill.mark)
    assert rig.destination.confirm(Placed(waybill=parcel.waybill))


def test_put_again_leaves_one(rig: Rig, seals: MemorySeals) -> None:
    """The same parcel under the same key is kept once."""
    parcel = packed(seals)
    for _ in range(2):
        placed = rig.destination.put(parcel, key=parcel.waybill.mark)
    assert rig.destination.confirm(placed)
    assert digests(rig.files()) == kept_of(parcel)


def test_what_is_withdrawn_is_gone(rig: Rig, seals: MemorySeals) -> None:
    """Taking back leaves nothing, and may be asked twice."""
    parcel = packed(seals)
    placed = rig.destination.put(parcel, key=parcel.waybill.mark)
    assert [rig.destination.withdraw(placed) for _ in range(2)] == [True, True]
    assert rig.files() == {}


def test_a_probe_passes_and_leaves_nothing_behind(rig: Rig) -> None:
    """Everything that is tried works, and no canary stays."""
    checks = rig.destination.probe()
    assert [(check.name, check.says) for check in checks if not check.ok] == []
    assert checks
    assert rig.files() == {}


# the deliverer over each of them


@dataclass
class Desk:
    """A deliverer with its book."""

    deliverer: Deliverer
    book: Book
    ledger: Ledger
    registry: Registry
    seals: MemorySeals
    clock: SteppedClock

    def sealed(self, number: int) -> Sealed:
        key = recording(number)
        ref = RecordingRef(source="calls", key=key, locator=Confidential("PLANTED-LOCATOR"))
        metadata = RecordingMetadata(
            ref=ref,
            conversation_id=f"PLANTED-CONVERSATION-{number}",
            recording_id=f"PLANTED-RECORDING-{number}",
            started_at=self.clock.now(),
            duration_s=2.0,
        )
        self.registry.remember(ref, metadata)
        return self.seals.seal(key, redacted_parts(seed=number, original=ORIGINAL))

    def deliver(self, sealed: Sealed) -> Passed[Any] | Withheld:
        about = CallFacts(roles=ROLES, ended_at=self.clock.now() - timedelta(seconds=60))
        return self.deliverer.deliver(sealed, about, line=LINE, destination="vendor")

    def actions(self) -> list[Action]:
        return [entry.action for _, entry in self.ledger.entries(0)]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine("sqlite:registry.sqlite", base=tmp_path)
    upgrade(made)
    yield made
    made.dispose()


@pytest.fixture
def desk_of(engine: Engine, seals: MemorySeals) -> Callable[..., Desk]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    def make(destination: Destination, *, tries: int = 4) -> Desk:
        clock = SteppedClock()
        signer = Ed25519Signer(name="l", key=Confidential(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)))
        ledger = Ledger(engine=engine, signer=signer, origin="l", clock=clock.now)
        registry = Registry(engine=engine, ledger=ledger, clock=clock.now)
        book = Book(engine=engine, ledger=ledger, clock=clock.now, actor="svc-worker")
        route = Route(
            name="vendor",
            destination=destination,
            profile=load_profile("generic", base=Path()),
            breaker=Breaker(monotonic=clock.monotonic),
            with_transcript=True,
            tries=tries,
        )
        deliverer = Deliverer(
            book=book,
            packer=Packer(vault=seals, studio=SpeechStudio(), version="1"),
            routes={"vendor": route},
            clockwork=Clockwork(now=clock.now, monotonic=clock.monotonic, sleep=clock.sleep),
            purpose="analytics",
        )
        return Desk(deliverer, book, ledger, registry, seals, clock)

    return make


FAULTS = [
    (kind, fault)
    for kind, faults in {
        "s3": ("unavailable", "reset", "swallowed", "expired", "later", "unanswered"),
        "multipart": (
            "unavailable", "failed", "busy", "busy_until", "reset", "reset_after", "slow", "swallowed", "full", "expired",
        ),
        "presigned": ("unavailable", "failed", "busy", "reset", "reset_after", "slow", "swallowed", "changed", "half",
                      "full", "expired"),
        "sftp": ("full", "reset", "swallowed", "changed", "unanswered", "refused"),
    }.items()
    for fault in faults
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_a_fault_ends_with_one_delivery_and_its_digest(
    kind: str, fault: str, tmp_path: Path, stack: ExitStack, desk_of: Callable[..., Desk]
) -> None:
    """Whatever goes wrong once, each file is there once and whole, with one receipt and one entry in the ledger."""
    rig = MAKERS[kind](tmp_path, stack)
    desk = desk_of(rig.destination)
    rig.order(fault)
    answer = desk.deliver(desk.sealed(1))
    assert isinstance(answer, Passed)
    receipt = answer.value
    files = rig.files()
    (audio,) = [name for name in files if name.endswith(".wav")]
    assert hashlib.sha256(files[audio]).hexdigest() == receipt.digest
    assert len(files) == receipt.items == 3
    assert receipt.bytes == sum(map(len, files.values()))
    assert desk.actions().count(Action.RECORDING_DELIVERED) == 1
    assert [row.receipt for row in desk.book.rows()] == [receipt]


@pytest.mark.parametrize("kind", ["s3", "multipart", "presigned", "sftp"])
def test_what_keeps_failing_is_raised_and_a_later_try_completes(
    kind: str, tmp_path: Path, stack: ExitStack, desk_of: Callable[..., Desk]
) -> None:
    """A destination that fails for long loses nothing: the recording waits, and is delivered once it is well."""
    rig = MAKERS[kind](tmp_path, stack)
    desk = desk_of(rig.destination, tries=2)
    sealed = desk.sealed(1)
    for _ in range(2):
        rig.order("unavailable")
    with pytest.raises(DeliveryUnavailable) as failed:
        desk.deliver(sealed)
    assert failed.value.retryable
    assert desk.book.receipts(LINE) == ()
    assert isinstance(desk.deliver(sealed), Passed)
    assert len(rig.files()) == 3


def test_delivering_again_asks_nobody(rig: Rig, desk_of: Callable[..., Desk]) -> None:
    """A delivered recording has its receipt, and the destination is not spoken to again."""
    desk = desk_of(rig.destination)
    sealed = desk.sealed(1)
    first, before = desk.deliver(sealed), len(list(rig.everything()))
    again = desk.deliver(sealed)
    assert isinstance(first, Passed) and isinstance(again, Passed) and again.value == first.value
    assert len(list(rig.everything())) == before


def test_nothing_but_the_parcel_ever_reaches_a_destination(rig: Rig, desk_of: Callable[..., Desk]) -> None:
    """Neither the original, nor any id of the source's, nor our own key of the recording is in what a server got."""
    desk = desk_of(rig.destination)
    sealed = desk.sealed(1)
    assert isinstance(desk.deliver(sealed), Passed)
    got = list(rig.everything())
    assert got
    for planted in (b"PLANTED", ORIGINAL[:24], sealed.ref.key.encode()):
        assert not any(planted in each for each in got)
    assert "original" not in desk.seals.opened
    assert "map" not in desk.seals.opened


@pytest.mark.parametrize("kind", ["s3", "multipart", "presigned", "sftp"])
def test_errors_name_no_host_no_key_and_no_address(
    kind: str, tmp_path: Path, stack: ExitStack, seals: MemorySeals
) -> None:
    """An error speaks of codes: what the server or a library said stays out of it, and out of its chain."""
    rig = MAKERS[kind](tmp_path, stack)
    parcel = packed(seals)
    rig.order("reset")
    with pytest.raises(DeliveryError) as failed:
        rig.destination.put(parcel, key=parcel.waybill.mark)
    said = f"{failed.value} {failed.value.hint}"
    assert not any(secret in said for secret in rig.secrets)
    assert failed.value.__cause__ is None and failed.value.__suppress_context__


def test_a_vendor_that_refuses_it_is_a_reason(tmp_path: Path, stack: ExitStack, desk_of: Callable[..., Desk]) -> None:
    """What a vendor will not take is withheld with a reason and an entry in the ledger, and may be tried again."""
    rig = vendor(tmp_path, stack, way="multipart")
    desk = desk_of(rig.destination)
    rig.order("refused")
    sealed = desk.sealed(1)
    answer = desk.deliver(sealed)
    assert isinstance(answer, Withheld)
    assert answer.reason is Reason.DELIVERY_REFUSED
    assert desk.actions().count(Action.DELIVERY_WITHHELD) == 1
    assert rig.files() == {}
    assert isinstance(desk.deliver(sealed), Passed)
